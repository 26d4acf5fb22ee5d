//! Where a connection is received: whose it may be, and what it is offered.
//!
//! Knows no socket. Called by `reception.rs`, which tells the session of it.

use std::{net::SocketAddr, sync::Arc};

use crate::{
    auth::{Need, challenge::Challenge, protection::Protection},
    config::Listener,
    login::{self, Realms},
    story::Story,
    tenant::{SessionPolicy, Tenant, Tenants},
};

/// Where a connection is received: by one tenant, or by all of them until a login says which.
pub(crate) struct Counter {
    pub(crate) tenants: Arc<Tenants>,
    tenant: Option<Arc<Tenant>>,
}

impl Counter {
    pub(crate) fn of(tenants: Arc<Tenants>, name: Option<&str>) -> Self {
        let tenant = name.and_then(|name| tenants.by_name(name)).cloned();
        Self { tenants, tenant }
    }

    /// The client has named a host by SNI.
    pub(crate) fn named(self, host: Option<&str>) -> Self {
        let tenant = self.tenant.or_else(|| self.tenants.by_host(host?).cloned());
        Self { tenant, ..self }
    }

    pub(crate) fn policy(&self) -> &Arc<SessionPolicy> {
        match &self.tenant {
            Some(tenant) => &tenant.policy,
            None => self.tenants.front(),
        }
    }

    pub(crate) fn realms(&self) -> Arc<dyn Realms> {
        match &self.tenant {
            Some(tenant) => Arc::<Tenant>::clone(tenant),
            None => Arc::<Tenants>::clone(&self.tenants),
        }
    }

    /// Whether the login will say whose user it is.
    pub(crate) fn is_undecided(&self) -> bool {
        self.tenant.is_none() && self.tenants.has_named()
    }

    /// What the channel offers.
    pub(crate) fn channel(&self, story: &Story, offer: &Offer) -> login::Channel {
        let realms = self.realms();
        let keeps = |need| realms.keeps(need);
        let password = offer.may_send_password;
        let mechanisms = self.policy().mechanisms.iter();
        let offered = mechanisms.filter(|mechanism| match &offer.protection {
            Some(protection) => mechanism.is_offered_behind(protection, keeps),
            None => mechanism.is_offered(password, keeps),
        });
        login::Channel {
            peer: story.origin.peer.ip(),
            session: story.origin.session.to_string(),
            challenge: story.challenge.clone().filter(|_| self.policy().apop),
            password,
            mechanisms: offered.map(|mechanism| mechanism.name).collect(),
        }
    }
}

/// The challenge of a greeting, if APOP is offered to anybody.
pub(crate) fn challenge(tenants: &Tenants) -> Result<Option<Challenge>, getrandom::Error> {
    let mut policies = tenants.all().map(|tenant| &tenant.policy);
    let is_offered = tenants.front().apop || policies.any(|policy| policy.apop);
    (is_offered && tenants.keeps(Need::Secret))
        .then(|| Challenge::generate(&tenants.context().host))
        .transpose()
}

/// What policy allows on a channel.
pub(crate) struct Offer {
    /// What TLS gives; `None` without it.
    pub(crate) protection: Option<Protection>,
    pub(crate) may_send_password: bool,
    pub(crate) may_start_tls: bool,
    /// Where a connection came in that is not protected, and so can go to another process.
    pub(crate) listener: Option<SocketAddr>,
}

impl Offer {
    /// Without TLS.
    pub(crate) fn in_the_clear(
        listener: &Listener,
        may_send_password: bool,
        may_start_tls: bool,
    ) -> Self {
        Self {
            protection: None,
            may_send_password,
            may_start_tls,
            listener: Some(listener.address),
        }
    }
}
