//! Messages that are read, renamed, changed and removed while a session looks at them.

use proptest::prelude::*;

use super::*;
use crate::{capability::Unfinished, mailbox::wire};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn every_kind_of_message_arrives_as_it_is_with_the_size_that_was_announced() {
    let kinds: [(&str, &[u8], &[u8]); 12] = [
        ("new/01.lf", b"a: b\n\nbody\n", b"a: b\r\n\r\nbody\r\n"),
        (
            "new/02.crlf",
            b"a: b\r\n\r\nbody\r\n",
            b"a: b\r\n\r\nbody\r\n",
        ),
        ("new/03.mixed", b"a\r\nb\nc\r\n\n", b"a\r\nb\r\nc\r\n\r\n"),
        ("new/04.cr", b"a\r.\rb\n", b"a\r\n.\r\nb\r\n"),
        ("new/05.crcrlf", b"a\r\r\nb\n", b"a\r\n\r\nb\r\n"),
        ("new/06.nul", b"a\0b\n\0", b"a\0b\r\n\0\r\n"),
        ("new/07.eight", b"\xff\xfe\x80\n", b"\xff\xfe\x80\r\n"),
        ("new/08.unended", b"a\nb", b"a\r\nb\r\n"),
        ("new/09.cr-at-end", b"a\r", b"a\r\n"),
        ("new/10.dot", b".\n..\n.", b".\r\n..\r\n.\r\n"),
        ("new/11.empty", b"", b""),
        ("new/12.lines", b"\n\n\n", b"\r\n\r\n\r\n"),
    ];
    let mail = Mail::new(&kinds.map(|(file, stored, _)| (file, stored)));
    let mut maildrop = mail.login().await;
    for (number, (file, _, wire)) in (1..).zip(kinds) {
        assert_eq!(
            maildrop.snapshot().size(number),
            Some(wire.len() as u64),
            "{file}"
        );
        for max in [1, 2, 3, 7, 65_536] {
            let whole = read(&mut *maildrop, number, max).await;
            assert_eq!(whole.as_deref(), Ok(wire), "{file} in pieces of {max}");
        }
    }
}

#[tokio::test]
async fn large_messages_and_endless_lines_arrive_whole() {
    let text =
        "A line like many others, some sixty octets of it and no more.\n".repeat(25 * MIB / 62);
    let line = [vec![b'x'; MIB + 1], b"\n".to_vec(), vec![b'y'; 3 * MIB]].concat();
    let mail = Mail::new(&[("new/1.text", text.as_bytes()), ("cur/2.line:2,", &line)]);
    let mut maildrop = mail.login().await;
    for (number, stored) in [(1, text.as_bytes()), (2, &line)] {
        let whole = read(&mut *maildrop, number, 40_000).await.expect("whole");
        assert_eq!(maildrop.snapshot().size(number), Some(whole.len() as u64));
        let lines = stored
            .split(|octet| *octet == b'\n')
            .filter(|line| !line.is_empty());
        assert!(
            lines.eq(whole
                .split(|octet| *octet == b'\n')
                .filter_map(|line| line.strip_suffix(b"\r")))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_file_is_sent_in_its_wire_form_in_pieces_of_any_size(
        stored in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()],
            0..2000,
        ),
        max in 1_usize..3000,
    ) {
        let mail = Mail::new(&[("new/1.a", &stored)]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (announced, sent) = runtime.block_on(async {
            let mut maildrop = mail.login().await;
            (maildrop.snapshot().octets(), read(&mut *maildrop, 1, max).await.expect("whole"))
        });
        prop_assert_eq!(announced, sent.len() as u64);
        prop_assert_eq!(wire::octets([stored.as_slice()]), announced);
        let text = |octets: &[u8]| -> Vec<u8> {
            octets.iter().copied().filter(|octet| !b"\r\n".contains(octet)).collect()
        };
        prop_assert_eq!(text(&sent), text(&stored));
    }
}

#[tokio::test]
async fn one_session_at_a_time_has_the_maildrop_and_delivery_goes_on() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    let first = mail.login().await;
    assert_eq!(mail.try_login().await.err(), Some(OpenError::InUse));
    mail.put("new/2.b", "two\n");
    assert_eq!(first.snapshot().count(), 1);
    drop(first);
    let second = mail.login().await;
    assert_eq!(second.snapshot().count(), 2);
    assert_eq!(second.commit(vec![1]).await, Ok(()));
    assert_eq!(mail.files(), ["new/2.b"]);
    assert_eq!(mail.login().await.commit(Vec::new()).await, Ok(()));
    assert_eq!(mail.listed().await.len(), 1);
}

