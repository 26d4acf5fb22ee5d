//! A mailbox is retrieved and deleted as a client does it that keeps nothing on the server.
//!
//! Afterwards there has to be nothing left: no file, and no message in a new session.

use super::{
    Error,
    load::{Until, Worker, load},
    logged_in,
};
use crate::{
    client::{self, Client},
    sample::Sample,
    target::{Mail, Target},
};

struct Drain {
    /// None when it is done.
    client: Option<Client>,
    target: Target,
    mail: Mail,
}

pub(super) async fn run(target: &Target, mail: &Mail) -> Result<Sample, Error> {
    if !target.is_floor {
        target.maildirs.write(mail.kind)?;
    }
    let mut workers = Vec::new();
    for client in 0..mail.shape.users {
        workers.push(Drain {
            client: Some(logged_in(target, mail, client).await?),
            target: target.clone(),
            mail: mail.clone(),
        });
    }
    let mut sample = load(target, workers, Until::Once).await?;
    if !target.is_floor && sample.errors == 0 {
        verify(target, mail, &mut sample).await?;
    }
    Ok(sample)
}

/// Counts what is left as errors.
async fn verify(target: &Target, mail: &Mail, sample: &mut Sample) -> Result<(), Error> {
    for client in 0..mail.shape.users {
        let left = target.maildirs.left(mail.kind, client)?;
        let mut connection = logged_in(target, mail, client).await?;
        let stat = connection.command("STAT\r\n").await?;
        connection.quit().await?;
        if left != 0 || !stat.starts_with("0 0") {
            sample.errors += 1;
            sample
                .first_error
                .get_or_insert_with(|| format!("{left} files are left, STAT says {stat}"));
        }
    }
    Ok(())
}

impl Worker for Drain {
    async fn work(&mut self) -> Result<u64, client::Error> {
        let Some(mut client) = self.client.take() else {
            return Ok(0);
        };
        let messages = self.mail.shape.messages;
        for index in 0..messages {
            client.command(&format!("RETR {}\r\n", index + 1)).await?;
            client.message(self.target.wire(&self.mail, index)).await?;
            client.command(&format!("DELE {}\r\n", index + 1)).await?;
        }
        client.quit().await?;
        Ok(messages as u64)
    }
}
