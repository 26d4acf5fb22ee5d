//! Headers whole, cut, wrong and missing. The encoder of the properties is somebody else's.

use std::time::Duration;

use proptest::prelude::*;
use proxy_header::{ProxiedAddress, ProxyHeader, Tlv};
use tokio::{
    io::{AsyncWriteExt, duplex},
    runtime::{Builder, Runtime},
};

use super::*;

const BEHIND: &[u8] = b"\x16\x03\x01\0\x05hello";

fn addresses(source: &str, destination: &str) -> Addresses {
    let parse = |text: &str| text.parse().expect("an address and a port");
    Addresses {
        source: parse(source),
        destination: parse(destination),
    }
}

/// What comes of octets that arrive in pieces, and what is left behind the header.
async fn read_pieces(
    pieces: impl IntoIterator<Item = &[u8]>,
) -> (Result<Option<Addresses>, Error>, Vec<u8>) {
    let (mut ours, theirs) = duplex(1 << 16);
    let (mut theirs, mut arrived) = (theirs, Vec::new());
    let mut reading = Box::pin(async move {
        let deadline = Instant::now() + Duration::from_secs(10);
        let header = read_header(&mut ours, deadline).await;
        (header, ours)
    });
    let mut early = None;
    for piece in pieces {
        theirs.write_all(piece).await.expect("room for all of it");
        if early.is_none() {
            // Polls once: what has arrived so far is taken.
            early =
                tokio::select! { biased; done = &mut reading => Some(done), () = async {} => None };
        }
    }
    drop(theirs);
    let (header, mut ours) = match early {
        Some(done) => done,
        None => reading.await,
    };
    ours.read_to_end(&mut arrived)
        .await
        .expect("a pipe without faults");
    (header, arrived)
}

async fn read_all(octets: &[u8]) -> (Result<Option<Addresses>, Error>, Vec<u8>) {
    read_pieces([octets]).await
}

fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len())
        .expect("a short block")
        .to_be_bytes();
    [SIGNATURE.as_slice(), &[command, family], &length, block].concat()
}

#[tokio::test]
async fn a_header_of_version_1_names_the_client() {
    for (line, expected) in [
        (
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324 110",
            addresses("192.0.2.1:56324", "198.51.100.2:110"),
        ),
        (
            "PROXY TCP6 2001:db8::1 ::1 1 65535",
            addresses("[2001:db8::1]:1", "[::1]:65535"),
        ),
    ] {
        let (header, behind) = read_all(&[line.as_bytes(), b"\r\n", BEHIND].concat()).await;
        assert_eq!(header.expect("a header"), Some(expected));
        assert_eq!(behind, BEHIND);
    }
}

#[tokio::test]
async fn the_socket_is_right_where_the_header_says_nothing() {
    let anything = [7; 40];
    let local = version_2(0x20, 0xff, &anything);
    let unspecified = version_2(0x21, 0x00, &[]);
    let datagrams = version_2(0x21, 0x12, &anything);
    let unix = version_2(0x21, 0x31, &[0; 216]);
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(MAX_LINE_OCTETS - 16));
    assert_eq!(longest.len(), MAX_LINE_OCTETS);
    for header in [
        b"PROXY UNKNOWN\r\n".as_slice(),
        longest.as_bytes(),
        &local,
        &unspecified,
        &datagrams,
        &unix,
    ] {
        let (read, behind) = read_all(&[header, BEHIND].concat()).await;
        assert_eq!(read.expect("a header"), None, "{}", header.escape_ascii());
        assert_eq!(behind, BEHIND, "{}", header.escape_ascii());
    }
}

#[tokio::test]
async fn a_malformed_line_is_refused() {
    for line in [
        "PROXY \r\n    ",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3",
        "PROXY TCP4 192.0.2.1  192.0.2.2 1 2",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        "PROXY TCP4 ::1 ::1 1 2",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2",
        "PROXY unknown 192.0.2.1",
        "PROXY TCP4 192.0.2.\u{661} 192.0.2.2 1 2",
    ] {
        let (header, _) = read_all(format!("{line}\r\n").as_bytes()).await;
        assert!(
            matches!(header, Err(Error::Malformed(_))),
            "{line:?}: {header:?}"
        );
    }
}

#[tokio::test]
async fn a_malformed_block_is_refused() {
    for header in [
        version_2(0x11, 0x11, &[0; 12]),
        version_2(0x22, 0x11, &[0; 12]),
        version_2(0x21, 0x13, &[0; 12]),
        version_2(0x21, 0x41, &[0; 12]),
        version_2(0x21, 0x11, &[0; 11]),
        version_2(0x21, 0x21, &[0; 35]),
    ] {
        let (read, _) = read_all(&header).await;
        assert!(
            matches!(read, Err(Error::Malformed(_))),
            "{}: {read:?}",
            header.escape_ascii()
        );
    }
}