#[tokio::test]
async fn a_message_outlives_the_maildrop_that_it_was_opened_from() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    let mut maildrop = mail.login().await;
    let mut message = maildrop.open(1).await.expect("it is there");
    assert_eq!(maildrop.commit(vec![1]).await, Ok(()));
    assert_eq!(message.read(99).await, Ok(b"one\r\n".to_vec()));
    assert_eq!(message.read(99).await, Ok(Vec::new()));
    assert_eq!(message.read(99).await, Ok(Vec::new()));
}

#[tokio::test]
async fn nothing_moves_and_nothing_goes_without_a_commit() {
    let mail = Mail::new(&[("new/1.a", "one\n"), ("cur/2.b:2,S", "two\n")]);
    let mut maildrop = mail.login().await;
    assert!(read(&mut *maildrop, 1, 99).await.is_ok());
    drop(maildrop);
    assert_eq!(mail.files(), ["cur/2.b:2,S", "new/1.a"]);
}

#[tokio::test]
async fn a_message_is_read_and_removed_under_the_name_that_it_got_meanwhile() {
    let mail = Mail::new(&[
        ("new/1.a", "one\n"),
        ("cur/2.b:2,", "two\n"),
        ("new/3.c", "3\n"),
    ]);
    let mut maildrop = mail.login().await;
    mail.rename("new/1.a", "cur/1.a:2,");
    mail.rename("cur/2.b:2,", "cur/2.b:2,RS");
    assert_eq!(read(&mut *maildrop, 1, 99).await, Ok(b"one\r\n".to_vec()));
    assert_eq!(read(&mut *maildrop, 2, 99).await, Ok(b"two\r\n".to_vec()));
    mail.rename("cur/1.a:2,", "cur/1.a:2,T");
    mail.rename("new/3.c", "cur/3.c:2,");
    assert_eq!(read(&mut *maildrop, 3, 99).await, Ok(b"3\r\n".to_vec()));
    assert_eq!(maildrop.commit(vec![1, 2]).await, Ok(()));
    assert_eq!(mail.files(), ["cur/3.c:2,"]);
}

#[tokio::test]
async fn a_message_that_somebody_else_removed_is_gone_and_counts_as_removed() {
    let mail = Mail::new(&[
        ("new/1.a", "one\n"),
        ("new/2.b", "two\n"),
        ("new/3.c", "3\n"),
    ]);
    let mut maildrop = mail.login().await;
    mail.remove("new/1.a");
    assert_eq!(read(&mut *maildrop, 1, 99).await, Err(Fault::Gone));
    for number in [0, 4, u32::MAX] {
        assert_eq!(read(&mut *maildrop, number, 99).await, Err(Fault::Gone));
    }
    assert_eq!(maildrop.commit(vec![1, 2]).await, Ok(()));
    assert_eq!(mail.files(), ["new/3.c"]);
}

