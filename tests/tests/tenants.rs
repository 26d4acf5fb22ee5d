//! Tenants of one server, over TCP: whose user somebody is, what then serves the session, and what
//! another reading of the configuration changes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use popcell::{
    config::Config,
    services::{Changes, Services, Tenancy},
};
use popcell_tests::{client::Client, server::Running};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tempfile::TempDir;

/// A component that answers everything with `+OK` and does as it is told.
const GUEST: &[u8] = include_bytes!(env!("POPCELL_HOSTILE_GUEST"));

/// The component of `docs/write-a-component.md`.
const EXAMPLE: &[u8] = include_bytes!(env!("POPCELL_EXAMPLE_GUEST"));

/// A server whose configuration is a file.
struct Site {
    files: TempDir,
    services: Services,
    server: Running,
}

/// What stands in front of the tenants.
const SERVER: &str = "version = 1
[[listener]]
address = \"127.0.0.1:0\"
[session]
greeting = \"front\"
[limits]
failed_login_delay = 0
failed_logins = 100
connections_per_address = 100
call_time = \"30s\"
session_time = \"10min\"
";

/// A tenant, of which `users` can log in with the password `secret` and have a letter each.
fn tenant(files: &Path, name: &str, users: &[&str], rest: &str) -> String {
    let lines: String = users
        .iter()
        .map(|user| format!("{user}:{{PLAIN}}secret\n"))
        .collect();
    fs::write(files.join(format!("{name}.users")), lines).unwrap();
    for user in users {
        let maildir = files.join(name).join(user);
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(maildir.join(folder)).unwrap();
        }
        let letter = format!("Subject: for {user} of {name}\n\nhello\n");
        fs::write(maildir.join("new/1700000000.1.host"), letter).unwrap();
    }
    format!(
        "[[tenant]]\nname = \"{name}\"\ndomains = [\"{name}.example\"]\n\
         [tenant.users]\npasswd_file = \"{name}.users\"\n\
         [tenant.mailbox]\nmaildir = \"{name}/%u\"\n{rest}\n"
    )
}

impl Site {
    /// A server with what `describe` says behind [`SERVER`].
    fn start(describe: impl FnOnce(&Path) -> String) -> Self {
        Self::start_as(SERVER, describe)
    }

    fn start_as(server: &str, describe: impl FnOnce(&Path) -> String) -> Self {
        let files = tempfile::tempdir().unwrap();
        let text = format!("{server}{}", describe(files.path()));
        let config = Config::parse(&text, &files.path().join("popcell.toml")).unwrap();
        let services = Services::open(&config).unwrap();
        let server = Running::start_with(&config, services.clone()).unwrap();
        Self {
            files,
            services,
            server,
        }
    }

    fn connect(&self) -> Client {
        let mut client = Client::connect(self.server.address()).unwrap();
        assert_eq!(client.ok("").unwrap(), "+OK front");
        client
    }

    fn login(&self, user: &str) -> Client {
        let mut client = self.connect();
        client.ok(&format!("USER {user}\r\n")).unwrap();
        client.ok("PASS secret\r\n").unwrap();
        client
    }

    /// What PASS is answered with.
    fn refused(&self, user: &str, password: &str) -> String {
        let mut client = self.connect();
        client.ok(&format!("USER {user}\r\n")).unwrap();
        client.ask(&format!("PASS {password}\r\n")).unwrap()
    }

    fn tenancy(&self) -> Arc<Tenancy> {
        self.services.tenancy().unwrap()
    }
}

fn read(files: &Path, text: &str) -> Config {
    let path = files.join("popcell.toml");
    Config::parse(&format!("{SERVER}{text}"), &path).unwrap()
}

/// The first line of the message that the user has.
fn subject(client: &mut Client) -> String {
    client.ok("TOP 1 0\r\n").unwrap();
    let first = client.ask("").unwrap();
    while client.ask("").unwrap() != "." {}
    first
}

#[test]
fn users_of_one_name_and_two_tenants_have_their_own_mail() {
    let site = Site::start(|files| {
        tenant(files, "one", &["alice"], "") + &tenant(files, "two", &["alice", "bob"], "")
    });
    let mut first = site.login("alice@one.example");
    let mut second = site.login("alice@TWO.example");
    assert_eq!(subject(&mut first), "Subject: for alice of one");
    assert_eq!(subject(&mut second), "Subject: for alice of two");
    second.ok("DELE 1\r\n").unwrap();
    second.ok("QUIT\r\n").unwrap();
    assert_eq!(first.ok("STAT\r\n").unwrap(), "+OK 1 36");
}

