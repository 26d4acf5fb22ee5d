//! EXPIRE in days (RFC 2449, section 6.7): goes through all users and has removed what is too old.
//!
//! How old a message is only the store knows; mail that is not kept once it was read, EXPIRE 0, is
//! `login`'s. Called by `server` once a day, and by `popcell expire`.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::time::interval;
use tracing::{info, warn};

use crate::{
    account::Account,
    auth::{
        Auth, Denial,
        policy::{Expire, Policy},
    },
    login::LoginContext,
    mailbox::{Expired, Mailbox, OpenError},
    tenant::Tenants,
};

const DAY: Duration = Duration::from_hours(24);

/// Mail is said to expire, and nobody can say whose. The operator's to mend.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("mail can not expire after days: the user database does not list its users")]
pub struct Unlisted;

/// Whose mail expires, and where it is.
pub struct Retention {
    auth: Arc<dyn Auth>,
    mailbox: Arc<dyn Mailbox>,
    /// For users who have nothing of their own.
    expire: Option<Expire>,
}

/// A user whose mail expires.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Due {
    /// The user.
    pub account: Account,
    /// After so many days; at least one.
    pub days: u32,
}

impl Due {
    /// What came in before this time has expired by `now`.
    fn before(&self, now: SystemTime) -> SystemTime {
        let days = DAY.saturating_mul(self.days);
        let before = now.checked_sub(days);
        before.map_or(SystemTime::UNIX_EPOCH, |before| {
            before.max(SystemTime::UNIX_EPOCH)
        })
    }
}

impl Retention {
    /// A retention for these users' mail, which expires as `expire` says unless a user's own policy
    /// says something else.
    ///
    /// # Errors
    ///
    /// [`Unlisted`] if mail is announced to expire and nobody knows whose.
    pub fn new(
        auth: Arc<dyn Auth>,
        mailbox: Arc<dyn Mailbox>,
        expire: Option<Expire>,
    ) -> Result<Self, Unlisted> {
        let soonest = [expire, auth.extremes().soonest_expire];
        let is_announced = soonest.into_iter().any(|expire| days(expire).is_some());
        if is_announced && auth.everybody().is_none() {
            return Err(Unlisted);
        }
        Ok(Self {
            auth,
            mailbox,
            expire,
        })
    }

    /// The users whose mail expires after days, by name.
    ///
    /// # Errors
    ///
    /// What the user database says. It has logged the cause.
    pub async fn due(&self) -> Result<Vec<Due>, Denial> {
        let Some(everybody) = self.auth.everybody() else {
            return Ok(Vec::new());
        };
        let due = |(account, policy): (Account, Policy)| {
            let days = days(policy.expire.or(self.expire))?;
            Some(Due { account, days })
        };
        Ok(everybody.await?.into_iter().filter_map(due).collect())
    }

    /// How many messages of a user have expired by `now`. Changes nothing.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. The store has logged the cause.
    pub async fn count(&self, due: &Due, now: SystemTime) -> Result<u32, OpenError> {
        self.mailbox.expired(&due.account, due.before(now)).await
    }

    /// Removes what has expired by `now`, one user after the other. Users who are logged in are left
    /// for the next time. Dropping the answer ends it behind the user whose turn it is.
    pub async fn run(&self, now: SystemTime) {
        match self.due().await {
            Ok(due) => {
                for due in due {
                    self.expire(&due, now).await;
                }
            }
            Err(_) => warn!("no mail expires: the users can not be listed"),
        }
    }

    async fn expire(&self, due: &Due, now: SystemTime) {
        let Due { account, days } = due;
        let user = &account.user;
        match self.mailbox.expire(account, due.before(now)).await {
            Ok(Expired {
                removed: 0,
                kept: 0,
            }) => {}
            Ok(Expired { removed, kept: 0 }) => {
                info!(user, days, removed, "expired mail is removed");
            }
            Ok(Expired { removed, kept }) => {
                warn!(user, days, removed, kept, "expired mail is not all removed");
            }
            Err(OpenError::InUse) => info!(user, "expired mail stays: the user is logged in"),
            // The store has said why.
            Err(OpenError::Temporary | OpenError::Permanent) => {}
        }
    }
}

/// Removes what has expired of all tenants that there are then, now and once a day.
pub(crate) async fn daily(tenants: Arc<ArcSwap<Tenants>>) {
    let mut days = interval(DAY);
    loop {
        days.tick().await;
        let tenants = tenants.load_full();
        for tenant in tenants.all() {
            let LoginContext {
                auth,
                mailbox,
                expire,
                ..
            } = &*tenant.login;
            match Retention::new(Arc::clone(auth), Arc::clone(mailbox), *expire) {
                Ok(retention) => retention.run(SystemTime::now()).await,
                Err(cause) => warn!(tenant = tenant.name(), %cause, "no mail expires"),
            }
        }
    }
}

