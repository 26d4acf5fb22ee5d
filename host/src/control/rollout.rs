//! What is asked and ordered of components, in the words of the protocol.

use super::protocol::{self, Answer, Swapped};
use crate::{
    component::Options,
    operations::Operations,
    rollout::{Canary, Listed, Order, Refusal, Replayed, Report, Tallied},
};

/// Gives sessions another component.
pub(super) async fn swap(
    swap: protocol::Swap,
    who: &str,
    operations: &Operations,
) -> Result<Vec<Answer>, Refusal> {
    let component = Options {
        sha256: swap.sha256,
        wasi: swap.wasi,
        rehearse: swap.rehearse,
        ..Options::new(swap.file)
    };
    let canary = swap.canary.map(|canary| match canary {
        protocol::Canary::Percent(percent) => Canary::Percent(percent),
        protocol::Canary::Users(users) => Canary::Users(users),
    });
    let order = Order {
        tenant: swap.tenant,
        component,
        canary,
        replay: swap.replay.map(|recordings| Replayed {
            recordings,
            allow: swap.allow,
        }),
        wait: swap.wait,
        who: who.to_owned(),
    };
    let reports = operations.rollout.swap(order).await?;
    Ok(reports.into_iter().map(swapped).collect())
}

/// Gives sessions the component of before.
pub(super) async fn roll_back(
    tenant: Option<&str>,
    who: &str,
    operations: &Operations,
) -> Result<Vec<Answer>, Refusal> {
    let reports = operations.rollout.roll_back(tenant, who).await?;
    Ok(reports.into_iter().map(swapped).collect())
}

/// All components in use.
pub(super) fn generations(operations: &Operations) -> Vec<Answer> {
    let listed = operations.rollout.generations().into_iter();
    listed
        .map(|listed| Answer::Generation(generation(listed)))
        .collect()
}

/// What was done.
pub(super) fn history(operations: &Operations) -> Vec<Answer> {
    let events = operations.rollout.history().into_iter();
    events.map(Answer::Event).collect()
}

fn swapped(report: Report) -> Answer {
    let Report {
        tenant,
        generation,
        digest,
        there,
        moved,
        behind,
        refused,
        cause,
    } = report;
    Answer::Swapped(Swapped {
        tenant,
        generation,
        component: digest,
        there,
        moved,
        behind,
        refused,
        cause,
    })
}

fn generation(listed: Listed) -> protocol::Generation {
    let Listed {
        tenant,
        standing,
        generation,
    } = listed;
    let Tallied {
        sessions,
        calls,
        error_replies,
        moved_in,
        refused,
        failures,
    } = generation.tallied();
    protocol::Generation {
        tenant,
        generation: generation.number(),
        standing: standing.word().to_owned(),
        component: generation.version().digest().to_owned(),
        since: generation.since(),
        sessions,
        calls,
        error_replies,
        moved: moved_in,
        refused,
        failures,
    }
}
