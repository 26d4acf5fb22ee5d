//! What a session has done with its capabilities, for the log and the metrics.
//!
//! Counts; limits nothing.

use serde::{Deserialize, Serialize};

/// What a session has done with its capabilities, for the log and the metrics.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Usage {
    /// Messages in the maildrop.
    pub messages: u32,
    /// Octets of the maildrop.
    pub octets: u64,
    /// Messages that were opened and read to their end.
    pub whole: Read,
    /// Messages that were opened and not read to their end.
    pub partial: Read,
    /// Messages that were removed.
    pub removed: u32,
    /// Messages that were to be removed and are still there.
    pub kept: u32,
    /// Whether the last read of a message failed.
    pub is_broken: bool,
    /// Octets that were read of the message that is open, until its end is reached.
    unfinished: Option<u64>,
}

/// Messages that were read, and how much of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Read {
    /// How often a message was opened.
    pub messages: u32,
    /// Octets that the guest was given.
    pub octets: u64,
}

impl Usage {
    /// A message was opened. There is one at a time.
    pub(super) fn opened(&mut self) {
        self.partial.messages = self.partial.messages.saturating_add(1);
        self.unfinished = Some(0);
    }

    /// `octets` of the open message were read.
    pub(super) fn read(&mut self, octets: u64) {
        self.partial.octets = self.partial.octets.saturating_add(octets);
        if let Some(unfinished) = &mut self.unfinished {
            *unfinished = unfinished.saturating_add(octets);
        }
    }

    /// The end of the open message was reached; it may be asked for again.
    pub(super) fn finished(&mut self) {
        if let Some(octets) = self.unfinished.take() {
            self.partial.messages = self.partial.messages.saturating_sub(1);
            self.partial.octets = self.partial.octets.saturating_sub(octets);
            self.whole.messages = self.whole.messages.saturating_add(1);
            self.whole.octets = self.whole.octets.saturating_add(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_once_however_often_its_end_is_read() {
        let mut usage = Usage::default();
        usage.opened();
        usage.read(7);
        usage.opened();
        usage.read(5);
        usage.finished();
        usage.finished();
        let read = |messages, octets| Read { messages, octets };
        assert_eq!((usage.whole, usage.partial), (read(1, 5), read(1, 7)));
    }
}
