//! What is read again while the server runs: on SIGHUP the configuration and the certificates, and
//! certificates when their files change.
//!
//! Open sessions notice nothing of it. A file that is wrong changes nothing.

use std::{io, path::PathBuf, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task,
};
use tracing::{error, info, warn};

use crate::{
    config::{Config, Record},
    rollout::Rollout,
    services::{Brought, Changes, Tenancy},
    systemd,
    tls::{Tls, watch},
};

/// What can be read again.
pub struct Reloads {
    /// The certificates.
    pub tls: Option<Arc<Tls>>,
    /// The tenants.
    pub tenancy: Option<Arc<Tenancy>>,
    /// Who brings other components to open sessions.
    pub rollout: Arc<Rollout>,
    /// The configuration; relative to where the program was started.
    pub file: Option<PathBuf>,
}

/// What follows the certificates and the signal SIGHUP, for as long as it is polled. From here on
/// SIGHUP does not end the program any more. `config` is what the server runs with.
///
/// # Errors
///
/// The system does not let us have the signal.
pub fn follow(
    reloads: Reloads,
    config: &Config,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let hangup = signal(SignalKind::hangup())?;
    let fixed = Fixed::of(config);
    Ok(async move {
        let tls = reloads.tls.clone();
        let certificates = async {
            match tls {
                Some(tls) => watch::watch(tls).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = certificates => {}
            () = on_hangup(hangup, reloads, fixed) => {}
        }
    })
}

async fn on_hangup(mut hangup: Signal, reloads: Reloads, fixed: Fixed) {
    while hangup.recv().await.is_some() {
        info!("SIGHUP: reading the configuration and the certificates again");
        systemd::reloading();
        if let Some(tls) = &reloads.tls {
            // It says in the log what came of it; after a failure the old ones stay in use.
            let _ = watch::reload(tls).await;
        }
        if let (Some(tenancy), Some(file)) = (&reloads.tenancy, &reloads.file) {
            let (tenancy, file) = (Arc::clone(tenancy), file.clone());
            let fixed = fixed.clone();
            let read = task::spawn_blocking(move || reconfigure(&tenancy, &file, &fixed)).await;
            match read {
                Ok(components) => bring(&reloads.rollout, components).await,
                Err(cause) => error!(%cause, "the configuration was not read again"),
            }
        }
        systemd::ready();
    }
}

/// Brings components to the sessions of those whose configuration names another one by now.
async fn bring(rollout: &Arc<Rollout>, components: Vec<Brought>) {
    for outcome in rollout.follow(components).await {
        // It has said in the log what became of those that it has taken.
        if let Err(cause) = outcome {
            error!(%cause, "a component of the configuration can not be used; the one before stays");
        }
    }
}

/// Reads the file, and puts its tenants in the place of those that there are; gives the components
/// that are others than before. Blocks.
fn reconfigure(tenancy: &Tenancy, file: &std::path::Path, fixed: &Fixed) -> Vec<Brought> {
    let mut config = match Config::load(file) {
        Ok(config) => config,
        Err(problems) => {
            for problem in problems.to_string().lines() {
                error!(problem, "the configuration is wrong; the one before stays");
            }
            return Vec::new();
        }
    };
    fixed.compare(&Fixed::of(&config));
    config.record.clone_from(&fixed.record);
    match tenancy.replace(&config) {
        Ok(Changes {
            added,
            changed,
            removed,
            components,
        }) => {
            info!(?added, ?changed, ?removed, "configuration read again");
            components
        }
        Err(cause) => {
            error!(%cause, "the configuration can not be used; the one before stays");
            Vec::new()
        }
    }
}

/// What a server keeps until it is started again, in words to compare.
#[derive(Clone)]
struct Fixed {
    sections: Vec<(&'static str, String)>,
    /// The command line may have said it.
    record: Option<Record>,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        let Config {
            listeners,
            tls,
            timeouts,
            log,
            state,
            control,
            metrics,
            record,
            sandbox,
            swap,
            ..
        } = config;
        let sections = vec![
            ("listener", format!("{listeners:?}")),
            ("tls", format!("{tls:?}")),
            ("timeouts", format!("{timeouts:?}")),
            ("log", format!("{log:?}")),
            ("state", format!("{state:?}")),
            ("control", format!("{control:?}")),
            ("metrics", format!("{metrics:?}")),
            ("record", format!("{record:?}")),
            ("sandbox", format!("{sandbox:?}")),
            ("swap", format!("{swap:?}")),
            ("limits", limits(config)),
        ];
        let record = record.clone();
        Self { sections, record }
    }

    fn compare(&self, other: &Self) {
        for ((section, before), (_, after)) in self.sections.iter().zip(&other.sections) {
            if before != after {
                warn!(section, "what has changed here holds after a restart only");
            }
        }
    }
}

/// Limits of the server as a whole; those of cells and tenants are read again.
fn limits(config: &Config) -> String {
    let mut limits = config.limits;
    limits.cell = Default::default();
    limits.share = Default::default();
    format!("{limits:?}")
}