#[test]
fn a_domain_that_nobody_has_is_a_wrong_password() {
    let site = Site::start(|files| tenant(files, "one", &["alice"], ""));
    let wrong = site.refused("alice@one.example", "wrong");
    assert!(wrong.starts_with("-ERR [AUTH]"), "{wrong}");
    for user in ["alice", "alice@", "alice@two.example", "nobody@one.example"] {
        assert_eq!(site.refused(user, "secret"), wrong, "{user}");
    }
}

#[test]
fn users_without_a_tenant_are_served_beside_tenants() {
    let site = Site::start(|files| {
        let one = tenant(files, "one", &["alice"], "");
        // The same tables, but for where they stand.
        let rest = tenant(files, "rest", &["carol"], "").replace("tenant.", "");
        let (_, rest) = rest.split_once("[users]").unwrap();
        format!("[users]{rest}{one}")
    });
    let mut carol = site.login("carol");
    assert_eq!(subject(&mut carol), "Subject: for carol of rest");
    let mut alice = site.login("alice@one.example");
    assert_eq!(subject(&mut alice), "Subject: for alice of one");
}

#[test]
fn from_the_login_on_a_session_is_in_its_tenants_component() {
    let site = Site::start(|files| {
        fs::write(files.join("guest.wasm"), GUEST).unwrap();
        tenant(files, "one", &["alice"], "")
            + &tenant(
                files,
                "two",
                &["bob"],
                "[tenant.component]\nfile = \"guest.wasm\"",
            )
    });
    let mut neighbour = site.login("alice@one.example");
    let mut client = site.connect();
    // Commands that came together with the login are the tenant's component's too.
    let together = b"USER bob@two.example\r\nPASS secret\r\nFORGE\r\nOPEN 1\r\n";
    client.send(together).unwrap();
    let said: Vec<String> = (0..6).map(|_| client.ask("").unwrap()).collect();
    assert_eq!(
        said[2..],
        ["+OK \\0", "-ERR and more", ".", "+OK"],
        "{said:?}"
    );
    client.send(b"TRAP\r\n").unwrap();
    assert_eq!(client.rest().unwrap(), b"");
    assert_eq!(subject(&mut neighbour), "Subject: for alice of one");
    // The maildrop is free, and nothing is gone.
    let mut again = site.login("bob@two.example");
    again.ok("OPEN 1\r\n").unwrap();
}

/// The dialogue that the page shows, and beyond it what the example promises.
#[test]
fn the_page_about_components_is_true() {
    let page = include_str!("../../docs/write-a-component.md");
    let (_, shown) = page.split_once("```text\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let site = Site::start(|files| {
        fs::write(files.join("popcell_example_guest.wasm"), EXAMPLE).unwrap();
        let component = "[tenant.component]\nfile = \"popcell_example_guest.wasm\"\nwasi = true";
        let tenants = tenant(files, "example", &["alice", "bob"], component);
        fs::remove_file(files.join("example/alice/new/1700000000.1.host")).unwrap();
        tenants.replace("example.example", "example.org")
    });
    let mut client = site.connect();
    for line in shown.lines().skip(1) {
        match line.starts_with(['+', '-']) {
            true => assert_eq!(client.ask("").unwrap(), line),
            false => client.send(format!("{line}\r\n").as_bytes()).unwrap(),
        }
    }
    let mut bob = site.login("bob@example.org");
    assert_eq!(bob.ok("STAT\r\n").unwrap(), "+OK 1 38");
    bob.ok("RETR 1\r\n").unwrap();
    let lines: Vec<_> = (0..4).map(|_| bob.ask("").unwrap()).collect();
    assert_eq!(lines, ["Subject: for bob of example", "", "hello", "."]);
    bob.ok("DELE 1\r\n").unwrap();
    bob.ok("QUIT\r\n").unwrap();
    assert_eq!(bob.rest().unwrap(), b"");
    let mut again = site.login("bob@example.org");
    assert_eq!(again.ok("STAT\r\n").unwrap(), "+OK 0 0");
}

#[test]
fn a_tenant_has_no_more_sessions_and_no_more_mail_than_it_may() {
    let site = Site::start(|files| {
        let few = "[tenant.limits]\ntenant_sessions = 1\n";
        let little = "[tenant.limits]\ntransfer_per_day = 10\n";
        tenant(files, "few", &["alice", "bob"], few) + &tenant(files, "little", &["carol"], little)
    });
    let mut alice = site.login("alice@few.example");
    let full = site.refused("bob@few.example", "secret");
    assert!(full.starts_with("-ERR [SYS/TEMP]"), "{full}");
    // The server is not done with her connection, which has octets behind its QUIT.
    alice.send(b"QUIT\r\nNOOP\r\n").unwrap();
    assert!(alice.rest().unwrap().starts_with(b"+OK"));
    site.login("bob@few.example");
    let mut carol = site.login("carol@little.example");
    assert_eq!(subject(&mut carol), "Subject: for carol of little");
    let used_up = carol.ask("RETR 1\r\n").unwrap();
    assert!(used_up.starts_with("-ERR"), "{used_up}");
    carol.ok("QUIT\r\n").unwrap();
    assert_eq!(carol.rest().unwrap(), b"");
    let used_up = site.refused("carol@little.example", "secret");
    assert!(used_up.starts_with("-ERR [SYS/TEMP]"), "{used_up}");
}

