//! A whole server behind a socket, with the fake host's users and mail.
//!
//! The third way to play a transcript: framing, timers, SASL mechanisms and logins are those of the
//! host. One server for each world, since a scene is a configuration too.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use popcell::config::{Config, PlaintextLogin, Record};

use crate::{
    client::Client,
    driver::{Driver, Heard},
    fake::World,
    scene::Scene,
    server::{self, Running},
};

/// A server and the connection to it.
#[derive(Default)]
pub struct Served {
    world: Option<World>,
    running: Option<Running>,
    client: Option<Client>,
    /// Where sessions are recorded, if they are.
    record: Option<PathBuf>,
}

impl Served {
    /// A driver whose servers record all sessions in this directory.
    pub fn recording(directory: PathBuf) -> Self {
        Self {
            record: Some(directory),
            ..Self::default()
        }
    }
}

/// Starts a server for a world, configured as its scene wants it.
///
/// # Errors
///
/// What the system or the server says.
pub fn start(world: &World) -> Result<Running> {
    serve(world, &config(world.scene()))
}

/// Starts a server for a world with this configuration.
///
/// # Errors
///
/// What the system or the server says.
pub fn serve(world: &World, config: &Config) -> Result<Running> {
    let backends = Arc::new(world.clone());
    Running::start(config, Arc::<World>::clone(&backends), backends)
}

/// The configuration that makes a server behave as the scene wants it.
pub fn config(scene: &Scene) -> Config {
    let connection = &scene.connection;
    let mut config = server::config();
    config.session.greeting.clone_from(&connection.banner);
    config.session.mechanisms.clone_from(&connection.mechanisms);
    config.limits.bad_commands = connection.max_bad_commands;
    config.limits.bad_commands_after_login = connection.max_bad_commands_after_login;
    config.limits.failed_logins = u32::MAX;
    if !connection.may_login {
        config.listeners[0].plaintext_login = PlaintextLogin::Never;
    }
    config
}

impl Driver for Served {
    fn connect(&mut self, world: &World) -> Result<()> {
        self.hang_up()?;
        if !self
            .world
            .as_ref()
            .is_some_and(|known| known.is_same(world))
        {
            self.running = None;
            let mut config = config(world.scene());
            config.record = self.record.clone().map(Record::new);
            self.running = Some(serve(world, &config)?);
            self.world = Some(world.clone());
        }
        let address = self.running.as_ref().context("no server")?.address();
        self.client = Some(Client::connect(address)?);
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.client.as_mut().context("not connected")?.send(octets)
    }

    fn hear(&mut self) -> Result<Heard> {
        self.client.as_mut().context("not connected")?.hear()
    }

    fn finish(&mut self) -> Result<()> {
        self.client.as_mut().context("not connected")?.finish()
    }

    fn hang_up(&mut self) -> Result<()> {
        self.client = None;
        if let Some(world) = &self.world {
            ensure!(
                world.wait_for_release(),
                "the server does not notice that the client is gone"
            );
        }
        Ok(())
    }
}
