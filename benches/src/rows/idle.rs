//! User memory of connections that do nothing.
//!
//! The difference to the same server without them, which has served some already.

use super::{Effort, Error};
use crate::{
    client::Client,
    door::Protection,
    memory,
    sample::Sample,
    target::{Mail, Target},
};

/// Connections that come and go first, for what a server keeps once it has had some.
const WARM: usize = 32;

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
    let open = async |connections: usize| -> Result<Vec<Client>, Error> {
        let mut open = Vec::new();
        for client in 0..connections {
            let mut connection = target.door(protection, client)?.enter().await?;
            if stage == Stage::LoggedIn {
                connection.log_in(&mail.kind.user(client)).await?;
            }
            open.push(connection);
        }
        target.tree.settle().await?;
        Ok(open)
    };
    for connection in open(WARM.min(connections)).await? {
        connection.quit().await?;
    }
    target.tree.settle().await?;
    let before = memory::pss(target.tree)?;
    let open = open(connections).await?;
    let after = memory::pss(target.tree)?;
    let more = after.saturating_sub(before);
    Ok(Sample {
        units: open.len() as u64,
        kib: Some(more as f64 / open.len().max(1) as f64),
        ..Sample::default()
    })
}
