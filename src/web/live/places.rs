//! Places for streams of events: so many in all, and a part of them for one address, so that nobody
//! takes all of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One address has a tenth of all places.
const PART: usize = 10;

#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<Peer, usize>,
}

/// Who is counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Peer(IpAddr);

impl Peer {
    /// `None` where many may stand behind one address: a proxy on this machine or beside it.
    fn of(address: IpAddr) -> Option<Peer> {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let may_be_many = v4.is_loopback() || v4.is_private() || v4.is_link_local();
                (!may_be_many).then_some(Peer(v4.into()))
            }
            IpAddr::V6(v6) => {
                let may_be_many =
                    v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local();
                // Whoever has one address of version 6 has this many more.
                let network = Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64);
                (!may_be_many).then_some(Peer(network.into()))
            }
        }
    }
}

/// A place for one stream, which is free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    peer: Option<Peer>,
}

impl Places {
    pub fn new(most: usize) -> Arc<Places> {
        Arc::new(Places {
            most,
            taken: Mutex::default(),
        })
    }

    /// A place for who asks from this address, if there is one left.
    pub fn take(self: &Arc<Places>, address: Option<IpAddr>) -> Option<Place> {
        let peer = address.and_then(Peer::of);
        let mut taken = self.taken();
        if taken.all >= self.most {
            return None;
        }
        if let Some(peer) = peer {
            let of_peer = taken.by_peer.entry(peer).or_default();
            if *of_peer >= (self.most / PART).max(1) {
                return None;
            }
            *of_peer += 1;
        }
        taken.all += 1;
        Some(Place {
            places: Arc::clone(self),
            peer,
        })
    }

    /// Counts are whole at any time.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        let Some(peer) = self.peer else {
            return;
        };
        if let Some(of_peer) = taken.by_peer.get_mut(&peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.by_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(places: &Arc<Places>, address: &str, times: usize) -> Vec<Place> {
        let address = address.parse().unwrap();
        (0..times)
            .filter_map(|_| places.take(Some(address)))
            .collect()
    }

    #[test]
    fn one_address_takes_a_tenth_and_no_more_until_a_place_is_free() {
        let places = Places::new(100);
        let mut first = taken(&places, "203.0.113.7", 100);
        assert_eq!(first.len(), 10);
        assert_eq!(taken(&places, "203.0.113.8", 100).len(), 10);
        first.pop();
        // The same address, as a socket of version 6 has it.
        first.extend(taken(&places, "::ffff:203.0.113.7", 100));
        assert_eq!(first.len(), 10);
        // A whole network of version 6 is one.
        let _network = taken(&places, "2001:db8:1:2::1", 6);
        assert_eq!(taken(&places, "2001:db8:1:2:3::4", 100).len(), 4);
        assert_eq!(taken(&places, "2001:db8:1:3::1", 100).len(), 10);
        drop(first);
        assert_eq!(places.taken().by_peer.len(), 1);
    }

    #[test]
    fn behind_a_proxy_all_places_are_for_everybody() {
        for address in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fd00::1"] {
            let places = Places::new(20);
            assert_eq!(taken(&places, address, 100).len(), 20, "{address}");
        }
        assert_eq!(taken(&Places::new(1), "203.0.113.7", 5).len(), 1);
    }
}
