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
/// server that lives, the system accepts for it. One that is just going may remove it first.
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
                unless_gone(fs::remove_file(&path)).map_err(failed)
            }
            Err(error) => unless_gone(Err(error)).map_err(failed),
            Ok(_) => Err(Error::InUse { path }),
        },
        Err(error) => unless_gone(Err(error)).map_err(failed),
    }
}

fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
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

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    #[tokio::test]
    async fn a_server_that_is_just_going_is_in_nobodys_way() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("control.sock");
        let mut old = bind(&path).expect("a socket");
        for _ in 0..300 {
            let start = Barrier::new(2);
            let new = thread::scope(|scope| {
                let going = scope.spawn(|| {
                    start.wait();
                    let (listener, file) = old;
                    // As a `Control` goes: first the name.
                    drop(file);
                    drop(listener);
                });
                start.wait();
                let new = loop {
                    match bind(&path) {
                        Err(Error::InUse { .. }) => thread::yield_now(),
                        done => break done,
                    }
                };
                going.join().expect("a thread");
                new
            });
            old = new.expect("the socket, once the other is gone");
        }
    }
}
