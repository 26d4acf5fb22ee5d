//! Mail that is too old, on files whose times are set back.

use std::time::{Duration, UNIX_EPOCH};

use rustix::io::Errno;

use super::{crash::At, *};
use crate::mailbox::maildir::{commit::Step, expire};

/// Mail from before this time is to go.
const BEFORE: u64 = 1_700_000_000;

/// Two that are too old and three that are not.
const FILES: [(&str, u64); 5] = [
    ("new/1600000000.M1P1.host", 1_600_000_000),
    ("cur/1600000001.M1P1.host:2,FS", 1_600_000_001),
    // Moved here lately: an IMAP server sets the time of the file to that of the message.
    ("cur/1700000000.M1P1.host:2,S", 1_600_000_000),
    // Written to lately.
    ("cur/1600000002.M1P1.host:2,", 1_700_000_001),
    // Delivered by who knows what.
    ("new/message-1", 1_600_000_000),
];

const YOUNG: [&str; 3] = [
    "cur/1600000002.M1P1.host:2,",
    "cur/1700000000.M1P1.host:2,S",
    "new/message-1",
];

fn before() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(BEFORE)
}

fn account(user: &str) -> Account {
    Account {
        user: user.to_owned(),
        home: None,
    }
}

fn mail() -> Mail {
    let mail = Mail::new::<&str>(&[]);
    for (file, seconds) in FILES {
        mail.put(file, file);
        age(&mail, file, seconds);
    }
    mail
}

fn age(mail: &Mail, file: &str, seconds: u64) {
    let file = fs::File::open(mail.path(file)).expect("a file");
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    file.set_modified(time).expect("another time");
}

async fn run(mail: &Mail) -> Result<Expired, OpenError> {
    mail.store.expire(&account("al"), before()).await
}

fn removed(removed: u32) -> Expired {
    Expired { removed, kept: 0 }
}

#[tokio::test]
async fn what_is_certainly_too_old_goes_and_nothing_else() {
    let mail = mail();
    assert_eq!(run(&mail).await, Ok(removed(2)));
    assert_eq!(mail.files(), YOUNG);
    assert!(!mail.path("popcell-journal").exists());
    assert_eq!(run(&mail).await, Ok(removed(0)));
    assert_eq!(mail.listed().await.len(), 3);
}

#[tokio::test]
async fn counting_changes_nothing_and_needs_no_lock() {
    let mail = mail();
    let everything = |mail: &Mail| {
        let mut names = list(&mail.path(""), "");
        names.sort();
        (names, mail.files())
    };
    let untouched = everything(&mail);
    for (time, count) in [(before(), 2), (UNIX_EPOCH, 0)] {
        assert_eq!(mail.store.expired(&account("al"), time).await, Ok(count));
    }
    assert_eq!(everything(&mail), untouched);
    let _session = mail.login().await;
    assert_eq!(mail.store.expired(&account("al"), before()).await, Ok(2));
}

#[tokio::test]
async fn a_maildrop_in_use_is_left_alone_until_it_is_free() {
    let mail = mail();
    let session = mail.login().await;
    assert_eq!(run(&mail).await, Err(OpenError::InUse));
    assert_eq!(mail.files().len(), 5);
    drop(session);
    assert_eq!(run(&mail).await, Ok(removed(2)));
}

#[tokio::test]
async fn where_nothing_is_too_old_no_lock_is_taken() {
    let mail = mail();
    let _session = mail.login().await;
    let none = mail.store.expire(&account("al"), UNIX_EPOCH).await;
    assert_eq!(none, Ok(Expired::default()));
}

#[tokio::test]
async fn a_user_without_a_maildir_gets_none() {
    let mail = Mail::with::<&str>(|options| options.create = true, &[]);
    let none = mail.store.expire(&account("bo"), before()).await;
    assert_eq!(none, Ok(Expired::default()));
    assert_eq!(mail.store.expired(&account("bo"), before()).await, Ok(0));
    assert!(!mail.home.path().join("bo").exists());
}

#[tokio::test]
async fn the_deletions_of_a_session_that_died_come_first() {
    let mail = mail();
    mail.put("popcell-journal", "begun and not finished");
    assert_eq!(run(&mail).await, Ok(removed(2)));
    assert!(!mail.path("popcell-journal").exists());
}

#[tokio::test]
async fn a_disk_that_fails_at_any_step_is_tried_again_the_next_time() {
    for step in 0.. {
        let mail = mail();
        let mut failed = None;
        let mut once = At {
            step,
            action: |step| match failed {
                None => {
                    failed = Some(step);
                    Err(Errno::NOSPC)
                }
                Some(_) => Ok(()),
            },
        };
        let whereabouts = mail.store.whereabouts(&account("al")).expect("a path");
        let expired = expire::remove(whereabouts, before(), &mut once).expect("not locked");
        let left = mail.files();
        assert!(
            YOUNG
                .iter()
                .all(|young| left.contains(&(*young).to_owned()))
        );
        let kept = u32::try_from(left.len() - YOUNG.len()).expect("few");
        let expected = Expired {
            removed: 2 - kept,
            kept,
        };
        assert_eq!(expired, expected, "{failed:?}");
        let is_early = failed.is_some_and(|step| {
            !matches!(
                step,
                Step::Unlink | Step::SyncFolders | Step::RemoveJournal | Step::SyncRemoval
            )
        });
        assert_eq!(is_early, kept == 2, "{failed:?}: first the journal");
        assert_eq!(run(&mail).await, Ok(removed(kept)), "{failed:?}");
        assert_eq!(mail.files(), YOUNG);
        if failed.is_none() {
            break;
        }
    }
}
