//! `popcell expire`: removes mail that has expired, or says how much there is.
//!
//! What has expired is `retention`'s to say. Listens nowhere; a server may run beside it.

use std::{path::Path, time::SystemTime};

use tokio::runtime::Builder;

use super::{Failure, print};
use crate::{
    config::Config,
    log::{self, escape},
    retention::{Due, Retention},
    services,
};

/// Removes it, or prints a line for each user who has any.
pub(super) fn expire(file: &Path, is_dry_run: bool) -> Result<(), Failure> {
    let config = Config::load(file)?;
    log::install(&config.log).map_err(runtime)?;
    print(&carry_out(config, is_dry_run)?)
}

/// As [`expire`], with the log as it is. Returns what there is to say.
pub(super) fn carry_out(mut config: Config, is_dry_run: bool) -> Result<String, Failure> {
    // Nobody logs in, so nothing of what a server remembers is needed, or made.
    config.state = None;
    let retentions = services::retentions(&config).map_err(runtime)?;
    let threads = Builder::new_current_thread().enable_all().build();
    let threads = threads.map_err(|source| Failure::io("threads", source))?;
    threads.block_on(async {
        if is_dry_run {
            return report(&retentions).await;
        }
        for retention in retentions {
            retention.run(SystemTime::now()).await;
        }
        Ok(String::new())
    })
}

async fn report(retentions: &[Retention]) -> Result<String, Failure> {
    let (mut text, mut total) = (String::new(), 0_u64);
    for retention in retentions {
        let (lines, messages) = users(retention).await?;
        text += &lines;
        total += messages;
    }
    Ok(text + &format!("{total} messages would be removed\n"))
}

/// A line for each user, and how many messages they have in all that have expired.
async fn users(retention: &Retention) -> Result<(String, u64), Failure> {
    let unlisted = |_| Failure::Runtime("the users can not be listed".into());
    let (mut text, mut total) = (String::new(), 0);
    for due in retention.due().await.map_err(unlisted)? {
        let found = match retention.count(&due, SystemTime::now()).await {
            Ok(0) => continue,
            Ok(messages) => {
                total += u64::from(messages);
                format!("{messages} messages")
            }
            Err(_) => "the maildrop can not be read".to_owned(),
        };
        let Due { account, days } = &due;
        let user = escape(account.user.as_bytes());
        text += &format!("{user} (older than {days} days): {found}\n");
    }
    Ok((text, total))
}

fn runtime(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Runtime(error.into())
}
