//! Sizes and unique ids from one login to the next.

use std::time::{Duration, SystemTime};

use super::*;

const LIST: &str = "3 V1795408876 N9 Gabc\n4 :2.b\n2 P:old-id W5 :3.c\n";

fn set_time(path: &Path, time: SystemTime) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("the file");
    file.set_modified(time).expect("another time");
}

#[tokio::test]
async fn sizes_are_right_whatever_happens_to_the_files_between_logins() {
    let mail = Mail::new(&[("new/1.a", "one\n"), ("cur/2.b:2,", "two\n")]);
    assert_eq!(mail.listed().await, expected(&[(5, "1.a"), (5, "2.b")]));
    mail.put("new/3.c", "3\n");
    mail.rename("cur/2.b:2,", "cur/2.b:2,S");
    assert_eq!(
        mail.listed().await,
        expected(&[(5, "1.a"), (5, "2.b"), (3, "3.c")])
    );
    mail.remove("new/1.a");
    mail.put("tmp/x", "replaced\n");
    mail.rename("tmp/x", "cur/2.b:2,S");
    assert_eq!(mail.listed().await, expected(&[(10, "2.b"), (3, "3.c")]));
    mail.put("new/1.a", "another\n");
    assert_eq!(
        mail.listed().await,
        expected(&[(9, "1.a"), (10, "2.b"), (3, "3.c")])
    );
}

#[tokio::test]
async fn a_remembered_size_saves_opening_the_message() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    mail.listed().await;
    // Only a size that was not counted anew can still be the old one.
    mail.put("new/1.a", "1\n2\n");
    assert_eq!(mail.listed().await, expected(&[(5, "1.a")]));
}

#[tokio::test]
async fn a_restored_copy_needs_no_counting_if_its_time_is_the_same() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    set_time(&mail.path("new/1.a"), time);
    mail.listed().await;
    mail.put("tmp/copy", "1\n2\n");
    set_time(&mail.path("tmp/copy"), time);
    mail.rename("tmp/copy", "new/1.a");
    assert_eq!(mail.listed().await, expected(&[(5, "1.a")]));
    set_time(&mail.path("new/1.a"), time + Duration::from_nanos(1));
    mail.put("tmp/copy", "1\n2\n");
    mail.rename("tmp/copy", "new/1.a");
    assert_eq!(mail.listed().await, expected(&[(6, "1.a")]));
}

#[tokio::test]
async fn broken_and_foreign_memories_cost_time_and_nothing_else() {
    let wrong = "popcell-sizes 1\n99 99 99 99 - 1.a\n1 4 0 0 =two\u{e9} 2.b\n7 7";
    for text in [
        wrong.as_bytes(),
        b"",
        b"\0\0\0\0",
        &[0xff; 5000],
        b"popcell-sizes 9\n",
    ] {
        let mail = Mail::new(&[("new/1.a", "one\n"), ("cur/2.b:2,", "two\n")]);
        mail.put("popcell-sizes", text);
        for _ in 0..2 {
            assert_eq!(mail.listed().await, expected(&[(5, "1.a"), (5, "2.b")]));
        }
    }
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    fs::create_dir(mail.path("popcell-sizes")).expect("a directory in the way");
    assert_eq!(mail.listed().await, expected(&[(5, "1.a")]));
}

#[tokio::test]
async fn sizes_that_names_claim_do_not_matter_where_they_can_be_counted() {
    let mail = Mail::new(&[("new/1.a,S=4,W=6", "one\n"), ("new/2.b,S=99,W=5", "two\n")]);
    let right = expected(&[(5, "1.a,S=4,W=6"), (5, "2.b,S=99,W=5")]);
    assert_eq!(mail.listed().await, right);
}

#[tokio::test]
async fn in_a_large_maildrop_a_claimed_size_is_checked_before_it_is_used() {
    let mail = Mail::new::<&str>(&[]);
    let count = u32::try_from(measure::MAX_MEASURED).expect("not many");
    for number in 0..count {
        mail.put(&format!("new/1.M{number}.h,S=2,W=3"), "x\n");
    }
    for (file, content) in [
        ("new/2.right,S=4,W=5", "abc\n"),
        ("new/3.wrong,S=4,W=6", "abc\n"),
        ("new/4.absurd,S=4,W=99", "abc\n"),
        ("new/5.stale,S=9,W=10", "abc\n"),
    ] {
        mail.put(file, content);
    }
    let mut maildrop = mail.login().await;
    assert_eq!(maildrop.snapshot().sizes(count + 1, 9), [5, 6, 5, 5]);
    assert_eq!(
        read(&mut *maildrop, count + 1, 99).await,
        Ok(b"abc\r\n".to_vec())
    );
    assert_eq!(maildrop.open(count + 2).await.err(), Some(Fault::Gone));
    drop(maildrop);
    assert_eq!(
        mail.login().await.snapshot().sizes(count + 1, 9),
        [5, 5, 5, 5]
    );
}

