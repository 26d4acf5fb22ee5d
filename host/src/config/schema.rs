//! The keys of the file: where each goes and what it may be.
//!
//! The bounds that stand here are the bounds; `examples/popcell.toml` says the same to operators.

use std::{
    path::{self, Path},
    time::Duration,
};

use super::{
    Apop, Config, Expire, Listener, ListenerTls, Log, LogFormat, LogLevel, Mailbox, Oauth,
    PlaintextLogin, Session, Uidl, Users, VERSION, component,
    document::{Report, Section},
    limits::{self, DAY},
    oauth,
    problem::Problems,
    record, rule, sandbox,
    tenant::{self, Defaults, Tenant},
};
use crate::{
    auth::{policy::MAX_EXPIRE_DAYS, sasl::MECHANISMS},
    mailbox::template::Template,
    tls::{self, CertificatePair, Version},
};

const PLAINTEXT_LOGIN: [(&str, PlaintextLogin); 3] = [
    ("never", PlaintextLogin::Never),
    ("loopback", PlaintextLogin::Loopback),
    ("always", PlaintextLogin::Always),
];

const LISTENER_TLS: [(&str, ListenerTls); 3] = [
    ("none", ListenerTls::None),
    ("stls", ListenerTls::Stls),
    ("implicit", ListenerTls::Implicit),
];

const VERSIONS: [(&str, Version); 2] = [("1.2", Version::Tls12), ("1.3", Version::Tls13)];

const UIDL: [(&str, Uidl); 2] = [("auto", Uidl::Auto), ("filename", Uidl::Filename)];

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// Reads a whole file.
pub(super) fn read(text: &str, path: &Path) -> Result<Config, Problems> {
    let report = Report::new(text);
    let config = report.document().and_then(|table| {
        let mut root = Section::root(&table, &report);
        // A relative path of a relative file starts where the program was started.
        let file = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let config = config(&mut root, file.parent().unwrap_or_else(|| Path::new("/")));
        root.finish();
        config
    });
    let problems = report.into_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(Problems::new(path, problems)),
    }
}

/// `None` only if a problem has been reported.
fn config(root: &mut Section<'_>, base: &Path) -> Option<Config> {
    root.require("version", rule::number(VERSION..=VERSION));
    let tls = tls(root.table("tls"), base);
    let mut listeners = listeners(root, tls.is_some());
    let (users, mailbox) = default_users(root, base);
    let oauth = oauth::read(root.table("oauth"), base);
    let mut state = root.table("state");
    let directory = state.get("directory", rule::path(base));
    state.finish();
    let has_state = directory.is_some();
    let session = session(root.table("session"), Session::default(), has_state);
    check_tokens(root, oauth.as_ref(), &session);
    let timeouts = limits::timeouts(root.table("timeouts"));
    let limits = limits::limits(root.table("limits"));
    let trust = component::trust(root.table("trust"));
    let record = record::read(root.table("record"), base);
    let defaults = Defaults {
        session: &session,
        limits: &limits,
        trust: &trust,
        has_state,
        has_record: record.is_some(),
        base,
    };
    let tenants = tenant::read(root, defaults);
    check_tenants(root, &mut listeners, &tenants);
    let log = log(root.table("log"));
    let sandbox = sandbox::read(root.table("sandbox"));
    let swap = sandbox::swap(root.table("swap"));
    let mut section = root.table("component");
    let component = component::read(&mut section, base, &trust);
    section.finish();
    let mut control = root.table("control");
    let socket = control.get("socket", rule::path(base));
    control.finish();
    let mut metrics = root.table("metrics");
    let listen = metrics.get("listen", rule::address());
    metrics.finish();
    Some(Config {
        listeners,
        users,
        oauth,
        mailbox,
        tenants,
        tls,
        session,
        timeouts,
        limits,
        log,
        state: directory,
        sandbox,
        trust,
        swap,
        component,
        record,
        control: socket,
        metrics: listen,
    })
}

/// Tokens need a mechanism that carries them.
pub(super) fn check_tokens(section: &Section<'_>, oauth: Option<&Oauth>, session: &Session) {
    if oauth.is_some() && !oauth::is_carried(&session.mechanisms) {
        let message =
            "[oauth] is of no use without OAUTHBEARER or XOAUTH2 in \"mechanisms\" in [session]";
        section.fault(Some("oauth"), message.to_owned());
    }
}

/// Users who belong to no tenant, and their mail: both or, where there are tenants, neither.
fn default_users(root: &mut Section<'_>, base: &Path) -> (Option<Users>, Option<Mailbox>) {
    let has_tenants = !root.tables("tenant").is_empty();
    let (users_table, mailbox_table) = (root.table("users"), root.table("mailbox"));
    if has_tenants && !users_table.is_there() && !mailbox_table.is_there() {
        return (None, None);
    }
    (users(users_table, base), mailbox(mailbox_table, base))
}

/// A listener can be one tenant's.
fn check_tenants(root: &Section<'_>, listeners: &mut [Listener], tenants: &[Tenant]) {
    for listener in listeners {
        let Some(name) = &listener.tenant else {
            continue;
        };
        if !tenants.iter().any(|tenant| tenant.name == *name) {
            let message = format!(
                "\"tenant\" of the [[listener]] at {} is \"{name}\", and there is no such [[tenant]]",
                listener.address
            );
            root.fault(Some("listener"), message);
        }
    }
}

