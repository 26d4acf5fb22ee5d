//! Accepting: a listener on every lane, a permit for whoever is there, and patience with the system.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, time::sleep};
use tokio_util::task::TaskTracker;
use tracing::error;

use super::gate::Gate;
use crate::{config::Listener, lanes::Loads};

/// The wait after an accept that failed, and the longest: a machine out of descriptors gets some
/// back when sessions end.
const FIRST_BACK_OFF: Duration = Duration::from_millis(10);
const LAST_BACK_OFF: Duration = Duration::from_secs(1);

/// A listener, and its socket once for each lane.
pub(super) struct Post {
    pub(super) listener: Arc<Listener>,
    pub(super) address: SocketAddr,
    sockets: Vec<TcpListener>,
}

impl Post {
    /// Nothing is accepted until it is [taken](Self::take_up).
    pub(super) fn new(
        socket: &std::net::TcpListener,
        listener: Listener,
        loads: &Loads,
    ) -> io::Result<Self> {
        let sockets = loads.handles().map(|lane| {
            let _here = lane.enter();
            TcpListener::from_std(socket.try_clone()?)
        });
        Ok(Self {
            sockets: sockets.collect::<io::Result<_>>()?,
            listener: Arc::new(listener),
            address: socket.local_addr()?,
        })
    }

    /// Accepts connections on every lane, until the server is told to stop.
    pub(super) fn take_up(self, gate: &Arc<Gate>, acceptors: &TaskTracker) {
        let lanes = gate.loads.handles().zip(self.sockets);
        for (lane, (handle, socket)) in lanes.enumerate() {
            let (listener, gate) = (Arc::clone(&self.listener), Arc::clone(gate));
            acceptors.spawn_on(accept_all(lane, socket, listener, gate), handle);
        }
    }
}

async fn accept_all(lane: usize, socket: TcpListener, listener: Arc<Listener>, gate: Arc<Gate>) {
    let operations = &gate.reception.operations;
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let accepted = tokio::select! {
            () = gate.stop.shutdown.cancelled() => return,
            () = operations.retired() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                back_off = FIRST_BACK_OFF;
                // Who can not be served is all that waits here; the others stay in the system's
                // queue.
                let permit = tokio::select! {
                    () = gate.stop.shutdown.cancelled() => return,
                    permit = Arc::clone(&gate.permits).acquire_owned() => permit,
                };
                // Nobody closes the semaphore.
                let Ok(permit) = permit else { return };
                gate.welcome(lane, stream, peer, &listener, permit);
            }
            Err(error) => {
                operations.metrics.accept_failures.inc();
                error!(%error, "cannot accept connections; trying again");
                sleep(back_off).await;
                back_off = LAST_BACK_OFF.min(back_off * 2);
            }
        }
    }
}
