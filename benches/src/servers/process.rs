//! A server's process: started with its log in a file, ended when it is dropped.
//!
//! What it is told is in the files beside this one.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// How often a server is asked whether it is there, or gone.
const PATIENCE: usize = 500;

/// The time between.
const PAUSE: Duration = Duration::from_millis(20);

/// A process that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// What it says on its standard error output.
    said: PathBuf,
}

impl Process {
    /// Starts it. What it says on its standard error output goes to `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()?;
        Ok(Self {
            child,
            said: log.to_owned(),
        })
    }

    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Waits until somebody listens.
    pub(super) fn wait_for(&mut self, address: SocketAddr) -> io::Result<()> {
        for _ in 0..PATIENCE {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(&self.said)?;
                let last = said.lines().last().unwrap_or("and said nothing");
                let ended = format!("the server ended before it listened, {status}: {last}");
                return Err(io::Error::other(ended));
            }
            sleep(PAUSE);
        }
        Err(io::Error::other(format!("nobody listens on {address}")))
    }

    /// The next two addresses that it says on lines that end with `listening on ADDRESS`.
    pub(super) fn addresses(&mut self) -> io::Result<(SocketAddr, SocketAddr)> {
        let output = self.child.stdout.as_mut();
        let output = output.ok_or_else(|| io::Error::other("no standard output"))?;
        let mut lines = BufReader::new(output).lines();
        let mut next = || {
            let line = lines
                .next()
                .ok_or_else(|| io::Error::other("the server ended before it listened"))??;
            let address = line.rsplit(' ').next().unwrap_or_default();
            address.parse().map_err(io::Error::other)
        };
        Ok((next()?, next()?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(number) = i32::try_from(self.child.id())
            && let Some(number) = Pid::from_raw(number)
        {
            // If it is gone already, the loop sees it.
            let _ = kill_process(number, Signal::TERM);
        }
        for _ in 0..PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(PAUSE);
        }
        // Nothing is left to be done if this fails, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two ports that nobody uses, for servers that can not choose themselves.
pub(super) fn free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let listeners = [
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    ];
    Ok((listeners[0].local_addr()?, listeners[1].local_addr()?))
}

/// Lets a command run to its end.
pub(super) fn run(command: &mut Command) -> io::Result<()> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{command:?} failed"))),
    }
}