#[tokio::test]
async fn a_message_with_another_content_is_gone_before_it_begins_and_is_not_removed() {
    let mail = Mail::new(&[("new/1.a", "one\n"), ("new/2.b", "two\n")]);
    let mut maildrop = mail.login().await;
    mail.put("new/1.a", "another\n");
    assert_eq!(maildrop.open(1).await.err(), Some(Fault::Gone));
    let remembered = fs::read(mail.path("popcell-sizes")).expect("a file");
    assert_eq!(maildrop.open(1).await.err(), Some(Fault::Gone));
    let unchanged = fs::read(mail.path("popcell-sizes")).expect("a file");
    assert_eq!(unchanged, remembered, "it is noted once");
    let unfinished = Unfinished {
        removed: 1,
        kept: 1,
    };
    assert_eq!(maildrop.commit(vec![1, 2]).await, Err(unfinished));
    assert_eq!(mail.files(), ["new/1.a"]);
    assert_eq!(mail.listed().await, expected(&[(9, "1.a")]));
}

#[tokio::test]
async fn a_message_of_the_same_length_with_other_lines_never_ends_well() {
    for (before, after) in [("a\nb\nc\n", "a..b.c"), ("abcdef", "a\n\n\n\nf")] {
        let mail = Mail::new(&[("new/1.a", before)]);
        let mut maildrop = mail.login().await;
        mail.put("new/1.a", after);
        let mut message = maildrop.open(1).await.expect("the same number of octets");
        let fault = loop {
            match message.read(2).await {
                Ok(piece) => assert!(!piece.is_empty(), "a wrong answer is whole"),
                Err(fault) => break fault,
            }
        };
        assert_eq!(
            (fault, message.read(2).await),
            (Fault::Gone, Err(Fault::Gone))
        );
        drop(maildrop);
        let octets = wire::octets([after.as_bytes()]);
        assert_eq!(
            mail.listed().await,
            expected(&[(octets, "1.a")]),
            "the next login is right"
        );
    }
}

#[tokio::test]
async fn that_a_message_is_at_its_end_is_known_without_another_read() {
    for stored in ["a\nb\n", "a\r\nb\r\n", "a\nb", "a\r\nb\r"] {
        let mail = Mail::new(&[("new/1.a", stored)]);
        let mut maildrop = mail.login().await;
        let mut message = maildrop.open(1).await.expect("unchanged");
        assert!(!message.is_at_end());
        assert_eq!(message.read(3).await, Ok(b"a\r\n".to_vec()));
        assert!(!message.is_at_end(), "{stored:?}");
        assert_eq!(message.read(100).await, Ok(b"b\r\n".to_vec()));
        assert!(message.is_at_end(), "{stored:?}");
    }
    // Longer by the time that it is read to what was its end.
    let mail = Mail::new(&[("new/1.a", "a\nb\n")]);
    let mut maildrop = mail.login().await;
    let mut message = maildrop.open(1).await.expect("unchanged");
    assert_eq!(message.read(3).await, Ok(b"a\r\n".to_vec()));
    mail.put("new/1.a", "a\nb\nc\n");
    assert_eq!(message.read(3).await, Ok(b"b\r\n".to_vec()));
    assert!(!message.is_at_end());
    assert_eq!(message.read(3).await, Err(Fault::Gone));
}

