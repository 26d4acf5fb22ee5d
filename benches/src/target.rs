//! A server as the rows see it: addresses, its process tree, its Maildirs.
//!
//! How it was started is in `servers/`.

use std::{net::SocketAddr, rc::Rc};

use rustls::pki_types::CertificateDer;

use crate::{
    client::Error,
    cpu::Tree,
    door::{Door, Protection},
    letters::Letter,
    maildirs::{Kind, Maildirs, Shape},
    servers::{Place, Running, Server, Setting},
};

/// A server that runs.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    /// The certificate that it shows, and which is its own authority.
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) tree: Tree,
    pub(crate) maildirs: Maildirs,
    /// Whether it is the floor: it has one message, and counts nothing.
    pub(crate) is_floor: bool,
    /// Connections that it is to hold at the same time, at most.
    pub(crate) most_connections: usize,
}

/// A kind of mailbox, for all clients that use one.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    pub(crate) letters: Rc<[Letter]>,
}

impl Mail {
    pub(crate) fn new(kind: Kind, shape: Shape) -> Self {
        Self {
            kind,
            shape,
            letters: shape.letters().into(),
        }
    }
}

impl Target {
    /// A server that was started.
    pub(crate) fn of(server: Server, running: &Running, setting: &Setting, place: &Place) -> Self {
        Self {
            plain: running.plain,
            tls: running.tls,
            certificate: setting.certificate.clone(),
            tree: Tree::new(running.process.number()),
            maildirs: place.maildirs.clone(),
            is_floor: server.is_floor(),
            most_connections: server.most_connections(),
        }
    }

    /// The way in of the client with this number.
    pub(crate) fn door(&self, protection: Protection, client: usize) -> Result<Door, Error> {
        let address = match protection {
            Protection::Plain => self.plain,
            Protection::Full | Protection::Resumed => self.tls,
        };
        Door::new(protection, address, &self.certificate, client)
    }

    /// What RETR of the message at `index`, counted from 0, has to bring behind its first line.
    pub(crate) fn wire<'a>(&self, mail: &'a Mail, index: usize) -> &'a [u8] {
        let index = if self.is_floor { 0 } else { index };
        &mail.letters[index].wire
    }
}
