//! What happens on one connection, gathered for its summary line.
//!
//! A connection may have two sessions, one before and one behind STLS; it has one story.

use std::{mem, sync::Arc};

use tokio::time::Instant;

use crate::{
    auth::challenge::Challenge,
    connection::Traffic,
    end::{self, End, Origin, Summary, log_end},
    login::Record,
    presence::Presence,
    sandbox::{self, Usage},
};

/// What has happened on a connection so far.
pub(crate) struct Story {
    pub(crate) origin: Origin,
    pub(crate) since: Instant,
    traffic: Traffic,
    stage: end::Stage,
    /// The challenge of the greeting. It holds behind STLS too, where there is no second greeting.
    pub(crate) challenge: Option<Challenge>,
    /// What the operator sees of it.
    pub(crate) presence: Presence,
    is_greeted: bool,
}

impl Story {
    /// Nothing has happened yet.
    pub(crate) fn new(
        origin: Origin,
        since: Instant,
        challenge: Option<Challenge>,
        presence: Presence,
    ) -> Self {
        let stage = end::Stage::Authorization(end::Attempts::default());
        let traffic = Traffic::default();
        Self {
            origin,
            since,
            traffic,
            stage,
            challenge,
            presence,
            is_greeted: false,
        }
    }

    /// TLS protects the connection from here on.
    pub(crate) fn secured(&mut self, words: String) {
        self.origin.channel = end::Channel::Tls;
        self.origin.tls = Some(Arc::from(words));
        self.presence.secured();
    }

    /// Whether there was a greeting; there is one from here on.
    pub(crate) fn greet(&mut self) -> bool {
        mem::replace(&mut self.is_greeted, true)
    }

    /// A session is over.
    pub(crate) fn session(&mut self, traffic: Traffic, record: Record, usage: Usage) {
        self.traffic.octets_in += traffic.octets_in;
        self.traffic.octets_out += traffic.octets_out;
        self.presence.session(&usage);
        self.stage = stage(record, usage);
    }

    /// Writes the summary line.
    pub(crate) fn close(self, end: &End) {
        let Traffic {
            octets_in,
            octets_out,
        } = self.traffic;
        let duration = self.since.elapsed();
        let summary = Summary {
            duration,
            octets_in,
            octets_out,
            stage: self.stage,
        };
        self.presence.end(end);
        log_end(&self.origin, end, &summary);
    }
}

/// How far the session came, in the words of the summary line.
fn stage(record: Record, usage: Usage) -> end::Stage {
    let Some(user) = record.logged_in else {
        let user = record
            .user
            .map(|user| user.octets().to_vec())
            .unwrap_or_default();
        let last = record.method.map(|method| end::Claim { user, method });
        let (denied, refused) = (record.denied, record.refused - record.denied);
        return end::Stage::Authorization(end::Attempts {
            denied,
            refused,
            last,
        });
    };
    end::Stage::Transaction(end::Usage {
        user,
        messages: usage.messages,
        octets: usage.octets,
        whole: read(usage.whole),
        partial: read(usage.partial),
        removed: usage.removed,
        kept: usage.kept,
    })
}

fn read(read: sandbox::Read) -> end::Read {
    end::Read {
        messages: read.messages,
        octets: read.octets,
    }
}
