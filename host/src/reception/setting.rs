//! What a session is set into: what it may take, what it is told, what it may claim.
//!
//! All of it follows from the configuration and from where the connection came in, so that a
//! connection that sleeps keeps none of it.

use std::sync::Arc;

use super::Reception;
use crate::{
    config::{Listener, ListenerTls},
    connection::{self, Passport},
    counter::{Counter, Offer},
    end::{Origin, SessionId},
    login::{self, Circumstances, SessionLogin, Watch},
    sandbox,
    seat::Surroundings,
    story::Story,
};

/// What a session is set into.
pub(super) struct Setting {
    pub(super) limits: connection::Limits,
    pub(super) facts: sandbox::Connection,
    /// There if the connection can leave this process.
    pub(super) passport: Option<Passport>,
    pub(super) login: SessionLogin,
}

impl Reception {
    /// What this listener offers without TLS.
    pub(super) fn offer_in_the_clear(&self, listener: &Listener, origin: &Origin) -> Offer {
        let may_send_password = listener.plaintext_login.allows(origin.peer.ip());
        let may_start_tls = listener.tls == ListenerTls::Stls && self.tls.is_some();
        Offer::in_the_clear(listener, may_send_password, may_start_tls)
    }

    /// The setting of a session of this connection that has claimed nothing yet.
    pub(super) fn setting(&self, story: &mut Story, offer: Offer, counter: &Counter) -> Setting {
        let limits = self.connection_limits(story, &offer);
        let channel = counter.channel(story, &offer);
        let facts = self.facts(counter, &channel, &offer);
        let passport = offer.listener.map(|listener| Passport {
            listener,
            since: story.since,
            challenge: facts.challenge.clone(),
        });
        Setting {
            limits,
            facts,
            passport,
            login: self.login(counter, channel, offer),
        }
    }

    /// The surroundings of a session that belongs to whoever the counter belongs to, and that nobody
    /// writes down.
    pub(super) fn surroundings(
        &self,
        counter: &Counter,
        facts: sandbox::Connection,
        watch: &Watch,
        id: SessionId,
    ) -> Surroundings {
        Surroundings {
            house: Arc::clone(&self.house),
            tenants: Arc::clone(&counter.tenants),
            policy: Arc::clone(counter.policy()),
            is_undecided: counter.is_undecided(),
            payer: Arc::clone(counter.policy()),
            facts,
            watch: watch.clone(),
            id,
            recorder: None,
        }
    }

    fn connection_limits(&self, story: &mut Story, offer: &Offer) -> connection::Limits {
        connection::Limits {
            line_octets: self.limits.line_octets,
            input_octets: self.limits.input_octets,
            idle: self.timeouts.idle,
            login: story.since + self.timeouts.login,
            write: self.timeouts.write,
            hibernate: self.hibernate,
            may_start_tls: offer.may_start_tls,
            is_greeted: story.greet(),
        }
    }

    fn login(&self, counter: &Counter, channel: login::Channel, offer: Offer) -> SessionLogin {
        let circumstances = Circumstances {
            protection: offer.protection,
            delays: self.delays.clone(),
            metrics: Some(Arc::clone(&self.operations.metrics)),
        };
        SessionLogin::under(counter.realms(), channel, circumstances)
    }

    /// The facts that the component is told of a channel.
    fn facts(
        &self,
        counter: &Counter,
        channel: &login::Channel,
        offer: &Offer,
    ) -> sandbox::Connection {
        let policy = counter.policy();
        sandbox::Connection {
            banner: Arc::clone(&policy.greeting),
            challenge: channel
                .challenge
                .as_ref()
                .map(|challenge| challenge.as_str().to_owned()),
            tls: offer.protection.is_some(),
            may_start_tls: offer.may_start_tls,
            may_login: channel.password,
            mechanisms: channel.mechanisms.iter().copied().map(Into::into).collect(),
            announce: login::announce_before_login(&policy.announce, &*counter.realms()),
            max_bad_commands: self.limits.bad_commands,
            max_bad_commands_after_login: self.limits.bad_commands_after_login,
        }
    }
}
