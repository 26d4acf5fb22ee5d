//! Claims that are proven without sending a password, and every SASL exchange.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_apop_example_of_rfc_1939_is_let_in() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    let digest = b"c4c9334bac560ecc979e58001b3e22fb";
    assert_eq!(
        timed(login.apop(b"alice", digest)).await,
        (Ok(b"alice".to_vec()), 0)
    );
    assert_eq!(login.watch().record().method, Some("APOP"));
}

#[tokio::test(start_paused = true)]
async fn apop_without_the_secret_is_denied() {
    // What an empty secret would give must not open an account that keeps none.
    let empty = b"6d7379174f7df9fb329480e5c47c1f1a";
    for (name, digest, cause) in [
        (
            "alice",
            b"c4c9334bac560ecc979e58001b3e22fa",
            Cause::WrongProof,
        ),
        ("bob", empty, Cause::NoCredential),
        ("nobody", empty, Cause::UnknownUser),
    ] {
        let mut login = Fixture::new().connect("192.0.2.1");
        let result = timed(login.apop(name.as_bytes(), digest)).await;
        assert_eq!(result, (Err(Refusal::Denied), 2), "{name}");
        assert_eq!(login.watch().record().cause, Some(cause), "{name}");
    }
}

/// Gives the client's messages one after the other and returns the last turn.
async fn converse(login: &mut SessionLogin, mechanism: &str, messages: &[&[u8]]) -> Turn {
    let mut exchange = login.start(mechanism).expect("offered");
    let mut turn = exchange.begin(None).await;
    for message in messages {
        assert!(matches!(turn, Turn::Challenge(_)), "{mechanism}");
        turn = exchange.respond(message).await;
    }
    assert!(
        matches!(exchange.respond(b"").await, Turn::Refused(_)),
        "{mechanism}"
    );
    turn
}

fn who(turn: &Turn) -> Option<&[u8]> {
    match turn {
        Turn::Done(grant) => Some(user(grant)),
        Turn::Challenge(_) | Turn::Refused(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn plain_and_login_check_passwords() {
    for (mechanism, messages) in [
        ("PLAIN", [b"\0bob\0password".as_slice()].as_slice()),
        ("LOGIN", [b"bob".as_slice(), b"password"].as_slice()),
    ] {
        let mut login = Fixture::new().connect("192.0.2.1");
        let turn = converse(&mut login, mechanism, messages).await;
        assert_eq!(who(&turn), Some(b"bob".as_slice()), "{mechanism}");
        let record = login.watch().record();
        assert_eq!((record.attempts, record.method), (1, Some(mechanism)));
        assert_eq!(record.logged_in.as_deref(), Some("bob"));
    }
}

/// Answers the challenge of CRAM-MD5 with this secret.
async fn cram_md5(login: &mut SessionLogin, name: &str, secret: &str) -> Turn {
    let mut exchange = login.start("CRAM-MD5").expect("offered");
    let Turn::Challenge(challenge) = exchange.begin(None).await else {
        panic!("no challenge")
    };
    let code = HmacMd5::new(secret.as_bytes()).code(&challenge);
    let digits: String = code.iter().map(|octet| format!("{octet:02x}")).collect();
    exchange
        .respond(format!("{name} {digits}").as_bytes())
        .await
}

#[tokio::test(start_paused = true)]
async fn cram_md5_lets_in_who_knows_the_secret() {
    let mut login = Fixture::new().connect("192.0.2.1");
    let turn = cram_md5(&mut login, "alice", "tanstaaf").await;
    assert_eq!(who(&turn), Some(b"alice".as_slice()));
    assert_eq!(login.watch().record().method, Some("CRAM-MD5"));
}

#[tokio::test(start_paused = true)]
async fn cram_md5_denies_everybody_else_in_the_same_time() {
    for (name, secret, cause) in [
        ("alice", "wrong", Cause::WrongProof),
        ("bob", "password", Cause::NoCredential),
        ("bob", "", Cause::NoCredential),
        ("nobody", "", Cause::UnknownUser),
        ("", "", Cause::UnknownUser),
    ] {
        let mut login = Fixture::new().connect("192.0.2.1");
        let start = Instant::now();
        let turn = cram_md5(&mut login, name, secret).await;
        assert!(matches!(turn, Turn::Refused(Refusal::Denied)), "{name}");
        assert_eq!(start.elapsed(), 2 * SECOND, "{name}");
        assert_eq!(login.watch().record().cause, Some(cause), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn guesses_by_cram_md5_are_counted_though_their_digests_differ() {
    let fixture = Fixture::new();
    for seconds in [2, 4, 8, 15] {
        let mut login = fixture.connect("192.0.2.1");
        let start = Instant::now();
        cram_md5(&mut login, "alice", "wrong").await;
        assert_eq!(start.elapsed(), seconds * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_breaks_its_mechanism_is_a_failure_and_over() {
    let fixture = Fixture::new();
    let mut login = fixture.connect("192.0.2.1");
    for (mechanism, initial) in [("PLAIN", b"nonsense".as_slice()), ("CRAM-MD5", b"")] {
        let mut exchange = login.start(mechanism).expect("offered");
        let turn = exchange.begin(Some(initial)).await;
        assert!(
            matches!(turn, Turn::Refused(Refusal::Denied)),
            "{mechanism}"
        );
        assert!(matches!(
            exchange.respond(b"\0alice\0tanstaaf").await,
            Turn::Refused(_)
        ));
        assert!(matches!(exchange.begin(None).await, Turn::Refused(_)));
    }
    let record = login.watch().record();
    assert_eq!((record.attempts, record.cause), (2, Some(Cause::Malformed)));
    assert_eq!(record.user, None);
    assert_eq!(fixture.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_beginning_is_refused() {
    let mut login = Fixture::new().connect("192.0.2.1");
    let mut exchange = login.start("PLAIN").expect("offered");
    assert!(matches!(
        exchange.respond(b"\0alice\0tanstaaf").await,
        Turn::Refused(_)
    ));
    assert!(matches!(
        exchange.begin(Some(b"\0alice\0tanstaaf")).await,
        Turn::Refused(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_exchange_is_no_attempt() {
    let mut login = Fixture::new().connect("192.0.2.1");
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let mut exchange = login.start(mechanism).expect("offered");
        assert!(
            matches!(exchange.begin(None).await, Turn::Challenge(_)),
            "{mechanism}"
        );
    }
    assert_eq!(login.watch().record(), Record::default());
}
