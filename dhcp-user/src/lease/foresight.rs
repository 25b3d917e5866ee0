//! What a batch of requests will look for in a table, fetched from memory for all of them together.
//!
//! Among millions of leases each look-up waits for memory several times over: for the buckets of the
//! client's hints, then for the slot that they name and what is noted beside it, its binding, the client
//! in that. For one request after the other the waits add up. Here each step is taken for the whole batch
//! before the next one is, so that a core has as many of them under way as it can. It is for the waits
//! alone: nothing is decided by what is seen here, and a guess that was wrong costs what it would have
//! saved.

use std::hint::black_box;

use super::client::{Client, ClientKey};
use super::epoch::Guard;
use super::index::Fold;
use super::layout::NetworkId;
use super::resource::ResourceId;
use super::table::Table;

/// Octets that come from memory together.
pub const CACHE_LINE: usize = 64;

/// What a batch will look for; one is used again and again.
#[derive(Debug, Default)]
pub struct Foresight {
    clients: Vec<Fold>,
    resources: Vec<ResourceId>,
}

impl Foresight {
    /// With room for so many requests; it allocates for more.
    #[must_use]
    pub fn with_capacity(requests: usize) -> Self {
        Self { clients: Vec::with_capacity(requests), resources: Vec::with_capacity(requests) }
    }

    /// A request will look for what this client has in the network.
    pub fn expect_client(&mut self, table: &Table, network: NetworkId, key: ClientKey<'_>) {
        self.clients.push(table.index.fold(network, key));
    }

    /// A request will look at this address.
    pub fn expect(&mut self, resource: impl Into<ResourceId>) {
        self.resources.push(resource.into());
    }

    /// Fetches all that is expected, and expects nothing more.
    pub fn fetch(&mut self, table: &Table, guard: &Guard) {
        let Self { clients, resources } = self;
        // What is loaded here is waited for by nothing that follows.
        clients.iter().for_each(|fold| table.index.touch(*fold));
        // A client has one address; and where it has several, one of them is a beginning.
        resources.extend(clients.drain(..).filter_map(|fold| table.index.find(fold).next()));
        resources.iter().for_each(|resource| {
            let Some(chunk) = table.directory.chunk(*resource) else { return };
            let is_bound = chunk.slot(*resource).load(guard).binding().is_some();
            _ = black_box((is_bound, chunk.earliest()));
        });
        let look = |resource: &ResourceId| table.look(*resource, guard).binding();
        resources.iter().filter_map(look).for_each(|binding| {
            // Its two ends: it may lie across two cache lines.
            let name = binding.client.as_ref().map(Client::as_octets);
            _ = black_box((binding.version, binding.expires, name));
        });
        resources.drain(..).filter_map(|resource| look(&resource)?.client.as_ref()).for_each(
            |client| {
                // Its two ends as well: all that it said of itself is held against what it says now. Copied,
                // as a reference alone fetches nothing.
                let octets = client.as_octets();
                _ = black_box((octets.first().copied(), octets.last().copied()));
            },
        );
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::*;

    #[test]
    fn whatever_is_expected_the_table_stays_as_it_is() {
        let table = table(4);
        table.set(ip(0), lease(1, 0, 9));
        let mut foresight = Foresight::with_capacity(4);
        for number in 0..3 {
            foresight.expect_client(&table, NETWORK, client(number).key());
            foresight.expect(ip(number));
        }
        foresight.expect(ResourceId(7)); // of nobody's pool
        foresight.fetch(&table, &table.pin());
        assert_eq!(table.found(NETWORK, 1), [ip(0)]);
        assert!(foresight.clients.is_empty() && foresight.resources.is_empty());
    }
}
