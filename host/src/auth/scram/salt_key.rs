//! The key of made-up salts: the same for a user today and tomorrow, whether the user exists or not.
//!
//! Opens no account; who has it can tell made-up salts from stored ones.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Hash;

const KEY_OCTETS: usize = 32;

/// The file of the key cannot be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read or made.
    #[error("salt key {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds something else.
    #[error("salt key {}: not 32 octets", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// There are no random octets to make one of.
    #[error("salt key: {0}")]
    Random(#[from] getrandom::Error),
}

/// A key for salts that no user database holds: those of users whose password is kept in clear, and
/// those of users who do not exist.
#[derive(Clone)]
pub struct SaltKey(Zeroizing<[u8; KEY_OCTETS]>);

impl SaltKey {
    /// A key that lasts as long as the process. After a restart made-up salts are others, stored
    /// ones are not: who asks before and after learns who exists. [`open`](Self::open) keeps it.
    ///
    /// # Errors
    ///
    /// If the system's random source fails.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new([0; KEY_OCTETS]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// The key in this file, which is made if it is not there, for its owner's eyes only. Blocks.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let fault = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let octets = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path, &Self::random()?).map_err(fault)?;
                fs::read(path)
            }
            read => read,
        };
        let octets = Zeroizing::new(octets.map_err(fault)?);
        let key = <[u8; KEY_OCTETS]>::try_from(octets.as_slice());
        key.map(|key| Self(Zeroizing::new(key)))
            .map_err(|_| Error::NotAKey {
                path: path.to_owned(),
            })
    }

    /// A salt of so many octets for this user.
    pub(super) fn salt(&self, hash: Hash, user: &[u8], octets: usize) -> Box<[u8]> {
        let block = |number: u8| {
            let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
                .expect("HMAC takes keys of any length");
            mac.update(hash.name().as_bytes());
            mac.update(&[0, number]);
            mac.update(user);
            <[u8; 32]>::from(mac.finalize().into_bytes())
        };
        (0..=u8::MAX).flat_map(block).take(octets).collect()
    }
}

impl fmt::Debug for SaltKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SaltKey(..)")
    }
}

/// Puts the key into place as a whole. Of two processes that do so, one wins and both read its key.
fn make(path: &Path, key: &SaltKey) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", process::id()));
    let draft = path.with_file_name(name);
    let written = write(&draft, key).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).or_else(ignore(io::ErrorKind::NotFound))?;
    written.or_else(ignore(io::ErrorKind::AlreadyExists))
}

fn write(path: &Path, key: &SaltKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file: File = options.open(path)?;
    file.write_all(key.0.as_slice())?;
    file.sync_all()
}

fn ignore(kind: io::ErrorKind) -> impl FnOnce(io::Error) -> io::Result<()> {
    move |error| {
        if error.kind() == kind {
            Ok(())
        } else {
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_from_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("salt.key");
        let salt = |key: &SaltKey| key.salt(Hash::Sha256, b"alice", 16);
        let first = SaltKey::open(&path).expect("a new key");
        let again = SaltKey::open(&path).expect("the same key");
        assert_eq!(salt(&first), salt(&again));
        assert_ne!(
            salt(&first),
            salt(&SaltKey::random().expect("a random key"))
        );
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(directory.path()).expect("a directory").count(),
            1
        );
    }

    #[test]
    fn a_key_that_is_already_there_is_not_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("salt.key");
        fs::write(&path, [7; KEY_OCTETS]).expect("a file");
        make(&path, &SaltKey::random().expect("a random key")).expect("left alone");
        assert_eq!(fs::read(&path).expect("a file"), [7; KEY_OCTETS]);
    }

    #[test]
    fn what_is_not_a_key_is_an_error_that_names_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("salt.key");
        fs::write(&path, "short").expect("a file");
        let error = SaltKey::open(&path).expect_err("too short");
        assert_eq!(
            error.to_string(),
            format!("salt key {}: not 32 octets", path.display())
        );
        let missing = directory.path().join("none/salt.key");
        assert!(matches!(SaltKey::open(&missing), Err(Error::File { .. })));
    }

    #[test]
    fn salts_differ_by_user_and_hash_and_have_the_length_asked_for() {
        let key = SaltKey::random().expect("a random key");
        let salt = key.salt(Hash::Sha1, b"alice", 16);
        assert_eq!(salt, key.salt(Hash::Sha1, b"alice", 16));
        assert_ne!(salt, key.salt(Hash::Sha256, b"alice", 16));
        assert_ne!(salt, key.salt(Hash::Sha1, b"alicf", 16));
        assert_eq!(key.salt(Hash::Sha1, b"alice", 64).len(), 64);
        assert_eq!(key.salt(Hash::Sha1, b"alice", 64)[..16], *salt);
    }
}
