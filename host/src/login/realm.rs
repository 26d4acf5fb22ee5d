//! Whose users a claim is about: where there are tenants, its name says which.
//!
//! Cuts names; looks up nobody. Which names there are is `tenant`'s.

use std::sync::Arc;

use super::LoginContext;
use crate::auth::{Need, policy::Extremes};

/// Where the claims of a connection are looked up.
pub trait Realms: Send + Sync {
    /// Whose user this is, by the name that the client sent, which need not be text.
    fn find<'u>(&self, user: &'u [u8]) -> Found<'u>;

    /// The context of claims without a user, and of what is the same for all.
    fn context(&self) -> &Arc<LoginContext>;

    /// The extremes of all users that may log in here, and of their tenants.
    fn extremes(&self) -> Extremes {
        self.context().auth.extremes()
    }

    /// Whether there is a user of whom this is known: what nobody could log in with is not offered.
    fn keeps(&self, need: Need) -> bool {
        self.context().auth.keeps(need)
    }
}

/// A user's name, and where to look for it.
pub struct Found<'u> {
    /// Where to look.
    pub context: Arc<LoginContext>,
    /// What to look for: without the domain, if that has said where.
    pub user: &'u [u8],
    /// Nobody of that name can be here, though the work of looking is done: whoever claims it must
    /// not learn that there is no such domain.
    pub is_stranger: bool,
}

/// One database for all names, taken as they are.
pub(super) struct Whole(pub(super) Arc<LoginContext>);

impl Realms for Whole {
    fn find<'u>(&self, user: &'u [u8]) -> Found<'u> {
        Found {
            context: Arc::clone(&self.0),
            user,
            is_stranger: false,
        }
    }

    fn context(&self) -> &Arc<LoginContext> {
        &self.0
    }
}

/// The two parts of `user@domain`; a domain is text. `None` for a name without one.
pub fn parts(user: &[u8]) -> Option<(&[u8], &str)> {
    let at = memchr::memrchr(b'@', user)?;
    Some((&user[..at], str::from_utf8(&user[at + 1..]).ok()?))
}