/// After how many days mail expires, if it does so by its age.
fn days(expire: Option<Expire>) -> Option<u32> {
    match expire {
        Some(Expire::Days(days)) if days > 0 => Some(days),
        Some(Expire::Days(_) | Expire::Never) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::Mutex};

    use super::*;
    use crate::{
        auth::{Everybody, policy::Extremes},
        capability::{Answer, Maildrop},
    };

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    /// Users with the extra fields of their lines; nobody can list them if there are none.
    struct Users(Vec<(&'static str, &'static str)>);

    impl Auth for Users {
        fn password<'a>(
            &'a self,
            _user: &'a [u8],
            _password: &'a [u8],
        ) -> Answer<'a, Result<Account, Denial>> {
            Box::pin(ready(Err(Denial::UnknownUser)))
        }

        fn extremes(&self) -> Extremes {
            let mut extremes = Extremes::default();
            let all = self.0.iter();
            all.for_each(|(_, fields)| extremes.include(&policy(fields)));
            extremes
        }

        fn everybody(&self) -> Option<Everybody<'_>> {
            let user = |(user, fields): &(&str, &str)| (account(user), policy(fields));
            let all: Vec<_> = self.0.iter().map(user).collect();
            (!all.is_empty()).then(|| Box::pin(ready(Ok(all))) as Everybody<'_>)
        }
    }

    fn account(user: &str) -> Account {
        Account {
            user: user.to_owned(),
            home: None,
        }
    }

    fn policy(fields: &str) -> Policy {
        Policy::parse(fields.as_bytes()).expect(fields)
    }

    /// Remembers what it was asked to remove. Mail of bob is in use.
    #[derive(Default)]
    struct Store(Mutex<Vec<(String, Duration)>>);

    impl Mailbox for Store {
        fn open<'a>(
            &'a self,
            _account: &'a Account,
            _session: &'a str,
        ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
            Box::pin(ready(Err(OpenError::Permanent)))
        }

        fn expire<'a>(
            &'a self,
            account: &'a Account,
            before: SystemTime,
        ) -> Answer<'a, Result<Expired, OpenError>> {
            let since = before.duration_since(SystemTime::UNIX_EPOCH);
            let asked = (account.user.clone(), since.expect("later"));
            self.0.lock().expect("not poisoned").push(asked);
            Box::pin(ready(match account.user.as_str() {
                "bob" => Err(OpenError::InUse),
                _ => Ok(Expired::default()),
            }))
        }
    }

    async fn asked(users: Users, expire: Option<Expire>) -> Vec<(String, Duration)> {
        let store = Arc::new(Store::default());
        let retention = Retention::new(Arc::new(users), store.clone(), expire);
        let now = SystemTime::UNIX_EPOCH + NOW;
        retention.expect("listed").run(now).await;
        let asked = store.0.lock().expect("not poisoned");
        asked.clone()
    }

    #[tokio::test]
    async fn every_user_has_a_time_and_one_who_is_logged_in_holds_nobody_up() {
        let users = || {
            Users(vec![
                ("alice", "expire=7"),
                ("bob", "expire=1"),
                ("carol", ""),
                ("dave", "expire=never"),
                ("eve", "expire=0"),
            ])
        };
        let before = |user: &str, days| (user.to_owned(), NOW - DAY * days);
        let own = [before("alice", 7), before("bob", 1)];
        for expire in [None, Some(Expire::Never), Some(Expire::Days(0))] {
            assert_eq!(asked(users(), expire).await, own, "{expire:?}");
        }
        let all = [own.as_slice(), &[before("carol", 30)]].concat();
        assert_eq!(asked(users(), Some(Expire::Days(30))).await, all);
    }

    #[tokio::test]
    async fn nothing_is_older_than_1970() {
        let users = Users(vec![("alice", "")]);
        let asked = asked(users, Some(Expire::Days(u32::MAX))).await;
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].1, Duration::ZERO);
    }

    #[test]
    fn nothing_is_promised_for_users_whom_nobody_can_list() {
        let new = |expire| {
            let (users, store) = (Arc::new(Users(Vec::new())), Arc::new(Store::default()));
            Retention::new(users, store, expire).map(drop)
        };
        assert_eq!(new(Some(Expire::Days(30))), Err(Unlisted));
        for expire in [None, Some(Expire::Never), Some(Expire::Days(0))] {
            assert_eq!(new(expire), Ok(()), "{expire:?}");
        }
    }
}
