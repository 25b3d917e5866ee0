//! Addresses and options kept for single clients.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::Ipv4Addr;

use super::identity::Speaker;
use crate::config::model::{self, ReservedFor, Scope};
use crate::wire::HardwareAddress;

/// All reservations, found by their client and by their address in one step however many there are.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    rows: Vec<Reserved>,
    clients: Clients,
    by_address: HashMap<Ipv4Addr, u32>,
}

/// What is kept for one client.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) address: Option<Ipv4Addr>,
    pub(super) host_name: Option<Box<str>>,
    pub(super) scope: Option<Box<Scope>>,
}

/// The places of reservations, by their clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_hardware: HashMap<HardwareAddress, u32>,
    by_identifier: HashMap<Box<[u8]>, u32>,
    by_circuit_id: HashMap<Box<[u8]>, u32>,
    by_remote_id: HashMap<Box<[u8]>, u32>,
    /// Of each, the same client's next one, in the file's order: it may have one on each network.
    next: Vec<Option<u32>>,
}

/// What a client says by which a reservation may know it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) hardware: Option<HardwareAddress>,
    pub(super) identifier: Option<&'a [u8]>,
    pub(super) circuit_id: Option<&'a [u8]>,
    pub(super) remote_id: Option<&'a [u8]>,
}

impl Reservations {
    pub(super) fn new(reservations: &[model::Reservation]) -> Self {
        let mut this = Self {
            rows: Vec::with_capacity(reservations.len()),
            clients: Clients::new(reservations.iter().map(|row| &row.client)),
            by_address: HashMap::new(),
        };
        for (index, reservation) in (0..).zip(reservations) {
            if let Some(address) = reservation.address {
                this.by_address.insert(address, index);
            }
            this.rows.push(Reserved {
                address: reservation.address,
                host_name: reservation.host_name.as_deref().map(Into::into),
                scope: reservation.scope.clone(),
            });
        }
        this
    }

    /// What is kept for this client where `suits` holds for an address.
    pub(super) fn of(
        &self,
        speaker: &Speaker<'_>,
        suits: impl Fn(Ipv4Addr) -> bool,
    ) -> Option<&Reserved> {
        let known = Known {
            hardware: Some(speaker.hardware),
            identifier: speaker.identifier,
            circuit_id: speaker.circuit_id,
            remote_id: speaker.remote_id,
        };
        let mut rows = self.clients.places(known).filter_map(|place| self.rows.get(place));
        rows.find(|row| row.address.is_none_or(&suits))
    }

    /// Whether `address` is kept for some client: nobody else gets it.
    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        self.by_address.contains_key(&address)
    }
}

impl Clients {
    /// Of reservations in the file's order.
    pub(super) fn new<'a>(
        clients: impl ExactSizeIterator<Item = &'a ReservedFor> + DoubleEndedIterator,
    ) -> Self {
        let mut this = Self { next: vec![None; clients.len()], ..Self::default() };
        // Backwards, so that the first one of a client heads its chain.
        for (place, client) in clients.enumerate().rev() {
            let Ok(index) = u32::try_from(place) else { continue };
            this.next[place] = match client {
                ReservedFor::Hardware(hardware) => this.by_hardware.insert(*hardware, index),
                ReservedFor::Identifier(octets) => put(&mut this.by_identifier, octets, index),
                ReservedFor::CircuitId(octets) => put(&mut this.by_circuit_id, octets, index),
                ReservedFor::RemoteId(octets) => put(&mut this.by_remote_id, octets, index),
            };
        }
        this
    }

    /// A client's reservations. What names it most closely counts first: client identifier, hardware
    /// address, circuit, remote end.
    pub(super) fn places(&self, known: Known<'_>) -> impl Iterator<Item = usize> {
        let heads = [
            known.identifier.and_then(|octets| self.by_identifier.get(octets)),
            known.hardware.and_then(|hardware| self.by_hardware.get(&hardware)),
            known.circuit_id.and_then(|octets| self.by_circuit_id.get(octets)),
            known.remote_id.and_then(|octets| self.by_remote_id.get(octets)),
        ];
        let next = |place: &u32| self.next.get(*place as usize).copied().flatten();
        let chains = heads.into_iter().flatten();
        chains.flat_map(move |head| std::iter::successors(Some(*head), next)).map(|at| at as usize)
    }
}

fn put<K: Clone + Eq + Hash>(map: &mut HashMap<K, u32>, key: &K, index: u32) -> Option<u32> {
    map.insert(key.clone(), index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(client: ReservedFor, address: Option<[u8; 4]>) -> model::Reservation {
        model::Reservation {
            client,
            address: address.map(Into::into),
            host_name: None,
            scope: None,
        }
    }

    #[test]
    fn each_kind_of_reservation_finds_its_client() {
        let hardware = HardwareAddress::new(1, &[2; 6]).unwrap();
        let reservations = Reservations::new(&[
            reservation(ReservedFor::RemoteId(b"r".as_slice().into()), Some([10, 0, 0, 4])),
            reservation(ReservedFor::CircuitId(b"c".as_slice().into()), Some([10, 0, 0, 3])),
            reservation(ReservedFor::Hardware(hardware), Some([10, 0, 0, 2])),
            reservation(ReservedFor::Identifier(b"i".as_slice().into()), Some([10, 0, 0, 1])),
        ]);
        let other = HardwareAddress::new(1, &[4; 6]).unwrap();
        let found = |speaker: &Speaker<'_>| {
            reservations.of(speaker, |_| true).and_then(|row| row.address).map(|a| a.octets()[3])
        };
        let mut speaker = Speaker::new(other, Ipv4Addr::UNSPECIFIED);
        assert_eq!(found(&speaker), None);
        speaker.remote_id = Some(b"r");
        assert_eq!(found(&speaker), Some(4));
        speaker.circuit_id = Some(b"c");
        assert_eq!(found(&speaker), Some(3));
        let mut speaker = Speaker::new(hardware, Ipv4Addr::UNSPECIFIED);
        speaker.circuit_id = Some(b"c");
        assert_eq!(found(&speaker), Some(2));
        speaker.identifier = Some(b"i");
        assert_eq!(found(&speaker), Some(1));
        assert!(reservations.contains([10, 0, 0, 4].into()));
        assert!(!reservations.contains([10, 0, 0, 5].into()));
    }

    #[test]
    fn a_client_may_have_a_reservation_on_each_network() {
        let hardware = HardwareAddress::new(1, &[2; 6]).unwrap();
        let reservations = Reservations::new(&[
            reservation(ReservedFor::Hardware(hardware), Some([10, 1, 0, 1])),
            reservation(ReservedFor::Hardware(hardware), Some([10, 2, 0, 1])),
        ]);
        let speaker = Speaker::new(hardware, Ipv4Addr::UNSPECIFIED);
        for net in [1, 2] {
            let row = reservations.of(&speaker, |address| address.octets()[1] == net).unwrap();
            assert_eq!(row.address, Some(Ipv4Addr::new(10, net, 0, 1)));
        }
        assert!(reservations.of(&speaker, |_| false).is_none());
    }
}
