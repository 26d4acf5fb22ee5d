//! What the guest is ordered, a word each: to use up what it can, to lie in a step, to misuse what
//! the host lends it.
//!
//! Whether anything stops it is not decided here. An order that is not known is a NOOP.

use alloc::{format, vec, vec::Vec};
use core::{arch::wasm32, mem};

use crate::{
    Session,
    bindings::{
        exports::popcell::pop3::session as wit,
        popcell::pop3::{
            auth::{self, Exchange},
            mail::{Fault, Forwarded, Maildrop, Message, Unfinished},
        },
    },
    stain,
};

/// A handle that the guest was never given.
const FORGED_HANDLE: u32 = 4_711;

/// An answer to the host: what it then makes of it is up to it.
pub(crate) struct Answer {
    pub(crate) consumed: Option<u32>,
    pub(crate) output: Vec<u8>,
    pub(crate) next: wit::Next,
}

impl Answer {
    /// The answer of somebody who behaves.
    pub(crate) fn plain() -> Self {
        Self::of(b"+OK\r\n".to_vec())
    }

    /// What the host said, as far as a client of POP3 would know.
    fn to<T, E>(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::plain(),
            Err(_) => Self::of(b"-ERR\r\n".to_vec()),
        }
    }

    fn of(output: Vec<u8>) -> Self {
        Self {
            consumed: None,
            output,
            next: wit::Next::Lines,
        }
    }

    fn then(next: wit::Next) -> Self {
        Self {
            next,
            ..Self::plain()
        }
    }

    /// The answer in the words of the contract; `consumed` is what is true.
    pub(crate) fn step(self, consumed: u32) -> wit::Step {
        wit::Step {
            consumed: self.consumed.unwrap_or(consumed),
            output: self.output,
            next: self.next,
        }
    }
}

/// What the guest has got hold of.
#[derive(Default)]
pub(crate) struct Deeds {
    pub(crate) maildrop: Option<Maildrop>,
    pub(crate) messages: Vec<Message>,
    pub(crate) exchanges: Vec<Exchange>,
    /// What the next `suspend` gives, if that was ordered.
    pub(crate) state: Option<Vec<u8>>,
    pub(crate) hoard: Vec<Vec<u8>>,
    pub(crate) stains: Vec<Vec<u64>>,
    /// How far down the stack it has been.
    pub(crate) depth: u32,
}

impl Deeds {
    /// Does what the order says.
    pub(crate) fn obey(&mut self, order: &str) -> Answer {
        let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
        let answer = self
            .exhaust(word)
            .or_else(|| lie(word, rest))
            .or_else(|| self.fill_state(word, rest))
            .or_else(|| self.stain(word, rest))
            .or_else(|| self.claim(word, rest))
            .or_else(|| self.misuse(word, rest));
        answer.unwrap_or_else(Answer::plain)
    }

    /// Orders that use something up.
    fn exhaust(&mut self, word: &str) -> Option<Answer> {
        match word {
            "SPIN" => loop {
                core::hint::spin_loop();
            },
            "TRAP" => wasm32::unreachable(),
            "RECURSE" => {
                call_below(u32::MAX);
            }
            "CALL-DEEP" => loop {
                self.depth += 1;
                call_below(self.depth);
            },
            "GROW" => loop {
                self.hoard.push(vec![1; 0x1_0000]);
            },
            "HOARD" => loop {
                wasm32::memory_grow::<0>(1);
            },
            "GRASP" => {
                wasm32::memory_grow::<0>(0x1000);
            }
            "SESSIONS" => loop {
                mem::forget(wit::Session::new(Session::idle()));
            },
            _ => return None,
        }
        Some(Answer::plain())
    }

    fn fill_state(&mut self, word: &str, rest: &str) -> Option<Answer> {
        (word == "STATE").then(|| {
            self.state = Some(vec![b'x'; size(rest)]);
            Answer::plain()
        })
    }

    /// Orders about what is left in the memory.
    fn stain(&mut self, word: &str, rest: &str) -> Option<Answer> {
        match word {
            "STAIN" => self.stains.push(stain::marks(size(rest))),
            "SEEK" => return Some(Answer::of(format!("+OK {}\r\n", stain::count()).into())),
            _ => return None,
        }
        Some(Answer::plain())
    }

    /// Orders about who is logged in.
    fn claim(&mut self, word: &str, rest: &str) -> Option<Answer> {
        Some(match word {
            "LOGIN" => {
                let granted = auth::password(b"alice", b"secret");
                Answer::to(granted.map(|maildrop| self.maildrop = Some(maildrop)))
            }
            "APOP" => Answer::to(auth::apop(b"alice", b"digest")),
            "GUESS" => loop {
                drop(auth::password(b"alice", b"guess"));
            },
            "START" => {
                let started = Exchange::start(rest).ok_or(());
                Answer::to(started.map(|exchange| self.exchanges.push(exchange)))
            }
            "STARTS" => loop {
                self.exchanges.extend(Exchange::start(rest));
            },
            "BEGIN" => Answer::to(Ok::<_, ()>(self.exchanges.first()?.begin(None))),
            "RESPOND" => {
                let exchange = self.exchanges.first()?;
                Answer::to(Ok::<_, ()>(exchange.respond(rest.as_bytes())))
            }
            _ => return None,
        })
    }

