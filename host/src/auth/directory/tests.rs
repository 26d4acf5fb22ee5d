//! Lines of a passwd-file, good and bad, and claims against them.

use super::*;
use crate::auth::{hasher::Limits, hex};

/// `password` at the lowest cost, under two salts.
const BCRYPT: &str = "{BLF-CRYPT}$2y$04$7YdzWq8AJmduhOioM4EJCeLb5yTRJOsnyUyV01tbcxmIUdne3gTIq";

fn hasher() -> Hasher {
    Hasher::new(Limits::default()).expect("a random key")
}

fn read(text: &str) -> (Directory, Vec<String>) {
    let (directory, problems) = Directory::parse(text.as_bytes());
    (
        directory,
        problems.iter().map(ToString::to_string).collect(),
    )
}

async fn log_in(directory: &Directory, user: &str, password: &str) -> Result<Account, Denial> {
    directory
        .password(&hasher(), user.as_bytes(), password.as_bytes())
        .await
}

#[tokio::test]
async fn every_form_of_line_that_dovecot_reads_is_read() {
    let (directory, problems) = read(
        "# a comment\n\
         \n\
         alice:{PLAIN}one\n\
         bob:{PLAIN}two:1000:1000::/home/bob::userdb_quota=1G\r\n\
         carol@example.org:{PLAIN}three: odd :::::\n\
         dave+tag#1%x:{PLAIN}four:::::/bin/false",
    );
    assert_eq!(problems, [""; 0]);
    assert_eq!(directory.len(), 4);
    let home = |home: &str| Some(PathBuf::from(home));
    for (user, password, expected) in [
        ("alice", "one", None),
        ("bob", "two", home("/home/bob")),
        ("carol@example.org", "three", None),
        ("dave+tag#1%x", "four", None),
    ] {
        let account = Account {
            user: user.to_owned(),
            home: expected,
        };
        assert_eq!(
            log_in(&directory, user, password).await,
            Ok(account),
            "{user}"
        );
    }
}

#[tokio::test]
async fn a_broken_line_concerns_its_user_alone() {
    let (directory, problems) = read(
        "alice:{PLAIN}one\n\
         mallory:{ROT13}grafgnns\n\
         nobody\n\
         empty::1000:1000\n\
         :{PLAIN}x\n\
         alice:{PLAIN}other\n",
    );
    assert_eq!(
        problems,
        [
            "2: user \"mallory\": unknown password scheme {ROT13}",
            "3: user \"nobody\": no password",
            "4: user \"empty\": no password",
            "5: user \"\": no user name",
            "6: user \"alice\": already on line 1, this line is ignored",
        ]
    );
    assert!(log_in(&directory, "alice", "one").await.is_ok());
    assert_eq!(
        log_in(&directory, "alice", "other").await,
        Err(Denial::WrongProof)
    );
    for user in ["mallory", "nobody", "empty"] {
        assert_eq!(
            log_in(&directory, user, "x").await,
            Err(Denial::Permanent),
            "{user}"
        );
        let known = directory.credential(&hasher(), user.as_bytes(), Need::Secret);
        assert_eq!(known.err(), Some(Denial::Permanent), "{user}");
    }
    assert_eq!(log_in(&directory, "", "x").await, Err(Denial::UnknownUser));
}

#[tokio::test]
async fn names_that_are_not_text_are_unknown_users() {
    let (directory, problems) = Directory::parse(b"al\xffice:{PLAIN}one\nbob:{PLAIN}two\n");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].reason, Reason::NotText);
    let claim = directory.password(&hasher(), b"al\xffice", b"one").await;
    assert_eq!(claim, Err(Denial::UnknownUser));
}

#[tokio::test]
async fn names_and_passwords_are_compared_exactly() {
    let (directory, _) = read("Alice:{PLAIN} pass word \n");
    assert!(log_in(&directory, "Alice", " pass word ").await.is_ok());
    for user in ["alice", "Alice ", " Alice", "Alice\0"] {
        assert_eq!(
            log_in(&directory, user, " pass word ").await,
            Err(Denial::UnknownUser)
        );
    }
    for password in ["pass word", " pass word", " Pass word ", " pass word \0"] {
        assert_eq!(
            log_in(&directory, "Alice", password).await,
            Err(Denial::WrongProof)
        );
    }
}

#[tokio::test]
async fn an_unknown_user_costs_the_hash_of_a_known_one() {
    let (directory, _) = read(&format!("a:{{PLAIN}}x\nb:{BCRYPT}\nc:{BCRYPT}\n"));
    let hasher = hasher();
    assert_eq!(
        directory.usual_work().map(|decoy| decoy.work().scheme),
        Some("BLF-CRYPT")
    );
    let known = directory.password(&hasher, b"b", b"wrong").await;
    assert_eq!((known, hasher.hashes()), (Err(Denial::WrongProof), 1));
    for hashes in 2..=3 {
        let unknown = directory.password(&hasher, b"nobody", b"wrong").await;
        assert_eq!(
            (unknown, hasher.hashes()),
            (Err(Denial::UnknownUser), hashes)
        );
    }
}

