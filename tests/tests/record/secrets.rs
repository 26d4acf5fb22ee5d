//! No secret gets into a recording, whatever a client does with it.

use base64ct::{Base64, Encoding as _};
use popcell::record::ALL;
use popcell_tests::scene::Scene;
use proptest::prelude::*;

use super::*;

/// What a client does with its password.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Pass,
    PassTwice,
    PassInAWrongState,
    Apop,
    Initial,
    Response,
    WrongMechanism,
    NoMechanism,
    BrokenBase64,
    AsAResponseInTheClear,
    Pipelined,
    Cancelled,
}

const DEEDS: [Deed; 12] = [
    Deed::Pass,
    Deed::PassTwice,
    Deed::PassInAWrongState,
    Deed::Apop,
    Deed::Initial,
    Deed::Response,
    Deed::WrongMechanism,
    Deed::NoMechanism,
    Deed::BrokenBase64,
    Deed::AsAResponseInTheClear,
    Deed::Pipelined,
    Deed::Cancelled,
];

/// The lines of a deed, and a PASS with which the session goes on.
fn lines(deed: Deed, secret: &str) -> String {
    let plain = Base64::encode_string(format!("\0alice\0{secret}").as_bytes());
    let bare = Base64::encode_string(secret.as_bytes());
    let broken = &plain[..plain.len() - 1];
    match deed {
        Deed::Pass => format!("USER alice\r\nPASS {secret}\r\n"),
        Deed::PassTwice => format!("USER alice\r\nPASS {secret}\r\nPASS {secret}\r\n"),
        Deed::PassInAWrongState => format!("PASS {secret}\r\npass\t{secret}\r\n"),
        Deed::Apop => format!("APOP alice {secret}\r\nAPOP {secret}\r\n"),
        Deed::Initial => format!("AUTH PLAIN {plain}\r\n"),
        Deed::Response => format!("AUTH PLAIN\r\n{plain}\r\n"),
        Deed::WrongMechanism => format!("AUTH CRAM-MD5 {plain}\r\nAUTH LOGIN {bare}\r\n"),
        Deed::NoMechanism => format!("AUTH {bare}\r\nAUTH {secret}\r\n"),
        Deed::BrokenBase64 => format!("AUTH PLAIN\r\n{broken}\r\n"),
        Deed::AsAResponseInTheClear => format!("AUTH PLAIN\r\n{secret}\r\n"),
        Deed::Pipelined => format!("AUTH PLAIN\r\n{plain}\r\nSTAT\r\nPASS {secret}\r\nNOOP\r\n"),
        Deed::Cancelled => format!("AUTH PLAIN\r\n*\r\nPASS {secret}\r\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_secret_is_in_a_recording(
        secret in "[a-zA-Z0-9+/]{5}[a-zA-Z0-9+/ ]{3,15}[a-z]{4}",
        is_right in any::<bool>(),
        deeds in proptest::collection::vec(proptest::sample::select(&DEEDS[..]), 1..5),
    ) {
        let mut scene = Scene::default();
        scene.connection.mechanisms = vec!["PLAIN".to_owned(), "LOGIN".to_owned()];
        scene.connection.max_bad_commands = 100;
        if is_right {
            scene.users[0].password = secret.clone().into_bytes();
        }
        let (file, recording, _dir) = record(scene, |client| {
            for deed in &deeds {
                client.send(lines(*deed, &secret).as_bytes()).unwrap();
            }
            // The last deed may have left an exchange open, to which a QUIT would be the response.
            client.send(b"*\r\nQUIT\r\n").unwrap();
            client.rest().unwrap();
        });
        let text = fs::read_to_string(file).unwrap();
        let plain = Base64::encode_string(format!("\0alice\0{secret}").as_bytes());
        let bare = Base64::encode_string(secret.as_bytes());
        let head = |text: &str| text[..12].to_owned();
        for form in [secret.clone(), head(&plain[4..]), head(&bare), secret.to_lowercase()] {
            prop_assert!(!text.contains(&form), "{:?} is in\n{}", form, text);
        }
        prop_assert_eq!(replay(&EMBEDDED, &recording, ""), Outcome::Same, "{}", text);
    }
}

#[test]
fn the_secrets_of_a_mechanism_with_two_responses_are_blanked_both() {
    let mut scene = Scene::default();
    scene.connection.mechanisms = vec!["LOGIN".to_owned()];
    let (file, recording, _dir) = record(scene, |client| {
        client.ok("").unwrap();
        for line in ["AUTH LOGIN\r\n", "YWxpY2U=\r\n", "c2VjcmV0\r\n"] {
            client.ask(line).unwrap();
        }
        assert_eq!(client.ok("STAT\r\n").unwrap(), "+OK 2 320");
    });
    let text = fs::read_to_string(file).unwrap();
    assert!(
        !text.contains("c2VjcmV0") && !text.contains("YWxpY2U"),
        "{text}"
    );
    assert!(text.contains("\"AAAAAAA=\\r\\n\""), "{text}");
    assert_eq!(replay(&EMBEDDED, &recording, ""), Outcome::Same);
}

#[test]
fn a_sample_is_a_part_of_all_sessions() {
    let dir = tempfile::tempdir().unwrap();
    for (sample, least, most) in [(0, 0, 0), (ALL / 2, 10, 30), (ALL, 40, 40)] {
        let directory = dir.path().join(sample.to_string());
        let running = serve(&World::new(Scene::default()), &directory, |config| {
            let record = config.record.as_mut().unwrap();
            record.sample = sample;
        });
        for _ in 0..40 {
            let mut client = Client::connect(running.address()).unwrap();
            client.ok("").unwrap();
        }
        running.stop();
        let found = fs::read_dir(&directory).unwrap().count();
        assert!((least..=most).contains(&found), "{sample}: {found}");
    }
}
