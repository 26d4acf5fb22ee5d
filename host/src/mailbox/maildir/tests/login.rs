//! Maildirs that are missing, broken, foreign or hostile, and the order of what is in them.

use std::os::unix::fs::PermissionsExt;

use super::*;

const NONE: &[(&str, &str)] = &[];

#[tokio::test]
async fn messages_come_in_order_of_delivery() {
    let mail = Mail::new(&[
        ("new/1700000001.M10P1.h", "a\n"),
        ("new/1700000001.M9P1.h", "b\n"),
        ("cur/999.M1.h:2,S", "c\n"),
        ("new/.hidden", "d\n"),
    ]);
    let uids = [
        (3, "999.M1.h"),
        (3, "1700000001.M9P1.h"),
        (3, "1700000001.M10P1.h"),
    ];
    assert_eq!(mail.listed().await, expected(&uids));
}

#[tokio::test]
async fn a_missing_maildir_is_an_error_unless_it_may_be_made() {
    let mail = Mail::new(NONE);
    fs::remove_dir_all(mail.path("")).expect("removed");
    assert_eq!(mail.try_login().await.err(), Some(OpenError::Temporary));
    assert!(!mail.path("").exists());

    let mail = Mail::with(|options| options.create = true, NONE);
    fs::remove_dir_all(mail.path("")).expect("removed");
    assert_eq!(mail.listed().await, []);
    for folder in ["", "new", "cur", "tmp"] {
        let made = fs::metadata(mail.path(folder)).expect("it was made");
        assert_eq!(made.permissions().mode() & 0o077, 0, "{folder}");
    }
}

#[tokio::test]
async fn nothing_is_made_where_a_file_system_may_not_be_mounted() {
    let mail = Mail::with(|options| options.create = true, NONE);
    fs::remove_dir_all(mail.home.path()).expect("removed");
    assert_eq!(mail.try_login().await.err(), Some(OpenError::Temporary));
    assert!(!mail.home.path().exists());
}

#[tokio::test]
async fn a_folder_that_can_not_be_read_is_never_an_empty_maildrop() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    fs::remove_dir(mail.path("cur")).expect("removed");
    assert_eq!(mail.try_login().await.err(), Some(OpenError::Temporary));
    mail.put("cur", "a file");
    assert_eq!(mail.try_login().await.err(), Some(OpenError::Permanent));
    mail.remove("cur");
    std::os::unix::fs::symlink("new", mail.path("cur")).expect("a link");
    assert_eq!(mail.try_login().await.err(), Some(OpenError::Permanent));
}

#[tokio::test]
async fn a_failed_login_leaves_no_lock_behind() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    fs::create_dir(mail.path("popcell-journal")).expect("a directory in the way");
    assert_eq!(mail.try_login().await.err(), Some(OpenError::Permanent));
    fs::remove_dir(mail.path("popcell-journal")).expect("removed");
    assert_eq!(mail.listed().await, expected(&[(5, "1.a")]));
}

#[tokio::test]
async fn a_user_name_that_leads_elsewhere_is_refused() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    for user in ["../al", "al/../al", "", ".", "..", "al\0", ".al", "/"] {
        let account = Account {
            user: user.to_owned(),
            home: None,
        };
        let refused = mail.store.open(&account, "session").await;
        assert_eq!(refused.err(), Some(OpenError::Permanent), "{user:?}");
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_no_message() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    std::os::unix::fs::symlink("/etc/passwd", mail.path("new/2.link")).expect("a link");
    fs::create_dir(mail.path("cur/3.directory")).expect("a directory");
    let mut maildrop = mail.login().await;
    assert_eq!(listed(&*maildrop), expected(&[(5, "1.a")]));
    mail.remove("new/1.a");
    std::os::unix::fs::symlink("/etc/passwd", mail.path("new/1.a")).expect("a link");
    assert_eq!(maildrop.open(1).await.err(), Some(Fault::Permanent));
}

#[tokio::test]
async fn the_state_may_be_elsewhere_and_the_mail_alone_in_the_maildir() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let template = format!("{}/deep/%u", state.path().display());
    let mail = Mail::with(
        |options| options.state = Some(template.parse().expect("a template")),
        &[("new/1.a", "one\n")],
    );
    let maildrop = mail.login().await;
    assert_eq!(mail.try_login().await.err(), Some(OpenError::InUse));
    drop(maildrop);
    assert!(state.path().join("deep/al/popcell-lock").exists());
    assert!(state.path().join("deep/al/popcell-sizes").exists());
    assert_eq!(list(&mail.path(""), "al").len(), 3);
}

#[test]
fn a_state_directory_that_users_would_share_is_refused() {
    let mut options = Options::new("/mail/%d/%n".parse().expect("a template"));
    options.state = Some("/state/%n".parse().expect("a template"));
    assert_eq!(Maildir::new(options.clone()).err(), Some(SharedState));
    options.state = Some("/state/%u".parse().expect("a template"));
    assert!(Maildir::new(options).is_ok());
}

#[tokio::test]
async fn files_of_other_programs_are_left_alone() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    for file in ["dovecot-uidlist", "subscriptions", "tmp/2.b"] {
        mail.put(file, "theirs\n");
    }
    mail.login().await.commit(vec![1]).await.expect("removed");
    for file in ["dovecot-uidlist", "subscriptions", "tmp/2.b"] {
        assert_eq!(fs::read(mail.path(file)).expect("still there"), b"theirs\n");
    }
}
