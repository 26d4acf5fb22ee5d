//! NOOP: what a command costs that does nothing.

use super::{
    Effort, Error,
    load::{Until, Worker, load},
    logged_in,
};
use crate::{
    client::{self, Client},
    sample::Sample,
    target::{Mail, Target},
};

struct Noops {
    client: Client,
    /// Sent at once.
    lines: Vec<u8>,
    pipelined: usize,
}

pub(super) async fn run(
    target: &Target,
    mail: &Mail,
    effort: Effort,
    pipelined: usize,
) -> Result<Sample, Error> {
    let mut workers = Vec::new();
    for client in 0..effort.clients {
        let mut worker = Noops {
            client: logged_in(target, mail, client).await?,
            lines: b"NOOP\r\n".repeat(pipelined),
            pipelined,
        };
        worker.work().await?;
        workers.push(worker);
    }
    load(target, workers, Until::Past(effort.time)).await
}

impl Worker for Noops {
    async fn work(&mut self) -> Result<u64, client::Error> {
        self.client.send(&self.lines).await?;
        for _ in 0..self.pipelined {
            self.client.answer().await?;
        }
        Ok(self.pipelined as u64)
    }
}
