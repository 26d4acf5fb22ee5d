//! A mail store with its users: the world `pop3-backend` of `wit/pop3.wit`.
//!
//! * `users`: a file of names and passwords.
//! * `maildir`: a Maildir as a maildrop, fixed at login.
//! * `wire`: line ends.
//! * `guest`: the only file that knows WIT.
//!
//! It reads its place from the program's arguments (`Place`), and finds files as the host of WASI
//! shows them.

#[cfg(target_family = "wasm")]
mod guest;
pub mod maildir;
pub mod users;
pub mod wire;

/// Where users and mail are: the second and the third argument of the program.
#[derive(Clone, Debug)]
pub struct Place {
    /// A file with a line `user:password` for each user.
    pub users: std::path::PathBuf,
    /// A directory with a Maildir for each user, of the same name.
    pub mail: std::path::PathBuf,
}

impl Place {
    /// From the arguments behind the program's name; none if there are not enough.
    pub fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let _address = arguments.next()?;
        Some(Self {
            users: arguments.next()?.into(),
            mail: arguments.next()?.into(),
        })
    }
}
