//! The program: command line in, exit code out. What it does is in `cli` and `server`.

use std::{env, process::ExitCode, sync::Arc};

use popcell::{
    cli::{self, Build, Failure, Launch, Shutdown},
    control::Control,
    http,
    reload::{self, Reloads},
    sandbox::{self, EMBEDDED_COMPONENT},
    server::Server,
    services::Services,
    systemd,
};

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
    } = launch;
    let failed = |error: anyhow::Error| Failure::Runtime(error.into());
    let services = Services::open(&config).map_err(|error| failed(error.into()))?;
    let (tls, tenancy) = (services.tls.clone(), services.tenancy());
    let server = Server::new(&config, sockets, services).map_err(|error| failed(error.into()))?;
    let operations = server.operations();
    let reloads = Reloads {
        tls,
        tenancy,
        rollout: Arc::clone(&operations.rollout),
        file,
    };
    if let Some(path) = &config.control {
        let control = Control::open(path).map_err(Failure::Control)?;
        tokio::spawn(control.serve(Arc::clone(&operations)));
    }
    if let Some(socket) = metrics {
        tokio::spawn(http::serve(socket, operations));
    }
    let reloads =
        reload::follow(reloads, &config).map_err(|source| Failure::io("signals", source))?;
    tokio::spawn(reloads);
    tokio::spawn(systemd::watchdog());
    announcement.print()?;
    systemd::ready();
    let stopping = async {
        shutdown.await;
        systemd::stopping();
    };
    server.run(stopping).await;
    Ok(())
}
