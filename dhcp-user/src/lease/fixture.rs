//! What the tests of this floor share: a network, a pool, clients by number.

use std::net::Ipv4Addr;

use super::resource::ResourceId;
use super::{Binding, BindingStatus, Client, ClientKey, ItemKind, Layout, NetworkId};
use super::{Owner, PoolId, Range, Sweep, Table, Views, WriterId};
use crate::wire::Stamp;

/// 10.0.0.0/8.
pub(super) const NETWORK: NetworkId = NetworkId(ResourceId::of(Ipv4Addr::new(10, 0, 0, 0)));
/// Where pools begin, unless the test says otherwise.
pub(super) const POOL: PoolId = PoolId(ResourceId::of(Ipv4Addr::new(10, 0, 0, 10)));

/// The nth address from the pool's first.
pub(super) fn ip(number: u32) -> ResourceId {
    ResourceId(POOL.0.0 + number)
}

pub(super) fn network() -> (Range, NetworkId) {
    (Range::ipv4(NETWORK.0.ipv4(), Ipv4Addr::new(10, 255, 255, 255)), NETWORK)
}

pub(super) fn pool(count: u32) -> Range {
    Range { first: ip(0), last: ip(count - 1) }
}

/// One pool; `reserved` by number.
pub(super) fn layout(count: u32, reserved: &[u32]) -> Layout {
    let reserved = reserved.iter().map(|number| ip(*number)).collect();
    Layout::new(vec![network()], vec![pool(count)], reserved)
}

/// The same, in relationship 0 but for its last address.
pub(super) fn shared_table(count: u32, reserved: &[u32]) -> Table {
    let shared = vec![(Range { first: NETWORK.0, last: ip(count - 2) }, 0)];
    Table::new(layout(count, reserved).with_relationships(shared))
}

pub(super) fn table(count: u32) -> Table {
    Table::new(layout(count, &[]))
}

pub(super) fn client(number: u32) -> Client {
    let octets = &number.to_be_bytes();
    Client::builder(ClientKey { kind: ItemKind::Identifier, octets }).build()
}

/// Leased to client `number` until `until`.
pub(super) fn lease(number: u32, now: u32, until: u32) -> Binding {
    Binding {
        expires: Stamp(until),
        cltt: Stamp(now),
        client: Some(client(number)),
        ..Binding::new(BindingStatus::Active, Stamp(now))
    }
}

/// Free again, its client kept as history.
pub(super) fn freed(number: u32, now: u32) -> Binding {
    Binding { status: BindingStatus::Free, ..lease(number, now, now) }
}

/// Free but offered to client `number` until `until`.
pub(super) fn offer(number: u32, until: u32) -> Binding {
    Binding { offered_until: Stamp(until), ..freed(number, 0) }
}

impl Table {
    /// Takes the least recently used address and swaps in `new`.
    pub(super) fn give(&self, now: u32, new: Binding) -> Option<ResourceId> {
        let guard = self.pin();
        let (resource, seen) = self.take_free(POOL, Owner::Primary, Stamp(now), &guard)?;
        self.replace(resource, seen, new, &guard).unwrap();
        Some(resource)
    }

    /// Swaps in `new` whatever is there.
    pub(super) fn set(&self, resource: ResourceId, new: Binding) {
        let guard = self.pin();
        let seen = self.seen(resource, &guard).unwrap();
        self.replace(resource, seen, new, &guard).unwrap();
    }

    /// Ends what is over, on a server without a partner.
    pub(super) fn sweep(&self, now: u32, budget: usize) -> Sweep {
        self.expire(Stamp(now), budget, WriterId::SWEEP, &Views::default(), &mut |_, _, _| ())
    }

    /// What the address is, read once.
    pub(super) fn get(&self, resource: ResourceId) -> Option<Binding> {
        let guard = self.pin();
        self.seen(resource, &guard).and_then(|seen| seen.binding().cloned())
    }

    /// Addresses found by client number, ascending.
    pub(super) fn found(&self, network: NetworkId, number: u32) -> Vec<ResourceId> {
        let guard = self.pin();
        let client = client(number);
        let found = self.of_client(network, client.key(), &guard).map(|(resource, _)| resource);
        let found: std::collections::BTreeSet<_> = found.collect();
        found.into_iter().collect()
    }
}