#[tokio::test]
async fn a_header_without_an_end_is_refused() {
    let line = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    let (header, behind) = read_all(&line).await;
    assert!(matches!(header, Err(Error::TooLong)), "{header:?}");
    assert_eq!(behind.len(), line.len() - MAX_LINE_OCTETS);
    let (header, _) = read_all(&version_2(0x21, 0x11, &[0; MAX_BLOCK_OCTETS + 1])).await;
    assert!(matches!(header, Err(Error::TooLong)), "{header:?}");
    let (header, _) = read_all(&version_2(0x21, 0x11, &[0; MAX_BLOCK_OCTETS])).await;
    assert!(matches!(header, Ok(Some(_))), "{header:?}");
}

#[tokio::test]
async fn something_else_is_refused_at_its_first_octet() {
    for octets in [
        b"Q".as_slice(),
        b"USER",
        b"PROXX",
        b"\r\nQ",
        b"\x16\x03\x01",
    ] {
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(octets).await.expect("room for all of it");
        // The other end stays open and silent: an answer does not wait for more.
        let deadline = Instant::now() + Duration::from_secs(10);
        let header = read_header(&mut ours, deadline).await;
        assert!(
            matches!(header, Err(Error::Missing)),
            "{}: {header:?}",
            octets.escape_ascii()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_stalls_runs_into_the_deadline() {
    for octets in [b"".as_slice(), b"PROXY TCP4 192.0", &SIGNATURE] {
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(octets).await.expect("room for all of it");
        let deadline = Instant::now() + Duration::from_secs(10);
        let header = read_header(&mut ours, deadline).await;
        assert!(
            matches!(header, Err(Error::Timeout)),
            "{}: {header:?}",
            octets.escape_ascii()
        );
        assert!(Instant::now() >= deadline);
    }
}

#[test]
fn trust_is_by_network_and_sees_through_mapped_addresses() {
    let networks: Vec<IpNet> = ["192.0.2.0/24", "2001:db8::/32"]
        .map(|network| network.parse().expect("a network"))
        .to_vec();
    for (peer, expected) in [
        ("192.0.2.255", true),
        ("::ffff:192.0.2.1", true),
        ("192.0.3.0", false),
        ("2001:db8::1", true),
        ("2001:db9::1", false),
        ("127.0.0.1", false),
    ] {
        let peer: IpAddr = peer.parse().expect("an address");
        assert_eq!(is_trusted(&networks, peer), expected, "{peer}");
        assert!(!is_trusted(&[], peer), "{peer}");
    }
}

fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<([u8; 4], u16, [u8; 4], u16)>()
        .prop_map(|(a, p, b, q)| (SocketAddr::from((a, p)), SocketAddr::from((b, q))));
    let v6 = any::<([u8; 16], u16, [u8; 16], u16)>()
        .prop_map(|(a, p, b, q)| (SocketAddr::from((a, p)), SocketAddr::from((b, q))));
    prop_oneof![v4, v6]
}

fn encode(ends: (SocketAddr, SocketAddr), extension: Option<&[u8]>) -> Vec<u8> {
    let mut header = ProxyHeader::with_address(ProxiedAddress::stream(ends.0, ends.1));
    let mut buffer = [0; 1024];
    let length = match extension {
        Some(octets) => {
            header.append_tlv(Tlv::UniqueId(octets.into()));
            header.encode_to_slice_v2(&mut buffer)
        }
        None => header.encode_to_slice_v1(&mut buffer),
    };
    buffer[..length.expect("room for a header")].to_vec()
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

proptest! {
    #[test]
    fn any_cut_of_a_header_reads_the_same_and_nothing_behind_it_is_lost(
        ends in ends(),
        extension in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..128)),
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let octets = [encode(ends, extension.as_deref()).as_slice(), BEHIND].concat();
        cuts.sort_by_key(|cut| cut.index(octets.len()));
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().map(|cut| cut.index(octets.len())).chain([octets.len()]) {
            pieces.push(&octets[from..cut]);
            from = cut;
        }
        let runtime = runtime();
        let (header, behind) = runtime.block_on(read_pieces(pieces));
        let expected = Addresses { source: ends.0, destination: ends.1 };
        prop_assert_eq!(header.expect("a header"), Some(expected));
        prop_assert_eq!(behind, BEHIND);
    }

    #[test]
    fn a_header_that_is_cut_off_is_refused(
        ends in ends(),
        is_version_2: bool,
        cut: prop::sample::Index,
    ) {
        let octets = encode(ends, is_version_2.then_some(b"x".as_slice()));
        let runtime = runtime();
        let (header, _) = runtime.block_on(read_all(&octets[..cut.index(octets.len())]));
        prop_assert!(matches!(header, Err(Error::Closed)), "{:?}", header);
    }

    #[test]
    fn garbage_behind_a_right_beginning_neither_panics_nor_is_read_beyond_its_bound(
        is_version_2: bool,
        garbage in proptest::collection::vec(any::<u8>(), 0..4096),
    ) {
        let start = if is_version_2 { SIGNATURE.as_slice() } else { b"PROXY TCP4 " };
        let octets = [start, &garbage].concat();
        let runtime = runtime();
        let (_, behind) = runtime.block_on(read_all(&octets));
        let bound = if is_version_2 { 16 + MAX_BLOCK_OCTETS } else { MAX_LINE_OCTETS };
        prop_assert!(octets.len() - behind.len() <= bound);
    }
}
