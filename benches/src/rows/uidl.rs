//! UIDL of a whole mailbox. Unique ids have to be unique, and to stay what they are.

use std::collections::BTreeSet;

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

struct Listings {
    client: Client,
    /// The first listing; all others have to be the same.
    first: Option<Vec<String>>,
    messages: usize,
}

pub(super) async fn run(target: &Target, mail: &Mail, effort: Effort) -> Result<Sample, Error> {
    let mut workers = Vec::new();
    for client in 0..effort.clients.min(mail.shape.users) {
        let mut worker = Listings {
            client: logged_in(target, mail, client).await?,
            first: None,
            messages: mail.shape.messages,
        };
        worker.work().await?;
        workers.push(worker);
    }
    load(target, workers, Until::Past(effort.time)).await
}

impl Worker for Listings {
    async fn work(&mut self) -> Result<u64, client::Error> {
        self.client.command("UIDL\r\n").await?;
        let listing = self.client.listing().await?;
        let is_right = match &self.first {
            Some(first) => *first == listing,
            None => is_plausible(&listing, self.messages),
        };
        if !is_right {
            let first = listing.first().cloned().unwrap_or_default();
            return Err(client::Error::Unexpected(format!(
                "a listing of {} lines that begins with {first:?}",
                listing.len()
            )));
        }
        self.first.get_or_insert(listing);
        Ok(1)
    }
}

/// Whether all messages are there, in order, and no unique id is there twice.
fn is_plausible(listing: &[String], messages: usize) -> bool {
    let lines = listing.iter().map(|line| line.split_once(' '));
    let is_in_order = (1..)
        .zip(lines.clone())
        .all(|(number, line): (usize, _)| line.is_some_and(|(said, _)| said == number.to_string()));
    let unique: BTreeSet<_> = lines.flatten().map(|(_, id)| id).collect();
    is_in_order && listing.len() == messages && unique.len() == messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_has_every_message_once() {
        let is_good = |lines: &[&str]| {
            let listing: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            is_plausible(&listing, 2)
        };
        assert!(is_good(&["1 a", "2 b"]));
        assert!(!is_good(&["1 a", "2 a"]));
        assert!(!is_good(&["2 a", "1 b"]));
        assert!(!is_good(&["1 a"]));
    }
}