#[tokio::test]
async fn a_message_that_shrinks_or_grows_while_it_is_read_never_ends_well() {
    for length in [0, 3, 9, 11, 500] {
        let mail = Mail::new(&[("new/1.a", "0123456789")]);
        let mut maildrop = mail.login().await;
        let mut message = maildrop.open(1).await.expect("unchanged");
        assert_eq!(message.read(2).await, Ok(b"01".to_vec()));
        let file = fs::OpenOptions::new()
            .write(true)
            .open(mail.path("new/1.a"));
        file.expect("the file")
            .set_len(length)
            .expect("another length");
        let mut read = 2;
        let fault = loop {
            match message.read(4).await {
                Ok(piece) if piece.is_empty() => panic!("{length}: a wrong answer is whole"),
                Ok(piece) => read += piece.len(),
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault, Fault::Gone, "{length}");
        assert!(read <= 12, "{length}: more than was announced");
    }
}

#[tokio::test]
async fn of_two_messages_with_one_unique_name_only_the_marked_one_goes() {
    let mail = Mail::new(&[("cur/1.a:2,", "first\n"), ("cur/1.a:2,S", "second!\n")]);
    let mut maildrop = mail.login().await;
    assert_eq!(maildrop.snapshot().count(), 2);
    assert_ne!(maildrop.snapshot().uid(1), maildrop.snapshot().uid(2));
    assert_eq!(
        read(&mut *maildrop, 2, 99).await,
        Ok(b"second!\r\n".to_vec())
    );
    mail.remove("cur/1.a:2,");
    let unfinished = Unfinished {
        removed: 0,
        kept: 1,
    };
    assert_eq!(
        maildrop.commit(vec![1]).await,
        Err(unfinished),
        "it can not be told where it is"
    );
    assert_eq!(mail.files(), ["cur/1.a:2,S"]);
}

#[tokio::test]
async fn a_maildir_that_vanishes_takes_no_promise_with_it() {
    let mail = Mail::new(&[("new/1.a", "one\n"), ("new/2.b", "two\n")]);
    let mut maildrop = mail.login().await;
    fs::remove_dir_all(mail.path("")).expect("all of it");
    assert_eq!(maildrop.open(1).await.err(), Some(Fault::Temporary));
    let unfinished = Unfinished {
        removed: 0,
        kept: 2,
    };
    assert_eq!(maildrop.commit(vec![1, 2]).await, Err(unfinished));
}

#[tokio::test]
async fn a_maildir_that_is_moved_is_still_the_same() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    let mut maildrop = mail.login().await;
    fs::rename(mail.path(""), mail.home.path().join("moved")).expect("moved");
    assert_eq!(read(&mut *maildrop, 1, 99).await, Ok(b"one\r\n".to_vec()));
    assert_eq!(maildrop.commit(vec![1]).await, Ok(()));
    assert!(!mail.home.path().join("moved/new/1.a").exists());
}

#[tokio::test]
async fn a_commit_runs_to_its_end_though_nobody_waits_for_it() {
    let mail = Mail::new(&[
        ("new/1.a", "one\n"),
        ("new/2.b", "two\n"),
        ("new/3.c", "3\n"),
    ]);
    let mut commit = mail.login().await.commit(vec![1, 2]);
    let polled =
        std::future::poll_fn(|context| std::task::Poll::Ready(commit.as_mut().poll(context)));
    let _ = polled.await;
    drop(commit);
    // The lock is released when the commit is done, and not before.
    let maildrop = loop {
        match mail.try_login().await {
            Err(OpenError::InUse) => tokio::task::yield_now().await,
            maildrop => break maildrop.expect("a maildrop"),
        }
    };
    assert_eq!(listed(&*maildrop), expected(&[(3, "3.c")]));
}

#[tokio::test]
async fn a_commit_that_nobody_asks_for_removes_nothing() {
    let mail = Mail::new(&[("new/1.a", "one\n")]);
    drop(mail.login().await.commit(vec![1]));
    assert_eq!(mail.listed().await, expected(&[(5, "1.a")]));
}

#[tokio::test]
async fn gone_messages_are_looked_for_again_only_when_a_name_has_changed() {
    let mail = Mail::new(&[
        ("new/1.a", "one\n"),
        ("new/2.b", "two\n"),
        ("new/3.c", "3\n"),
    ]);
    let mut maildrop = mail.login().await;
    mail.remove("new/1.a");
    mail.remove("new/2.b");
    assert_eq!(maildrop.open(1).await.err(), Some(Fault::Gone));
    // The system's clock ticks slowly: give the folder a time that is certainly another one.
    mail.rename("new/3.c", "cur/3.c:2,");
    let cur = fs::File::open(mail.path("cur")).expect("a folder");
    cur.set_modified(SystemTime::UNIX_EPOCH)
        .expect("another time");
    assert_eq!(read(&mut *maildrop, 3, 99).await, Ok(b"3\r\n".to_vec()));
    assert_eq!(maildrop.open(2).await.err(), Some(Fault::Gone));
}
