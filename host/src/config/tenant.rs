//! Tenants (`[[tenant]]`): users with a store, a policy and limits of their own.
//!
//! What a tenant does not say is what the server says. The keys of the tables inside are those of the
//! server's tables of the same name, and read by the same functions.

use std::path::Path;

use super::{
    Component, Limits, Mailbox, Oauth, Session, Trust, Users, component,
    document::Section,
    limits, oauth, record,
    rule::{self, Rule},
    schema,
};
use crate::{login::quota, sandbox, tenant::DEFAULT};

/// Users with a store, a policy and limits of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// What it is called in logs, metrics and commands.
    pub name: String,
    /// What stands behind the `@` of its users, in lower case; cut off before the user is looked up.
    pub domains: Vec<String>,
    /// Who may log in.
    pub users: Users,
    /// Who vouches for their tokens, or `None` for passwords alone.
    pub oauth: Option<Oauth>,
    /// Where mail is stored.
    pub mailbox: Mailbox,
    /// What sessions say and accept.
    pub session: Session,
    /// The component that speaks POP3, or `None` for the server's.
    pub component: Option<Component>,
    /// Whether its sessions are recorded.
    pub is_recorded: bool,
    /// What one component instance may use up.
    pub cell: sandbox::Limits,
    /// What all of its sessions may use up together.
    pub share: Share,
}

/// What all sessions of a tenant may use up together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// Octets of memory of all component instances.
    pub memory: usize,
    /// Time on the processors, in percent of one; `None` for as much as there is.
    pub cpu_percent: Option<u32>,
    /// Sessions and transfers.
    pub quota: quota::Limits,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            memory: 512 << 20,
            cpu_percent: Some(100),
            quota: quota::Limits::default(),
        }
    }
}

/// What holds for a tenant that says nothing of its own.
#[derive(Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) session: &'a Session,
    pub(super) limits: &'a Limits,
    pub(super) trust: &'a Trust,
    pub(super) has_state: bool,
    pub(super) has_record: bool,
    pub(super) base: &'a Path,
}

/// Reads all of them. A tenant that has a problem is left out; the problem has been reported.
pub(super) fn read(root: &mut Section<'_>, defaults: Defaults<'_>) -> Vec<Tenant> {
    let mut tenants: Vec<Tenant> = Vec::new();
    for mut section in root.tables("tenant") {
        let tenant = one(&mut section, defaults);
        if let Some(tenant) = tenant {
            check_unique(&section, &tenant, &tenants);
            tenants.push(tenant);
        }
        section.finish();
    }
    tenants
}

fn one(section: &mut Section<'_>, defaults: Defaults<'_>) -> Option<Tenant> {
    let Defaults {
        session,
        limits: server,
        trust,
        has_state,
        has_record,
        base,
    } = defaults;
    let name = section.require("name", name());
    let domains = section.list("domains", &domain()).unwrap_or_default();
    let users = schema::users(section.table_in("users", "tenant.users"), base);
    let oauth = oauth::read(section.table_in("oauth", "tenant.oauth"), base);
    let mailbox = schema::mailbox(section.table_in("mailbox", "tenant.mailbox"), base);
    let table = section.table_in("session", "tenant.session");
    let session = schema::session(table, session.clone(), has_state);
    schema::check_tokens(section, oauth.as_ref(), &session);
    let mut table = section.table_in("component", "tenant.component");
    let component = component::read(&mut table, base, trust);
    table.finish();
    let is_recorded = record::tenant(section, has_record);
    let mut table = section.table_in("limits", "tenant.limits");
    let (mut cell, mut share) = (server.cell, server.share);
    limits::cell(&mut table, &mut cell);
    read_share(&mut table, &mut share);
    table.finish();
    Some(Tenant {
        name: name?,
        domains,
        users: users?,
        oauth,
        mailbox: mailbox?,
        session,
        component,
        is_recorded,
        cell,
        share,
    })
}

/// What all sessions of a tenant may use up together.
pub(super) fn read_share(section: &mut Section<'_>, share: &mut Share) {
    let Share {
        memory,
        cpu_percent,
        quota,
    } = share;
    section.set(memory, "tenant_memory", rule::size(1 << 20..=1 << 40));
    let percent = rule::number(0..=100_000).map(|percent: u32| (percent > 0).then_some(percent));
    section.set(cpu_percent, "tenant_cpu", percent);
    section.set(
        &mut quota.sessions,
        "tenant_sessions",
        rule::number(1..=u32::MAX),
    );
    let sessions = rule::number(1..=u32::MAX);
    section.set(&mut quota.sessions_per_user, "sessions_per_user", sessions);
    let transfer = rule::size(0..=1 << 50);
    let transfer = transfer.map(|octets| u64::try_from(octets).ok().filter(|octets| *octets > 0));
    section.set(&mut quota.transfer_per_day, "transfer_per_day", transfer);
}

/// Two tenants with one name, or one domain, would be one tenant in some places and two in others.
fn check_unique(section: &Section<'_>, tenant: &Tenant, others: &[Tenant]) {
    if others.iter().any(|other| other.name == tenant.name) {
        let message = format!("\"{}\" is the name of another [[tenant]]", tenant.name);
        section.fault(Some("name"), message);
    }
    for (index, domain) in tenant.domains.iter().enumerate() {
        let is_here_twice = tenant.domains[..index].contains(domain);
        if is_here_twice || others.iter().any(|other| other.domains.contains(domain)) {
            let message = format!("\"{domain}\" is a domain of two [[tenant]]s");
            section.fault(Some("domains"), message);
        }
    }
}

fn name() -> Rule<String> {
    let allowed = "a name of 1 to 64 letters, digits, \".\", \"-\" and \"_\", but not \"default\"";
    rule::text(allowed, |text| {
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b".-_".contains(&octet);
        (1..=64).contains(&text.len()) && text.bytes().all(is_plain) && text != DEFAULT
    })
}

fn domain() -> Rule<String> {
    let allowed = "a domain such as \"example.org\"";
    rule::text(allowed, |text| {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
        };
        text.len() <= 253 && text.split('.').all(is_label)
    })
    .map(|text| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
