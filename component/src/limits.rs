//! Every constant of the session, with the sentence that justifies it.
//!
//! Limits of the host (line length, memory, time) are not here: the host enforces its own.

/// Octets that an answer may need beyond what is already in a step: CAPA with the 512 octets of
/// announcements and 256 of mechanisms that the contract allows is the longest whole answer. The
/// contract's smallest `max` is as large, so a step of whole answers stays below twice `max`.
pub(crate) const WHOLE_ANSWER_OCTETS: usize = 1024;

/// Octets of the longest line of LIST or UIDL: ten digits, a space, a unique id of 70, CRLF.
pub(crate) const SCAN_LINE_OCTETS: usize = 10 + 1 + 70 + 2;

/// Messages that one window of LIST or UIDL asks for at most. 128 unique ids are 9 KiB at most,
/// and 128 lines cost far more than the call that fetches them.
pub(crate) const WINDOW_MESSAGES: u32 = 128;

/// Messages whose sizes are asked for at once where one is needed. They are 128 octets, and a client
/// that retrieves its messages in order has a call for every sixteenth.
pub(crate) const SIZES_AT_ONCE: u32 = 16;

/// Octets of a SASL mechanism's name (RFC 4422 §3.1).
pub(crate) const MECHANISM_OCTETS: usize = 20;

/// Most octets that one read of a message may ask for, by the contract.
pub(crate) const READ_OCTETS: u32 = 1_048_576;
