//! Recovery: records from stable storage become a table.
//!
//! While records are read, only slots are written: nothing else is needed to tell which of two
//! records of one address holds. What stands around the slots, which is counts, index and free
//! queues, is made of them when all are there, piece by piece on as many threads as there are, and
//! never of a record that another one replaced.

use std::sync::OnceLock;

use super::binding::Binding;
use super::page::Chunk;
use super::resource::ResourceId;
use super::table::{State, Table};
use crate::wire::Stamp;

/// Chunks in one piece of the work: a quarter of a million addresses.
const PIECE: usize = 256;

/// Has the work done for every number below the count, in any order and on as many threads as it
/// likes, and returns when all of it is done.
pub type Spread<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Sync));

/// A [`Spread`] on the thread that calls it.
pub fn in_turn(count: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..count).for_each(work);
}

/// What became of a record given to [`Table::restore`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restored {
    /// It is the newest so far, and the table holds it.
    Taken,
    /// The table has one as new or newer.
    Older,
}

/// A free address, by how long it has been that.
type Free = (Stamp, ResourceId);

impl Table {
    /// Puts in a record from stable storage, its version and all. Records of one address may come
    /// in any order and from any thread: the highest version stays. For start-up alone, before
    /// [`finish_restore`](Self::finish_restore), which makes clients and free addresses be found.
    ///
    /// Whoever has many holds a [`pin`](Self::pin) meanwhile, as one for each takes its time.
    pub fn restore(&self, resource: impl Into<ResourceId>, mut binding: Binding) -> Restored {
        let resource = resource.into();
        binding.offered_until = Stamp::ZERO; // a promise of an earlier life (RFC 2131 §3.1)
        binding.writer = None;
        let slot = self.directory.chunk_or_new(resource).slot(resource);
        if slot.replace_if(binding, |held, new| new.is_newer_than(held), &self.pin()) {
            Restored::Taken
        } else {
            Restored::Older
        }
    }

    /// Makes counts, index and free queues of what was restored; of free addresses the longest
    /// unused is the first to be given. Once, after the last [`restore`](Self::restore) and before
    /// the first client.
    pub fn finish_restore(&self, spread: Spread<'_>) {
        let state = self.state.load_full();
        let chunks: Vec<_> = self.directory.chunks(ResourceId::FIRST).collect();
        let pieces: Vec<_> = chunks.chunks(PIECE).collect();

        let bound: Vec<_> = pieces.iter().map(|_| OnceLock::new()).collect();
        spread(pieces.len(), &|piece| {
            let recounted =
                pieces[piece].iter().map(|(base, chunk)| self.recount(*base, chunk)).sum();
            bound[piece].get_or_init(|| recounted);
        });
        self.index.make_room(bound.iter().filter_map(OnceLock::get).sum());

        let free: Vec<_> = pieces.iter().map(|_| OnceLock::new()).collect();
        spread(pieces.len(), &|piece| {
            free[piece].get_or_init(|| self.index_piece(&state, pieces[piece]));
        });
        // Not unstable: it notices that there are runs in order.
        let mut free: Vec<_> =
            free.into_iter().filter_map(OnceLock::into_inner).flatten().collect();
        free.sort();
        self.queue_all(&state, &free);
    }

    /// Counts a chunk's bindings and those untold, and returns how many there are.
    fn recount(&self, base: ResourceId, chunk: &Chunk) -> u64 {
        let guard = self.pin();
        let bound = chunk.recount(chunk.slots().iter().map(|slot| slot.load(&guard).binding()));
        self.directory.resume_untold(base, chunk);
        bound
    }

    /// Makes the clients of a piece be found; returns its free addresses, longest unused first.
    fn index_piece(&self, state: &State, piece: &[(ResourceId, &Chunk)]) -> Vec<Free> {
        let (mut hints, mut free) = (Vec::new(), Vec::new());
        for (base, chunk) in piece {
            let guard = self.pin();
            for (resource, slot) in (base.0..).zip(chunk.slots()) {
                let Some(binding) = slot.load(&guard).binding() else { continue };
                let resource = ResourceId(resource);
                let network = state.layout.network_of(resource);
                if let Some((network, client)) = network.zip(binding.client.as_ref()) {
                    hints.push((self.index.fold(network, client.key()), resource));
                }
                if binding.is_available() {
                    free.push((binding.starts, resource));
                }
            }
            self.index.insert_all(&hints);
            hints.clear();
        }
        free.sort_unstable();
        free
    }

