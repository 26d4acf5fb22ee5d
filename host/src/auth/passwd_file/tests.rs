//! The file changes, goes away and comes back while the host runs.

use std::fs::{self, File};

use tempfile::TempDir;

use super::*;
use crate::auth::{hasher::Limits, watched::LOOK_EVERY};

struct Fixture {
    directory: TempDir,
    users: PasswdFile,
}

impl Fixture {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("users");
        fs::write(&path, text).expect("a file");
        let hasher = Hasher::new(Limits::default()).expect("a random key");
        let users = PasswdFile::open(path, hasher).expect("a passwd-file");
        Self { directory, users }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("users")
    }

    async fn log_in(&self, user: &str, password: &str) -> Result<(), Denial> {
        self.users
            .password(user.as_bytes(), password.as_bytes())
            .await
            .map(drop)
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_after_a_second_and_not_before() {
    let fixture = Fixture::new("alice:{PLAIN}one\n");
    fs::write(fixture.path(), "alice:{PLAIN}another\nbob:{PLAIN}two\n").expect("a file");
    assert_eq!(fixture.log_in("alice", "one").await, Ok(()));
    assert_eq!(fixture.log_in("bob", "two").await, Err(Denial::UnknownUser));
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(
        fixture.log_in("alice", "one").await,
        Err(Denial::WrongProof)
    );
    assert_eq!(fixture.log_in("alice", "another").await, Ok(()));
    assert_eq!(fixture.log_in("bob", "two").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_the_same_size_that_was_renamed_into_place_is_another_file() {
    let fixture = Fixture::new("alice:{PLAIN}one\n");
    let next = fixture.directory.path().join("users.new");
    fs::write(&next, "alice:{PLAIN}two\n").expect("a file");
    let modified = fs::metadata(fixture.path())
        .and_then(|old| old.modified())
        .expect("a time");
    File::options()
        .write(true)
        .open(&next)
        .and_then(|file| file.set_modified(modified))
        .expect("set");
    fs::rename(next, fixture.path()).expect("renamed");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(fixture.log_in("alice", "two").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_vanishes_is_a_passing_fault() {
    let fixture = Fixture::new("alice:{PLAIN}one\n");
    fs::remove_file(fixture.path()).expect("removed");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(fixture.log_in("alice", "one").await, Err(Denial::Temporary));
    assert_eq!(
        fixture.log_in("nobody", "one").await,
        Err(Denial::Temporary)
    );
    let known = fixture.users.credential(b"alice", Need::Secret).await;
    assert_eq!(known.err(), Some(Denial::Temporary));
    assert!(!fixture.users.keeps(Need::Secret));
    fs::write(fixture.path(), "alice:{PLAIN}one\n").expect("a file");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(fixture.log_in("alice", "one").await, Ok(()));
    assert!(fixture.users.keeps(Need::Secret));
}

#[tokio::test(start_paused = true)]
async fn a_directory_in_its_place_is_a_passing_fault() {
    let fixture = Fixture::new("alice:{PLAIN}one\n");
    fs::remove_file(fixture.path()).expect("removed");
    fs::create_dir(fixture.path()).expect("a directory");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(fixture.log_in("alice", "one").await, Err(Denial::Temporary));
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_is_not_remembered_as_right() {
    let hash = |password: &str| super::super::scheme::generate("BLF-CRYPT", password.as_bytes());
    let fixture = Fixture::new(&format!("alice:{}\n", hash("one").expect("a hash")));
    assert_eq!(fixture.log_in("alice", "one").await, Ok(()));
    fs::write(
        fixture.path(),
        format!("alice:{}\n\n", hash("two").expect("a hash")),
    )
    .expect("a file");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(
        fixture.log_in("alice", "one").await,
        Err(Denial::WrongProof)
    );
    assert_eq!(fixture.users.hasher.hashes(), 2);
}

#[test]
fn a_file_that_is_not_there_at_the_start_is_an_error_that_names_it() {
    let hasher = Hasher::new(Limits::default()).expect("a random key");
    let error = PasswdFile::open("/nonexistent/users", hasher).expect_err("no such file");
    let expected = "passwd-file /nonexistent/users: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn problems_are_listed_without_starting_anything() {
    let fixture = Fixture::new("alice:{PLAIN}one\nbob:{ROT13}x\n");
    let listed: Vec<_> = problems(&fixture.path())
        .expect("readable")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listed, ["2: user \"bob\": unknown password scheme {ROT13}"]);
}