#[tokio::test]
async fn the_password_of_the_decoy_opens_nothing() {
    let (directory, _) = read(&format!("b:{BCRYPT}\n"));
    assert!(log_in(&directory, "b", "password").await.is_ok());
    assert_eq!(
        log_in(&directory, "nobody", "password").await,
        Err(Denial::UnknownUser)
    );
}

#[tokio::test]
async fn an_empty_directory_knows_nobody() {
    let (directory, problems) = read("");
    assert!(directory.is_empty() && problems.is_empty());
    assert_eq!(
        log_in(&directory, "alice", "x").await,
        Err(Denial::UnknownUser)
    );
}

#[tokio::test]
async fn extra_fields_hold_for_their_user_alone() {
    let (directory, problems) = read(
        "alice:{PLAIN}one:1000:1000::/home/alice::userdb_login_delay=15m expire=30 a:b require_tls\n\
         bob:{PLAIN}two::::::\n\
         carol:{PLAIN}three::::::nologin\n\
         dave:{PLAIN}four::::::login_delay=soon\n",
    );
    assert_eq!(
        problems,
        [
            "3: user \"carol\": extra field nologin is not supported here, so that the user is \
             kept out",
            "4: user \"dave\": login_delay is not a time of at most 24h, such as 90, 90s, 15m or 1h",
        ]
    );
    let policy = directory.policy(b"alice");
    assert_eq!(policy.login_delay, Some(std::time::Duration::from_mins(15)));
    assert_eq!(policy.expire, Some(policy::Expire::Days(30)));
    assert!(policy.requires_tls);
    for user in [b"bob".as_slice(), b"nobody", b"carol"] {
        assert_eq!(directory.policy(user), Policy::default());
    }
    assert_eq!(directory.extremes().soonest_expire, policy.expire);
    for user in ["carol", "dave"] {
        assert_eq!(
            log_in(&directory, user, "three").await,
            Err(Denial::Permanent),
            "{user}"
        );
        assert_eq!(
            directory.account(user.as_bytes()),
            Err(Denial::Permanent),
            "{user}"
        );
    }
    assert!(directory.account(b"alice").is_ok());
    assert_eq!(directory.account(b"nobody"), Err(Denial::UnknownUser));
}

#[test]
fn nobody_is_shown_what_most_users_are_shown() {
    let keys = |iterations: u32| {
        let key = "a2LnEJ1v/3SrMyK00eRZ1vnLiv//S20jokRXj8weDj8=";
        format!("{{SCRAM-SHA-256}}{iterations},AAAAAAAAAAA=,{key},{key}\n")
    };
    let few = format!("a:{{PLAIN}}x\nb:{}", keys(5000));
    let (directory, problems) = read(&few);
    assert_eq!(problems, [""; 0]);
    let shown = |directory: &Directory, user: &[u8]| {
        let need = Need::Scram(Hash::Sha256);
        let credential = directory.credential(&hasher(), user, need);
        let credential = match credential {
            Ok(known) => Some(known.credential),
            Err(_) => directory.decoy(&hasher(), user, need),
        };
        let verifier = credential.expect("a credential");
        let verifier = verifier.scram(Hash::Sha256).expect("for this hash").clone();
        (verifier.salt().len(), verifier.iterations())
    };
    assert_eq!(shown(&directory, b"a"), (16, 4096));
    assert_eq!(shown(&directory, b"b"), (8, 5000));
    assert_eq!(shown(&directory, b"nobody"), (16, 4096));
    let (directory, _) = read(&format!("{few}c:{}", keys(5000)));
    assert_eq!(shown(&directory, b"nobody"), (8, 5000));
    assert!(
        directory
            .decoy(&hasher(), b"nobody", Need::Secret)
            .is_none()
    );
}

#[test]
fn secrets_are_kept_where_the_scheme_keeps_them() {
    let cram = "c:{CRAM-MD5}bc85c9a3cb6b88ebf5a19a22a3604ef939585872c1ade1a2bf44087948a852f4\n";
    for (text, secret, hmac_md5) in [
        ("p:{PLAIN}tanstaaf\n", true, true),
        (cram, false, true),
        (&format!("b:{BCRYPT}\n"), false, false),
    ] {
        let (directory, _) = read(text);
        assert_eq!(directory.keeps(Need::Secret), secret, "{text}");
        assert_eq!(directory.keeps(Need::HmacMd5), hmac_md5, "{text}");
    }
    let (directory, _) = read(cram);
    assert_eq!(
        directory.credential(&hasher(), b"c", Need::Secret).err(),
        Some(Denial::NoCredential)
    );
    assert_eq!(
        directory.credential(&hasher(), b"x", Need::HmacMd5).err(),
        Some(Denial::UnknownUser)
    );
    let known = directory
        .credential(&hasher(), b"c", Need::HmacMd5)
        .expect("states");
    let code = known
        .credential
        .hmac_md5()
        .expect("states")
        .code(b"<1896.697170952@postoffice.reston.mci.net>");
    assert_eq!(hex::encode(&code).len(), 32);
}
