//! Users who are given by whoever starts the host: a demonstration, a test, an embedder.
//!
//! They do not change while it runs.

use std::{fmt, future::ready, sync::Arc};

use super::{
    Auth, Credential, Denial, Everybody, Known, Need,
    directory::Directory,
    hasher::Hasher,
    policy::{Extremes, Policy},
    scheme::StoredPassword,
};
use crate::{account::Account, capability::Answer};

/// A fixed set of users.
pub struct FixedUsers {
    directory: Directory,
    hasher: Arc<Hasher>,
}

impl FixedUsers {
    /// These users and their passwords; of two with one name the first counts.
    pub fn new(
        users: impl IntoIterator<Item = (Account, StoredPassword)>,
        hasher: impl Into<Arc<Hasher>>,
    ) -> Self {
        let mut directory = Directory::default();
        for (account, stored) in users {
            directory.add(account, stored);
        }
        Self {
            directory,
            hasher: hasher.into(),
        }
    }
}

impl fmt::Debug for FixedUsers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FixedUsers")
            .field("users", &self.directory.len())
            .finish()
    }
}

impl Auth for FixedUsers {
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(self.directory.password(&self.hasher, user, password))
    }

    fn credential<'a>(&'a self, user: &'a [u8], need: Need) -> Answer<'a, Result<Known, Denial>> {
        Box::pin(ready(self.directory.credential(&self.hasher, user, need)))
    }

    fn decoy(&self, user: &[u8], need: Need) -> Option<Credential> {
        self.directory.decoy(&self.hasher, user, need)
    }

    fn account<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(ready(self.directory.account(user)))
    }

    fn policy<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Policy, Denial>> {
        Box::pin(ready(Ok(self.directory.policy(user))))
    }

    fn extremes(&self) -> Extremes {
        self.directory.extremes()
    }

    fn everybody(&self) -> Option<Everybody<'_>> {
        Some(Box::pin(ready(Ok(self.directory.everybody()))))
    }

    fn keeps(&self, need: Need) -> bool {
        self.directory.keeps(need)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::hasher::Limits;

    #[tokio::test]
    async fn the_first_of_two_users_with_one_name_counts() {
        let user = |password: &str| {
            let stored = StoredPassword::parse(format!("{{PLAIN}}{password}").as_bytes());
            (
                Account {
                    user: "demo".to_owned(),
                    home: None,
                },
                stored.expect("a password"),
            )
        };
        let hasher = Hasher::new(Limits::default()).expect("a random key");
        let users = FixedUsers::new([user("one"), user("two")], hasher);
        assert!(users.password(b"demo", b"one").await.is_ok());
        assert_eq!(
            users.password(b"demo", b"two").await,
            Err(Denial::WrongProof)
        );
        assert!(users.keeps(Need::Secret));
        assert!(users.credential(b"demo", Need::Secret).await.is_ok());
    }
}
