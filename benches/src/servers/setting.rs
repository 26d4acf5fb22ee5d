//! Where a comparison takes place: one directory, one certificate, a place for each server.
//!
//! All of it is gone when it is dropped.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use super::Server;
use crate::maildirs::{Maildirs, Shapes};

/// What all servers share.
#[derive(Debug)]
pub(crate) struct Setting {
    directory: TempDir,
    pub(super) certificate_file: PathBuf,
    pub(super) key_file: PathBuf,
    pub(crate) certificate: CertificateDer<'static>,
}

/// What one server has for itself.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) directory: PathBuf,
    pub(crate) maildirs: Maildirs,
    pub(super) passwd_file: PathBuf,
}

impl Setting {
    pub(crate) fn new() -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("popcell-bench-")
            .tempdir()?;
        // Servers that change their user have to get in.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.map_err(io::Error::other)?;
        let certificate_file = directory.path().join("certificate.pem");
        fs::write(&certificate_file, made.cert.pem())?;
        let key_file = directory.path().join("key.pem");
        fs::write(&key_file, made.signing_key.serialize_pem())?;
        Ok(Self {
            certificate: made.cert.der().clone(),
            directory,
            certificate_file,
            key_file,
        })
    }

    /// An empty place for a server, with its users.
    pub(crate) fn place(&self, server: Server, shapes: Shapes) -> io::Result<Place> {
        let directory = self.directory.path().join(server.key());
        let maildirs = Maildirs {
            root: directory.join("mail"),
            owner: server.owner(),
            shapes,
        };
        fs::create_dir_all(&maildirs.root)?;
        let passwd_file = directory.join("users");
        fs::write(&passwd_file, maildirs.passwd())?;
        Ok(Place {
            directory,
            maildirs,
            passwd_file,
        })
    }
}

impl Place {
    /// Where the server's log is.
    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The path of a file with this text.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.directory
    }
}
