//! What holds for one user alone: delays between logins, announcements, and passwords without TLS.

use tempfile::TempDir;

use super::*;
use crate::{auth::policy::Expire, mailbox::memory::Memory};

const CLEAR: &str = "192.0.2.1";

fn fixture(policy: Policy) -> Fixture {
    let users = Users {
        policy,
        ..Users::new(None)
    };
    Fixture::of(users, Store::default())
}

fn delayed() -> Fixture {
    fixture(Policy {
        login_delay: Some(Duration::from_secs(600)),
        ..Policy::default()
    })
}

fn delays(directory: &TempDir) -> Circumstances {
    let delays = Delays::open(directory.path(), Duration::ZERO).expect("a directory");
    Circumstances {
        delays: Some(Arc::new(delays)),
        ..Circumstances::default()
    }
}

#[tokio::test]
async fn a_login_too_soon_is_told_only_to_who_has_the_password() {
    let (fixture, directory) = (delayed(), tempfile::tempdir().expect("a directory"));
    let connect = || fixture.connect_under(CLEAR, delays(&directory));
    assert_eq!(pass(&mut connect(), "alice", "tanstaaf").await, (Ok(()), 0));
    for _ in 0..2 {
        let mut login = connect();
        let early = pass(&mut login, "alice", "tanstaaf").await;
        assert_eq!(early, (Err(Refusal::LoginDelay), 0));
        let record = login.watch().record();
        assert_eq!((record.cause, record.denied), (Some(Cause::TooEarly), 0));
        assert_eq!(record.logged_in, None);
    }
    assert_eq!(fixture.opened(), 1);
    assert_eq!(pass(&mut connect(), "bob", "password").await, (Ok(()), 0));
    assert_eq!(pass(&mut connect(), "bob", "password").await, (Ok(()), 0));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_too_soon_is_a_wrong_password() {
    let (fixture, directory) = (delayed(), tempfile::tempdir().expect("a directory"));
    let connect = || fixture.connect_under(CLEAR, delays(&directory));
    assert_eq!(pass(&mut connect(), "alice", "tanstaaf").await, (Ok(()), 0));
    assert_eq!(
        pass(&mut connect(), "alice", "wrong").await,
        (Err(Refusal::Denied), 2)
    );
}

#[tokio::test]
async fn only_a_maildrop_that_was_opened_counts_as_a_login() {
    let (fixture, directory) = (delayed(), tempfile::tempdir().expect("a directory"));
    let connect = || fixture.connect_under(CLEAR, delays(&directory));
    *fixture.store.fault.lock().expect("not poisoned") = Some(OpenError::InUse);
    assert_eq!(
        pass(&mut connect(), "alice", "tanstaaf").await,
        (Err(Refusal::InUse), 0)
    );
    *fixture.store.fault.lock().expect("not poisoned") = None;
    assert_eq!(pass(&mut connect(), "alice", "tanstaaf").await, (Ok(()), 0));
}

#[tokio::test]
async fn lines_that_depend_on_the_user_are_announced_before_and_after_login() {
    let fixture = fixture(Policy {
        login_delay: Some(Duration::from_secs(600)),
        expire: Some(Expire::Days(7)),
        requires_tls: false,
    });
    let before = announce_before_login(
        &fixture.context.announce,
        &Whole(Arc::clone(&fixture.context)),
    );
    assert_eq!(*before, ["EXPIRE 7 USER", "LOGIN-DELAY 600 USER"]);
    for (user, password, expected) in [
        ("alice", "tanstaaf", ["EXPIRE 7", "LOGIN-DELAY 600"]),
        ("bob", "password", ["EXPIRE NEVER", "LOGIN-DELAY 0"]),
    ] {
        let mut login = fixture.connect(CLEAR);
        let grant = login.password(user.as_bytes(), password.as_bytes()).await;
        assert_eq!(*grant.expect("a grant").announce, expected, "{user}");
    }
}

fn protected() -> Circumstances {
    Circumstances {
        protection: Some(Protection::default()),
        ..Circumstances::default()
    }
}

fn requires_tls() -> Fixture {
    fixture(Policy {
        requires_tls: true,
        ..Policy::default()
    })
}

#[tokio::test(start_paused = true)]
async fn a_user_who_must_use_tls_gets_one_answer_without_it() {
    for password in ["tanstaaf", "wrong"] {
        let fixture = requires_tls();
        let mut login = fixture.connect(CLEAR);
        let answer = pass(&mut login, "alice", password).await;
        assert_eq!(answer, (Err(Refusal::Denied), 2), "{password}");
        assert_eq!(
            login.watch().record().cause,
            Some(Cause::NotProtected),
            "{password}"
        );
        // The same work was done as for a wrong password, with one that nobody has sent.
        assert_eq!((fixture.asked(), fixture.opened()), (1, 0), "{password}");
    }
    let mut login = requires_tls().connect(CLEAR);
    let message = b"n,a=alice,\x01auth=Bearer token\x01\x01";
    let mut exchange = login.start("OAUTHBEARER").expect("offered");
    assert!(matches!(
        exchange.begin(Some(message)).await,
        Turn::Challenge(_)
    ));
    assert_eq!(login.watch().record().cause, Some(Cause::NotProtected));
}

#[tokio::test(start_paused = true)]
async fn a_user_who_must_use_tls_is_let_in_where_nobody_listens() {
    for (peer, circumstances) in [
        (CLEAR, protected()),
        ("127.0.0.1", Circumstances::default()),
        ("::1", Circumstances::default()),
    ] {
        let mut login = requires_tls().connect_under(peer, circumstances);
        assert_eq!(
            pass(&mut login, "alice", "tanstaaf").await,
            (Ok(()), 0),
            "{peer}"
        );
    }
    let mut login = requires_tls().connect(CLEAR);
    assert_eq!(
        timed(login.apop(b"alice", DIGEST)).await.0,
        Ok(b"alice".to_vec())
    );
    let mut bob = requires_tls().connect(CLEAR);
    assert_eq!(pass(&mut bob, "bob", "password").await, (Ok(()), 0));
}

/// The digest of `tanstaaf` for the challenge of all tests.
const DIGEST: &[u8] = b"c4c9334bac560ecc979e58001b3e22fb";

fn exclusive() -> Fixture {
    Fixture::new().differing(|context| context.apop_is_exclusive = true)
}

#[tokio::test(start_paused = true)]
async fn a_user_of_exclusive_apop_gets_one_answer_to_any_password() {
    for (peer, password) in [
        (CLEAR, "tanstaaf"),
        (CLEAR, "wrong"),
        ("127.0.0.1", "tanstaaf"),
    ] {
        let fixture = exclusive();
        let mut login = fixture.connect(peer);
        let answer = pass(&mut login, "alice", password).await;
        assert_eq!(answer, (Err(Refusal::Denied), 2), "{peer} {password}");
        assert_eq!(login.watch().record().cause, Some(Cause::HasApop));
        // Once for the secret, and then as for a wrong password, with one that nobody has sent.
        assert_eq!((fixture.asked(), fixture.opened()), (2, 0));
    }
    let fixture = exclusive();
    let mut login = fixture.connect(CLEAR);
    let mut exchange = login.start("PLAIN").expect("offered");
    let plain = exchange.begin(Some(b"\0alice\0tanstaaf")).await;
    assert!(matches!(plain, Turn::Refused(Refusal::Denied)));
}

#[tokio::test(start_paused = true)]
async fn exclusive_apop_leaves_a_way_in_for_everybody() {
    let fixture = exclusive();
    let mut login = fixture.connect(CLEAR);
    let answer = timed(login.apop(b"alice", DIGEST)).await;
    assert_eq!(answer, (Ok(b"alice".to_vec()), 0));
    let mut login = fixture.connect_under(CLEAR, protected());
    assert_eq!(pass(&mut login, "alice", "tanstaaf").await, (Ok(()), 0));
    // Of whom no secret is known, and so no digest either.
    let mut login = fixture.connect(CLEAR);
    assert_eq!(pass(&mut login, "bob", "password").await, (Ok(()), 0));
    let mut login = fixture.connect(CLEAR);
    let nobody = pass(&mut login, "nobody", "wrong").await;
    assert_eq!(nobody, (Err(Refusal::Denied), 2));
}

#[tokio::test]
async fn mail_is_not_kept_of_users_whose_own_expiry_says_so() {
    for (own, site, is_kept) in [
        (None, None, true),
        (None, Some(Expire::Days(30)), true),
        (Some(Expire::Days(1)), Some(Expire::Days(0)), true),
        (Some(Expire::Never), Some(Expire::Days(0)), true),
        (Some(Expire::Days(0)), Some(Expire::Never), false),
        (None, Some(Expire::Days(0)), false),
    ] {
        let store = Memory::new([("alice", vec![b"one".to_vec()])]);
        let fixture = fixture(Policy {
            expire: own,
            ..Policy::default()
        });
        let fixture = fixture.differing(|context| {
            context.mailbox = Arc::new(store.clone());
            context.expire = site;
        });
        let mut login = fixture.connect(CLEAR);
        let grant = login.password(b"alice", b"tanstaaf").await;
        let Grant { mut maildrop, .. } = grant.expect("a grant");
        let mut message = maildrop.open(1).await.expect("a message");
        while !message.read(100).await.expect("octets").is_empty() {}
        drop(message);
        maildrop.commit(Vec::new()).await.expect("done");
        let left = store.messages("alice").len();
        assert_eq!(left, usize::from(is_kept), "{own:?} {site:?}");
    }
}
