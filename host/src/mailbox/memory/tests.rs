//! The store in memory from outside. What a session makes of it is tested elsewhere.

use super::*;

fn account(user: &str) -> Account {
    Account {
        user: user.to_owned(),
        home: None,
    }
}

fn store() -> Memory {
    Memory::new([(
        "al",
        vec![b"one\n".to_vec(), b"two".to_vec(), b"three\r\n".to_vec()],
    )])
}

async fn open(store: &Memory) -> Box<dyn Maildrop> {
    store.open(&account("al"), "s1").await.expect("not locked")
}

async fn read(maildrop: &mut dyn Maildrop, number: u32, max: usize) -> Result<Vec<u8>, Fault> {
    let mut message = maildrop.open(number).await?;
    let mut whole = Vec::new();
    loop {
        match message.read(max).await? {
            octets if octets.is_empty() => return Ok(whole),
            octets => whole.extend(octets),
        }
    }
}

#[tokio::test]
async fn messages_arrive_as_lines_in_pieces_of_any_size() {
    let store = store();
    let mut maildrop = open(&store).await;
    for max in [1, 2, 3, 4096] {
        assert_eq!(read(&mut *maildrop, 1, max).await, Ok(b"one\r\n".to_vec()));
        assert_eq!(read(&mut *maildrop, 2, max).await, Ok(b"two\r\n".to_vec()));
        assert_eq!(
            read(&mut *maildrop, 3, max).await,
            Ok(b"three\r\n".to_vec())
        );
    }
    assert_eq!(maildrop.snapshot().sizes(1, 9), [5, 5, 7]);
    assert_eq!(read(&mut *maildrop, 4, 1).await, Err(Fault::Gone));
    assert_eq!(read(&mut *maildrop, 0, 1).await, Err(Fault::Gone));
}

#[tokio::test]
async fn one_session_at_a_time_has_the_maildrop() {
    let store = store();
    let first = open(&store).await;
    assert_eq!(store.holder("al").as_deref(), Some("s1"));
    let second = store.open(&account("al"), "s2").await;
    assert_eq!(second.err(), Some(OpenError::InUse));
    assert!(store.open(&account("bo"), "s3").await.is_ok());
    drop(first);
    assert!(store.open(&account("al"), "s4").await.is_ok());
}

#[tokio::test]
async fn a_commit_removes_and_a_drop_does_not() {
    let store = store();
    drop(open(&store).await);
    assert_eq!(store.messages("al").len(), 3);
    let maildrop = open(&store).await;
    store.deliver("al", *b"four");
    assert_eq!(maildrop.commit(vec![1, 3]).await, Ok(()));
    assert_eq!(store.messages("al"), [b"two".to_vec(), b"four".to_vec()]);
    let maildrop = open(&store).await;
    assert_eq!(
        maildrop.snapshot().uid(2),
        Some(b"0000000000000003".as_slice())
    );
}

#[tokio::test]
async fn troubles_show_where_they_are_asked_for() {
    let store = store();
    let mut maildrop = open(&store).await;
    assert!(store.trouble("al", 1, Some(Trouble::Gone)));
    assert!(store.trouble(
        "al",
        2,
        Some(Trouble::Read {
            after: 2,
            fault: Fault::Temporary
        })
    ));
    assert!(store.trouble("al", 3, Some(Trouble::Keep)));
    assert!(!store.trouble("al", 4, Some(Trouble::Keep)));
    assert_eq!(read(&mut *maildrop, 1, 9).await, Err(Fault::Gone));
    let mut message = maildrop.open(2).await.expect("it can be opened");
    assert_eq!(message.read(9).await, Ok(b"tw".to_vec()));
    assert_eq!(message.read(9).await, Err(Fault::Temporary));
    assert_eq!(
        maildrop.commit(vec![1, 2, 3]).await,
        Err(Unfinished {
            removed: 2,
            kept: 1
        })
    );
    assert_eq!(store.messages("al"), [b"three\r\n".to_vec()]);
    store.refuse("al", Some(OpenError::Permanent));
    let refused = store.open(&account("al"), "s2").await;
    assert_eq!(refused.err(), Some(OpenError::Permanent));
}