#[tokio::test]
async fn numbers_and_unique_ids_are_those_of_dovecot_where_it_gave_some() {
    let mail = Mail::new(&[
        ("new/1.a", "a\n"),
        ("cur/2.b:2,S", "b\n"),
        ("new/3.c", "c\n"),
    ]);
    mail.put("dovecot-uidlist", LIST);
    let right = expected(&[(3, ":old-id"), (3, "000000046b03c3ec"), (3, "1.a")]);
    assert_eq!(mail.listed().await, right);
}

#[tokio::test]
async fn a_list_that_is_broken_is_ignored() {
    for list in [
        "",
        "\0\0\0\0",
        "1 2 3\n",
        "3 V\n",
        "3 V1 N2\nx\n-1 :1.a\n99999999999 :1.a\n",
    ] {
        let mail = Mail::new(&[("new/1.a", "a\n")]);
        mail.put("dovecot-uidlist", list);
        assert_eq!(mail.listed().await, expected(&[(3, "1.a")]), "{list:?}");
    }
}

#[tokio::test]
async fn a_unique_id_that_was_shown_once_is_shown_again() {
    let mail = Mail::new(&[("new/1.a", "a\n"), ("new/2.b", "b\n")]);
    mail.put("dovecot-uidlist", "3 V1 N2\n1 :1.a\n");
    let right = expected(&[(3, "0000000100000001"), (3, "2.b")]);
    assert_eq!(mail.listed().await, right);
    mail.rename("new/2.b", "cur/2.b:2,S");
    mail.put("dovecot-uidlist", "3 V1 N3\n1 :1.a\n2 :2.b\n");
    assert_eq!(
        mail.listed().await,
        right,
        "Dovecot has listed the other one since"
    );
    mail.remove("dovecot-uidlist");
    assert_eq!(mail.listed().await, right, "the list is gone");
}

#[tokio::test]
async fn file_names_alone_make_unique_ids_if_that_is_configured() {
    let mail = Mail::with(
        |options| options.uidl = Uidl::Filename,
        &[("new/2.b", "b\n"), ("new/3.c", "c\n")],
    );
    mail.put("dovecot-uidlist", LIST);
    assert_eq!(mail.listed().await, expected(&[(3, "2.b"), (3, "3.c")]));
}

#[tokio::test]
async fn equal_unique_ids_are_told_apart_and_stay_as_they_are() {
    let mail = Mail::new(&[
        ("cur/1.a:2,", "a\n"),
        ("cur/2.b:2,", "b\n"),
        ("new/3.c", "c\n"),
    ]);
    mail.put("dovecot-uidlist", "3 V1 N9\n1 Psame :1.a\n2 Psame :2.b\n");
    let first = mail.listed().await;
    let uids: Vec<&str> = first.iter().map(|(_, uid)| uid.as_str()).collect();
    assert!(uids[0] != uids[1] && uids[0] != "same" && uids[1] != "same" && uids[2] == "3.c");
    mail.rename("cur/1.a:2,", "cur/1.a:2,S");
    assert_eq!(mail.listed().await, first);
}

#[tokio::test]
async fn a_name_that_is_no_unique_id_gets_one_that_stays() {
    let long = format!("new/1.{}", "x".repeat(70));
    let mail = Mail::new(&[
        (long.as_str(), "a\n"),
        ("new/2.with space", "b\n"),
        ("new/3.\u{e9}", "c\n"),
    ]);
    let first = mail.listed().await;
    for (_, uid) in &first {
        assert!(
            uid.len() == 40 && uid.bytes().all(|octet| octet.is_ascii_hexdigit()),
            "{uid}"
        );
    }
    mail.rename("new/2.with space", "cur/2.with space:2,S");
    assert_eq!(mail.listed().await, first);
}
