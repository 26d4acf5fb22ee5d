//! The clients that people have: poplib, curl, mpop, fetchmail, getmail6.
//!
//! Each fetches everything from a server in this process and removes it there; what arrives is
//! compared octet by octet, line ends aside. A client that is not installed is skipped with a word,
//! but not where `CI` is set.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on fails at once"
)]

use std::{
    env, fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use popcell::{
    auth::oauth::jwt::Claims,
    config::{self, Keys, ListenerTls, Oauth, PlaintextLogin, Users},
    services,
    tls::{CertificatePair, Options, Version},
};
use popcell_tests::{
    fake::World,
    issuer::{self, Signer},
    scene::Scene,
    served,
    server::Running,
};
use tempfile::TempDir;

/// Fetches and removes all messages of the server at `argv[1]`, prints them as hexadecimal digits,
/// a message a line.
const POPLIB: &str = r#"
import poplib, sys
box = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60)
assert "TOP" in box.capa() and "UIDL" in box.capa()
box.user("alice")
box.pass_("secret")
count, octets = box.stat()
assert [int(line.split()[1]) for line in box.list()[1]] == [box.list(n + 1) and
    int(box.list(n + 1).split()[2]) for n in range(count)]
assert len(box.uidl()[1]) == count
for number in range(1, count + 1):
    answer, lines, size = box.retr(number)
    body = b"".join(line + b"\r\n" for line in lines)
    assert len(body) == int(answer.split()[1]), answer
    assert box.top(number, 1000000)[1] == lines
    print(body.hex())
    box.dele(number)
box.noop()
box.quit()
"#;

#[test]
fn poplib_reads_and_removes_everything() {
    if !is_installed("python3") {
        return;
    }
    let (world, server) = start();
    let port = server.address().port().to_string();
    let output = run(Command::new("python3").args(["-c", POPLIB, &port]));
    let expected: Vec<String> = messages().iter().map(|message| hex(message)).collect();
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), expected);
    assert!(world.stored().is_empty());
}

#[test]
fn curl_reads_messages_and_lists() {
    if !is_installed("curl") {
        return;
    }
    let (world, server) = start();
    let curl = |path: &str, more: &[&str]| {
        let url = format!("pop3://{}/{path}", server.address());
        run(Command::new("curl")
            .args(["-sS", "-u", "alice:secret", &url])
            .args(more))
        .stdout
    };
    for (number, message) in (1..).zip(messages()) {
        assert_eq!(text(&curl(&number.to_string(), &[])), text(&message));
    }
    let sizes: String = (1..)
        .zip(messages())
        .map(|(number, message)| format!("{number} {}\r\n", message.len()))
        .collect();
    assert_eq!(text(&curl("", &[])), sizes);
    for mechanism in ["AUTH=PLAIN", "AUTH=LOGIN"] {
        let options = ["--login-options", mechanism];
        assert_eq!(
            text(&curl("1", &options)),
            text(&messages()[0]),
            "{mechanism}"
        );
    }
    curl("1", &["-X", "DELE", "-I"]);
    assert_eq!(world.stored(), [2, 3, 4]);
}

#[test]
fn curl_logs_in_with_tokens_on_this_machine_and_behind_tls() {
    if !is_installed("curl") {
        return;
    }
    let signer = Signer::new("k1").unwrap();
    for (tls, scheme, more) in [
        (ListenerTls::None, "pop3", None),
        (ListenerTls::Stls, "pop3", Some("--ssl-reqd")),
        (ListenerTls::Implicit, "pop3s", None),
    ] {
        let files = home(&[]);
        let server = start_with_tokens(tls, &signer, files.path());
        let url = format!("{scheme}://{}/1", server.address());
        let authority = files.path().join("cert.pem");
        let curl = |mechanism: &str, token: &str, more: &[&str]| {
            let mut command = Command::new("curl");
            command.args(["-sS", "-u", "alice:", "--oauth2-bearer", token, &url]);
            command.args(["--login-options", &format!("AUTH={mechanism}")]);
            command.arg("--cacert").arg(&authority).args(more);
            command
        };
        for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
            let token = signer.token("alice");
            for one_step in [None, Some("--sasl-ir")] {
                let more: Vec<_> = more.into_iter().chain(one_step).collect();
                let output = run(&mut curl(mechanism, &token, &more));
                assert_eq!(text(&output.stdout), text(&messages()[0]), "{mechanism}");
                let bad = curl(mechanism, &signer.token("bob"), &more).output();
                // CURLE_LOGIN_DENIED
                assert_eq!(bad.unwrap().status.code(), Some(67), "{mechanism}");
            }
        }
    }
}