    /// Forwards of the first message, behind so much of a plain answer.
    fn forward(&self, max: u32, at: u32) -> Result<Forwarded, Option<Fault>> {
        let message = self.messages.first().ok_or(None)?;
        message.forward(max, at, true, b'.').map_err(Some)
    }

    /// Orders about a maildrop; without one they do nothing.
    fn misuse(&mut self, word: &str, rest: &str) -> Option<Answer> {
        let maildrop = self.maildrop.as_ref()?;
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let first = number(first);
        Some(match word {
            "CALLS" => loop {
                maildrop.summary();
            },
            "SIZES" => Answer::to(maildrop.sizes(first, number(second))),
            "UIDS" => Answer::to(maildrop.uids(first, number(second))),
            "OPEN" => {
                let opened = maildrop.open(first);
                Answer::to(opened.map(|message| self.messages.push(message)))
            }
            "FORWARD-OPEN" => {
                let opened = maildrop.forward(first, number(second), 0, b'.');
                Answer::to(opened.map(|opened| self.messages.extend(opened.message)))
            }
            "FORWARD-OPENS" => loop {
                let _ = maildrop.forward(first, 2048, 0, b'.');
            },
            "OPENS" => loop {
                drop(maildrop.open(1));
            },
            "READ" => Answer::to(self.messages.first()?.read(first)),
            "READS" => loop {
                drop(self.messages.first()?.read(1));
            },
            "FORWARD" => Answer::to(self.forward(first, number(second))),
            "FORWARD-BACK" => Answer::to(self.forward(1, 5).and_then(|_| self.forward(1, 4))),
            "FORWARDS" => loop {
                let _ = self.forward(first, 0);
            },
            "FORWARD-TRAP" => {
                let _ = self.forward(first, 0);
                wasm32::unreachable()
            }
            "COMMIT" | "UNASKED" => {
                Answer::to(Maildrop::commit(self.maildrop.take()?, &mark(first)))
            }
            "COMMITS" => Answer::to(commit_twice(self.maildrop.take()?)),
            "FORGED" => summarize(FORGED_HANDLE),
            "CONFUSED" => summarize(self.messages.first()?.handle()),
            "RELEASE" => {
                self.maildrop = None;
                Answer::plain()
            }
            _ => return None,
        })
    }
}

/// Orders to give the host a step that is not true.
fn lie(word: &str, rest: &str) -> Option<Answer> {
    Some(match word {
        "FLOOD" => Answer::of(vec![b'x'; size(rest)]),
        "LENGTH" => Answer::of(unbacked(size(rest))),
        "FORGE" => Answer::of(b"+OK \0\r\n-ERR and more\r\n.\r\n".to_vec()),
        "CONSUME" => Answer {
            consumed: Some(number(rest)),
            ..Answer::plain()
        },
        "MUTE" => Answer {
            output: Vec::new(),
            ..Answer::then(wit::Next::More)
        },
        "DRONE" => Answer {
            output: vec![b'x'; size(rest)],
            ..Answer::then(wit::Next::More)
        },
        "START-TLS" => Answer::then(wit::Next::StartTls),
        "CLOSE" => Answer::then(wit::Next::Close),
        "ABORT" => Answer::then(wit::Next::Abort),
        _ => return None,
    })
}

/// Calls the host from this far down its own stack.
fn call_below(depth: u32) -> u32 {
    if depth == 0 {
        return call();
    }
    // Two operations behind the call, so that it stays a call.
    call_below(depth - 1).wrapping_mul(3).wrapping_add(1)
}

/// A call of the host. Apart, so that what it needs in memory is needed once and not in every frame
/// above it.
#[inline(never)]
fn call() -> u32 {
    u32::from(Exchange::start("NONE").is_some())
}

/// Uses a handle that is not, or no longer, that of a maildrop.
fn summarize(handle: u32) -> Answer {
    // The host has to find out: nothing in a guest can be relied upon.
    let maildrop = unsafe { Maildrop::from_handle(handle) };
    maildrop.summary();
    mem::forget(maildrop);
    Answer::plain()
}

/// Commits, and commits again what the first commit has consumed.
fn commit_twice(maildrop: Maildrop) -> Result<(), Unfinished> {
    let again = unsafe { Maildrop::from_handle(maildrop.handle()) };
    Maildrop::commit(maildrop, &[])?;
    Maildrop::commit(again, &[])
}

/// A list that says that it is longer than it is. The host reads it, nobody else does.
fn unbacked(octets: usize) -> Vec<u8> {
    let mut list = mem::ManuallyDrop::new(vec![b'x'; 1]);
    unsafe { Vec::from_raw_parts(list.as_mut_ptr(), octets, octets) }
}

/// Marks of this message alone.
fn mark(number: u32) -> Vec<u8> {
    let Some(index) = number.checked_sub(1) else {
        return Vec::new();
    };
    let octets = usize::try_from(index / 8).unwrap_or_default();
    let mut marks = vec![0; octets + 1];
    marks[octets] = 1 << (index % 8);
    marks
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or_default()
}

fn size(word: &str) -> usize {
    word.parse().unwrap_or_default()
}
