//! The program: command line in, exit code out. What it does is in `cli` and `server`.

use std::{env, process::ExitCode};

use popcell::{
    cli::{self, Build, Failure, Launch, Shutdown},
    reload,
    sandbox::{self, EMBEDDED_COMPONENT},
    server::Server,
    services::Services,
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
        sockets,
        announcement,
    } = launch;
    let failed = |error: anyhow::Error| Failure::Runtime(error.into());
    let services = Services::open(&config).map_err(|error| failed(error.into()))?;
    let tls = services.tls.clone();
    let server = Server::new(&config, sockets, services).map_err(|error| failed(error.into()))?;
    tokio::spawn(reload::follow(tls));
    announcement.print()?;
    server.run(shutdown).await;
    Ok(())
}
