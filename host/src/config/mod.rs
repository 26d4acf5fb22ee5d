//! The configuration: what an operator may choose, checked and in plain values.
//!
//! Opens no socket and no mailbox: whether files that it names exist is for `popcell check` and
//! for the start of the server to find out. The text of the file is `document.rs`'s, what a value
//! may be is `rule.rs`'s, which keys there are is `schema.rs`'s.

mod component;
mod document;
mod limits;
mod logging;
mod oauth;
mod problem;
mod quantity;
mod record;
mod rule;
mod sandbox;
mod schema;
mod tenant;
#[cfg(test)]
mod tests;

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;

pub(crate) use self::quantity::parse_size;
pub use self::{
    limits::{Limits, Timeouts},
    logging::{Log, LogFormat, LogLevel},
    oauth::{Client, Http, Introspection, Keys, Oauth},
    problem::{Problem, Problems},
    sandbox::Sandbox,
    tenant::{Share, Tenant},
};
pub use crate::{
    auth::policy::Expire,
    component::{Options as Component, Trust},
    record::Options as Record,
};
use crate::{auth::secret::Secret, mailbox::template::Template, rollout::Bounds, tls};

/// The version of the file's format that this program reads.
pub const VERSION: i64 = 1;

/// Longest `session.hostname`: the challenge that carries it has 128 octets at most
/// (`connection.challenge` in `wit/pop3.wit`), and half of them are its random part.
pub const MAX_HOSTNAME_OCTETS: usize = 64;

/// The mechanisms that are offered if nothing is said: all of them. Which of them a channel has, and
/// which users can use, is found out when a client connects.
const MECHANISMS: [&str; 10] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "EXTERNAL",
    "OAUTHBEARER",
    "XOAUTH2",
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
];

/// Everything that the server is told.
#[derive(Debug)]
pub struct Config {
    /// Where to listen; at least one.
    pub listeners: Vec<Listener>,
    /// Who may log in and belongs to no tenant; there are mailboxes for them then.
    pub users: Option<Users>,
    /// Who vouches for their tokens, or `None` for passwords alone.
    pub oauth: Option<Oauth>,
    /// Where their mail is stored.
    pub mailbox: Option<Mailbox>,
    /// Users with a store, a policy and limits of their own.
    pub tenants: Vec<Tenant>,
    /// Certificates, or `None` for a server without TLS.
    pub tls: Option<tls::Options>,
    /// What sessions say and accept.
    pub session: Session,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How much of everything there may be.
    pub limits: Limits,
    /// How to log.
    pub log: Log,
    /// The directory for what outlives a restart, or `None` for a server that remembers nothing of
    /// logins.
    pub state: Option<PathBuf>,
    /// How components are run.
    pub sandbox: Sandbox,
    /// Whose components are taken.
    pub trust: Trust,
    /// What a new component may get wrong before it is taken back.
    pub swap: Bounds,
    /// The component that speaks POP3, or `None` for the embedded one.
    pub component: Option<Component>,
    /// What is recorded, or `None` for a server that records nothing.
    pub record: Option<Record>,
    /// The socket on which the operator's commands reach the server (`[control]`), if any.
    pub control: Option<PathBuf>,
    /// Where metrics and health are served by HTTP (`[metrics]`), if anywhere.
    pub metrics: Option<SocketAddr>,
}

/// One address to listen on (`[[listener]]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Where passwords are accepted without TLS.
    pub plaintext_login: PlaintextLogin,
    /// When TLS begins. Anything but [`ListenerTls::None`] needs certificates.
    pub tls: ListenerTls,
    /// The tenant whose users alone log in here; `None` if the login says which.
    pub tenant: Option<String>,
    /// Load balancers: connections from these networks begin with a header of the PROXY protocol,
    /// and connections from elsewhere do not.
    pub proxies: Vec<IpNet>,
}

/// When TLS begins on a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ListenerTls {
    /// Never.
    #[default]
    None,
    /// When the client asks for it by STLS (RFC 2595).
    Stls,
    /// With the first octet, as on port 995 (RFC 8314).
    Implicit,
}

/// Where a password may cross a connection without TLS. Ways of logging in that do not send it are
/// not meant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PlaintextLogin {
    /// Nowhere.
    Never,
    /// From this machine only.
    #[default]
    Loopback,
    /// From everywhere. Whoever sees the network sees the passwords.
    Always,
}

/// The users (`[users]`).
#[derive(Clone, Debug)]
pub enum Users {
    /// A file in Dovecot's passwd-file format.
    PasswdFile(PathBuf),
    /// One user alone, from the command line.
    One {
        /// The name, as the client has to send it.
        name: String,
        /// The password, as the client has to send it.
        password: Secret,
    },
}

/// The mail store (`[mailbox]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mailbox {
    /// Where a user's Maildir is.
    pub maildir: Template,
    /// Whether a Maildir that is missing is made at login.
    pub create: bool,
    /// Where unique ids come from.
    pub uidl: Uidl,
}

