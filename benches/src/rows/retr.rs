//! RETR, message after message, round and round. Every octet is compared.

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

/// Messages of this size and more are counted by MiB.
const MIB: usize = 1024 * 1024;

struct Retrievals {
    client: Client,
    target: Target,
    mail: Mail,
    /// The message that is next, counted from 0.
    next: usize,
    pipelined: usize,
}

pub(super) async fn run(
    target: &Target,
    mail: &Mail,
    effort: Effort,
    pipelined: usize,
) -> Result<Sample, Error> {
    let mut workers = Vec::new();
    for client in 0..effort.clients.min(mail.shape.users) {
        let mut worker = Retrievals {
            client: logged_in(target, mail, client).await?,
            target: target.clone(),
            mail: mail.clone(),
            next: 0,
            pipelined,
        };
        worker.work().await?;
        workers.push(worker);
    }
    load(target, workers, Until::Past(effort.time)).await
}

impl Worker for Retrievals {
    async fn work(&mut self) -> Result<u64, client::Error> {
        let messages = self.mail.shape.messages;
        let indices = (self.next..self.next + self.pipelined).map(|index| index % messages);
        let lines: String = indices
            .clone()
            .map(|index| format!("RETR {}\r\n", index + 1))
            .collect();
        self.client.send(lines.as_bytes()).await?;
        for index in indices {
            self.client.answer().await?;
            let wire = self.target.wire(&self.mail, index);
            self.client.message(wire).await?;
        }
        self.next = (self.next + self.pipelined) % messages;
        let each = (self.mail.shape.octets / MIB).max(1);
        Ok((self.pipelined * each) as u64)
    }
}
