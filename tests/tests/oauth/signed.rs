//! Tokens that prove themselves: which do not, and where the keys come from.

use popcell_tests::issuer::{self, Issuer, Signer, claims};
use serde_json::{Value, json};

use super::{DONE, Fixture, MECHANISMS, TEMPORARY, login, messages, told, untold};

/// Tokens that must not open anything, each with what is wrong with it.
fn bad_tokens(signer: &Signer) -> Vec<(&'static str, String)> {
    let header = |key: &str, value: Value| {
        let mut header = signer.header();
        header[key] = value;
        signer.sign(&header, &claims("alice"))
    };
    let claim = |key: &str, value: Value| {
        let mut claims = claims("alice");
        claims[key] = value;
        signer.sign(&signer.header(), &claims)
    };
    let good = signer.token("alice");
    let unsigned = header("alg", json!("none"));
    let unsigned = unsigned.rsplit_once('.').unwrap().0.to_owned() + ".";
    let foreign = Signer::new("k1").unwrap();
    let flipped = if good.ends_with("AA") { "BA" } else { "AA" };
    vec![
        ("not signed", unsigned),
        ("signed, it says not", header("alg", json!("none"))),
        ("the public key as a secret", header("alg", json!("HS256"))),
        ("another algorithm", header("alg", json!("ES256"))),
        ("another's key of this name", foreign.token("alice")),
        (
            "a key that is a path",
            header("kid", json!("../../etc/passwd")),
        ),
        (
            "a key that is a path here",
            header("kid", json!("keys.json")),
        ),
        ("no text for a key", header("kid", json!(["k1"]))),
        ("a key of its own", {
            let own = serde_json::from_str::<Value>(&foreign.keys()).unwrap();
            let mut header = signer.header();
            header["kid"] = json!("own");
            header["jwk"] = own["keys"][0].clone();
            foreign.sign(&header, &claims("alice"))
        }),
        ("an extension", header("crit", json!(["b64"]))),
        ("expired", claim("exp", json!(issuer::now() - 3600))),
        ("never expiring", claim("exp", Value::Null)),
        ("not valid yet", claim("nbf", json!(issuer::now() + 3600))),
        ("for somebody else", claim("aud", json!("imap"))),
        ("for nobody", claim("aud", Value::Null)),
        (
            "from somebody else",
            claim("iss", json!("https://x.example")),
        ),
        ("no user", claim("sub", Value::Null)),
        ("several users", claim("sub", json!(["alice", "bob"]))),
        (
            "another signature",
            good[..good.len() - 2].to_owned() + flipped,
        ),
        (
            "no token",
            "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==".to_owned(),
        ),
    ]
}

#[test]
fn a_bad_token_is_told_of_answered_and_then_refused() {
    let fixture = Fixture::signed();
    for mechanism in MECHANISMS {
        let mut client = fixture.connect();
        for (wrong, token) in bad_tokens(&fixture.signer) {
            let answer = login(&mut client, mechanism, "alice", &token);
            assert_eq!(answer, told(mechanism), "{mechanism}: {wrong}");
            assert_eq!(messages(&mut client), None, "{mechanism}: {wrong}");
            client = fixture.connect();
        }
        // The same connection can still come with a good one.
        let answer = login(&mut client, mechanism, "alice", "x");
        assert_eq!(answer, told(mechanism));
        let answer = login(
            &mut client,
            mechanism,
            "alice",
            &fixture.signer.token("alice"),
        );
        assert_eq!(answer, untold(DONE));
        client.ok("QUIT\r\n").unwrap();
    }
}

#[test]
fn a_token_opens_nobody_elses_maildrop_and_none_without_an_account() {
    let fixture = Fixture::signed();
    for mechanism in MECHANISMS {
        for (claimed, issued) in [
            ("bob", "alice"),
            ("Alice", "alice"),
            ("alice", "bob"),
            // Mail, a good token, and no account.
            ("zoe", "zoe"),
            ("alice", "zoe"),
            ("zoe", "alice"),
        ] {
            let mut client = fixture.connect();
            let token = fixture.signer.token(issued);
            let answer = login(&mut client, mechanism, claimed, &token);
            assert_eq!(answer, told(mechanism), "{claimed} {issued}");
            assert_eq!(messages(&mut client), None);
        }
    }
}

#[test]
fn keys_of_a_url_are_fetched_once_and_their_absence_is_nobodys_fault() {
    let signer = Signer::new("k2").unwrap();
    let keys = signer.keys();
    let issuer = Issuer::start(move |_| ("200 OK", keys.clone())).unwrap();
    let section = |url: &str| {
        format!("jwks = \"{url}\"\nissuer = \"https://issuer.example\"\naudience = \"popcell\"")
    };
    let fixture = Fixture::start(&section(&issuer.url("keys")), |_| {});
    for _ in 0..2 {
        let mut client = fixture.connect();
        let answer = login(&mut client, "XOAUTH2", "alice", &signer.token("alice"));
        assert_eq!(answer, untold(DONE));
        client.ok("QUIT\r\n").unwrap();
    }
    let answer = login(
        &mut fixture.connect(),
        "XOAUTH2",
        "alice",
        &fixture.signer.token("alice"),
    );
    assert_eq!(answer, told("XOAUTH2"), "its key is in the file alone");
    let asked = issuer.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].starts_with("GET /keys HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );

    let broken = Issuer::start(|_| ("200 OK", "<html>".to_owned())).unwrap();
    for url in [issuer::nobody().unwrap(), broken.url("keys")] {
        let fixture = Fixture::start(&section(&url), |_| {});
        for mechanism in MECHANISMS {
            let mut client = fixture.connect();
            let answer = login(&mut client, mechanism, "alice", &signer.token("alice"));
            assert_eq!(answer, untold(TEMPORARY), "{url}");
            // What cannot be a good token needs no key to be refused.
            let answer = login(&mut client, mechanism, "alice", "x");
            assert_eq!(answer, told(mechanism), "{url}");
        }
    }
}
