//! What is read again while the server runs: on SIGHUP, and when files change by themselves.
//!
//! Open sessions notice nothing of it.

use std::{future, io, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::tls::{Tls, watch};

/// Follows the certificates and the signal SIGHUP, for as long as it is polled. Without it, SIGHUP
/// would end the program.
///
/// # Errors
///
/// The system does not let us have the signal.
pub async fn follow(tls: Option<Arc<Tls>>) -> io::Result<()> {
    let hangup = signal(SignalKind::hangup())?;
    let Some(tls) = tls else {
        // The signal is caught; there is nothing to read again.
        let _held = hangup;
        return future::pending().await;
    };
    tokio::select! {
        () = watch::watch(Arc::clone(&tls)) => {}
        () = reload_on(hangup, &tls) => {}
    }
    Ok(())
}

async fn reload_on(mut hangup: Signal, tls: &Arc<Tls>) {
    while hangup.recv().await.is_some() {
        info!("SIGHUP: reading certificates again");
        // It says in the log what came of it; after a failure the old ones stay in use.
        let _ = watch::reload(tls).await;
    }
}
