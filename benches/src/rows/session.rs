//! Whole sessions, one after the other: connect, USER, PASS, STAT, QUIT.

use super::{
    Effort, Error,
    load::{Until, Worker, load},
};
use crate::{
    client,
    door::{Door, Protection},
    sample::Sample,
    target::{Mail, Target},
};

struct Sessions {
    door: Door,
    user: String,
    /// What STAT has to begin with.
    stat: String,
}

pub(super) async fn run(
    target: &Target,
    mail: &Mail,
    effort: Effort,
    protection: Protection,
) -> Result<Sample, Error> {
    let stat = match target.is_floor {
        true => String::new(),
        false => format!("{} ", mail.shape.messages),
    };
    let mut workers = Vec::new();
    for client in 0..effort.clients {
        let mut worker = Sessions {
            door: target.door(protection, client)?,
            user: mail.kind.user(client),
            stat: stat.clone(),
        };
        // The mailbox is known to the server, and its ticket to the client.
        worker.work().await?;
        workers.push(worker);
    }
    load(target, workers, Until::Past(effort.time)).await
}

impl Worker for Sessions {
    async fn work(&mut self) -> Result<u64, client::Error> {
        let mut client = self.door.enter().await?;
        client.log_in(&self.user).await?;
        let stat = client.command("STAT\r\n").await?;
        if !stat.starts_with(&self.stat) {
            return Err(client::Error::Unexpected(format!("STAT: {stat}")));
        }
        client.quit().await?;
        Ok(1)
    }
}
