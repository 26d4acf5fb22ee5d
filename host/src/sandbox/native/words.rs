//! Between the words of the native session and ours; the rules are those of the contract.

use popcell_component as component;

use crate::sandbox::{
    Connection, Next,
    contract::{
        Given,
        v0_1::{auth, mail},
    },
};

impl From<component::Step> for Given {
    fn from(step: component::Step) -> Self {
        let next = match step.next {
            component::Next::Lines => Next::Lines,
            component::Next::More => Next::More,
            component::Next::StartTls => Next::StartTls,
            component::Next::Close => Next::Close,
            component::Next::Abort => Next::Abort,
        };
        Self {
            consumed: step.consumed,
            output: step.output,
            next,
        }
    }
}

impl From<&Connection> for component::Connection {
    fn from(connection: &Connection) -> Self {
        Self {
            banner: connection.banner.to_string(),
            challenge: connection.challenge.clone(),
            tls: connection.tls,
            may_start_tls: connection.may_start_tls,
            may_login: connection.may_login,
            mechanisms: connection.mechanism_names(),
            announce: connection.announce.to_vec(),
            max_bad_commands: connection.max_bad_commands,
            max_bad_commands_after_login: connection.max_bad_commands_after_login,
        }
    }
}

impl From<mail::Fault> for component::Fault {
    fn from(fault: mail::Fault) -> Self {
        match fault {
            mail::Fault::Gone => Self::Gone,
            mail::Fault::Temporary => Self::Temporary,
            mail::Fault::Permanent => Self::Permanent,
        }
    }
}

impl From<mail::Forwarded> for component::Forwarded {
    fn from(forwarded: mail::Forwarded) -> Self {
        Self {
            octets: forwarded.octets,
            at_line_start: forwarded.at_line_start,
            is_end: forwarded.is_end,
        }
    }
}

impl From<auth::Refusal> for component::Refusal {
    fn from(refusal: auth::Refusal) -> Self {
        match refusal {
            auth::Refusal::Denied => Self::Denied,
            auth::Refusal::InUse => Self::InUse,
            auth::Refusal::LoginDelay => Self::LoginDelay,
            auth::Refusal::Temporary => Self::Temporary,
            auth::Refusal::Permanent => Self::Permanent,
        }
    }
}