#[test]
fn mpop_fetches_and_removes_everything() {
    if !is_installed("mpop") {
        return;
    }
    let (world, server) = start();
    let home = home(&["Mail/cur", "Mail/new", "Mail/tmp"]);
    let path = home.path().display();
    let settings = format!(
        "account default\nhost 127.0.0.1\nport {}\nuser alice\npassword secret\nauth user\n\
         tls off\nkeep off\nreceived_header off\nuidls_file {path}/uidls\n\
         delivery maildir {path}/Mail\n",
        server.address().port()
    );
    let file = written(home.path(), "mpoprc", &settings);
    run(Command::new("mpop")
        .args(["-q", "-C", &file])
        .env("HOME", home.path()));
    arrived(&home.path().join("Mail/new"));
    assert!(world.stored().is_empty());
}

#[test]
fn fetchmail_fetches_and_removes_everything() {
    if !is_installed("fetchmail") {
        return;
    }
    let (world, server) = start();
    let home = home(&["Mail"]);
    let path = home.path().display();
    // One file for each message, with fetchmail's own Received header kept out.
    let settings = format!(
        "set no bouncemail\nset invisible\npoll 127.0.0.1 service {} protocol pop3 no envelope\n\
         user alice password secret is root here sslproto '' fetchall nokeep\n\
         mda \"/bin/sh -c 'cat > {path}/Mail/$$'\"\n",
        server.address().port()
    );
    let file = written(home.path(), "fetchmailrc", &settings);
    let mut command = Command::new("fetchmail");
    command.args(["-f", &file, "--nosyslog", "--norewrite", "--idfile"]);
    command
        .arg(home.path().join("ids"))
        .env("FETCHMAILHOME", home.path());
    run(command.env("HOME", home.path()).env("LC_ALL", "C"));
    arrived(&home.path().join("Mail"));
    assert!(world.stored().is_empty());
}

#[test]
fn getmail_fetches_and_removes_everything() {
    if !is_installed("getmail") {
        return;
    }
    let (world, server) = start();
    let home = home(&["Mail"]);
    let path = home.path().display();
    // Its own Maildir delivery refuses to work for root, as whom tests may run.
    let settings = format!(
        "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {}\n\
         username = alice\npassword = secret\n\
         [destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n\
         arguments = ('-c', 'cat > {path}/Mail/$$')\n\
         [options]\ndelete = true\nread_all = true\ndelivered_to = false\nreceived = false\n\
         verbose = 0\n",
        server.address().port()
    );
    let file = written(home.path(), "getmailrc", &settings);
    run(Command::new("getmail")
        .args(["--getmaildir", &path.to_string(), "--rcfile", &file])
        .env("HOME", home.path()));
    arrived(&home.path().join("Mail"));
    assert!(world.stored().is_empty());
}

