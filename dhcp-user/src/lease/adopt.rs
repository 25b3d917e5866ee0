//! A reload's new layout, taken while workers go on.

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, PoisonError};

use super::layout::{Layout, NetworkId};
use super::page::CHUNK;
use super::pool::Pool;
use super::resource::ResourceId;
use super::slot::Seen;
use super::table::{State, Table};
use crate::wire::BindingStatus;

impl Table {
    /// Takes a new configuration's layout while workers go on. Every binding stays; pools that keep
    /// their range keep their queues; addresses of new pools are queued if free, and clients are
    /// found by the network that their address belongs to now.
    pub fn adopt(&self, layout: Layout) {
        let _one = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.state.load_full();
        let kept = |(id, range), shape| {
            old.pool(id).filter(|pool| pool.range == range && pool.shape == shape).cloned()
        };
        let pools = layout
            .pools()
            .map(|(id, range)| {
                let shape = layout.shape(id);
                kept((id, range), shape).unwrap_or_else(|| Arc::new(Pool::new(range, shape)))
            })
            .collect();
        let new = Arc::new(State { layout, number: old.number + 1, pools });
        self.state.store(Arc::clone(&new));
        // See `replace` and `follow_network`: whoever swapped a binding in by the old layout sees
        // the new one afterwards, or is seen by what follows here.
        fence(Ordering::SeqCst);
        for pool in &new.pools {
            if old.pool(super::PoolId(pool.range.first)).is_some_and(|had| Arc::ptr_eq(had, pool)) {
                self.queue_unreserved(&old.layout, &new, pool);
            } else {
                self.gather_free(&new, pool);
            }
        }
        for resource in old.layout.reserved() {
            if !new.layout.is_reserved(*resource) {
                // A partner was shown it otherwise than it is now (draft-12 §5.13).
                self.became_untold(*resource);
            }
        }
        if !old.layout.has_same_relationships(&new.layout) {
            self.swept.begin_anew();
        }
        if !old.layout.has_same_networks(&new.layout) {
            self.index_anew(&old.layout, &new.layout);
        }
    }

    /// After a client came to an address: a reload may have given the address another network since
    /// its hint was made. An additional hint does no harm.
    pub(super) fn follow_network(
        &self,
        resource: ResourceId,
        hinted: Option<NetworkId>,
        ours: Seen<'_>,
    ) {
        fence(Ordering::SeqCst);
        let network = self.state.load().layout.network_of(resource);
        let client = ours.binding().and_then(|binding| binding.client.as_ref());
        if let Some((network, client)) = network.zip(client).filter(|_| network != hinted) {
            self.index.insert(self.index.fold(network, client.key()), resource);
        }
    }

    /// Queues the free addresses of a pool whose queues are empty. Never used ones need not queue.
    fn gather_free(&self, state: &State, pool: &Pool) {
        let (first, last) = (pool.range.first, pool.range.last);
        let mut found = Vec::new();
        for (base, chunk) in self.directory.chunks(first).take_while(|(base, _)| *base <= last) {
            let available = [BindingStatus::Free, BindingStatus::Backup];
            if available.iter().all(|status| chunk.counted(*status) == 0) {
                continue; // as in most of a full pool, where each look is a cache miss
            }
            let guard = self.pin();
            for (offset, slot) in (0..CHUNK).zip(chunk.slots()) {
                let resource = ResourceId(base.0 + offset);
                let binding = slot.load(&guard).binding().filter(|_| pool.range.contains(resource));
                if let Some(binding) = binding.filter(|binding| binding.is_available()) {
                    found.push((binding.starts, resource));
                }
            }
        }
        found.sort_unstable();
        for (_, resource) in found {
            self.queue_again(state, pool, resource);
        }
    }

    /// Addresses of a pool that were reserved and are not any more.
    fn queue_unreserved(&self, old: &Layout, new: &State, pool: &Pool) {
        for resource in old.reserved_in(pool.range) {
            self.queue_again(new, pool, *resource);
        }
    }

    /// Queues the address if it is free.
    fn queue_again(&self, state: &State, pool: &Pool, resource: ResourceId) {
        let guard = self.pin();
        match self.look(resource, &guard).binding() {
            Some(binding) if binding.is_available() => self.queue(resource, binding),
            // The cursor comes to it, if it has not passed it as a reserved one.
            None if pool.is_passed(resource) && !state.layout.is_reserved(resource) => {
                pool.queue(pool.owner_of(resource, None)).push(resource);
            }
            _ => {}
        }
    }

