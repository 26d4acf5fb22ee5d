//! A maildrop that goes from one process of a server to the next one, with its lock.
//!
//! What is written here is read by the same program or the one after it, so it says its version; of a
//! version that is not known nothing is taken over.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fd::AsFd as _;
use serde::{Deserialize, Serialize};

use super::{
    error::Error,
    lock::Lock,
    login::Opened,
    maildrop::Contents,
    names::Names,
    paths::Paths,
    place::{Place, Whereabouts},
};
use crate::capability::Lease;

/// The version that is written.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Given<'a> {
    version: u32,
    root: &'a Path,
    state: &'a Path,
    contents: &'a Contents,
    paths: &'a Paths,
}

#[derive(Deserialize)]
struct Taken {
    version: u32,
    root: PathBuf,
    state: PathBuf,
    contents: Contents,
    paths: Paths,
}

/// What another process needs. `None` if it can not be had now.
pub(super) fn give(
    place: &Place,
    contents: &Contents,
    paths: &Paths,
    lock: &Lock,
) -> Option<Lease> {
    let given = Given {
        version: VERSION,
        root: &place.path,
        state: place.state_path(),
        contents,
        paths,
    };
    let octets = serde_json::to_vec(&given).ok()?;
    let lock = lock.share().ok()?;
    Some(Lease { octets, lock })
}

/// The maildrop that another process had. Blocks.
pub(super) fn take(lease: Lease) -> Result<Opened, Error> {
    let Lease { octets, lock } = lease;
    let taken: Taken = serde_json::from_slice(&octets).map_err(|_| Error::Lease)?;
    let fits = taken.version == VERSION && taken.contents.fits(&taken.paths);
    let lock = lock.as_fd().try_clone_to_owned().ok().filter(|_| fits);
    let lock = lock.ok_or(Error::Lease)?;
    let state = (taken.state != taken.root).then_some(taken.state);
    let place = Place::open(&Whereabouts {
        root: taken.root,
        state,
        create_below: None,
    })?;
    let lock = Lock::adopt(lock).map_err(|_| Error::Lease)?;
    let names = Names::new(&taken.paths, taken.contents.snapshot()).map_err(|_| Error::Lease)?;
    Ok(Opened {
        place,
        lock,
        contents: Arc::new(taken.contents),
        names: Arc::new(names),
    })
}