/// Where unique ids come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Uidl {
    /// From `dovecot-uidlist` where there is one, else from the file name.
    #[default]
    Auto,
    /// From the file name.
    Filename,
}

/// What sessions say and accept (`[session]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The server's name in challenges.
    pub hostname: String,
    /// The text of the greeting: 1 to 256 printable octets without `<`.
    pub greeting: String,
    /// Whether APOP is offered, and to whom nothing else.
    pub apop: Apop,
    /// SASL mechanisms to offer, best first.
    pub mechanisms: Vec<String>,
    /// What CAPA says of the implementation, or `None` to say nothing.
    pub implementation: Option<String>,
    /// When mail is removed, which CAPA says too; `None` for never and to say nothing. A user may
    /// have a time of their own.
    pub expire: Option<Expire>,
    /// The least time between two logins of a user, said by CAPA and enforced; zero for none. A
    /// user may have one of their own.
    pub login_delay: Duration,
}

/// Whether APOP is offered, and what becomes of the password of a user who has it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Apop {
    /// It is not offered.
    #[default]
    Never,
    /// It is offered beside everything else.
    Beside,
    /// As RFC 1939, section 13, wants it: a user who can log in by it can not send the password
    /// without TLS.
    Exclusive,
}

impl Config {
    /// A configuration with defaults for everything that has one.
    pub fn new(listeners: Vec<Listener>, users: Users, mailbox: Mailbox) -> Self {
        Self {
            users: Some(users),
            mailbox: Some(mailbox),
            ..Self::listening(listeners)
        }
    }

    /// As [`new`](Self::new), for whoever brings users and mail (see [`embed`](crate::embed)).
    pub fn listening(listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            users: None,
            oauth: None,
            mailbox: None,
            tenants: Vec::new(),
            tls: None,
            session: Session::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            log: Log::default(),
            state: None,
            sandbox: Sandbox::default(),
            trust: Trust::default(),
            swap: Bounds::default(),
            component: None,
            record: None,
            control: None,
            metrics: None,
        }
    }

    /// Reads the file at `path`. Relative paths in it start at its directory.
    ///
    /// # Errors
    ///
    /// Every problem of the file, in the order of its lines; the operator is to blame.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let octets = fs::read(path).map_err(|error| Problems::unreadable(path, &error))?;
        match str::from_utf8(&octets) {
            Ok(text) => Self::parse(text, path),
            Err(error) => Err(Problems::not_utf8(path, &octets, error)),
        }
    }

    /// Reads the text of a configuration file that lies, or might lie, at `path`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, Problems> {
        schema::read(text, path)
    }
}

/// Passwords are not compared here: users who are given are never the same as before.
impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::PasswdFile(one), Self::PasswdFile(other)) => one == other,
            (Self::PasswdFile(_) | Self::One { .. }, _) => false,
        }
    }
}

impl Listener {
    /// A listener with defaults for everything but its address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            plaintext_login: PlaintextLogin::default(),
            tls: ListenerTls::default(),
            tenant: None,
            proxies: Vec::new(),
        }
    }
}

impl PlaintextLogin {
    /// Whether a client at this address may send its password without TLS.
    pub fn allows(self, peer: IpAddr) -> bool {
        match self {
            Self::Never => false,
            Self::Loopback => peer.to_canonical().is_loopback(),
            Self::Always => true,
        }
    }
}

impl Mailbox {
    /// A store with defaults for everything but its place.
    pub fn new(maildir: Template) -> Self {
        Self {
            maildir,
            create: false,
            uidl: Uidl::default(),
        }
    }
}

impl Session {
    /// The capability lines that are the host's to say (`connection.announce`).
    pub fn announce(&self) -> Vec<String> {
        let implementation = self
            .implementation
            .iter()
            .map(|name| format!("IMPLEMENTATION {name}"));
        let expire = self.expire.iter().map(|expire| match expire {
            Expire::Never => "EXPIRE NEVER".to_owned(),
            Expire::Days(days) => format!("EXPIRE {days}"),
        });
        let login_delay = (!self.login_delay.is_zero()).then(|| {
            format!(
                "LOGIN-DELAY {}",
                self.login_delay.as_millis().div_ceil(1000)
            )
        });
        implementation.chain(expire).chain(login_delay).collect()
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            hostname: machine_name(),
            greeting: "Popcell ready".to_owned(),
            apop: Apop::default(),
            mechanisms: MECHANISMS.map(str::to_owned).to_vec(),
            implementation: Some("Popcell".to_owned()),
            expire: Some(Expire::Never),
            login_delay: Duration::ZERO,
        }
    }
}

/// The machine's name, if it can stand in a challenge.
fn machine_name() -> String {
    let system = rustix::system::uname();
    let name = system
        .nodename()
        .to_str()
        .ok()
        .filter(|name| rule::is_hostname(name));
    name.unwrap_or("localhost").to_owned()
}
