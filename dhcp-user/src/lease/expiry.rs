//! Leases that run out, and declined addresses that may be tried again.
//!
//! A sweep over the chunks, each of which knows a time before which nothing in it ends; so looking
//! costs one load for 1,024 addresses until something does end. Maintenance calls it; packets
//! never do.

use std::net::Ipv4Addr;

use super::binding::Binding;
use super::page::Chunk;
use super::sync::Ordering::Relaxed;
use super::table::Table;
use crate::wire::BindingStatus;
use crate::wire::Stamp;

/// Chunks that one call looks into, at most: a quarter of a million addresses.
const CHUNKS: usize = 256;
/// Queue entries that one call tidies, at most.
const TIDIED: u32 = 1 << 17;

/// How far one call of [`Table::expire`] came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sweep {
    /// Bindings that ended.
    pub changed: usize,
    /// Whether all addresses were looked after; false asks for another call soon.
    pub done: bool,
}

impl Table {
    /// Ends what time has ended by `now`: ACTIVE becomes FREE and keeps its client as history,
    /// ABANDONED becomes FREE and nobody's. At most `budget` bindings, each handed to `changed`
    /// after the swap, to be journalled; the next call goes on where this one stopped.
    pub fn expire(
        &self,
        now: Stamp,
        budget: usize,
        changed: &mut impl FnMut(Ipv4Addr, &Binding),
    ) -> Sweep {
        self.tidy_queues(TIDIED);
        let mut sweep = Sweep { changed: 0, done: false };
        let mut looked_into = 0;
        let from = Ipv4Addr::from_bits(self.swept.load(Relaxed));
        for (base, chunk) in self.directory.chunks(from) {
            if chunk.earliest() > now {
                continue;
            }
            if looked_into == CHUNKS || sweep.changed == budget {
                self.swept.store(base.to_bits(), Relaxed);
                return sweep;
            }
            looked_into += 1;
            let left = budget - sweep.changed;
            sweep.changed += self.expire_chunk(now, left, base, chunk, changed);
            if sweep.changed == budget && chunk.earliest() <= now {
                self.swept.store(base.to_bits(), Relaxed);
                return sweep;
            }
        }
        self.swept.store(0, Relaxed);
        // What was passed before `from` is as old as the call that passed it.
        sweep.done = from == Ipv4Addr::UNSPECIFIED;
        sweep
    }

    fn expire_chunk(
        &self,
        now: Stamp,
        budget: usize,
        base: Ipv4Addr,
        chunk: &Chunk,
        changed: &mut impl FnMut(Ipv4Addr, &Binding),
    ) -> usize {
        let guard = self.pin();
        let mut count = 0;
        chunk.forget_ends();
        for (address, slot) in (base.to_bits()..).zip(chunk.slots()) {
            let seen = slot.load(&guard);
            let Some((binding, ends)) = seen.binding().and_then(|b| Some((b, b.ends()?))) else {
                continue;
            };
            if ends > now || count == budget {
                chunk.ends(ends);
                continue;
            }
            let address = Ipv4Addr::from_bits(address);
            // Lost against a worker: the client renewed or gave it back, and its end is told by who
            // swapped that in.
            if let Ok(ours) = self.replace(address, seen, ended(binding, now), &guard) {
                count += 1;
                ours.binding().inspect(|binding| changed(address, binding));
            }
        }
        count
    }
}

/// What a binding becomes whose time is over.
fn ended(binding: &Binding, now: Stamp) -> Binding {
    let mut ended = Binding { status: BindingStatus::Free, starts: now, ..binding.clone() };
    ended.offered_until = Stamp::ZERO;
    ended.flags.bootp = false;
    if binding.status == BindingStatus::Abandoned {
        ended.client = None;
    }
    ended
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::super::{Owner, PoolCounts};
    use super::*;

    fn expired(table: &Table, now: u32, budget: usize) -> (Vec<Ipv4Addr>, Sweep) {
        let mut ended = Vec::new();
        let sweep = table.expire(Stamp(now), budget, &mut |address, binding| {
            assert!(binding.is_available());
            ended.push(address);
        });
        (ended, sweep)
    }

    #[test]
    fn a_lease_ends_at_its_time_and_its_client_is_remembered() {
        let table = table(2);
        table.set(ip(0), lease(1, 0, 100));
        table.set(ip(1), lease(2, 0, 200));
        assert!(expired(&table, 99, 10).0.is_empty());
        assert_eq!(expired(&table, 100, 10).0, [ip(0)]);
        let binding = table.get(ip(0)).unwrap();
        assert_eq!((binding.status, binding.starts), (BindingStatus::Free, Stamp(100)));
        assert_eq!(table.found(NETWORK, 1), [ip(0)]);
        assert_eq!(expired(&table, 200, 10).0, [ip(1)]);
    }

    #[test]
    fn a_renewed_lease_ends_at_its_new_time() {
        let table = table(1);
        table.set(ip(0), lease(1, 0, 100));
        table.set(ip(0), lease(1, 50, 150));
        assert!(expired(&table, 149, 10).0.is_empty());
        assert_eq!(expired(&table, 150, 10).0, [ip(0)]);
    }

    #[test]
    fn an_infinite_lease_outlasts_everything() {
        let table = table(1);
        table.set(ip(0), lease(1, 0, u32::MAX));
        assert!(expired(&table, u32::MAX - 1, 10).0.is_empty());
    }

    #[test]
    fn a_declined_address_is_nobodys_and_free_when_its_time_is_over() {
        let table = table(1);
        table.set(ip(0), lease(1, 0, 100));
        table.set(ip(0), Binding { status: BindingStatus::Abandoned, ..lease(1, 5, 50) });
        let guard = table.pin();
        assert!(table.take_free(POOL, Owner::Primary, Stamp(49), &guard).is_none());
        assert_eq!(expired(&table, 50, 10).0, [ip(0)]);
        assert_eq!(table.get(ip(0)).unwrap().client, None);
        assert!(table.take_free(POOL, Owner::Primary, Stamp(50), &guard).is_some());
    }

    #[test]
    fn no_call_ends_more_than_its_budget_and_together_they_end_all() {
        const COUNT: u32 = 5_000;
        let table = table(COUNT);
        (0..COUNT).for_each(|n| table.set(ip(n), lease(n, 0, 100)));
        let (mut all, mut calls) = (Vec::new(), 0);
        loop {
            let (ended, sweep) = expired(&table, 100, 700);
            assert!(ended.len() <= 700 && sweep.changed == ended.len());
            all.extend(ended);
            calls += 1;
            if sweep.done {
                break;
            }
            assert!(calls < 20);
        }
        all.sort_unstable();
        assert_eq!(all, (0..COUNT).map(ip).collect::<Vec<_>>());
        let free = PoolCounts { total: 5_000, free: 5_000, ..PoolCounts::default() };
        assert_eq!(table.counts(POOL), free);
    }
}
