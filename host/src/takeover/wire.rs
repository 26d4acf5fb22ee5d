//! Frames of JSON with descriptors, over a Unix socket, for a server and its successor.
//!
//! Blocks. Knows nothing of what is said.

use std::{
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Serialize, de::DeserializeOwned};

/// Descriptors of one frame: one for each listener, or those of a session.
pub(super) const MOST_DESCRIPTORS: usize = 64;

/// Octets of one frame: a maildrop of a million messages has some sixty for each.
const MOST_OCTETS: u32 = 512 << 20;

/// Sends a value, and descriptors along with it.
pub(super) fn send(
    stream: &mut UnixStream,
    value: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let octets = serde_json::to_vec(value)?;
    let length = u32::try_from(octets.len()).map_err(io::Error::other)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one frame"));
    }
    let head = length.to_be_bytes();
    let sent = sendmsg(
        stream.as_fd(),
        &[IoSlice::new(&head)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    // The descriptors went with the first octet.
    stream.write_all(&head[sent..])?;
    stream.write_all(&octets)
}

/// Receives a value and its descriptors.
pub(super) fn receive<T: DeserializeOwned>(
    stream: &mut UnixStream,
) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut head = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        stream.as_fd(),
        &mut [IoSliceMut::new(&mut head)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("descriptors were lost"));
    }
    stream.read_exact(&mut head[received.bytes..])?;
    let length = u32::from_be_bytes(head);
    if length > MOST_OCTETS {
        return Err(io::Error::other("a frame that is too long"));
    }
    let mut octets = Vec::new();
    stream.take(length.into()).read_to_end(&mut octets)?;
    Ok((serde_json::from_slice(&octets)?, descriptors))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_value_comes_with_its_descriptors() {
        let (mut one, mut two) = UnixStream::pair().expect("a pair");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"seen by both").expect("written");
        send(&mut one, &"first", &[file.as_fd()]).expect("sent");
        send(&mut one, &"second", &[]).expect("sent");
        let (first, descriptors) = receive::<String>(&mut two).expect("received");
        assert_eq!((first.as_str(), descriptors.len()), ("first", 1));
        let length = File::from(descriptors.into_iter().next().expect("one"))
            .metadata()
            .expect("a file")
            .len();
        assert_eq!(length, 12);
        let (second, none) = receive::<String>(&mut two).expect("received");
        assert!(second == "second" && none.is_empty());
        drop(one);
        let end = receive::<String>(&mut two).expect_err("nothing more");
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }
}
