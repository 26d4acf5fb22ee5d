//! What is decided for single users, over TCP: when their mail expires, and how they log in.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    sync::{Arc, mpsc},
    time::{Duration, SystemTime},
};

use popcell::{
    account::Account,
    auth::{
        Auth,
        hasher::{Hasher, Limits},
        passwd_file::PasswdFile,
    },
    capability::{Answer, Maildrop},
    config::{Apop, Config, Expire},
    mailbox::{
        Expired, Mailbox, OpenError,
        maildir::{self, Maildir},
    },
    retention::Retention,
};
use popcell_tests::{
    client::Client,
    fake::World,
    scene::Scene,
    server::{self, Running},
};
use tempfile::TempDir;

const DAY: Duration = Duration::from_hours(24);

const LETTER: &str = "Subject: hello\n\none\ntwo\n";

/// A server with users from a file and a Maildir each.
struct Site {
    files: TempDir,
    config: Config,
    auth: Arc<dyn Auth>,
    mailbox: Arc<dyn Mailbox>,
    server: Running,
}

/// A store whose mail never expires: the job that a server does when it starts would come between a
/// test and its mail.
struct ForSessions(Arc<dyn Mailbox>);

impl Mailbox for ForSessions {
    fn open<'a>(
        &'a self,
        account: &'a Account,
        session: &'a str,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        self.0.open(account, session)
    }
}

impl Site {
    /// Users with the extra fields of their lines; the password of all is `secret`.
    fn start(users: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let line =
            |(user, fields): &(&str, &str)| format!("{user}:{{PLAIN}}secret::::::{fields}\n");
        let lines: String = users.iter().map(line).collect();
        fs::write(files.path().join("users"), lines).unwrap();
        for (user, _) in users {
            for folder in ["new", "cur", "tmp"] {
                fs::create_dir_all(files.path().join(user).join(folder)).unwrap();
            }
        }
        let hasher = Hasher::new(Limits::default()).unwrap();
        let users = PasswdFile::open(files.path().join("users"), hasher).unwrap();
        let root = format!("{}/%u", files.path().display());
        let options = maildir::Options::new(root.parse().unwrap());
        let store = Maildir::new(options).unwrap();
        let mut config = server::config();
        change(&mut config);
        let (auth, mailbox): (Arc<dyn Auth>, Arc<dyn Mailbox>) = (Arc::new(users), Arc::new(store));
        let for_sessions = Arc::new(ForSessions(Arc::clone(&mailbox)));
        let server = Running::start(&config, Arc::clone(&auth), for_sessions).unwrap();
        Self {
            files,
            config,
            auth,
            mailbox,
            server,
        }
    }

    /// A message of so many days, for the retention and for its name.
    fn deliver(&self, user: &str, days: u32) {
        let time = SystemTime::now() - DAY * days;
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let name = format!("{}.M{days}P1.host", since.as_secs());
        let path = self.files.path().join(user).join("new").join(name);
        fs::write(&path, LETTER).unwrap();
        let file = fs::File::open(path).unwrap();
        file.set_modified(time).unwrap();
    }

    fn stored(&self, user: &str) -> usize {
        let folder = self.files.path().join(user).join("new");
        fs::read_dir(folder).unwrap().count()
    }

    fn connect(&self) -> Client {
        Client::connect(self.server.address()).unwrap()
    }

    fn login(&self, user: &str) -> Client {
        Client::login(self.server.address(), user, "secret").unwrap()
    }
}

/// Sends a command and reads its answer of many lines, the first one left out.
fn lines(client: &mut Client, command: &str) -> Vec<String> {
    client.ok(command).unwrap();
    let mut lines = Vec::new();
    loop {
        match client.ask("").unwrap() {
            end if end == "." => return lines,
            line => lines.push(line),
        }
    }
}

fn expire_lines(client: &mut Client) -> Vec<String> {
    let mut lines = lines(client, "CAPA\r\n");
    lines.retain(|line| line.starts_with("EXPIRE"));
    lines
}

/// Hangs up, and waits until the server has noticed: then the maildrop is free.
fn hang_up(mut client: Client) {
    client.finish().unwrap();
    client.rest().unwrap();
}

#[test]
fn expire_is_announced_exactly_before_and_after_login() {
    let users = [
        ("alice", "expire=7"),
        ("bob", ""),
        ("carol", "expire=never"),
    ];
    let site = Site::start(&users, |config| {
        config.session.expire = Some(Expire::Days(30));
    });
    let mut client = site.connect();
    client.ok("").unwrap();
    assert_eq!(expire_lines(&mut client), ["EXPIRE 7 USER"]);
    for (user, expected) in [
        ("alice", "EXPIRE 7"),
        ("bob", "EXPIRE 30"),
        ("carol", "EXPIRE NEVER"),
    ] {
        let mut client = site.login(user);
        assert_eq!(expire_lines(&mut client), [expected], "{user}");
    }
}

#[test]
fn what_is_the_same_for_all_is_announced_without_a_user() {
    let site = Site::start(&[("alice", "")], |config| {
        config.session.expire = Some(Expire::Never);
    });
    let mut client = site.connect();
    client.ok("").unwrap();
    assert_eq!(expire_lines(&mut client), ["EXPIRE NEVER"]);
    assert_eq!(expire_lines(&mut site.login("alice")), ["EXPIRE NEVER"]);
}

