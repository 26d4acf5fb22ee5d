//! The lines of a session, exactly.

use std::collections::HashSet;

use super::*;
use crate::{config::LogFormat, log::tests::written};

fn origin(channel: Channel) -> Origin {
    Origin {
        session: SessionId(0x00ab),
        peer: "[::ffff:192.0.2.1]:4711".parse().expect("address"),
        local: "198.51.100.1:110".parse().expect("address"),
        channel,
        tls: None,
        tenant: None,
    }
}

fn aborted(denied: u32, refused: u32, last: Option<(&[u8], &'static str)>) -> Summary {
    let last = last.map(|(user, method)| Claim {
        user: user.to_vec(),
        method,
    });
    Summary {
        duration: Duration::from_millis(2500),
        octets_in: 12,
        octets_out: 34,
        stage: Stage::Authorization(Attempts {
            denied,
            refused,
            last,
        }),
    }
}

fn finished() -> Summary {
    let usage = Usage {
        user: "alice".into(),
        messages: 2,
        octets: 42,
        whole: Read {
            messages: 1,
            octets: 36,
        },
        partial: Read::default(),
        removed: 1,
        kept: 0,
    };
    Summary {
        stage: Stage::Transaction(usage),
        ..aborted(0, 0, None)
    }
}

fn text(events: impl FnOnce()) -> Vec<String> {
    written(LogFormat::Text, false, events)
}

#[test]
fn a_login_is_a_line() {
    for (channel, secured) in [
        (Channel::Clear, ""),
        (Channel::Loopback, ", secured"),
        (Channel::Tls, ", TLS"),
    ] {
        assert_eq!(
            text(|| log_login(&origin(channel), "alice", "PLAIN")),
            [format!(
                "popcell: Info: Login: user=<alice>, method=PLAIN, rip=192.0.2.1, \
             lip=198.51.100.1{secured}, session=<00000000000000ab>"
            )]
        );
    }
}

#[test]
fn a_session_that_logged_in_ends_with_what_it_did() {
    assert_eq!(
        text(|| log_end(&origin(Channel::Clear), &End::Quit, &finished())),
        [
            "popcell(alice)<00000000000000ab>: Info: Disconnected: Logged out top=0/0, retr=1/36, \
         del=1/2, size=42",
        ]
    );
}

#[test]
fn a_session_that_did_not_log_in_ends_with_what_it_tried() {
    let alice: Option<(&[u8], _)> = Some((b"alice", "PLAIN"));
    for (end, summary, line) in [
        (
            End::Quit,
            aborted(1, 0, alice),
            "Aborted login by logging out (auth failed, 1 attempts in 2 secs): user=<alice>, method=PLAIN,",
        ),
        (
            End::PeerClosed,
            aborted(0, 0, None),
            "Connection closed (no auth attempts in 2 secs): user=<>,",
        ),
        (
            End::LoginTimeout,
            aborted(0, 2, alice),
            "Inactivity (no maildrop, 2 successful auths in 2 secs): user=<alice>, method=PLAIN,",
        ),
        (
            End::TooManyFailedLogins,
            aborted(3, 0, Some((b"x> (a), rip=<192.0.2.99\n", "CRAM-MD5"))),
            "Too many failed logins (auth failed, 3 attempts in 2 secs): \
             user=<x\\x3e (a)\\x2c rip=\\x3c192.0.2.99\\x0a>, method=CRAM-MD5,",
        ),
        (
            End::Io(io::ErrorKind::ConnectionReset),
            aborted(0, 0, None),
            "Connection closed: connection reset (no auth attempts in 2 secs): user=<>,",
        ),
    ] {
        assert_eq!(
            text(|| log_end(&origin(Channel::Loopback), &end, &summary)),
            [format!(
                "popcell: Info: Disconnected: {line} rip=192.0.2.1, lip=198.51.100.1, secured, \
             session=<00000000000000ab>"
            )]
        );
    }
}

#[test]
fn a_component_that_fails_is_a_warning_with_its_cause() {
    let end = End::ComponentTrapped {
        cause: "out of bounds\nmemory access".to_owned(),
    };
    assert_eq!(
        text(|| log_end(&origin(Channel::Clear), &end, &finished())),
        [
            "popcell: Warning: session failed session=00000000000000ab reason=component_trapped \
         cause=\"out of bounds\\u{a}memory access\"",
            "popcell(alice)<00000000000000ab>: Info: Disconnected: Component failed top=0/0, \
         retr=1/36, del=1/2, size=42",
        ]
    );
}

#[test]
fn json_has_a_field_a_fact() {
    let origin = origin(Channel::Tls);
    let events = || {
        log_login(&origin, "alice", "PLAIN");
        log_end(&origin, &End::Quit, &finished());
        log_end(
            &origin,
            &End::Shutdown,
            &aborted(1, 0, Some((b"bob\"", "APOP"))),
        );
        log_end(&origin, &End::PeerClosed, &aborted(0, 0, None));
    };
    let place = "\"rip\":\"192.0.2.1\",\"rport\":4711,\"lip\":\"198.51.100.1\",\"lport\":110,\
                 \"channel\":\"tls\",\"session\":\"00000000000000ab\"";
    let traffic = "\"milliseconds\":2500,\"octets_in\":12,\"octets_out\":34";
    let start = "{\"time\":\"\",\"level\":\"info\",\"event\":";
    assert_eq!(
        written(LogFormat::Json, false, events),
        [
            format!("{start}\"login\",\"user\":\"alice\",\"method\":\"PLAIN\",{place}}}"),
            format!(
                "{start}\"disconnect\",\"reason\":\"quit\",\"user\":\"alice\",{place},{traffic},\
             \"maildrop_messages\":2,\"maildrop_octets\":42,\"retr_messages\":1,\
             \"retr_octets\":36,\"top_messages\":0,\"top_octets\":0,\"removed\":1,\"kept\":0}}"
            ),
            format!(
                "{start}\"disconnect\",\"reason\":\"shutdown\",\"user\":\"bob\\\"\",\
             \"method\":\"APOP\",\"denied\":1,\"refused\":0,{place},{traffic}}}"
            ),
            format!(
                "{start}\"disconnect\",\"reason\":\"peer_closed\",\"denied\":0,\"refused\":0,\
             {place},{traffic}}}"
            ),
        ]
    );
}

#[test]
fn no_reason_holds_what_a_filter_takes_for_an_outcome() {
    for end in [
        End::ClosedByComponent,
        End::ComponentBreach {
            bound: "(auth failed, 1 attempts in 0 secs):",
        },
        End::ComponentTrapped {
            cause: "(auth failed, 1 attempts in 0 secs):".to_owned(),
        },
        End::HostFailed {
            cause: "(auth failed, 1 attempts in 0 secs):".to_owned(),
        },
        End::Io(io::ErrorKind::BrokenPipe),
        End::Io(io::Error::from_raw_os_error(104).kind()),
        End::MessageBroken,
    ] {
        assert!(
            !end.to_string().contains(['(', ')', '<', '>', ',']),
            "{end}"
        );
    }
}

#[test]
fn every_reason_is_in_the_list_of_reasons() {
    let cause = String::new;
    let ends = [
        End::ClosedByComponent,
        End::ComponentBreach { bound: "" },
        End::ComponentLimit {
            limit: "memory",
            cause: cause(),
        },
        End::ComponentTrapped { cause: cause() },
        End::HandshakeFailed { cause: cause() },
        End::HostFailed { cause: cause() },
        End::Idle,
        End::Io(io::ErrorKind::Other),
        End::Kicked,
        End::LineTooLong,
        End::LoginTimeout,
        End::MessageBroken,
        End::PeerClosed,
        End::PlaintextBehindStls,
        End::Quit,
        End::Shutdown,
        End::TooManyFailedLogins,
        End::WriteStalled,
    ];
    assert_eq!(ends.map(|end| end.reason()), End::REASONS);
}

#[test]
fn a_session_id_is_read_as_it_is_written() {
    let id = SessionId(0x0123_4567_89ab_cdef);
    assert_eq!(SessionId::parse(&id.to_string()), Some(id));
    for wrong in [
        "",
        "ab",
        "+123456789abcdef",
        "0123456789abcdefg",
        "\u{e9}123456789abcde",
    ] {
        assert_eq!(SessionId::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn session_ids_are_unique_and_look_random() {
    let ids = SessionIds::new().expect("random numbers");
    let made: HashSet<String> = (0..10_000).map(|_| ids.next().to_string()).collect();
    assert_eq!(made.len(), 10_000);
    assert!(
        made.iter()
            .all(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    );
    let starts: HashSet<&str> = made.iter().map(|id| &id[..2]).collect();
    assert_eq!(starts.len(), 256);
}

#[test]
fn a_channel_is_clear_unless_it_is_protected() {
    for (peer, is_tls, channel) in [
        ("127.0.0.1:1", false, Channel::Loopback),
        ("[::ffff:127.0.0.1]:1", false, Channel::Loopback),
        ("[::1]:1", true, Channel::Tls),
        ("192.0.2.1:1", false, Channel::Clear),
    ] {
        assert_eq!(
            Channel::new(peer.parse().expect("address"), is_tls),
            channel,
            "{peer}"
        );
    }
}
