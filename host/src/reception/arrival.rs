//! A connection that has been accepted: who is at the other end of it.

use std::{io, net::SocketAddr};

use tokio::{net::TcpStream, time::Instant};
use tracing::{debug, info};

use super::Reception;
use crate::{config::Listener, metrics::Refused, proxy};

/// A connection that has been accepted, and who is at both ends of it.
pub(crate) struct Arrival {
    pub(super) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) since: Instant,
}

impl Reception {
    /// Finds out who is at the other end: behind a load balancer, its header says so.
    pub(crate) async fn meet(
        &self,
        mut stream: TcpStream,
        mut peer: SocketAddr,
        listener: &Listener,
    ) -> Option<Box<Arrival>> {
        let since = Instant::now();
        let mut local = match prepare(&stream) {
            Ok(local) => local,
            Err(error) => {
                debug!(%error, "the connection was gone before it was served");
                return None;
            }
        };
        if proxy::is_trusted(&listener.proxies, peer.ip()) {
            match proxy::read_header(&mut stream, since + self.timeouts.handshake).await {
                Ok(Some(ends)) => (peer, local) = (ends.source, ends.destination),
                Ok(None) => {}
                Err(error) => {
                    self.operations.metrics.refuse(Refused::ProxyHeader);
                    info!(rip = %peer.ip(), %error, "no client behind a load balancer");
                    return None;
                }
            }
        }
        Some(Box::new(Arrival {
            stream,
            peer,
            local,
            since,
        }))
    }
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer is one write; holding back its last packet only delays it.
    stream.set_nodelay(true)?;
    stream.local_addr()
}
