//! `popcell hash`: a stored password, or a whole line, for the users' file.
//!
//! Changes no file.

use super::{Failure, password, print};
use crate::auth::scheme;

/// Reads a password and prints its stored form, behind `user:` if there is a user.
pub(super) fn hash(scheme: &str, user: Option<&str>) -> Result<(), Failure> {
    let password = password::ask_twice("Password: ")?;
    let stored = scheme::generate(scheme, password.expose())
        .map_err(|error| Failure::Runtime(error.into()))?;
    let user = user.map(|user| format!("{user}:")).unwrap_or_default();
    print(&format!("{user}{stored}\n"))
}
