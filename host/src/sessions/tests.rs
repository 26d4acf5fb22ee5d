//! Who is there, who is woken, who is ended.

use std::{
    pin::pin,
    task::{Context, Poll, Wake, Waker},
};

use super::*;
use crate::end::SessionIds;

/// Three connections: two of alice, one of nobody.
fn three() -> (Sessions, Vec<Arc<Entry>>) {
    let sessions = Sessions::default();
    let ids = SessionIds::new().expect("random numbers");
    let peer = "192.0.2.1:4711".parse().expect("address");
    let entries: Vec<_> = (0..3).map(|_| sessions.enter(ids.next(), peer)).collect();
    for entry in &entries[..2] {
        entry.facts().user = Some("alice".into());
    }
    (sessions, entries)
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn poll_once(future: impl Future<Output = ()>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn an_entry_is_small() {
    let counts = 2 * size_of::<usize>();
    let octets = size_of::<Entry>() + counts;
    assert!(octets < 256, "{octets} octets for each connection");
}

#[test]
fn those_who_are_meant_are_kicked_and_nobody_else() {
    let (sessions, entries) = three();
    assert_eq!(sessions.kick(&Whom::User("bob".to_owned())), []);
    assert_eq!(sessions.kick(&Whom::User("alice".to_owned())).len(), 2);
    let kicked: Vec<_> = entries
        .iter()
        .map(|entry| poll_once(entry.kicked()))
        .collect();
    assert_eq!(kicked, [true, true, false]);
    let third = entries[2].id;
    assert_eq!(sessions.kick(&Whom::Session(third)), [third]);
    assert!(
        poll_once(entries[2].kicked()),
        "a kick waits for whoever asks later"
    );
    let all = Whom::Tenant(DEFAULT_TENANT.to_owned());
    assert_eq!(sessions.kick(&all).len(), 3);
}

#[test]
fn a_nudge_wakes_and_does_not_end() {
    let (_sessions, entries) = three();
    let entry = &entries[0];
    assert!(!entry.take_nudge());
    let mut kicked = pin!(entry.kicked());
    let waker = Arc::new(Woken::default());
    let mut poll = || {
        let waker = Waker::from(Arc::clone(&waker));
        kicked.as_mut().poll(&mut Context::from_waker(&waker))
    };
    for _ in 0..2 {
        assert_eq!(poll(), Poll::Pending);
        entry.nudge();
        assert!(waker.0.swap(false, Ordering::SeqCst));
        assert!(entry.take_nudge() && !entry.take_nudge());
    }
    entry.kick();
    assert_eq!(poll(), Poll::Ready(()));
}

#[test]
fn who_has_left_is_not_there() {
    let (sessions, entries) = three();
    sessions.leave(entries[1].id);
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.kick(&Whom::Session(entries[1].id)), []);
    assert!(sessions.list().iter().all(|view| view.id != entries[1].id));
}

#[test]
fn a_text_is_kept_once_and_only_while_it_is_used() {
    let sessions = Sessions::default();
    let (one, two) = (sessions.shared("ab"), sessions.shared("ab"));
    assert!(Arc::ptr_eq(&one, &two));
    drop((one, two));
    let other = sessions.shared("cd");
    assert_eq!(sessions.texts.lock().expect("whole").len(), 1);
    drop(other);
}

#[test]
fn what_a_connection_adds_up_is_seen() {
    let (sessions, entries) = three();
    entries[2].facts().state = State::Authorization;
    entries[2].add_traffic(3, 4);
    entries[2].add_traffic(30, 40);
    entries[2].add_computed(1500);
    entries[2].set_memory(65_536);
    let list = sessions.list();
    let view = list.iter().find(|view| view.id == entries[2].id);
    let view = view.expect("listed");
    assert_eq!((view.octets_in, view.octets_out), (33, 44));
    assert_eq!(view.computed, Duration::from_nanos(1500));
    assert_eq!((view.memory, view.state), (65_536, State::Authorization));
}
