//! User memory of connections that do nothing.
//!
//! The difference between the same server with all of them and with a part of them.

use super::{Effort, Error};
use crate::{
    client::Client,
    door::Protection,
    memory,
    sample::Sample,
    target::{Mail, Target},
};

/// What part of the connections is there when memory is measured first: whatever a server needs once, or keeps
/// because it has had many at a time, it has by then.
const FIRST: usize = 4;

/// How far a connection has got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Connected,
    LoggedIn,
}

pub(super) async fn run(
    target: &Target,
    mail: &Mail,
    effort: Effort,
    protection: Protection,
    stage: Stage,
) -> Result<Sample, Error> {
    let connections = effort
        .idle
        .min(target.most_connections)
        .min(mail.shape.users);
    let mut open = Vec::new();
    let fill = async |open: &mut Vec<Client>, until: usize| -> Result<u64, Error> {
        for client in open.len()..until {
            let mut connection = target.door(protection, client)?.enter().await?;
            if stage == Stage::LoggedIn {
                connection.log_in(&mail.kind.user(client)).await?;
            }
            open.push(connection);
        }
        target.tree.settle().await?;
        memory::pss(target.tree).map_err(Error::from)
    };
    let first = connections / FIRST;
    let before = fill(&mut open, first).await?;
    let after = fill(&mut open, connections).await?;
    let more = after.saturating_sub(before);
    Ok(Sample {
        units: (connections - first) as u64,
        kib: Some(more as f64 / (connections - first).max(1) as f64),
        ..Sample::default()
    })
}
