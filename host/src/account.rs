//! Who has logged in: what `auth` finds out and `mailbox` is asked for.

use std::path::PathBuf;

/// A user that exists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The name as the user database writes it. Names the user in logs, locks and store paths.
    pub user: String,
    /// The home directory that the user database gives, if it gives one.
    pub home: Option<PathBuf>,
}

impl Account {
    /// A user of whom no more than the name is known.
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            home: None,
        }
    }
}