#[test]
fn mail_that_is_too_old_is_removed_once_its_user_has_logged_out() {
    let users = [("alice", "expire=7"), ("bob", ""), ("carol", "expire=0")];
    let site = Site::start(&users, |_| {});
    for days in [1, 8, 9] {
        users.iter().for_each(|(user, _)| site.deliver(user, days));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let Site { auth, mailbox, .. } = &site;
    let expire = site.config.session.expire;
    let retention = Retention::new(Arc::clone(auth), Arc::clone(mailbox), expire).unwrap();
    let stored = || users.map(|(user, _)| site.stored(user));

    let client = site.login("alice");
    runtime.block_on(retention.run(SystemTime::now()));
    assert_eq!(stored(), [3, 3, 3], "alice is logged in");
    hang_up(client);
    runtime.block_on(retention.run(SystemTime::now()));
    assert_eq!(
        stored(),
        [1, 3, 3],
        "bob keeps his mail, carol what she has not read"
    );
    assert_eq!(site.login("alice").ok("STAT\r\n").unwrap(), "+OK 1 28");
}

/// A store that tells when it has looked for mail that is too old.
struct Telling(Arc<dyn Mailbox>, mpsc::Sender<Expired>);

impl Mailbox for Telling {
    fn open<'a>(
        &'a self,
        account: &'a Account,
        session: &'a str,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        self.0.open(account, session)
    }

    fn expire<'a>(
        &'a self,
        account: &'a Account,
        before: SystemTime,
    ) -> Answer<'a, Result<Expired, OpenError>> {
        Box::pin(async move {
            let expired = self.0.expire(account, before).await?;
            self.1.send(expired).unwrap();
            Ok(expired)
        })
    }
}

#[test]
fn a_server_removes_what_is_too_old_when_it_starts() {
    let site = Site::start(&[("alice", "expire=7")], |_| {});
    site.deliver("alice", 6);
    site.deliver("alice", 8);
    let (tell, told) = mpsc::channel();
    let telling = Arc::new(Telling(Arc::clone(&site.mailbox), tell));
    let server = Running::start(&site.config, Arc::clone(&site.auth), telling).unwrap();
    let removed = told.recv_timeout(Duration::from_secs(60));
    assert_eq!(
        removed,
        Ok(Expired {
            removed: 1,
            kept: 0
        })
    );
    assert_eq!(site.stored("alice"), 1);
    server.stop();
}

#[test]
fn a_server_does_not_start_with_an_expiry_that_nobody_keeps() {
    let mut config = server::config();
    config.session.expire = Some(Expire::Days(30));
    let world = Arc::new(World::new(Scene::default()));
    let services = server::services(&config, Arc::<World>::clone(&world), world);
    let refused = services.err().unwrap();
    assert_eq!(
        refused.to_string(),
        "mail can not expire after days: the user database does not list its users"
    );
}

#[test]
fn with_expire_0_a_message_that_was_retrieved_goes_at_quit() {
    let site = Site::start(&[("alice", "expire=0")], |_| {});
    for days in [1, 2, 3, 4] {
        site.deliver("alice", days);
    }
    let mut client = site.login("alice");
    assert_eq!(expire_lines(&mut client), ["EXPIRE 0"]);
    assert_eq!(lines(&mut client, "RETR 2\r\n").len(), 4);
    assert_eq!(lines(&mut client, "TOP 1 0\r\n").len(), 2);
    client.ok("DELE 3\r\n").unwrap();
    client.ok("QUIT\r\n").unwrap();
    client.rest().unwrap();
    assert_eq!(site.stored("alice"), 2, "one was read and one was marked");
}

#[test]
fn with_expire_0_a_client_that_hangs_up_loses_nothing() {
    let site = Site::start(&[("alice", "expire=0")], |_| {});
    site.deliver("alice", 1);
    let mut client = site.login("alice");
    lines(&mut client, "RETR 1\r\n");
    hang_up(client);
    assert_eq!(site.stored("alice"), 1);
}

#[test]
fn with_expire_0_rset_takes_back_marks_and_no_reading() {
    let site = Site::start(&[("alice", "expire=0")], |_| {});
    site.deliver("alice", 2);
    site.deliver("alice", 1);
    let mut client = site.login("alice");
    lines(&mut client, "RETR 1\r\n");
    client.ok("DELE 2\r\n").unwrap();
    client.ok("RSET\r\n").unwrap();
    client.ok("QUIT\r\n").unwrap();
    client.rest().unwrap();
    assert_eq!(site.stored("alice"), 1);
}

#[test]
fn with_expire_0_for_all_a_user_can_be_exempted() {
    let users = [("alice", ""), ("bob", "expire=never")];
    let site = Site::start(&users, |config| {
        config.session.expire = Some(Expire::Days(0));
    });
    for (user, left) in [("alice", 0), ("bob", 1)] {
        site.deliver(user, 1);
        let mut client = site.login(user);
        lines(&mut client, "RETR 1\r\n");
        client.ok("QUIT\r\n").unwrap();
        client.rest().unwrap();
        assert_eq!(site.stored(user), left, "{user}");
    }
}

#[test]
fn a_user_with_exclusive_apop_has_no_password_in_the_clear() {
    for (apop, is_greeted_with_challenge, expected) in [
        (Apop::Never, false, "+OK Authentication succeeded"),
        (Apop::Beside, true, "+OK Authentication succeeded"),
        (Apop::Exclusive, true, "-ERR [AUTH] Authentication failed"),
    ] {
        let site = Site::start(&[("alice", "")], |config| config.session.apop = apop);
        let mut client = site.connect();
        let greeting = client.ok("").unwrap();
        assert_eq!(
            greeting.contains('<'),
            is_greeted_with_challenge,
            "{apop:?}"
        );
        client.ok("USER alice\r\n").unwrap();
        assert_eq!(client.ask("PASS secret\r\n").unwrap(), expected, "{apop:?}");
    }
}