    /// Queues free addresses where they may be taken from, in their order.
    fn queue_all(&self, state: &State, free: &[Free]) {
        let guard = self.pin();
        for (_, resource) in free {
            let binding = self.look(*resource, &guard).binding();
            let Some(binding) = binding.filter(|_| !state.layout.is_reserved(*resource)) else {
                continue;
            };
            if let Some((pool, owner)) = state.pool_for(*resource, binding) {
                pool.queue(owner).push(*resource);
            }
            if binding.flags.reserved {
                // Not any more, and the partner hears of it.
                self.mark_untold(*resource);
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::super::fixture::*;
    use super::super::{BindingStatus, Owner};
    use super::*;

    fn versioned(version: u32, binding: Binding) -> Binding {
        Binding { version, ..binding }
    }

    fn rest(table: &Table, owner: Owner) -> Vec<ResourceId> {
        let guard = table.pin();
        let take = || table.take_free(POOL, owner, Stamp(1_000), &guard);
        std::iter::from_fn(take).map(|(resource, _)| resource).collect()
    }

    #[test]
    fn of_two_records_the_higher_version_holds_in_either_order() {
        for order in [[1, 2], [2, 1]] {
            let table = table(1);
            for version in order {
                table.restore(ip(0), versioned(version, lease(version, 0, 10 * version)));
            }
            assert_eq!(table.restore(ip(0), versioned(2, lease(9, 0, 9))), Restored::Older);
            table.finish_restore(&in_turn);
            assert_eq!(table.get(ip(0)).map(|binding| binding.expires), Some(Stamp(20)));
            assert!(table.found(NETWORK, 1).is_empty());
            assert_eq!(table.found(NETWORK, 2), [ip(0)]);
        }
    }

    /// draft-12 §5.13; as with a reload.
    #[test]
    fn a_reservation_that_is_gone_after_a_restart_leaves_the_address_to_the_primary() {
        let table = table(2);
        let flags = crate::wire::IpFlags::RESERVED;
        let reserved = Binding { flags, ..Binding::new(BindingStatus::Backup, Stamp(5)) };
        table.restore(ip(0), versioned(1, reserved));
        table.restore(ip(1), versioned(1, Binding::new(BindingStatus::Backup, Stamp(5))));
        table.finish_restore(&in_turn);
        assert_eq!(rest(&table, Owner::Secondary), [ip(1)]);
        assert_eq!(table.count_untold(pool(2)), 1);
    }

    /// A client that asks without pause may take an address through all of them in some days.
    #[test]
    fn versions_that_came_round_are_newer_than_those_before() {
        let last = table(1);
        last.restore(ip(0), versioned(u32::MAX, lease(1, 0, 10)));
        last.set(ip(0), lease(2, 10, 20));
        let changed = last.get(ip(0)).unwrap();
        for records in [[0, u32::MAX], [u32::MAX, 0]] {
            let table = table(1);
            for version in records {
                let client = if version == changed.version { 2 } else { 1 };
                table.restore(ip(0), versioned(version, lease(client, 0, 10)));
            }
            table.finish_restore(&in_turn);
            assert_eq!(table.found(NETWORK, 2), [ip(0)], "{records:?}");
        }
    }

    #[test]
    fn after_recovery_free_addresses_come_never_used_first_then_longest_unused() {
        let table = table(5);
        table.restore(ip(0), versioned(3, freed(1, 30)));
        table.restore(ip(1), versioned(3, freed(2, 10)));
        table.restore(ip(3), versioned(1, lease(3, 0, 99)));
        table.finish_restore(&in_turn);
        assert_eq!(rest(&table, Owner::Primary), [ip(2), ip(4), ip(1), ip(0)]);
    }

    #[test]
    fn an_offer_does_not_outlive_its_server() {
        let table = table(1);
        table.restore(ip(0), versioned(1, offer(1, 5_000)));
        table.finish_restore(&in_turn);
        assert_eq!(rest(&table, Owner::Primary), [ip(0)]);
    }

    /// On four threads that take whatever is next.
    fn at_once(count: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(number) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < count)
                    {
                        work(number);
                    }
                });
            }
        });
    }

    /// Two records of every address, of every status, over several pieces.
    fn record(number: u32, version: u32) -> Binding {
        let status = BindingStatus::ALL[(number % 7) as usize];
        let since = number.wrapping_mul(0x9e37_79b1) >> 16;
        let ends = lease(number + version, since, since + 5_000);
        versioned(version, Binding { status, ..ends })
    }

    #[test]
    fn threads_at_once_restore_the_same_table_as_one_alone() {
        const COUNT: u32 = 600_000;
        const PART: u32 = 10_000;
        let reserved = [0, 7, 6_300];
        let (serial, parallel) = [(); 2].map(|()| Table::new(layout(COUNT, &reserved))).into();
        for version in [2, 1] {
            (0..COUNT).for_each(|n| _ = serial.restore(ip(n), record(n, version)));
        }
        serial.finish_restore(&in_turn);
        // Old and new records of one address on two threads.
        let parts = (COUNT / PART) as usize;
        at_once(2 * parts, &|part| {
            let (first, version) = ((part / 2) as u32 * PART, 1 + part as u32 % 2);
            for n in first..first + PART {
                parallel.restore(ip(n), record(n, version));
            }
        });
        parallel.finish_restore(&at_once);

        for number in 0..COUNT {
            let held = parallel.get(ip(number));
            assert_eq!(held, Some(record(number, 2)));
            assert_eq!(held, serial.get(ip(number)));
        }
        assert_eq!(parallel.counts(POOL), serial.counts(POOL));
        for number in (0..COUNT).step_by(97) {
            assert_eq!(parallel.found(NETWORK, number + 2), [ip(number)]);
            assert_eq!(serial.found(NETWORK, number + 2), [ip(number)]);
        }
        for owner in [Owner::Primary, Owner::Secondary] {
            let free = rest(&parallel, owner);
            assert_eq!(free, rest(&serial, owner));
            let is_its = |n: &u32| {
                let binding = record(*n, 2);
                !reserved.contains(n) && binding.is_available() && binding.owner() == owner
            };
            assert_eq!(free.len(), (0..COUNT).filter(is_its).count());
        }
        for table in [&serial, &parallel] {
            let mut ended = 0;
            loop {
                let sweep = table.sweep(u32::MAX - 1, usize::MAX);
                ended += sweep.changed;
                if sweep.done {
                    break;
                }
            }
            // A server without a partner waits for nobody's word, and everything is its own.
            let ends = |n: &u32| record(*n, 2).status != BindingStatus::Free;
            assert_eq!(ended, (0..COUNT).filter(ends).count());
        }
    }
}