fn listeners(root: &mut Section<'_>, has_certificate: bool) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    let sections = root.tables("listener");
    if sections.is_empty() {
        root.fault(
            Some("listener"),
            "[[listener]] is missing; expected at least one".to_owned(),
        );
    }
    for mut section in sections {
        let address = section.require("address", rule::address());
        let plaintext_login = section.get("plaintext_login", rule::choice(&PLAINTEXT_LOGIN));
        let tls = section.get("tls", rule::choice(&LISTENER_TLS));
        if !has_certificate && tls.is_some_and(|tls| tls != ListenerTls::None) {
            let message = "\"tls\" in [[listener]] needs a certificate: see [tls]".to_owned();
            section.fault(Some("tls"), message);
        }
        let by_default = if has_certificate {
            ListenerTls::Stls
        } else {
            ListenerTls::None
        };
        let proxies = section.get("proxies", rule::networks());
        let tenant = section.get("tenant", rule::text("the name of a tenant", |_| true));
        if let Some(address) = address {
            let plaintext_login = plaintext_login.unwrap_or_default();
            if address.port() != 0 && listeners.iter().any(|other| other.address == address) {
                let message = format!("{address} is the address of another [[listener]]");
                section.fault(Some("address"), message);
            }
            listeners.push(Listener {
                address,
                plaintext_login,
                tls: tls.unwrap_or(by_default),
                tenant,
                proxies: proxies.unwrap_or_default(),
            });
        }
        section.finish();
    }
    listeners
}

/// The certificates, if there are any. What is in the files is for `popcell check` to find out.
fn tls(mut section: Section<'_>, base: &Path) -> Option<tls::Options> {
    let mut certificates = Vec::new();
    for mut pair in section.tables("certificate") {
        let certificate = pair.require("certificate", rule::path(base));
        let key = pair.require("key", rule::path(base));
        pair.finish();
        if let (Some(certificate), Some(key)) = (certificate, key) {
            certificates.push(CertificatePair { certificate, key });
        }
    }
    let client_ca = section.get("client_ca", rule::path(base));
    let minimum_version = section.get("minimum_version", rule::choice(&VERSIONS));
    let is_asked_for = client_ca.is_some() || minimum_version.is_some();
    if certificates.is_empty() && is_asked_for {
        let message = "[[tls.certificate]] is missing; expected at least one".to_owned();
        section.fault(None, message);
    }
    section.finish();
    let minimum_version = minimum_version.unwrap_or_default();
    (!certificates.is_empty()).then_some(tls::Options {
        certificates,
        client_ca,
        minimum_version,
    })
}

pub(super) fn users(mut section: Section<'_>, base: &Path) -> Option<Users> {
    let passwd_file = section.require("passwd_file", rule::path(base));
    section.finish();
    passwd_file.map(Users::PasswdFile)
}

pub(super) fn mailbox(mut section: Section<'_>, base: &Path) -> Option<Mailbox> {
    let maildir = maildir(&mut section, base);
    let create = section.get("create", rule::boolean()).unwrap_or_default();
    let uidl = section.get("uidl", rule::choice(&UIDL)).unwrap_or_default();
    section.finish();
    maildir.map(|maildir| Mailbox {
        maildir,
        create,
        uidl,
    })
}

fn maildir(section: &mut Section<'_>, base: &Path) -> Option<Template> {
    let text = section.require("maildir", rule::template(base))?;
    let report = |error| {
        let key = section.named("maildir");
        section.fault(Some("maildir"), format!("{key} cannot be used: {error}"));
    };
    text.parse::<Template>().map_err(report).ok()
}

/// `session` is what holds where nothing is said.
pub(super) fn session(mut section: Section<'_>, mut session: Session, has_state: bool) -> Session {
    let hostname = "a host name of at most 64 characters";
    section.set(
        &mut session.hostname,
        "hostname",
        rule::text(hostname, rule::is_hostname),
    );
    let greeting = "1 to 256 printable ASCII characters without \"<\"";
    section.set(
        &mut session.greeting,
        "greeting",
        rule::text(greeting, rule::is_greeting),
    );
    let apop = rule::boolean_or_word(Apop::Never, Apop::Beside, "exclusive", Apop::Exclusive);
    section.set(&mut session.apop, "apop", apop);
    mechanisms(&mut section, &mut session.mechanisms);
    let implementation = "words of printable ASCII characters, 200 in all";
    let implementation = rule::text(implementation, rule::is_implementation).or_false();
    section.set(
        &mut session.implementation,
        "implementation",
        implementation,
    );
    let days = rule::word_or_number("never", Expire::Never, 0..=MAX_EXPIRE_DAYS, Expire::Days);
    section.set(&mut session.expire, "expire", days.or_false());
    section.set(
        &mut session.login_delay,
        "login_delay",
        rule::duration(Duration::ZERO..=DAY),
    );
    if !session.login_delay.is_zero() && !has_state {
        let key = section.named("login_delay");
        let message = format!("{key} needs a directory that outlives a restart: see [state]");
        section.fault(Some("login_delay"), message);
    }
    section.finish();
    session
}

fn mechanisms(section: &mut Section<'_>, target: &mut Vec<String>) {
    let known: Vec<_> = MECHANISMS
        .iter()
        .map(|known| (known.name, known.name))
        .collect();
    let Some(names) = section.list("mechanisms", &rule::choice(&known)) else {
        return;
    };
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let key = section.named("mechanisms");
            section.fault(Some("mechanisms"), format!("{key} names {name} twice"));
        }
    }
    *target = names.into_iter().map(str::to_owned).collect();
}

fn log(mut section: Section<'_>) -> Log {
    let mut log = Log::default();
    section.set(&mut log.format, "format", rule::choice(&FORMATS));
    section.set(&mut log.level, "level", rule::choice(&LEVELS));
    section.finish();
    log
}
