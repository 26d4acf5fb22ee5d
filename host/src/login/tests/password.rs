//! Claims with a password, the limits on them, and the maildrop behind them.

use std::task::{Context, Waker};

use super::*;
use crate::auth::MAX_PASSWORD_OCTETS;

#[tokio::test(start_paused = true)]
async fn a_right_password_gives_the_maildrop_at_once() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    let watch = login.watch();
    let start = Instant::now();
    let grant = login
        .password(b"alice", b"tanstaaf")
        .await
        .expect("a grant");
    assert_eq!(
        (user(&grant), start.elapsed()),
        (b"alice".as_slice(), Duration::ZERO)
    );
    assert_eq!(*grant.announce, ["EXPIRE NEVER"]);
    let expected = Record {
        attempts: 1,
        method: Some("PLAIN"),
        logged_in: Some("alice".into()),
        tenant: Some("".into()),
        ..Record::default()
    };
    assert_eq!(watch.record(), expected);
    assert!(!watch.is_exhausted());
}

#[tokio::test(start_paused = true)]
async fn who_has_not_failed_does_not_wait_for_a_timer() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    // Timers go by milliseconds: one that is set in between goes off behind it.
    tokio::time::advance(Duration::from_micros(300)).await;
    let claim = pin!(login.password(b"alice", b"tanstaaf"));
    let claimed = claim.poll(&mut Context::from_waker(Waker::noop()));
    assert!(claimed.is_ready());
}