    /// Moves the hints of addresses whose network has another name now.
    fn index_anew(&self, old: &Layout, new: &Layout) {
        self.for_each(|resource, binding| {
            let (was, is) = (old.network_of(resource), new.network_of(resource));
            if let Some(client) = binding.client.as_ref().filter(|_| was != is) {
                is.inspect(|is| self.index.insert(self.index.fold(*is, client.key()), resource));
                was.inspect(|was| self.index.remove(self.index.fold(*was, client.key()), resource));
            }
        });
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::super::{Binding, Owner, Range};
    use super::*;
    use crate::wire::Stamp;

    fn rest(table: &Table) -> Vec<ResourceId> {
        let guard = table.pin();
        let take = || table.take_free(POOL, Owner::Primary, Stamp(1_000), &guard);
        std::iter::from_fn(take).map(|(resource, _)| resource).collect()
    }

    #[test]
    fn a_grown_pool_gives_its_new_addresses_and_keeps_its_leases() {
        let table = table(2);
        table.give(0, lease(1, 0, 9)).unwrap();
        table.set(ip(1), freed(2, 5));
        table.adopt(layout(4, &[]));
        assert_eq!(table.found(NETWORK, 1), [ip(0)]);
        assert_eq!(rest(&table), [ip(2), ip(3), ip(1)]);
    }

    #[test]
    fn a_pool_that_stays_keeps_its_order() {
        let table = table(3);
        (0..3).for_each(|n| table.set(ip(n), lease(n, 0, 9)));
        [2, 0, 1].into_iter().for_each(|n| table.set(ip(n), freed(n, 7)));
        table.adopt(layout(3, &[]));
        assert_eq!(rest(&table), [ip(2), ip(0), ip(1)]);
    }

    #[test]
    fn an_address_is_free_to_all_once_its_reservation_is_gone_and_not_before() {
        let table = Table::new(layout(3, &[0, 1]));
        table.set(ip(1), freed(1, 5));
        assert_eq!(rest(&table), [ip(2)]);
        table.adopt(layout(3, &[0]));
        assert_eq!(rest(&table), [ip(1)]);
        table.adopt(layout(3, &[]));
        assert_eq!(rest(&table), [ip(0)]);
    }

    /// draft-12 §5.13: to the primary it has been FREE all the time.
    #[test]
    fn what_was_the_secondarys_for_a_reservations_sake_is_not_its_without() {
        let table = Table::new(layout(2, &[0]));
        let flags = crate::wire::IpFlags::RESERVED;
        table.set(ip(0), Binding { flags, ..Binding::new(BindingStatus::Backup, Stamp(5)) });
        table.set(ip(1), Binding::new(BindingStatus::Backup, Stamp(5)));
        assert_eq!(table.count_untold(pool(2)), 0);
        table.adopt(layout(2, &[]));
        let guard = table.pin();
        let take = || table.take_free(POOL, Owner::Secondary, Stamp(9), &guard);
        let its: Vec<_> = std::iter::from_fn(take).map(|(resource, _)| resource).collect();
        assert_eq!(its, [ip(1)]);
        assert_eq!(table.count_untold(pool(2)), 1, "the partner hears of it");
    }

    #[test]
    fn clients_are_found_by_the_network_that_their_address_belongs_to_now() {
        let table = table(2);
        table.set(ip(0), lease(1, 0, 9));
        let renamed = NetworkId(ip(0));
        let (all, _) = network();
        table.adopt(Layout::new(vec![(all, renamed)], vec![pool(2)], Vec::new()));
        assert!(table.found(NETWORK, 1).is_empty());
        assert_eq!(table.found(renamed, 1), [ip(0)]);
        table.set(ip(0), lease(2, 5, 9));
        assert!(table.found(renamed, 1).is_empty());
    }

    #[test]
    fn a_lease_of_a_pool_that_is_gone_can_still_be_seen_and_ended() {
        let table = table(2);
        table.set(ip(0), lease(1, 0, 9));
        let elsewhere = Range { first: ip(5_000), last: ip(5_001) };
        table.adopt(Layout::new(vec![network()], vec![elsewhere], Vec::new()));
        assert!(table.get(ip(0)).is_some());
        table.set(ip(0), freed(1, 5));
        assert!(rest(&table).is_empty());
    }
}
