//! Where sessions sleep that have left their cell: without a task, without a timer, each a value and a
//! socket that one thread watches for all of them.
//!
//! Knows neither sessions nor what becomes of them when they wake up. Called by `server.rs`.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io,
    os::fd::{AsRawFd as _, BorrowedFd, RawFd},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use mio::{Events, Interest, Poll, Registry, Token, Waker, unix::SourceFd};
use tracing::{debug, error};

use crate::sessions::Entry;

/// The thread's own token, which is the number of no bed.
const BELL: Token = Token(usize::MAX);

/// What the thread looks at in one go.
const EVENTS: usize = 256;

/// How many are on their way out of bed when the next one that was rung for is woken up. A swap rings
/// for all of them, and who is awake must not find thousands before them wherever they go.
const MOST_WAKING: usize = 16;

/// What can sleep.
pub(crate) trait Sleeper {
    /// What it is called by whoever rings the bell for it.
    fn entry(&self) -> &Entry;

    /// What has something to read when it has to be woken up; `None` if nothing says so.
    fn socket(&self) -> Option<BorrowedFd<'_>>;

    /// When it has to be woken up in any case; the same for as long as it sleeps.
    fn deadline(&self) -> Instant;
}

/// Sessions that sleep.
pub(crate) struct Dormitory<S> {
    registry: Registry,
    bell: Arc<Bell>,
    beds: Mutex<Beds<S>>,
}

/// Where a session sleeps: the number of its descriptor, which nobody else has meanwhile.
pub(crate) type Number = RawFd;

struct Beds<S> {
    sleepers: HashMap<Number, Box<S>>,
    /// Who has to be woken up when.
    deadlines: BTreeSet<(Instant, Number)>,
    /// Nobody lies down any more.
    is_closed: bool,
}

/// Wakes up single sessions, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<VecDeque<Number>>,
    waking: AtomicUsize,
    /// There as soon as anybody can sleep.
    waker: OnceLock<Waker>,
}

/// Somebody who has been woken up and is not served yet, until this is dropped.
#[derive(Debug)]
pub(crate) struct Waking(Arc<Bell>);

/// The thread that watches over them, until this is dropped.
pub(crate) struct Watch<S> {
    dormitory: Arc<Dormitory<S>>,
}

