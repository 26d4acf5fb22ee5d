//! Logins that read nothing, because nothing has changed.

use std::time::{Duration, SystemTime};

use super::*;
use crate::mailbox::maildir::recent::Witness;

/// Has the store believe that a login some time ago found an empty Maildir, and that it was as it is
/// now: what a login says afterwards shows whether it has looked.
fn seem_empty(mail: &Mail) {
    let place = place::Place::open(&Whereabouts {
        root: mail.path(""),
        state: None,
        create_below: None,
    });
    let place = place.expect("a Maildir");
    let stamps = || Witness::of(&place, Uidl::Auto).expect("stamps");
    let later = SystemTime::now() + Duration::from_secs(60);
    let nothing = (&Arc::default(), &Arc::default());
    mail.store
        .recent
        .remember(&place, later, (stamps(), stamps()), nothing);
}

#[tokio::test]
async fn a_maildir_that_has_not_changed_is_not_read() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    mail.listed().await;
    seem_empty(&mail);
    assert_eq!(mail.listed().await, []);
    let one_at_a_time = mail.login().await;
    assert_eq!(mail.try_login().await.err(), Some(OpenError::InUse));
    drop(one_at_a_time);
    mail.put("new/2.b", "two\n");
    assert_eq!(mail.listed().await, expected(&[(5, "1.a"), (5, "2.b")]));
}

#[tokio::test]
async fn what_a_session_finds_wrong_is_looked_at_by_the_next_one() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    mail.listed().await;
    mail.put("new/1.a", "1\n2\n3\n");
    let mut maildrop = mail.login().await;
    assert_eq!(maildrop.open(1).await.err(), Some(Fault::Gone));
    drop(maildrop);
    assert_eq!(mail.listed().await, expected(&[(9, "1.a")]));
}

#[tokio::test]
async fn an_unfinished_commit_is_finished_all_the_same() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    mail.listed().await;
    seem_empty(&mail);
    mail.put("popcell-journal", "cut short");
    assert_eq!(mail.listed().await, []);
    assert!(!mail.path("popcell-journal").exists());
}

#[tokio::test]
async fn without_its_lock_file_a_maildir_is_opened_as_for_the_first_time() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    mail.listed().await;
    seem_empty(&mail);
    mail.remove("popcell-lock");
    let maildrop = mail.login().await;
    assert!(mail.path("popcell-lock").exists());
    assert_eq!(mail.try_login().await.err(), Some(OpenError::InUse));
    drop(maildrop);
}
