//! How many connections each address has, and no more than it may have.
//!
//! An IPv6 client owns a /64 at least, so that is what counts as its address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The connections that are open, by address. Holds an entry for each address that has one.
#[derive(Debug)]
pub(crate) struct Addresses {
    limit: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection that is counted; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Admits `limit` connections of each address at a time.
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            limit,
            open: Mutex::default(),
        })
    }

    /// Counts a connection, or `None` if its address has as many as it may have.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let address = network(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&address).copied().unwrap_or(0);
        if count >= self.limit {
            return None;
        }
        open.insert(address, count + 1);
        Some(Place {
            addresses: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .addresses
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                open.remove(&self.address);
            }
        }
    }
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_place_is_given_back_and_nothing_is_kept() {
        let addresses = Addresses::new(2);
        let places = [(); 2].map(|()| addresses.admit(address("192.0.2.1")));
        assert!(places.iter().all(Option::is_some));
        assert!(addresses.admit(address("192.0.2.1")).is_none());
        assert!(addresses.admit(address("192.0.2.2")).is_some());
        drop(places);
        assert!(addresses.open.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn a_client_is_its_ipv6_network_and_a_mapped_address_is_ipv4() {
        let addresses = Addresses::new(1);
        let _first = addresses.admit(address("2001:db8::1"));
        assert!(addresses.admit(address("2001:db8::ffff:2")).is_none());
        assert!(addresses.admit(address("2001:db8:0:1::1")).is_some());
        let _mapped = addresses.admit(address("::ffff:192.0.2.1"));
        assert!(addresses.admit(address("192.0.2.1")).is_none());
    }
}
