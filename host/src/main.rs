//! The program: command line in, exit code out. What it does is in `cli` and `server`.

use std::{env, net::TcpListener, path::Path, process::ExitCode, sync::Arc};

use popcell::{
    cli::{self, Build, Failure, Launch, Shutdown},
    control::Control,
    http,
    operations::Operations,
    reload::{self, Reloads},
    sandbox::{self, EMBEDDED_COMPONENT},
    server::Server,
    services::Services,
    systemd,
};
use tokio::task;

fn main() -> ExitCode {
    let digest = sandbox::digest(EMBEDDED_COMPONENT);
    let wit = format!("popcell:pop3@{}", sandbox::WIT_VERSION);
    cli::run(
        env::args_os(),
        &Build {
            component_digest: &digest,
            wit: &wit,
        },
        serve,
    )
}

async fn serve(launch: Launch, shutdown: Shutdown) -> Result<(), Failure> {
    let Launch {
        config,
        file,
        sockets,
        metrics,
        announcement,
        inheritance,
    } = launch;
    let failed = |error: anyhow::Error| Failure::Runtime(error.into());
    let services = Services::open(&config).map_err(|error| failed(error.into()))?;
    let (tls, tenancy) = (services.tls.clone(), services.tenancy());
    let mut server =
        Server::new(&config, sockets, services).map_err(|error| failed(error.into()))?;
    let operations = server.operations();
    let reloads = Reloads {
        tls,
        tenancy,
        rollout: Arc::clone(&operations.rollout),
        file,
    };
    let is_successor = inheritance.is_some();
    let inherited = inheritance.as_ref().and_then(|one| one.watchdog);
    if let Some(inheritance) = inheritance {
        let refused = server.adopt(inheritance.sessions).await;
        let confirmed = task::spawn_blocking(|| inheritance.will.confirm(refused)).await;
        let confirmed = confirmed.map_err(|error| failed(error.into()))?;
        confirmed.map_err(|source| Failure::io("taking over", source))?;
    }
    if let Some(path) = &config.control {
        open_control(path, is_successor, &operations).await?;
    }
    if let (Some(socket), Some(address)) = (metrics, config.metrics) {
        let shared = operations.serves_metrics(address, &socket);
        shared.map_err(|source| Failure::io("metrics", source))?;
        tokio::spawn(serve_metrics(socket, Arc::clone(&operations)));
    }
    let reloads =
        reload::follow(reloads, &config).map_err(|source| Failure::io("signals", source))?;
    tokio::spawn(reloads);
    if let Some(limit) = systemd::patience().or(inherited) {
        operations.is_watched(limit);
        tokio::spawn(systemd::watchdog(limit));
    }
    announcement.print()?;
    match is_successor {
        true => systemd::took_over(),
        false => systemd::ready(),
    }
    let stopping = async {
        shutdown.await;
        systemd::stopping();
    };
    server.run(stopping).await;
    Ok(())
}

async fn open_control(
    path: &Path,
    is_successor: bool,
    operations: &Arc<Operations>,
) -> Result<(), Failure> {
    let control = match is_successor {
        true => Control::open_after(path).await,
        false => Control::open(path),
    };
    let control = control.map_err(Failure::Control)?;
    tokio::spawn(control.serve(Arc::clone(operations)));
    Ok(())
}

/// Serves metrics until another process does.
async fn serve_metrics(socket: TcpListener, operations: Arc<Operations>) {
    let served = http::serve(socket, Arc::clone(&operations));
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                tracing::error!(%error, "metrics are not served");
            }
        }
        () = operations.retired() => {}
    }
}
