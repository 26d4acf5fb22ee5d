//! Tenants: whose users there are, what serves them, and how one finds whose user somebody is.
//!
//! Puts nothing together from the configuration, `services.rs` does; checks no password, `login`
//! does. A connection keeps the tenants that there were when it came.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    auth::{Need, policy::Extremes, sasl::Mechanism},
    login::{self, Found, LoginContext, Realms},
    rollout::Track,
    sandbox::Terms,
};

#[cfg(test)]
mod tests;

/// The name of the users who belong to no tenant, where one has to be said.
pub const DEFAULT: &str = "default";

/// What sessions are served with.
#[derive(Debug)]
pub struct SessionPolicy {
    /// The text of the greeting.
    pub greeting: Arc<str>,
    /// Whether APOP is offered.
    pub apop: bool,
    /// SASL mechanisms to offer, best first.
    pub mechanisms: Vec<&'static Mechanism>,
    /// Capability lines of whoever has none of their own.
    pub announce: Arc<[String]>,
    /// The component, and those before and behind it.
    pub track: Arc<Track>,
    /// What its cells may use up, and who is charged.
    pub terms: Terms,
    /// Whether sessions are recorded, where a server records any.
    pub is_recorded: bool,
}

/// Users with everything that is theirs.
pub struct Tenant {
    /// What is said of its users by `user@domain`, in lower case.
    pub domains: Vec<String>,
    /// Who may log in, and what they then hold.
    pub login: Arc<LoginContext>,
    /// What their sessions are served with.
    pub policy: Arc<SessionPolicy>,
    /// Whether their component is another one than the server's.
    pub has_own_component: bool,
}

/// All tenants of a server, as of one reading of its configuration.
pub struct Tenants {
    /// What a connection is served with until it is known whose user it is.
    front: Arc<SessionPolicy>,
    /// The users without a domain, or with one that nobody has.
    default: Option<Arc<Tenant>>,
    named: Vec<Arc<Tenant>>,
    by_domain: HashMap<String, Arc<Tenant>>,
    /// Where the work of looking is done for those whom nobody knows.
    strangers: Arc<LoginContext>,
    extremes: Extremes,
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.all().map(|tenant| tenant.name()))
            .finish()
    }
}

/// There is nobody to serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there are no users: neither [users] with [mailbox] nor a [[tenant]]")]
pub struct NoUsers;

impl Tenant {
    /// The name; [`DEFAULT`] for users who belong to none.
    pub fn name(&self) -> &str {
        match &*self.login.tenant {
            "" => DEFAULT,
            name => name,
        }
    }

    fn found<'u>(&self, user: &'u [u8], is_stranger: bool) -> Found<'u> {
        Found {
            context: Arc::clone(&self.login),
            user,
            is_stranger,
        }
    }
}

/// Where it is known before the login whose user it has to be, by the listener or by SNI.
impl Realms for Tenant {
    fn find<'u>(&self, user: &'u [u8]) -> Found<'u> {
        match login::parts(user) {
            Some((local, domain)) if has(&self.domains, domain) => self.found(local, false),
            // Of somebody else; of a tenant without domains every name is whole.
            Some(_) => self.found(user, !self.domains.is_empty()),
            None => self.found(user, false),
        }
    }

    fn context(&self) -> &Arc<LoginContext> {
        &self.login
    }
}

impl Tenants {
    /// These tenants. A domain that two of them have is the first one's.
    ///
    /// # Errors
    ///
    /// [`NoUsers`]
    pub fn new(
        front: Arc<SessionPolicy>,
        default: Option<Arc<Tenant>>,
        named: Vec<Arc<Tenant>>,
    ) -> Result<Self, NoUsers> {
        let first = default.as_ref().or_else(|| named.first()).ok_or(NoUsers)?;
        let strangers = Arc::clone(&first.login);
        let mut by_domain = HashMap::new();
        for tenant in &named {
            for domain in &tenant.domains {
                let slot = by_domain.entry(domain.to_ascii_lowercase());
                slot.or_insert_with(|| Arc::clone(tenant));
            }
        }
        let mut tenants = Self {
            front,
            default,
            named,
            by_domain,
            strangers,
            extremes: Extremes::default(),
        };
        tenants.extremes = tenants.own_extremes();
        Ok(tenants)
    }

    /// What a connection is served with until it is known whose user it is.
    pub fn front(&self) -> &Arc<SessionPolicy> {
        &self.front
    }

    /// All of them, that of users without a tenant first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.default.iter().chain(&self.named)
    }

    /// Whether there is more than the users who belong to nobody.
    pub fn has_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// The tenant of this name: empty, or [`DEFAULT`], for users who belong to none.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.all()
            .find(|tenant| tenant.name() == name || *tenant.login.tenant == *name)
    }

    /// The tenant that has this domain, in whatever letters: `mail.example.org` is one of
    /// `example.org`.
    pub fn by_host(&self, host: &str) -> Option<&Arc<Tenant>> {
        let host = host.to_ascii_lowercase();
        let mut rest = host.as_str();
        loop {
            if let Some(tenant) = self.by_domain.get(rest) {
                return Some(tenant);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// What tenants have that users without anything of their own have from them.
    fn own_extremes(&self) -> Extremes {
        let mut extremes = Extremes::default();
        let differs = |tenant: &&Arc<Tenant>| tenant.policy.announce != self.front.announce;
        for tenant in self.all().filter(differs) {
            extremes.include(&login::policy_of(&tenant.policy.announce));
        }
        extremes
    }
}

impl Realms for Tenants {
    fn find<'u>(&self, user: &'u [u8]) -> Found<'u> {
        let parts = login::parts(user);
        let named = parts.and_then(|(local, domain)| {
            let tenant = self.by_domain.get(&domain.to_ascii_lowercase())?;
            Some(tenant.found(local, false))
        });
        named.unwrap_or_else(|| match &self.default {
            Some(default) => default.found(user, false),
            None => Found {
                context: Arc::clone(&self.strangers),
                user,
                is_stranger: true,
            },
        })
    }

    fn context(&self) -> &Arc<LoginContext> {
        &self.strangers
    }

    fn extremes(&self) -> Extremes {
        let mut extremes = self.extremes;
        for tenant in self.all() {
            extremes.merge(tenant.login.auth.extremes());
        }
        extremes
    }

    fn keeps(&self, need: Need) -> bool {
        self.all().any(|tenant| tenant.login.auth.keeps(need))
    }
}

fn has(domains: &[String], domain: &str) -> bool {
    domains
        .iter()
        .any(|known| known.eq_ignore_ascii_case(domain))
}
