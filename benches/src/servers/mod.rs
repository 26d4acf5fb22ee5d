//! The servers that are compared: whether they are here, and how they are started.
//!
//! Each has its configuration and its Maildirs in a directory of its own, and ports of loopback.

mod courier;
mod dovecot;
mod floor;
mod popcell;
mod process;
mod setting;
mod twisted;

use std::{io, net::SocketAddr};

use clap::ValueEnum;

pub(crate) use self::{
    popcell::{Build, build},
    process::Process,
    setting::{Place, Setting},
};
use crate::maildirs::Shape;

/// Whose the mail is of servers that give nothing to root, on Linux.
const NOBODY: u32 = 65_534;

/// A server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Server {
    /// Popcell as it is in this tree.
    Popcell,
    /// The same without a sandbox, if such a build is here.
    Native,
    /// What only answers +OK.
    Floor,
    /// The same, with a write for every message.
    FloorUnbatched,
    /// Dovecot as it is without settings.
    Dovecot,
    /// Dovecot with processes that are used again and several clients in each.
    DovecotTuned,
    /// Courier as Debian sets it up.
    Courier,
    /// A server of Twisted, the Python library.
    Twisted,
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
}

impl Server {
    /// Those that are compared if nobody says otherwise.
    pub(crate) const USUAL: [Self; 6] = [
        Self::Floor,
        Self::FloorUnbatched,
        Self::Popcell,
        Self::Native,
        Self::Dovecot,
        Self::DovecotTuned,
    ];

    /// For the command line and for directories.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Popcell => "popcell",
            Self::Native => "native",
            Self::Floor => "floor",
            Self::FloorUnbatched => "floor-unbatched",
            Self::Dovecot => "dovecot",
            Self::DovecotTuned => "dovecot-tuned",
            Self::Courier => "courier",
            Self::Twisted => "twisted",
        }
    }

    /// Its version if it can be started here.
    ///
    /// # Errors
    ///
    /// What somebody has to do who wants to have it here.
    pub(crate) fn look_for(self) -> Result<String, String> {
        match self {
            Self::Popcell => Build::Product.version().map_err(|error| error.to_string()),
            Self::Native => popcell::look_for_native(),
            Self::Floor => Ok("tokio, +OK only".to_owned()),
            Self::FloorUnbatched => Ok("tokio, a write for every message".to_owned()),
            Self::Dovecot | Self::DovecotTuned => dovecot::look_for(),
            Self::Courier => courier::look_for(),
            Self::Twisted => twisted::look_for(),
        }
    }

    /// Connections that it is asked to hold at the same time, at most.
    pub(crate) fn most_connections(self) -> usize {
        match self {
            Self::Popcell | Self::Native | Self::Floor | Self::FloorUnbatched | Self::Twisted => {
                usize::MAX
            }
            // Without settings it is a process for each, and a hundred of them before login.
            Self::Dovecot | Self::Courier => 64,
            Self::DovecotTuned => 256,
        }
    }

    /// Whether it has no mail of its own: it sends what was prepared.
    pub(crate) fn is_floor(self) -> bool {
        matches!(self, Self::Floor | Self::FloorUnbatched)
    }

    /// Whose the Maildirs have to be; none: ours.
    pub(crate) fn owner(self) -> Option<u32> {
        match self {
            Self::Dovecot | Self::DovecotTuned | Self::Courier => Some(NOBODY),
            Self::Popcell | Self::Native | Self::Floor | Self::FloorUnbatched | Self::Twisted => {
                None
            }
        }
    }

    /// Starts it. It accepts connections then.
    pub(crate) fn start(
        self,
        setting: &Setting,
        place: &Place,
        shape: Shape,
    ) -> io::Result<Running> {
        match self {
            Self::Popcell => Build::Product.start(setting, place),
            Self::Native => Build::Native.start(setting, place),
            Self::Floor => floor::start(setting, place, shape, floor::BATCHED),
            Self::FloorUnbatched => floor::start(setting, place, shape, floor::UNBATCHED),
            Self::Dovecot => dovecot::start(setting, place, dovecot::DEFAULT),
            Self::DovecotTuned => dovecot::start(setting, place, dovecot::TUNED),
            Self::Courier => courier::start(setting, place),
            Self::Twisted => twisted::start(setting, place),
        }
    }
}
