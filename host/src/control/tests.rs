//! The file of the socket: whose it is, and what becomes of it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;

fn is_socket_of_owner(path: &Path) -> bool {
    let metadata = fs::metadata(path).expect("a file");
    metadata.permissions().mode() & 0o777 == 0o600
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_goes_with_the_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    let control = Control::open(&path).expect("bound");
    assert!(is_socket_of_owner(&path));
    drop(control);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_server_that_is_gone_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    assert!(path.exists(), "nobody has removed it");
    let _control = Control::open(&path).expect("replaced");
    assert!(is_socket_of_owner(&path));
}

#[tokio::test]
async fn the_socket_of_a_server_that_lives_stays_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    let first = Control::open(&path).expect("bound");
    let error = Control::open(&path).expect_err("taken");
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(first);
    assert!(!path.exists(), "the second has not become its owner");
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    fs::write(&path, "mail").expect("written");
    let error = Control::open(&path).expect_err("a file");
    assert!(matches!(error, Error::NotASocket { .. }), "{error}");
    assert_eq!(fs::read(&path).expect("there"), b"mail");
}

#[tokio::test]
async fn what_took_the_name_of_a_socket_since_is_not_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("control.sock");
    let first = Control::open(&path).expect("bound");
    fs::remove_file(&path).expect("removed");
    let _second = Control::open(&path).expect("bound");
    drop(first);
    assert!(path.exists());
}
