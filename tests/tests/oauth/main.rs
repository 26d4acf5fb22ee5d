//! Logins with bearer tokens over the wire: configured, checked, refused, and told why.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

mod introspected;
mod signed;

use std::{fs, path::Path, sync::Arc};

use base64ct::{Base64, Encoding};
use popcell::{
    config::{Config, PlaintextLogin},
    services,
};
use popcell_tests::{
    client::Client,
    fake::World,
    issuer::{Issuer, Signer, claims},
    scene::Scene,
    served,
    server::Running,
};
use serde_json::json;
use tempfile::TempDir;

const DONE: &str = "+OK Authentication succeeded";
const DENIED: &str = "-ERR [AUTH] Authentication failed";
const TEMPORARY: &str = "-ERR [SYS/TEMP] authentication is not available, try again later";
const PERMANENT: &str = "-ERR [SYS/PERM] this account needs an operator";

const MECHANISMS: [&str; 2] = ["OAUTHBEARER", "XOAUTH2"];

/// A server that takes tokens as a section `[oauth]` says. Its users are alice, who has three
/// messages, and bob, who has two; zoe has mail and no account.
struct Fixture {
    server: Running,
    signer: Signer,
    _files: TempDir,
}

impl Fixture {
    /// Tokens that are signed with the key `k1`, which is in a file.
    fn signed() -> Self {
        let section =
            "jwks = \"keys.json\"\nissuer = \"https://issuer.example\"\naudience = \"popcell\"";
        Self::start(section, |_| {})
    }

    fn introspecting(issuer: &Issuer) -> Self {
        let url = issuer.url("introspect");
        let section = format!(
            "introspection_url = \"{url}\"\naudience = \"popcell\"\nclient_id = \"mail\"\n\
             client_secret_file = \"secret\""
        );
        Self::start(&section, |_| {})
    }

    fn start(section: &str, change: impl FnOnce(&mut Config)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let signer = Signer::new("k1").unwrap();
        for (name, text) in [
            ("keys.json", signer.keys().as_str()),
            ("secret", "s3cret/\n"),
            ("users", "alice:{PLAIN}secret\nbob:{PLAIN}hunter2\n"),
        ] {
            fs::write(files.path().join(name), text).unwrap();
        }
        let mut scene = Scene::default();
        scene.messages.push(scene.messages[0].clone());
        scene.direct("user", "zoe secret").unwrap();
        let world = World::new(scene);
        let mut config = configured(&files.path().join("popcell.toml"), section, &world);
        change(&mut config);
        let auth = services::auth(&config).unwrap();
        let server = Running::start(&config, auth, Arc::new(world)).unwrap();
        Self {
            server,
            signer,
            _files: files,
        }
    }

    fn connect(&self) -> Client {
        let mut client = Client::connect(self.server.address()).unwrap();
        client.ok("").unwrap();
        client
    }
}

/// What the text of a file says about users and tokens, without the delays of a real server.
fn configured(path: &Path, section: &str, world: &World) -> Config {
    let text = format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"%u\"\n[oauth]\n{section}\n"
    );
    let said = Config::parse(&text, path).unwrap();
    let mut config = served::config(world.scene());
    config.users = said.users;
    config.oauth = said.oauth;
    config.session.mechanisms = said.session.mechanisms;
    config
}

/// What a client of this mechanism says.
fn message(mechanism: &str, user: &str, token: &str) -> String {
    let message = match mechanism {
        "OAUTHBEARER" => {
            format!("n,a={user},\x01host=localhost\x01port=110\x01auth=Bearer {token}\x01\x01")
        }
        _ => format!("user={user}\x01auth=Bearer {token}\x01\x01"),
    };
    Base64::encode_string(message.as_bytes())
}

/// How an exchange ends: what the client is told of its token, if it is told anything, and the
/// answer.
fn end(client: &mut Client, line: &str) -> (Option<String>, String) {
    let answer = client.ask(&format!("{line}\r\n")).unwrap();
    let Some(challenge) = answer.strip_prefix("+ ") else {
        return (None, answer);
    };
    let told = String::from_utf8(Base64::decode_vec(challenge).unwrap()).unwrap();
    // RFC 7628 §3.2.3: the dummy response of a client that has understood.
    (Some(told), client.ask("AQ==\r\n").unwrap())
}

/// An exchange in one step.
fn login(
    client: &mut Client,
    mechanism: &str,
    user: &str,
    token: &str,
) -> (Option<String>, String) {
    let message = message(mechanism, user, token);
    end(client, &format!("AUTH {mechanism} {message}"))
}

/// The end of an exchange with a token that is refused.
fn told(mechanism: &str) -> (Option<String>, String) {
    let told = match mechanism {
        "OAUTHBEARER" => r#"{"status":"invalid_token"}"#,
        _ => r#"{"status":"401","schemes":"bearer"}"#,
    };
    (Some(told.to_owned()), DENIED.to_owned())
}

/// The end of an exchange in which nothing is said of the token.
fn untold(answer: &str) -> (Option<String>, String) {
    (None, answer.to_owned())
}

