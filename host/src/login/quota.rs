//! How many sessions a tenant and each of its users may have, and how much mail a user may fetch in
//! a day.
//!
//! Counts in memory: a restart starts at zero.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

const DAY: Duration = Duration::from_hours(24);

/// What a tenant's users may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Sessions at a time, of all users together.
    pub sessions: u32,
    /// Sessions at a time of one user, in so far as the mail store allows more than one.
    pub sessions_per_user: u32,
    /// Octets of messages that a user may fetch between midnight and midnight UTC; `None` for as
    /// many as there are.
    pub transfer_per_day: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: u32::MAX,
            sessions_per_user: 10,
            transfer_per_day: None,
        }
    }
}

/// Why a user gets no session, though the claim is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Full {
    /// The user has as many as may be.
    User,
    /// The tenant has.
    Tenant,
    /// The user has fetched as much today as may be.
    Transfer,
}

/// The counts of one tenant.
#[derive(Debug, Default)]
pub struct Quota {
    limits: Limits,
    sessions: AtomicU32,
    users: Mutex<HashMap<Arc<str>, User>>,
}

#[derive(Debug, Default)]
struct User {
    sessions: u32,
    /// The day that `fetched` is of, counted from 1970-01-01.
    day: u64,
    fetched: u64,
}

/// A session that is counted; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    quota: Arc<Quota>,
    user: Arc<str>,
}

impl Quota {
    /// Nobody has a session, and nothing was fetched.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Sessions that are counted now.
    pub fn sessions(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Counts a session.
    pub(super) fn admit(self: &Arc<Self>, user: &str) -> Result<Place, Full> {
        let mut users = self.users();
        let known = users.entry(user.into());
        let name = Arc::clone(known.key());
        let known = known.or_default();
        if known.sessions >= self.limits.sessions_per_user {
            return Err(Full::User);
        }
        if self.is_used_up(known, today()) {
            return Err(Full::Transfer);
        }
        let counted =
            self.sessions
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sessions| {
                    (sessions < self.limits.sessions).then_some(sessions + 1)
                });
        if counted.is_err() {
            forget(&mut users, user);
            return Err(Full::Tenant);
        }
        known.sessions += 1;
        Ok(Place {
            quota: Arc::clone(self),
            user: name,
        })
    }

    fn is_used_up(&self, user: &User, day: u64) -> bool {
        let is_today = user.day == day;
        self.limits
            .transfer_per_day
            .is_some_and(|most| is_today && user.fetched >= most)
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Arc<str>, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whose it is.
    pub(super) fn user(&self) -> &Arc<str> {
        &self.user
    }

    /// Whether what is fetched is counted at all.
    pub(super) fn is_metered(&self) -> bool {
        self.quota.limits.transfer_per_day.is_some()
    }

    /// Counts octets that were fetched.
    pub(super) fn fetched(&self, octets: u64) {
        let day = today();
        let mut users = self.quota.users();
        if let Some(user) = users.get_mut(&self.user) {
            let before = if user.day == day { user.fetched } else { 0 };
            (user.day, user.fetched) = (day, before.saturating_add(octets));
        }
    }

    /// Whether the user has fetched as much today as may be.
    pub(super) fn is_used_up(&self) -> bool {
        let users = self.quota.users();
        let user = users.get(&self.user);
        user.is_some_and(|user| self.quota.is_used_up(user, today()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.quota.sessions.fetch_sub(1, Ordering::Relaxed);
        let mut users = self.quota.users();
        if let Some(user) = users.get_mut(&self.user) {
            user.sessions = user.sessions.saturating_sub(1);
        }
        forget(&mut users, &self.user);
    }
}

/// Keeps no entry that says nothing.
fn forget(users: &mut HashMap<Arc<str>, User>, user: &str) {
    let today = today();
    let is_empty = |user: &User| user.sessions == 0 && (user.fetched == 0 || user.day != today);
    if users.get(user).is_some_and(is_empty) {
        users.remove(user);
    }
}

fn today() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / DAY.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(sessions: u32, sessions_per_user: u32, transfer_per_day: Option<u64>) -> Arc<Quota> {
        Arc::new(Quota::new(Limits {
            sessions,
            sessions_per_user,
            transfer_per_day,
        }))
    }

    #[test]
    fn places_are_counted_by_user_and_by_tenant_and_given_back() {
        let quota = quota(3, 2, None);
        let places = [(); 2].map(|()| quota.admit("a").expect("a place"));
        assert_eq!(quota.admit("a").err(), Some(Full::User));
        let other = quota.admit("b").expect("a place");
        assert_eq!(quota.admit("c").err(), Some(Full::Tenant));
        assert_eq!(quota.sessions(), 3);
        drop((places, other));
        assert_eq!(quota.sessions(), 0);
        assert!(quota.users().is_empty());
    }

    #[test]
    fn what_was_fetched_today_is_remembered_and_what_was_fetched_before_is_not() {
        let quota = quota(9, 9, Some(100));
        let place = quota.admit("a").expect("a place");
        place.fetched(99);
        assert!(!place.is_used_up());
        place.fetched(1);
        assert!(place.is_used_up());
        drop(place);
        assert_eq!(quota.admit("a").err(), Some(Full::Transfer));
        quota.users().get_mut("a").expect("remembered").day -= 1;
        assert!(!quota.admit("a").expect("a new day").is_used_up());
        assert!(quota.users().is_empty());
    }
}