impl<S: Sleeper + Send + 'static> Dormitory<S> {
    /// An empty one. There is one for a bell.
    ///
    /// # Errors
    ///
    /// The system watches nothing for us.
    pub(crate) fn new(bell: Arc<Bell>) -> io::Result<(Arc<Self>, Poll)> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        // There is one dormitory for a bell.
        let _ = bell.waker.set(Waker::new(poll.registry(), BELL)?);
        let beds = Beds {
            sleepers: HashMap::new(),
            deadlines: BTreeSet::new(),
            is_closed: false,
        };
        let dormitory = Self {
            registry,
            bell,
            beds: Mutex::new(beds),
        };
        Ok((Arc::new(dormitory), poll))
    }

    /// Starts the thread; `wake` is given who has to wake up.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn watch(
        self: &Arc<Self>,
        poll: Poll,
        wake: impl Fn(Box<S>, Waking) + Send + 'static,
    ) -> io::Result<Watch<S>> {
        let dormitory = Arc::clone(self);
        thread::Builder::new()
            .name("dormitory".to_owned())
            .spawn(move || dormitory.keep_watch(poll, wake))?;
        Ok(Watch {
            dormitory: Arc::clone(self),
        })
    }

    /// Puts a session to sleep, or gives it back: nobody can watch over it, or all are to be awake.
    pub(crate) fn lie_down(&self, sleeper: Box<S>) -> Result<(), Box<S>> {
        let Some(number) = sleeper.socket().map(|socket| socket.as_raw_fd()) else {
            return Err(sleeper);
        };
        let deadline = sleeper.deadline();
        let mut beds = self.beds();
        if beds.is_closed {
            return Err(sleeper);
        }
        // What there is to read already is an event as well.
        let (mut socket, registry) = (SourceFd(&number), &self.registry);
        if let Err(error) = registry.register(&mut socket, token(number), Interest::READABLE) {
            debug!(%error, "a session stays awake");
            return Err(sleeper);
        }
        // Who rings before this is heard by whoever asks behind it.
        sleeper.entry().set_bed(Some(number));
        let is_wanted = sleeper.entry().is_wanted();
        let is_first = beds.deadlines.first().is_none_or(|(at, _)| deadline < *at);
        beds.deadlines.insert((deadline, number));
        beds.sleepers.insert(number, sleeper);
        drop(beds);
        if is_wanted {
            self.bell.ring(number);
        } else if is_first {
            self.bell.wake();
        }
        Ok(())
    }

    /// Everybody is awake from here on: gives all who sleep.
    pub(crate) fn close(&self) -> Vec<Box<S>> {
        let mut beds = self.beds();
        beds.is_closed = true;
        let numbers: Vec<Number> = beds.sleepers.keys().copied().collect();
        let woken = numbers.into_iter();
        woken
            .filter_map(|number| self.get_up(&mut beds, number))
            .collect()
    }

    fn keep_watch(&self, mut poll: Poll, wake: impl Fn(Box<S>, Waking)) {
        let mut events = Events::with_capacity(EVENTS);
        let wake = |sleeper| wake(sleeper, Waking::new(&self.bell));
        loop {
            let next = self.beds().deadlines.first().map(|(at, _)| *at);
            let pause = next.map(|at| at.saturating_duration_since(Instant::now()));
            match poll.poll(&mut events, pause) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    error!(%error, "nobody can be watched any more");
                    return self.close().into_iter().for_each(wake);
                }
            }
            let called = events.iter().filter_map(|event| number(event.token()));
            // One at a time: who lies down meanwhile is not kept waiting.
            for number in called.chain(self.late()) {
                let woken = self.get_up(&mut self.beds(), number);
                woken.into_iter().for_each(&wake);
            }
            while let Some(number) = self.bell.next() {
                let woken = self.get_up(&mut self.beds(), number);
                woken.into_iter().for_each(&wake);
            }
            if self.beds().is_closed {
                return;
            }
        }
    }

    /// Those whose time has come.
    fn late(&self) -> Vec<Number> {
        let (beds, now) = (self.beds(), Instant::now());
        let late = beds.deadlines.iter().take_while(|(at, _)| *at <= now);
        late.map(|(_, number)| *number).collect()
    }

    fn get_up(&self, beds: &mut Beds<S>, number: Number) -> Option<Box<S>> {
        let sleeper = beds.sleepers.remove(&number)?;
        beds.deadlines.remove(&(sleeper.deadline(), number));
        // Who is in the bed holds the socket open. If it was not watched, it is not any more.
        let _ = self.registry.deregister(&mut SourceFd(&number));
        sleeper.entry().set_bed(None);
        Some(sleeper)
    }

    fn beds(&self) -> MutexGuard<'_, Beds<S>> {
        self.beds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    /// Wakes up who is in this bed, if anybody is.
    pub(crate) fn ring(&self, number: Number) {
        self.list().push_back(number);
        self.wake();
    }

    fn wake(&self) {
        // What could fail is that it has been rung too often already.
        if let Some(Err(error)) = self.waker.get().map(Waker::wake) {
            error!(%error, "the bell of the dormitory does not ring");
        }
    }

    /// For whom it was rung, if there is anybody and if not too many are being woken up.
    fn next(&self) -> Option<Number> {
        let is_calm = self.waking.load(Ordering::SeqCst) < MOST_WAKING;
        is_calm.then(|| self.list().pop_front()).flatten()
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<Number>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waking {
    fn new(bell: &Arc<Bell>) -> Self {
        bell.waking.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(bell))
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        let waking = self.0.waking.fetch_sub(1, Ordering::SeqCst);
        if waking <= MOST_WAKING && !self.0.list().is_empty() {
            self.0.wake();
        }
    }
}

/// Whoever sleeps then is dropped.
impl<S> Drop for Watch<S> {
    fn drop(&mut self) {
        let beds = &self.dormitory.beds;
        let mut beds = beds.lock().unwrap_or_else(PoisonError::into_inner);
        beds.is_closed = true;
        let sleepers = std::mem::take(&mut beds.sleepers);
        drop(beds);
        self.dormitory.bell.wake();
        drop(sleepers);
    }
}

fn token(number: Number) -> Token {
    // A descriptor is not negative.
    Token(usize::try_from(number).unwrap_or(usize::MAX))
}

fn number(token: Token) -> Option<Number> {
    Number::try_from(token.0).ok()
}

#[cfg(test)]
mod tests;
