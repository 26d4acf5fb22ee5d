//! Tokens that their issuer is asked about: what it can say, and that it says nothing.

use base64ct::{Base64, Encoding};
use popcell_tests::issuer::{self, Issuer};
use serde_json::json;

use super::{DONE, Fixture, MECHANISMS, PERMANENT, TEMPORARY, login, messages, told, untold};

/// What the issuer says about a token that is its own answer, but for `=`.
fn introspect(request: &str) -> (&'static str, String) {
    let form = request.split("\r\n\r\n").nth(1).unwrap_or_default();
    let token = form
        .split('&')
        .find_map(|field| field.strip_prefix("token="));
    let active = |user: &str, audience: &str| {
        json!({ "active": true, "username": user, "aud": audience }).to_string()
    };
    match token {
        Some("good") => ("200 OK", active("alice", "popcell")),
        Some("stray") => ("200 OK", active("zoe", "popcell")),
        Some("other") => ("200 OK", active("alice", "imap")),
        Some("garbage") => ("200 OK", "{\"active\": tru".to_owned()),
        Some("redirected") => ("302 Found\r\nLocation: /other", String::new()),
        Some("broken") => ("500 Oops", String::new()),
        Some("unauthorized") => ("401 Unauthorized", String::new()),
        _ => (
            "200 OK",
            json!({ "active": false, "username": "alice" }).to_string(),
        ),
    }
}

#[test]
fn an_issuer_is_asked_about_tokens_and_believed() {
    let issuer = Issuer::start(introspect).unwrap();
    let fixture = Fixture::introspecting(&issuer);
    for mechanism in MECHANISMS {
        for (token, expected) in [
            ("good", untold(DONE)),
            ("revoked", told(mechanism)),
            ("stray", told(mechanism)),
            ("other", told(mechanism)),
            ("garbage", untold(TEMPORARY)),
            ("redirected", untold(TEMPORARY)),
            ("broken", untold(TEMPORARY)),
            ("unauthorized", untold(PERMANENT)),
        ] {
            let mut client = fixture.connect();
            let answer = login(&mut client, mechanism, "alice", token);
            assert_eq!(answer, expected, "{mechanism} {token}");
            let is_done = answer.1 == DONE;
            assert_eq!(messages(&mut client), is_done.then_some(3), "{token}");
            if is_done {
                client.ok("QUIT\r\n").unwrap();
            }
        }
        let answer = login(&mut fixture.connect(), mechanism, "bob", "good");
        assert_eq!(answer, told(mechanism), "it is alice's");
    }
    let asked = issuer.asked();
    let about_good = asked
        .iter()
        .filter(|request| request.contains("token=good"));
    assert_eq!(about_good.count(), 1, "the answer is remembered");
    let first = asked[0].to_ascii_lowercase();
    let basic = Base64::encode_string(b"mail:s3cret%2F").to_ascii_lowercase();
    assert!(
        first.contains(&format!("authorization: basic {basic}\r\n")),
        "{first}"
    );
}

#[test]
fn an_issuer_who_is_not_there_is_no_reason_to_doubt_a_token() {
    let section = format!("introspection_url = \"{}\"", issuer::nobody().unwrap());
    let fixture = Fixture::start(&section, |_| {});
    for mechanism in MECHANISMS {
        let mut client = fixture.connect();
        let answer = login(&mut client, mechanism, "alice", "good");
        assert_eq!(answer, untold(TEMPORARY));
        // Passwords go on.
        client.ok("USER alice\r\n").unwrap();
        client.ok("PASS secret\r\n").unwrap();
        client.ok("QUIT\r\n").unwrap();
    }
}
