//! An open mail file as a message: measured, read from front to back, checked at its end.
//!
//! Knows one file and how many octets were announced for it. Which file that is, others decide.

use std::mem::MaybeUninit;

use rustix::{fd::OwnedFd, io::Errno};

use crate::mailbox::wire::{Chunk, Count, Sink, Wire};

/// Octets read with one call of the system.
const INPUT_OCTETS: usize = 32 * 1024;

/// The most that is read at once, whatever is asked for (the contract's limit of `message.read`).
const MAX_READ_OCTETS: usize = 1024 * 1024;

/// Why a message can not be read to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Error {
    /// It is not what was announced.
    Changed,
    /// What the system said.
    Io(Errno),
}

/// Reads an open file of `stored` octets to count its octets on the wire.
pub(super) fn measure(file: &OwnedFd, stored: u64) -> Result<u64, Errno> {
    let (mut wire, mut count, mut at) = (Wire::default(), Count::default(), 0);
    let mut buffer = [MaybeUninit::<u8>::uninit(); INPUT_OCTETS];
    // What the file grows by meanwhile shows when it is read: there it is an error.
    while at < stored {
        match read_at(file, &mut buffer, at) {
            Ok([]) => break,
            Ok(octets) => at += wire.feed(octets, &mut count) as u64,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    wire.finish(&mut count);
    Ok(count.octets)
}

/// A message that is being read. Holds a descriptor and a few numbers, no buffer: a slow client
/// costs nothing else.
#[derive(Debug)]
pub(super) struct Reader {
    file: OwnedFd,
    wire: Wire,
    /// Where the next octet of the file is.
    at: u64,
    /// Octets on the wire that are still to come, if the file is what was announced.
    left: u64,
    /// What was read last was all that there was: nothing has to be looked for behind it.
    is_at_end: bool,
}

impl Reader {
    /// Reads `file`, for which `announced` octets were announced.
    pub(super) fn new(file: OwnedFd, announced: u64) -> Self {
        Self {
            file,
            wire: Wire::default(),
            at: 0,
            left: announced,
            is_at_end: false,
        }
    }

    /// The next octets, at most `max`; none at the end.
    ///
    /// A file that turns out to be shorter or longer than announced is [`Error::Changed`] before its
    /// end is reached.
    pub(super) fn read(&mut self, max: usize) -> Result<Vec<u8>, Error> {
        if self.left == 0 {
            return self.end().map(|()| Vec::new());
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut chunk = Chunk::new(max.clamp(1, MAX_READ_OCTETS).min(left));
        let mut buffer = [MaybeUninit::<u8>::uninit(); INPUT_OCTETS];
        while chunk.room() > 0 {
            // One octet more than fits shows where a file of CRLF ends.
            let wanted = (chunk.room() + 1).min(INPUT_OCTETS);
            match read_at(&self.file, &mut buffer[..wanted], self.at) {
                Ok([]) => {
                    self.wire.finish(&mut chunk);
                    break;
                }
                Ok(octets) => {
                    let fed = self.wire.feed(octets, &mut chunk);
                    self.at += fed as u64;
                    // A file gives less than it is asked for at its end only.
                    self.is_at_end = fed == octets.len() && fed < wanted;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::Io(errno)),
            }
        }
        let is_short = chunk.room() > 0;
        let octets = chunk.into_octets();
        self.left -= octets.len() as u64;
        if is_short {
            Err(Error::Changed)
        } else {
            Ok(octets)
        }
    }

    /// Whether all has been read, and nothing has to be looked for in the file to know that it was all.
    pub(super) fn is_at_end(&self) -> bool {
        self.left == 0 && self.is_at_end && self.end().is_ok()
    }

    /// Checks that what was announced is all that there is.
    fn end(&self) -> Result<(), Error> {
        // Two octets: one may be the LF of a line end that is complete.
        let mut stored = [0; 2];
        let behind = match self.is_at_end {
            true => 0,
            false => rustix::io::retry_on_intr(|| {
                rustix::io::pread(&self.file, &mut stored[..], self.at)
            })
            .map_err(Error::Io)?,
        };
        let (mut wire, mut surplus) = (self.wire.clone(), Count::default());
        wire.feed(&stored[..behind], &mut surplus);
        wire.finish(&mut surplus);
        if surplus.octets == 0 {
            Ok(())
        } else {
            Err(Error::Changed)
        }
    }
}

fn read_at<'a>(
    file: &OwnedFd,
    buffer: &'a mut [MaybeUninit<u8>],
    at: u64,
) -> Result<&'a [u8], Errno> {
    rustix::io::pread(file, buffer, at).map(|(octets, _)| &*octets)
}
