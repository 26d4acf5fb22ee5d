//! Who may log in: a file with a line `user:password` for each user.
//!
//! It is read at every login, so that a change holds at once.

use std::{fs, io, path::Path};

/// Whether this is the user's password.
///
/// # Errors
///
/// The file can not be read.
pub fn is_right(file: &Path, user: &[u8], password: &[u8]) -> io::Result<bool> {
    let text = fs::read(file)?;
    let is_theirs = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|octet| *octet == b':')?;
        let (name, secret) = (&line[..colon], &line[colon + 1..]);
        Some(name == user && is_directory_name(name) && is_same(secret, password))
    };
    Ok(text
        .split(|octet| *octet == b'\n')
        .any(|line| is_theirs(line) == Some(true)))
}

/// A user's name is that of the Maildir: it must not lead elsewhere.
fn is_directory_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.starts_with(b".") && !name.contains(&b'/') && !name.contains(&0)
}

/// Takes as long for a wrong first octet as for a wrong last one.
fn is_same(secret: &[u8], password: &[u8]) -> bool {
    let differences = secret
        .iter()
        .zip(password)
        .fold(0, |all, (a, b)| all | (a ^ b));
    secret.len() == password.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_line() {
        let file = std::env::temp_dir().join(format!("popcell-users-{}", std::process::id()));
        fs::write(&file, "alice:se:cret\nbob:\r\n../x:y\n").unwrap();
        let is = |user: &str, password: &str| {
            is_right(&file, user.as_bytes(), password.as_bytes()).unwrap()
        };
        assert!(is("alice", "se:cret"));
        assert!(is("bob", ""));
        for (user, password) in [("alice", "se"), ("alice", ""), ("", ""), ("../x", "y")] {
            assert!(!is(user, password), "{user}");
        }
        fs::remove_file(&file).unwrap();
        assert!(is_right(&file, b"alice", b"").is_err());
    }
}