#[test]
fn another_configuration_changes_tenants_and_no_open_session() {
    let site = Site::start(|files| {
        tenant(files, "one", &["alice"], "") + &tenant(files, "two", &["bob"], "")
    });
    let (mut alice, mut bob) = (
        site.login("alice@one.example"),
        site.login("bob@two.example"),
    );
    let files = site.files.path();
    let one = tenant(files, "one", &["alice"], "");
    let three = tenant(files, "three", &["dave"], "");
    let changes = site
        .tenancy()
        .replace(&read(files, &(one + &three)))
        .unwrap();
    let names = |name: &str| vec![name.to_owned()];
    let Changes {
        added,
        changed,
        removed,
        components,
    } = changes;
    assert_eq!((added, removed), (names("three"), names("two")));
    assert!(changed.is_empty() && components.is_empty());
    assert_eq!(subject(&mut alice), "Subject: for alice of one");
    assert_eq!(subject(&mut bob), "Subject: for bob of two");
    bob.ok("QUIT\r\n").unwrap();
    let gone = site.refused("bob@two.example", "secret");
    assert!(gone.starts_with("-ERR [AUTH]"), "{gone}");
    site.login("dave@three.example");
}

#[test]
fn a_configuration_that_can_not_be_used_changes_nothing() {
    let site = Site::start(|files| tenant(files, "one", &["alice"], ""));
    let files = site.files.path();
    let one = tenant(
        files,
        "one",
        &["alice"],
        "[tenant.session]\ngreeting = \"new\"",
    );
    let broken = tenant(
        files,
        "two",
        &[],
        "[tenant.component]\nfile = \"missing.wasm\"",
    );
    let refused = site.tenancy().replace(&read(files, &(one + &broken)));
    let why = refused.unwrap_err().to_string();
    assert!(why.starts_with("tenant two: component"), "{why}");
    let large = tenant(
        files,
        "one",
        &["alice"],
        "[tenant.limits]\ncell_memory = \"2MiB\"",
    );
    let why = site.tenancy().replace(&read(files, &large)).unwrap_err();
    assert!(why.to_string().contains("needs a restart"), "{why}");
    site.login("alice@one.example");
    assert!(
        site.refused("x@two.example", "secret")
            .starts_with("-ERR [AUTH]")
    );
}

#[test]
fn a_listener_can_be_one_tenants() {
    let server = SERVER.replace("[session]", "tenant = \"one\"\n[session]");
    let site = Site::start_as(&server, |files| {
        tenant(files, "one", &["alice"], "") + &tenant(files, "two", &["bob"], "")
    });
    for user in ["alice", "alice@one.example"] {
        let mut alice = site.login(user);
        assert_eq!(subject(&mut alice), "Subject: for alice of one");
        alice.ok("QUIT\r\n").unwrap();
        assert_eq!(alice.rest().unwrap(), b"");
    }
    let stranger = site.refused("bob@two.example", "secret");
    assert!(stranger.starts_with("-ERR [AUTH]"), "{stranger}");
}

/// The greeting behind TLS for a client that names this host.
fn greeting_for(site: &Site, host: &str) -> String {
    let mut roots = RootCertStore::empty();
    let certificate = site.files.path().join("cert.pem");
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let host = host.to_owned().try_into().unwrap();
    let client = ClientConnection::new(Arc::new(config), host).unwrap();
    let stream = TcpStream::connect(site.server.address()).unwrap();
    let mut lines = BufReader::new(StreamOwned::new(client, stream)).lines();
    lines.next().unwrap().unwrap()
}

#[test]
fn the_host_that_a_client_names_says_whose_connection_it_is() {
    let server = SERVER.replace("[session]", "tls = \"implicit\"\n[session]");
    let site = Site::start_as(&server, |files| {
        let hosts = ["pop.one.example", "mail.example"].map(str::to_owned);
        let signed = rcgen::generate_simple_self_signed(hosts).unwrap();
        fs::write(files.join("cert.pem"), signed.cert.pem()).unwrap();
        fs::write(files.join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        let certificate = "[[tls.certificate]]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
        let own = "[tenant.session]\ngreeting = \"one\"";
        certificate.to_owned() + &tenant(files, "one", &["alice"], own)
    });
    assert_eq!(greeting_for(&site, "pop.one.example"), "+OK one");
    assert_eq!(greeting_for(&site, "mail.example"), "+OK front");
}
