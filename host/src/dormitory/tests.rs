//! Who sleeps, and what wakes them up.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use super::*;
use crate::{
    end::SessionIds,
    sessions::{Sessions, Whom},
};

const HOUR: Duration = Duration::from_hours(1);

struct Someone {
    socket: UnixStream,
    entry: Arc<Entry>,
    deadline: Instant,
}

impl Sleeper for Someone {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}

struct House {
    sessions: Sessions,
    ids: SessionIds,
    dormitory: Arc<Dormitory<Someone>>,
    woken: Receiver<(Box<Someone>, Waking)>,
    watch: Watch<Someone>,
}

impl House {
    fn open() -> Self {
        let sessions = Sessions::default();
        let (dormitory, poll) = Dormitory::new(Arc::clone(sessions.bell())).expect("a poll");
        let (sender, woken) = channel();
        let watch = dormitory.watch(poll, move |someone, waking| {
            // Where the test is over, nobody listens.
            let _ = sender.send((someone, waking));
        });
        Self {
            sessions,
            ids: SessionIds::new().expect("random numbers"),
            dormitory,
            woken,
            watch: watch.expect("a thread"),
        }
    }

    /// Somebody who comes to sleep for so long, and the other end of their socket.
    fn guest(&self, time: Duration) -> (Box<Someone>, UnixStream) {
        let (socket, client) = UnixStream::pair().expect("sockets");
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let someone = Someone {
            socket,
            entry: self.sessions.enter(self.ids.next(), peer),
            deadline: Instant::now() + time,
        };
        (Box::new(someone), client)
    }

    fn sleeper(&self, time: Duration) -> UnixStream {
        let (guest, client) = self.guest(time);
        assert!(self.dormitory.lie_down(guest).is_ok());
        client
    }
}

#[test]
fn who_is_spoken_to_wakes_up_and_nobody_else() {
    let house = House::open();
    let mut clients = [HOUR; 3].map(|time| house.sleeper(time));
    for number in [1, 0] {
        clients[usize::from(number)]
            .write_all(&[number])
            .expect("a socket");
        // What has been said already wakes who lies down again.
        let (woken, _) = house.woken.recv().expect("a guest");
        assert!(house.dormitory.lie_down(woken).is_ok());
        let (mut woken, _) = house.woken.recv().expect("the same guest");
        let mut said = [9];
        woken.socket.read_exact(&mut said).expect("an octet");
        assert_eq!(said, [number]);
    }
    assert_eq!(house.dormitory.beds().sleepers.len(), 1);
    drop(clients);
    house.woken.recv().expect("whose client is gone");
}

#[test]
fn whose_time_has_come_wakes_up() {
    let house = House::open();
    let _long = house.sleeper(HOUR);
    let _short = house.sleeper(Duration::from_millis(20));
    let _past = house.sleeper(Duration::ZERO);
    let (first, _) = house.woken.recv().expect("the one that is late");
    let (second, _) = house.woken.recv().expect("the one with little time");
    assert!(first.deadline < second.deadline);
    assert!(second.deadline <= Instant::now());
    assert_eq!(house.dormitory.beds().deadlines.len(), 1);
}

#[test]
fn who_is_wanted_wakes_up_whenever_that_was_said() {
    let house = House::open();
    let (guest, _client) = house.guest(HOUR);
    let entry = Arc::clone(&guest.entry);
    assert!(house.dormitory.lie_down(guest).is_ok());
    entry.nudge();
    let (guest, _) = house.woken.recv().expect("a guest who was nudged");
    assert!(entry.take_nudge());
    // Before it sleeps.
    assert_eq!(house.sessions.kick(&Whom::Session(entry.id())).len(), 1);
    assert!(house.dormitory.lie_down(guest).is_ok());
    house.woken.recv().expect("a guest who was kicked");
}

#[test]
fn of_many_who_are_wanted_a_few_are_woken_up_at_a_time() {
    let house = House::open();
    let mut clients: Vec<_> = (0..=MOST_WAKING).map(|_| house.sleeper(HOUR)).collect();
    for entry in house.sessions.all() {
        entry.nudge();
    }
    let receive = || house.woken.recv().expect("a guest");
    let mut waking: Vec<_> = (0..MOST_WAKING).map(|_| receive()).collect();
    // Whoever is spoken to does not wait for them.
    clients.push(house.sleeper(HOUR));
    clients[MOST_WAKING + 1].write_all(b"?").expect("a socket");
    waking.push(receive());
    assert!(!waking[MOST_WAKING].0.entry.take_nudge());
    assert_eq!(house.dormitory.beds().sleepers.len(), 1);
    waking.truncate(MOST_WAKING - 1);
    let (last, _waking) = receive();
    assert!(last.entry.take_nudge());
}

#[test]
fn nobody_sleeps_behind_the_end() {
    let house = House::open();
    let _clients = [HOUR; 2].map(|time| house.sleeper(time));
    assert_eq!(house.dormitory.close().len(), 2);
    let (guest, _client) = house.guest(HOUR);
    assert!(house.dormitory.lie_down(guest).is_err());
}

#[test]
fn the_thread_ends_with_its_watch_and_so_do_the_sleepers() {
    let house = House::open();
    let (guest, _client) = house.guest(HOUR);
    let entry = Arc::downgrade(&guest.entry);
    house.sessions.leave(guest.entry.id());
    assert!(house.dormitory.lie_down(guest).is_ok());
    drop(house.watch);
    assert!(entry.upgrade().is_none());
    // The thread had the only sender.
    assert!(house.woken.recv().is_err());
}