/// Mail as it comes: plain, with dots, with 8-bit octets and blank lines at the end, and long.
fn messages() -> Vec<Vec<u8>> {
    let message = |subject: &str, body: &str| {
        let date = "Mon, 23 Nov 2026 10:00:00 +0000";
        let header = format!("From: a@example.org\r\nTo: alice@example.org\r\nDate: {date}\r\n");
        let id = format!("Message-ID: <{}@example.org>\r\n", subject.len());
        format!("{header}{id}Subject: {subject}\r\n\r\n{body}").into_bytes()
    };
    vec![
        message("plain", "Hello,\r\n\r\nthis is all.\r\n"),
        message(
            "dotted",
            ".\r\n..\r\n.x\r\n-ERR\r\n+OK 0 0\r\n.\r\nlast\r\n",
        ),
        message("eight bits", "gr\u{fc}\u{df} dich\r\n\r\n\r\n"),
        message(
            "a long one",
            &format!("{}\r\n", "x".repeat(900)).repeat(200),
        ),
    ]
}

fn start() -> (World, Running) {
    let mut scene = Scene {
        messages: messages(),
        ..Scene::default()
    };
    scene.connection.mechanisms = vec!["PLAIN".to_owned(), "LOGIN".to_owned()];
    let world = World::new(scene);
    let server = served::start(&world).unwrap();
    (world, server)
}

/// A server that takes the tokens of a signer, and passwords and tokens behind TLS alone if it has
/// TLS. `files` gets its certificate, `cert.pem`.
fn start_with_tokens(tls: ListenerTls, signer: &Signer, files: &Path) -> Running {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for (name, text) in [
        ("cert.pem", signed.cert.pem()),
        ("key.pem", signed.signing_key.serialize_pem()),
        ("keys.json", signer.keys()),
        ("users", "alice:{PLAIN}secret\n".to_owned()),
    ] {
        fs::write(files.join(name), text).unwrap();
    }
    let world = World::new(Scene {
        messages: messages(),
        ..Scene::default()
    });
    let mut config = served::config(world.scene());
    config.users = Some(Users::PasswdFile(files.join("users")));
    config.oauth = Some(Oauth::Jwt {
        keys: Keys::File(files.join("keys.json")),
        claims: Claims::new(issuer::ISSUER, issuer::AUDIENCE),
    });
    config.session.mechanisms = config::Session::default().mechanisms;
    config.listeners[0].tls = tls;
    if tls != ListenerTls::None {
        config.listeners[0].plaintext_login = PlaintextLogin::Never;
        config.tls = Some(Options {
            certificates: vec![CertificatePair {
                certificate: files.join("cert.pem"),
                key: files.join("key.pem"),
            }],
            client_ca: None,
            minimum_version: Version::Tls12,
        });
    }
    let auth = services::auth(&config).unwrap();
    Running::start(&config, auth, Arc::new(world)).unwrap()
}

/// Compares the files of a folder, in any order, with the messages. A client may put a line of its
/// own in front.
fn arrived(folder: &Path) {
    let mut found: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| text(&fs::read(entry.unwrap().path()).unwrap()).replace("\r\n", "\n"))
        .map(|mail| {
            mail.strip_prefix("Return-Path: <unknown>\n")
                .unwrap_or(&mail)
                .to_owned()
        })
        .collect();
    let mut expected: Vec<String> = messages()
        .iter()
        .map(|message| text(message).replace("\r\n", "\n"))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found.len(), expected.len(), "messages");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            found == expected,
            "{:.400}\nis not\n{expected:.400}",
            *found
        );
    }
}

fn home(folders: &[&str]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for folder in folders {
        fs::create_dir_all(home.path().join(folder)).unwrap();
    }
    home
}

/// Writes a file that only its owner can read, as clients want it, and returns its path.
fn written(home: &Path, name: &str, contents: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;

    let file = home.join(name);
    fs::write(&file, contents).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

/// Runs a client to its end, which has to be a good one.
fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

#[expect(clippy::print_stderr, reason = "a test that was skipped has to say so")]
fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(
        is_there || env::var_os("CI").is_none(),
        "{program} is not installed"
    );
    if !is_there {
        eprintln!("skipped: {program} is not installed");
    }
    is_there
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