#[tokio::test(start_paused = true)]
async fn wrong_claims_of_every_kind_get_the_same_answer_after_the_same_time() {
    let long = "x".repeat(MAX_PASSWORD_OCTETS + 1);
    for (name, password, cause) in [
        ("alice", "wrong", Cause::WrongProof),
        ("bob", "wrong", Cause::WrongProof),
        ("nobody", "tanstaaf", Cause::UnknownUser),
        ("alice", "", Cause::Malformed),
        ("", "tanstaaf", Cause::Malformed),
        ("alice", long.as_str(), Cause::Malformed),
        (long.as_str(), "tanstaaf", Cause::Malformed),
    ] {
        let mut login = Fixture::new().connect("192.0.2.1");
        let watch = login.watch();
        assert_eq!(
            pass(&mut login, name, password).await,
            (Err(Refusal::Denied), 2),
            "{name}"
        );
        let record = watch.record();
        assert_eq!(
            (record.attempts, record.refused, record.cause),
            (1, 1, Some(cause)),
            "{name}"
        );
        assert_eq!((record.denied, record.logged_in), (1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_user_can_claim_is_not_asked_for() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    let long = vec![b'x'; 16_384];
    for (name, password) in [
        (b"alice".as_slice(), b"".as_slice()),
        (b"", b"x"),
        (b"alice", &long),
    ] {
        assert_eq!(
            login.password(name, password).await.err(),
            Some(Refusal::Denied)
        );
    }
    assert_eq!(fixture.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_does_not_offer_looks_like_a_wrong_password() {
    for password in ["tanstaaf", "wrong"] {
        let fixture = Fixture::new();
        let mut login = fixture.connect_closed();
        assert_eq!(
            pass(&mut login, "alice", password).await,
            (Err(Refusal::Denied), 2)
        );
        let digest = b"c4c9334bac560ecc979e58001b3e22fb";
        assert_eq!(
            timed(login.apop(b"alice", digest)).await,
            (Err(Refusal::Denied), 4)
        );
        assert!(login.start("PLAIN").is_none());
        assert_eq!(fixture.asked(), 0);
        assert_eq!(login.watch().record().cause, Some(Cause::NotOffered));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_limit_nothing_is_looked_at() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    let watch = login.watch();
    for (guess, seconds) in [("a", 2), ("b", 4), ("c", 8)] {
        assert!(!watch.is_exhausted());
        assert_eq!(
            pass(&mut login, "alice", guess).await,
            (Err(Refusal::Denied), seconds)
        );
    }
    assert!(watch.is_exhausted());
    assert_eq!(
        pass(&mut login, "alice", "tanstaaf").await,
        (Err(Refusal::Denied), 0)
    );
    assert_eq!((fixture.asked(), watch.record().attempts), (3, 3));
    let mut exchange = login.start("PLAIN").expect("offered");
    let turn = exchange.begin(Some(b"\0alice\0tanstaaf")).await;
    assert!(matches!(turn, Turn::Refused(Refusal::Denied)));
    assert_eq!(fixture.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn after_a_success_every_further_claim_is_refused() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    let mut early = login.start("PLAIN").expect("offered");
    assert_eq!(pass(&mut login, "alice", "tanstaaf").await, (Ok(()), 0));
    assert_eq!(
        pass(&mut login, "alice", "tanstaaf").await,
        (Err(Refusal::Denied), 0)
    );
    let turn = early.begin(Some(b"\0alice\0tanstaaf")).await;
    assert!(matches!(turn, Turn::Refused(Refusal::Denied)));
    assert_eq!(fixture.opened(), 1);
    assert!(!login.watch().is_exhausted());
}

#[tokio::test(start_paused = true)]
async fn connections_of_one_address_share_their_delays() {
    let fixture = Fixture::new();
    for (guess, seconds) in [("a", 2), ("b", 4), ("c", 8), ("d", 15), ("e", 15)] {
        let mut login = fixture.connect("192.0.2.1");
        assert_eq!(
            pass(&mut login, "alice", guess).await,
            (Err(Refusal::Denied), seconds)
        );
    }
    let mut held = fixture.connect("192.0.2.1");
    assert_eq!(pass(&mut held, "alice", "tanstaaf").await, (Ok(()), 15));
    let mut other = fixture.connect("192.0.2.2");
    assert_eq!(pass(&mut other, "alice", "tanstaaf").await, (Ok(()), 0));
}

#[tokio::test(start_paused = true)]
async fn a_program_with_an_old_password_is_not_slowed_down_further() {
    let fixture = Fixture::new();
    for _ in 0..20 {
        let mut login = fixture.connect("192.0.2.1");
        assert_eq!(
            pass(&mut login, "alice", "old").await,
            (Err(Refusal::Denied), 2)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn faults_are_told_at_once_and_are_not_guesses() {
    for (fault, refusal) in [
        (Denial::Temporary, Refusal::Temporary),
        (Denial::Permanent, Refusal::Permanent),
    ] {
        let mut login = Fixture::with(Some(fault), Store::default()).connect("192.0.2.1");
        assert_eq!(
            pass(&mut login, "alice", "tanstaaf").await,
            (Err(refusal), 0)
        );
        assert_eq!(timed(login.apop(b"alice", b"x")).await, (Err(refusal), 0));
        assert_eq!(login.watch().record().denied, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_maildrop_that_does_not_open_is_told_only_to_its_owner() {
    for (fault, refusal) in [
        (OpenError::InUse, Refusal::InUse),
        (OpenError::Temporary, Refusal::Temporary),
        (OpenError::Permanent, Refusal::Permanent),
    ] {
        let fixture = Fixture::new();
        *fixture.store.fault.lock().expect("not poisoned") = Some(fault);
        let mut login = fixture.connect("192.0.2.1");
        assert_eq!(
            pass(&mut login, "alice", "wrong").await,
            (Err(Refusal::Denied), 2)
        );
        assert_eq!(fixture.opened(), 0);
        assert_eq!(
            pass(&mut login, "alice", "tanstaaf").await,
            (Err(refusal), 0)
        );
        *fixture.store.fault.lock().expect("not poisoned") = None;
        assert_eq!(pass(&mut login, "alice", "tanstaaf").await, (Ok(()), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_counts_even_if_nobody_waits_for_its_answer() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    give_up(login.password(b"alice", b"wrong")).await;
    assert_eq!(login.watch().record().refused, 1);
    let mut next = fixture.connect("192.0.2.1");
    assert_eq!(
        pass(&mut next, "alice", "other").await,
        (Err(Refusal::Denied), 4)
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_logged_in_whose_maildrop_was_not_opened() {
    let store = Store {
        never: true,
        ..Store::default()
    };
    let mut login = Fixture::with(None, store).connect("192.0.2.1");
    give_up(login.password(b"alice", b"tanstaaf")).await;
    let mut exchange = login.start("PLAIN").expect("offered");
    give_up(exchange.begin(Some(b"\0alice\0tanstaaf"))).await;
    assert!(matches!(exchange.respond(b"").await, Turn::Refused(_)));
    let record = login.watch().record();
    assert_eq!((record.attempts, record.logged_in), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_wrong_logins_hold_up_nobody_else() {
    let fixture = Fixture::new();
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let mut login = fixture.connect("192.0.2.1");
        guesses.spawn(async move { pass(&mut login, "alice", &format!("wrong{number}")).await });
    }
    tokio::task::yield_now().await;
    let mut other = fixture.connect("198.51.100.1");
    assert_eq!(pass(&mut other, "bob", "password").await, (Ok(()), 0));
    while let Some(guess) = guesses.join_next().await {
        let (answer, seconds) = guess.expect("no panic");
        assert_eq!(answer, Err(Refusal::Denied));
        assert!((2..=30).contains(&seconds), "{seconds}");
    }
}
