//! The command line as a whole, without a server.

use std::{
    ffi::OsStr,
    time::{Duration, SystemTime},
};

use clap::CommandFactory;
use tempfile::TempDir;

use super::*;

const BUILD: Build<'_> = Build {
    component_digest: "00",
    wit: "popcell:pop3@0.1.0",
};

fn parse(arguments: &str) -> Result<Arguments, clap::error::ErrorKind> {
    let arguments = ["popcell"].into_iter().chain(arguments.split_whitespace());
    Arguments::try_parse_from(arguments).map_err(|error| error.kind())
}

fn run_never_serving(arguments: &[&OsStr]) -> ExitCode {
    let arguments = [OsStr::new("popcell")]
        .into_iter()
        .chain(arguments.iter().copied());
    run(arguments.map(OsStr::to_owned), &BUILD, async |_, _| {
        panic!("nothing is to be served")
    })
}

fn directory_with(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("temporary directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("written");
    }
    directory
}

fn serve_arguments(arguments: &str) -> Serve {
    match parse(arguments).expect("right").command {
        Some(Command::Serve(arguments)) => arguments,
        other => panic!("not serve: {other:?}"),
    }
}

#[test]
fn the_definition_of_the_arguments_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    for right in [
        "demo",
        "demo --listen [::1]:0",
        "serve --config x.toml",
        "serve --maildir x --user me",
        "serve --maildir x --user me --listen 0.0.0.0:110 --password-file y",
        "check x.toml",
        "component export x.wasm --force",
        "component inspect x.wasm --json",
        "component test x.wasm --wasi --memory 16MiB",
        "expire --config x.toml",
        "expire --config x.toml --dry-run",
        "hash",
        "hash alice@example.org --scheme sha512-crypt",
        "status",
        "sessions --json --socket x.sock",
        "tenants --config x.toml",
        "kick 00ab54f1c09d2e77 --json",
        "kick --user alice",
        "kick --tenant default",
        "--version",
    ] {
        assert!(parse(right).is_ok(), "{right}");
    }
    for wrong in [
        "",
        "sevre",
        "component",
        "component test x.wasm --memory 16",
        "demo --listen localhost",
        "serve",
        "serve --user me",
        "serve --maildir x",
        "serve --config x.toml --user me",
        "serve --config x.toml --listen 127.0.0.1:1",
        "serve --config x.toml --password-file y",
        "check",
        "expire x.toml",
        "hash --scheme ROT13",
        "hash a:b",
        "hash #a",
        "kick",
        "kick 00ab54f1c09d2e77 --user alice",
        "status --config x.toml --socket x.sock",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn help_and_versions_are_no_failures_and_mistakes_are() {
    for (argument, code) in [("--help", 0), ("--version", 0), ("--nonsense", 2)] {
        let got = run_never_serving(&[OsStr::new(argument)]);
        assert_eq!(
            format!("{got:?}"),
            format!("{:?}", ExitCode::from(code)),
            "{argument}"
        );
    }
}

#[test]
fn check_looks_into_the_files_that_are_named() {
    let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \
                \"users\"\n[mailbox]\nmaildir = \"%h/Maildir\"\n[component]\nfile = \"c.wasm\"\n";
    let directory = directory_with(&[("popcell.toml", text), ("c.wasm", "text")]);
    let file = directory.path().join("popcell.toml");
    let path = |name: &str| directory.path().join(name).display().to_string();

    let failure = check::check(&file).expect_err("no users, no component");
    assert_eq!(failure.code(), 78);
    let report = failure.report();
    let (users, component) = report.split_once('\n').expect("two problems");
    assert!(
        users.starts_with(&format!("{}: cannot be read: No such", path("users"))),
        "{users}"
    );
    assert_eq!(component, format!("{}: not WebAssembly", path("c.wasm")));

    fs::write(path("users"), "alice:{PLAIN}secret\nbob:{ROT13}frperg\n").expect("written");
    fs::write(path("c.wasm"), b"\0asm\x0d\0\x01\0").expect("written");
    let report = check::check(&file).expect_err("bob").report();
    let expected = format!("{}:2: user \"bob\": unknown password scheme", path("users"));
    assert!(
        report.starts_with(&expected) && report.lines().count() == 1,
        "{report}"
    );

    fs::write(path("users"), "alice:{PLAIN}secret\n").expect("written");
    assert!(check::check(&file).is_ok());
}

#[test]
fn check_looks_into_the_files_that_tokens_are_checked_with() {
    let jwt = "issuer = \"i\"\naudience = \"a\"\njwks = ";
    let asked = "introspection_url = \"https://issuer.example/\"\nclient_id = \"c\"\n";
    let asked = format!("{asked}client_secret_file = ");
    for (oauth, problem) in [
        (format!("{jwt}\"absent\""), "key set {}absent: No such file"),
        (format!("{jwt}\"text\""), "key set {}text: expected ident"),
        (
            format!("{jwt}\"none.json\""),
            "{}none.json: no key for RS256, ES256 or EdDSA",
        ),
        (
            format!("{asked}\"absent\""),
            "client secret {}absent: No such file",
        ),
        (
            format!("{asked}\"empty\""),
            "client secret {}empty: the file is empty",
        ),
        (
            format!("{asked}\"text\"\nauthorities = \"text\""),
            "authorities {}text: no certificates",
        ),
        // The issuer itself is not asked.
        (format!("{asked}\"text\""), ""),
    ] {
        let text = format!(
            "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \
             \"users\"\n[mailbox]\nmaildir = \"%h/Maildir\"\n[oauth]\n{oauth}\n"
        );
        let directory = directory_with(&[
            ("popcell.toml", &text),
            ("users", "alice:{PLAIN}secret\n"),
            ("text", "no keys\n"),
            ("none.json", r#"{"keys":[{"kty":"oct","k":"AA"}]}"#),
            ("empty", "\n"),
        ]);
        let checked = check::check(&directory.path().join("popcell.toml"));
        let report = checked
            .err()
            .map_or_else(String::new, |error| error.report());
        let problem = problem.replace("{}", &format!("{}/", directory.path().display()));
        assert!(report.starts_with(&problem), "{report}");
        assert_eq!(report.is_empty(), problem.is_empty(), "{report}");
    }
}

#[test]
fn check_reports_the_problems_of_the_file_as_they_are() {
    let directory = directory_with(&[("popcell.toml", "version = 3\n")]);
    let failure = check::check(&directory.path().join("popcell.toml")).expect_err("wrong");
    assert_eq!(failure.code(), 78);
    let report = failure.report();
    assert_eq!(report.lines().count(), 4, "{report}");
    assert!(
        report.contains("popcell.toml:1:11: \"version\" cannot be 3; expected 1"),
        "{report}"
    );
}

#[test]
fn mail_that_has_expired_is_counted_or_removed() {
    let users = "alice:{PLAIN}secret::::::expire=7\nbob:{PLAIN}secret\n";
    let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \
                \"users\"\n[mailbox]\nmaildir = \"%u\"\n[state]\ndirectory = \"state\"\n";
    let directory = directory_with(&[("popcell.toml", text), ("users", users)]);
    let message = |user: &str| directory.path().join(user).join("new/800000000.M1P1.host");
    for user in ["alice", "bob"] {
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(directory.path().join(user).join(folder)).expect("made");
        }
        let file = fs::File::create(message(user)).expect("made");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("aged");
    }
    let file = directory.path().join("popcell.toml");
    let run = |is_dry_run| expire::carry_out(Config::load(&file).expect("right"), is_dry_run);
    let dry = "alice (older than 7 days): 1 messages\n1 messages would be removed\n";
    assert_eq!(run(true).expect("counted"), dry);
    assert!(message("alice").exists());
    assert_eq!(run(false).expect("removed"), "");
    assert!(!message("alice").exists() && message("bob").exists());
    assert_eq!(run(true).expect("counted"), "0 messages would be removed\n");
    assert!(!directory.path().join("state").exists());
}

#[test]
fn one_user_needs_no_configuration() {
    let directory = directory_with(&[("password", " se cret\n")]);
    let maildir = directory.path().join("100%");
    fs::create_dir(&maildir).expect("made");
    let mut arguments = serve_arguments("serve --maildir x --user me --listen 127.0.0.1:0");
    arguments.maildir = Some(maildir.clone());
    arguments.password_file = Some(directory.path().join("password"));
    let config = one_user(arguments).expect("right");
    assert_eq!(
        config.listeners,
        [Listener::new("127.0.0.1:0".parse().expect("address"))]
    );
    let account = crate::account::Account {
        user: "me".to_owned(),
        home: None,
    };
    let mailbox = config.mailbox.expect("a store");
    assert_eq!(mailbox.maildir.path(&account), Ok(maildir));
    let Some(Users::One { name, password }) = config.users else {
        panic!("one user")
    };
    assert_eq!(
        (name.as_str(), password.expose()),
        ("me", b" se cret".as_slice())
    );
}

#[test]
fn a_maildir_that_is_not_there_is_said_before_a_password_is_asked_for() {
    let directory = directory_with(&[]);
    let mut arguments = serve_arguments("serve --maildir x --user me");
    arguments.maildir = Some(directory.path().join("absent"));
    let failure = one_user(arguments).expect_err("absent").to_string();
    assert!(
        failure.starts_with("maildir ") && failure.contains("No such file"),
        "{failure}"
    );
}

#[test]
fn a_server_is_given_what_it_needs_and_its_answer_is_ours() {
    let mut config = Config::new(
        vec![Listener::new("127.0.0.1:0".parse().expect("address"))],
        demo::users(),
        Mailbox::new("/nowhere".parse().expect("template")),
    );
    config.timeouts.shutdown = Duration::from_secs(3);
    let failure = launch::start(
        config,
        None,
        false,
        demo::hints,
        async |launch: Launch, shutdown| {
            drop(shutdown);
            assert_eq!(launch.config.timeouts.shutdown, Duration::from_secs(3));
            let address = launch.sockets[0].local_addr().expect("bound");
            assert!(std::net::TcpStream::connect(address).is_ok(), "it listens");
            let text = format!("{:?}", launch.announcement);
            assert!(
                text.contains(&format!("popcell: listening on {address}")),
                "{text}"
            );
            Err(Failure::Runtime("done".into()))
        },
    );
    assert_eq!(failure.expect_err("done").report(), "popcell: done");
}