/// Whether somebody is logged in, and with how many messages.
fn messages(client: &mut Client) -> Option<usize> {
    let stat = client.ask("STAT\r\n").unwrap();
    let count = stat.strip_prefix("+OK ")?.split(' ').next()?;
    Some(count.parse().unwrap())
}

#[test]
fn a_token_opens_its_users_maildrop_in_one_step_and_in_two() {
    let fixture = Fixture::signed();
    for mechanism in MECHANISMS {
        for (user, count) in [("alice", 3), ("bob", 2)] {
            let token = fixture.signer.token(user);
            let mut client = fixture.connect();
            assert_eq!(login(&mut client, mechanism, user, &token), untold(DONE));
            assert_eq!(messages(&mut client), Some(count));
            client.ok("QUIT\r\n").unwrap();

            let mut client = fixture.connect();
            let challenge = client.ask(&format!("AUTH {mechanism}\r\n")).unwrap();
            assert_eq!(challenge.trim_end_matches("\\s"), "+");
            let message = message(mechanism, user, &token);
            assert_eq!(end(&mut client, &message), untold(DONE));
            assert_eq!(messages(&mut client), Some(count));
            client.ok("QUIT\r\n").unwrap();
        }
    }
    // A client that does not say who it is, is who its token says.
    let mut client = fixture.connect();
    let token = fixture.signer.token("alice");
    let message = Base64::encode_string(format!("n,,\x01auth=Bearer {token}\x01\x01").as_bytes());
    let answer = end(&mut client, &format!("AUTH OAUTHBEARER {message}"));
    assert_eq!((answer, messages(&mut client)), (untold(DONE), Some(3)));
}

#[test]
fn a_token_of_several_kib_is_taken_in_one_step_and_in_two() {
    let fixture = Fixture::signed();
    let mut claims = claims("alice");
    claims["groups"] = json!("x".repeat(6000));
    let token = fixture.signer.sign(&fixture.signer.header(), &claims);
    for mechanism in MECHANISMS {
        let message = message(mechanism, "alice", &token);
        assert!(message.len() > 10_000);
        let mut client = fixture.connect();
        let answer = end(&mut client, &format!("AUTH {mechanism} {message}"));
        assert_eq!((answer, messages(&mut client)), (untold(DONE), Some(3)));
        client.ok("QUIT\r\n").unwrap();
        let mut client = fixture.connect();
        client.ask(&format!("AUTH {mechanism}\r\n")).unwrap();
        let answer = end(&mut client, &message);
        assert_eq!((answer, messages(&mut client)), (untold(DONE), Some(3)));
        client.ok("QUIT\r\n").unwrap();
    }
}

#[test]
fn a_message_without_a_token_is_refused_at_once() {
    let fixture = Fixture::signed();
    for line in [
        "AUTH OAUTHBEARER =",
        "AUTH OAUTHBEARER bixhPWFsaWNlLAEB",
        "AUTH XOAUTH2 dXNlcj1hbGljZQEB",
    ] {
        let mut client = fixture.connect();
        assert_eq!(end(&mut client, line), untold(DENIED), "{line}");
    }
    // And a client that gives up instead of sending one.
    let mut client = fixture.connect();
    client.ask("AUTH XOAUTH2\r\n").unwrap();
    assert!(client.ask("*\r\n").unwrap().starts_with("-ERR"));
    assert_eq!(messages(&mut client), None);
}

/// The mechanisms that CAPA lists.
fn offered(fixture: &Fixture) -> Vec<String> {
    let mut client = fixture.connect();
    client.send(b"CAPA\r\nQUIT\r\n").unwrap();
    let heard = String::from_utf8(client.rest().unwrap()).unwrap();
    let line = heard.lines().find_map(|line| line.strip_prefix("SASL "));
    line.unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect()
}

#[test]
fn tokens_are_asked_for_only_where_they_may_cross_the_network() {
    let fixture = Fixture::signed();
    let both = |names: &[String]| {
        MECHANISMS
            .iter()
            .all(|name| names.iter().any(|n| n == name))
    };
    assert!(both(&offered(&fixture)), "{:?}", offered(&fixture));

    let section = "introspection_url = \"https://issuer.example/\"";
    let fixture = Fixture::start(section, |config| {
        config.listeners[0].plaintext_login = PlaintextLogin::Never;
    });
    let names = offered(&fixture);
    assert!(
        names.iter().any(|name| name == "SCRAM-SHA-256"),
        "{names:?}"
    );
    for mechanism in MECHANISMS {
        assert!(!names.iter().any(|name| name == mechanism), "{names:?}");
        let answer = login(&mut fixture.connect(), mechanism, "alice", "good").1;
        assert!(answer.starts_with("-ERR"), "{answer}");
    }
    // Without an issuer nobody could log in with one.
    let fixture = Fixture::start(section, |config| config.oauth = None);
    for mechanism in MECHANISMS {
        let names = offered(&fixture);
        assert!(!names.iter().any(|name| name == mechanism), "{names:?}");
    }
}
