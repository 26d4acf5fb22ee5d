//! A host whose maildrops leave out spam: the traits of `capability.rs` on both sides.

use popcell_component::{Exchange, Fault, Host, Maildrop, Refusal, Summary, Turn, Unfinished};

use crate::{hidden::Hidden, spam};

/// Calls that a scan may make. The contract allows 100,000 in one call of the session; what is
/// left is for the commands in that call. Messages behind them are shown as they are.
const CALLS: u32 = 90_000;
/// What the contract gives in one window.
const WINDOW: u32 = 4_096;

/// A host in front of another one.
pub(crate) struct Filter<H>(pub(crate) H);

/// A maildrop without some of its messages.
pub(crate) struct Filtered<M> {
    pub(crate) maildrop: M,
    pub(crate) hidden: Hidden,
}

impl<M: Maildrop> Filtered<M> {
    /// Reads the header of every message. One that can not be read is shown: RETR says why.
    ///
    /// Opens messages, so it is for calls of `lines` only.
    pub(crate) fn scan(maildrop: M) -> Self {
        let mut hidden = Hidden::default();
        let mut calls = 0;
        for number in 1..=maildrop.summary().count {
            if calls > CALLS {
                break;
            }
            let Ok(message) = maildrop.open(number) else {
                calls += 1;
                continue;
            };
            let (is_flagged, reads) = spam::is_flagged(&message).unwrap_or((false, 1));
            drop(message);
            calls += reads + 2;
            if is_flagged {
                calls += 1;
                let sizes = maildrop.sizes(number, 1);
                if let Some(size) = sizes.ok().and_then(|sizes| sizes.first().copied()) {
                    hidden.add(number, size);
                }
            }
        }
        Self { maildrop, hidden }
    }

    /// The true windows that hold `max` shown messages from number `first` on: their first number
    /// and their length.
    fn windows(&self, first: u32, max: u32) -> impl Iterator<Item = (u32, u32)> {
        let count = self.summary().count;
        let last = first.saturating_add(max).saturating_sub(1).min(count);
        let is_empty = max == 0 || first > last;
        let (start, end) = (self.hidden.behind(first), self.hidden.behind(last));
        let end = if is_empty { 0 } else { end };
        let starts = (start..=end).step_by(WINDOW as usize);
        starts.map(move |start| (start, WINDOW.min(end - start + 1)))
    }
}

impl<M: Maildrop> Maildrop for Filtered<M> {
    type Message = M::Message;

    fn summary(&self) -> Summary {
        let Summary { count, octets } = self.maildrop.summary();
        Summary {
            count: count.saturating_sub(self.hidden.count()),
            octets: octets.saturating_sub(self.hidden.octets()),
        }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, Fault> {
        let mut shown = Vec::new();
        for (start, length) in self.windows(first, max) {
            let sizes = self.maildrop.sizes(start, length)?;
            let numbered = (start..).zip(sizes);
            shown.extend(
                numbered
                    .filter(|(number, _)| !self.hidden.has(*number))
                    .map(|(_, s)| s),
            );
        }
        Ok(shown)
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, Fault> {
        let mut shown = Vec::new();
        for (start, length) in self.windows(first, max) {
            let uids = self.maildrop.uids(start, length)?;
            for (number, uid) in (start..).zip(uids.split_inclusive(|octet| *octet == b'\n')) {
                if !self.hidden.has(number) {
                    shown.extend_from_slice(uid);
                }
            }
        }
        Ok(shown)
    }

    fn announce(&self) -> Vec<String> {
        self.maildrop.announce()
    }

    fn open(&self, number: u32) -> Result<M::Message, Fault> {
        self.maildrop.open(self.hidden.behind(number))
    }

    fn commit(self, marks: &[u8]) -> Result<(), Unfinished> {
        let count = self.maildrop.summary().count;
        let mut theirs = vec![0; usize::try_from(count.div_ceil(8)).unwrap_or_default()];
        for (index, octet) in (0_u32..).zip(marks) {
            for bit in (0..8).filter(|bit| octet & (1 << bit) != 0) {
                let place = self.hidden.behind(8 * index + bit + 1) - 1;
                if let Some(octet) =
                    theirs.get_mut(usize::try_from(place / 8).unwrap_or(usize::MAX))
                {
                    *octet |= 1 << (place % 8);
                }
            }
        }
        self.maildrop.commit(&theirs)
    }
}

impl<H: Host> Host for Filter<H> {
    type Maildrop = Filtered<H::Maildrop>;
    type Exchange = Filter<H::Exchange>;

    fn password(&self, user: &[u8], password: &[u8]) -> Result<Self::Maildrop, Refusal> {
        self.0.password(user, password).map(Filtered::scan)
    }

    fn apop(&self, user: &[u8], digest: &[u8]) -> Result<Self::Maildrop, Refusal> {
        self.0.apop(user, digest).map(Filtered::scan)
    }

    fn start(&self, mechanism: &str) -> Option<Self::Exchange> {
        self.0.start(mechanism).map(Filter)
    }
}

impl<E: Exchange> Exchange for Filter<E> {
    type Maildrop = Filtered<E::Maildrop>;

    fn begin(&self, initial: Option<&[u8]>) -> Turn<Self::Maildrop> {
        filtered(self.0.begin(initial))
    }

    fn respond(&self, response: &[u8]) -> Turn<Self::Maildrop> {
        filtered(self.0.respond(response))
    }
}

fn filtered<M: Maildrop>(turn: Turn<M>) -> Turn<Filtered<M>> {
    match turn {
        Turn::Challenge(challenge) => Turn::Challenge(challenge),
        Turn::Done(maildrop) => Turn::Done(Filtered::scan(maildrop)),
        Turn::Refused(refusal) => Turn::Refused(refusal),
    }
}
