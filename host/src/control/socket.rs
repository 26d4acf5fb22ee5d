//! The file of the control socket: made so that nobody else can open it, removed when we go.
//!
//! Serves nobody.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use super::Error;

/// Clients that may wait until they are accepted.
const BACKLOG: i32 = 64;

/// Read and write for the owner, who needs both to connect.
const MODE: u32 = 0o600;

/// The file of a socket, removed with this.
#[derive(Debug)]
pub(super) struct Bound {
    path: PathBuf,
    /// Device and inode: what has the name by then may be another server's.
    file: (u64, u64),
}

/// A socket at `path`.
pub(super) fn bind(path: &Path) -> Result<(UnixListener, Bound), Error> {
    make_room(path)?;
    listen(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })
}

/// Removes the socket of a server that is gone. Whether it is shows when somebody connects: of a
/// server that lives, the system accepts for it.
fn make_room(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let path = path.to_owned();
    match fs::symlink_metadata(&path) {
        Ok(metadata) if !metadata.file_type().is_socket() => Err(Error::NotASocket { path }),
        Ok(_) => match UnixStream::connect(&path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(&path).map_err(failed)
            }
            Err(error) => Err(failed(error)),
            Ok(_) => Err(Error::InUse { path }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn listen(path: &Path) -> io::Result<(UnixListener, Bound)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let metadata = fs::symlink_metadata(path)?;
    let bound = Bound {
        path: path.to_owned(),
        file: (metadata.dev(), metadata.ino()),
    };
    // Nobody can connect before it listens, so nobody can before it is ours alone.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((UnixListener::from_std(socket.into())?, bound))
}

impl Drop for Bound {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.file);
        if is_ours {
            // The next server replaces it if this fails.
            let _ = fs::remove_file(&self.path);
        }
    }
}
