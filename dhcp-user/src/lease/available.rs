//! Available addresses of one owner, looked at and not taken: what balancing two servers' shares of
//! a pool goes by (draft-12 §5.4).

use std::ops::ControlFlow;

use super::counts::PoolCounts;
use super::layout::{Owner, PoolId, Range};
use super::page::CHUNK;
use super::resource::ResourceId;
use super::slot::Seen;
use super::table::{Guard, Table};

/// Which addresses are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    /// All of an owner's.
    All,
    /// Those that somebody had, and those that came from the partner.
    Used,
}

impl Table {
    /// Visits addresses of the pool that are the owner's to give and not reserved: unless `which` leaves
    /// them out never used ones, which are the primary's, then the longest unused, then those under an offer, whose
    /// `offered_until` the caller looks at. None is taken: who wants to change one calls
    /// [`replace`](Self::replace), within `each` or later, and may be refused. Looks at `budget`
    /// addresses at the most. An address may come twice.
    ///
    /// True if it looked at all that there are: if not, addresses that are not available any more
    /// stood in the way, and [`expire`](Self::expire) tidies them away; or `each` had enough.
    pub fn for_available<'g>(
        &self,
        pool: PoolId,
        owner: Owner,
        which: Which,
        mut budget: usize,
        guard: &'g Guard,
        each: &mut impl FnMut(ResourceId, Seen<'g>) -> ControlFlow<()>,
    ) -> bool {
        let state = self.state.load();
        let Some(pool) = state.pool(pool) else { return true };
        let fresh = (which == Which::All)
            .then(|| pool.peek_fresh(&self.directory, &state.layout, owner))
            .into_iter()
            .flatten();
        // What queues was bound once, but for one that was taken and put back.
        let queue = pool.queue_if_any(owner);
        let queued = queue.into_iter().flat_map(|queue| queue.peek());
        for resource in fresh.chain(queued) {
            if budget == 0 {
                queue.inspect(|queue| queue.ask_tidy());
                return false;
            }
            budget -= 1;
            let seen = self.look(resource, guard);
            if pool.is_free_for(resource, seen.binding(), owner)
                && !state.layout.is_reserved(resource)
                && each(resource, seen).is_break()
            {
                return false;
            }
        }
        true
    }

    /// Whether the owner has no available address left in the pool that is not reserved; addresses
    /// under an offer count as available. A hint while others change bindings. Looks at one word for
    /// each 1,024 addresses until it finds some that are available; at more at a pool's ragged ends.
    #[must_use]
    pub fn is_exhausted(&self, pool: PoolId, owner: Owner) -> bool {
        let layout = self.layout();
        let Some(range) = layout.range(pool) else { return true };
        let pieces = range.first.0 / CHUNK..=range.last.0 / CHUNK;
        pieces.into_iter().all(|number| {
            let first = range.first.max(ResourceId(number * CHUNK));
            let last = range.last.min(ResourceId(number * CHUNK + (CHUNK - 1)));
            let piece = Range { first, last };
            let PoolCounts { free, backup, .. } = self.count(piece, layout.reserved_in(piece));
            match owner {
                Owner::Primary => free == 0,
                Owner::Secondary => backup == 0,
            }
        })
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::super::{Binding, BindingStatus, PoolCounts};
    use super::*;
    use crate::wire::Stamp;

    fn visited(table: &Table, owner: Owner, budget: usize) -> (Vec<ResourceId>, bool) {
        let (guard, mut visited) = (table.pin(), Vec::new());
        let all =
            table.for_available(POOL, owner, Which::All, budget, &guard, &mut |resource, _| {
                visited.push(resource);
                ControlFlow::Continue(())
            });
        (visited, all)
    }

    fn backup(since: u32) -> Binding {
        Binding::new(BindingStatus::Backup, Stamp(since))
    }

    #[test]
    fn available_addresses_come_never_used_first_then_longest_unused_and_stay() {
        let table = Table::new(layout(6, &[1]));
        table.set(ip(0), freed(1, 5));
        table.set(ip(3), lease(2, 0, 9));
        table.set(ip(2), freed(3, 6));
        table.set(ip(4), backup(7));
        for _ in 0..2 {
            assert_eq!(visited(&table, Owner::Primary, 9), (vec![ip(5), ip(0), ip(2)], true));
            assert_eq!(visited(&table, Owner::Secondary, 9), (vec![ip(4)], true));
        }
        assert_eq!(visited(&table, Owner::Primary, 2), (vec![ip(5), ip(0)], false));
        assert_eq!(table.give(9, lease(7, 9, 20)), Some(ip(5)));
        assert_eq!(visited(&table, Owner::Primary, 9), (vec![ip(0), ip(2)], true));
    }

    /// However many were never used.
    #[test]
    fn of_used_addresses_alone_the_longest_unused_is_the_first() {
        let table = Table::new(layout(3_000, &[]));
        table.set(ip(2_000), freed(1, 6));
        table.set(ip(2_500), freed(2, 5));
        let (guard, mut visited) = (table.pin(), Vec::new());
        let is_all = table.for_available(
            POOL,
            Owner::Primary,
            Which::Used,
            2,
            &guard,
            &mut |resource, _| {
                visited.push(resource);
                ControlFlow::Continue(())
            },
        );
        assert_eq!((visited, is_all), (vec![ip(2_000), ip(2_500)], true));
    }

    #[test]
    fn an_offered_address_shows_its_offer() {
        let table = table(1);
        table.give(0, offer(1, 60)).unwrap();
        let guard = table.pin();
        let mut until = None;
        table.for_available(POOL, Owner::Primary, Which::All, 9, &guard, &mut |_, seen| {
            until = seen.binding().map(|binding| binding.offered_until);
            ControlFlow::Break(())
        });
        assert_eq!(until, Some(Stamp(60)));
    }

    /// What balance does: virgin and used addresses become the partner's, and come back.
    #[test]
    fn an_address_given_to_the_partner_is_the_partners_and_counted_so() {
        let table = table(4);
        table.set(ip(3), lease(1, 0, 9));
        table.set(ip(3), freed(1, 5));
        let guard = table.pin();
        let mut left = 3;
        table.for_available(POOL, Owner::Primary, Which::All, 9, &guard, &mut |resource, seen| {
            table.replace(resource, seen, backup(6), &guard).unwrap();
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let counts = PoolCounts { total: 4, free: 1, backup: 3, ..PoolCounts::default() };
        assert_eq!(table.counts(POOL), counts);
        assert_eq!(visited(&table, Owner::Primary, 9).0, [ip(3)]);
        assert_eq!(visited(&table, Owner::Secondary, 9).0, [ip(0), ip(1), ip(2)]);
        for (number, expected) in [(0, ip(3)), (1, ip(1))] {
            if number == 1 {
                table.set(ip(1), Binding::new(BindingStatus::Free, Stamp(7))); // taken back
            }
            let (resource, _) =
                table.take_free(POOL, Owner::Primary, Stamp(8), &guard).expect("one is ours");
            assert_eq!(resource, expected);
        }
        assert!(table.take_free(POOL, Owner::Primary, Stamp(8), &guard).is_none());
        let rest = || table.take_free(POOL, Owner::Secondary, Stamp(8), &guard);
        let rest: Vec<_> = std::iter::from_fn(rest).map(|(resource, _)| resource).collect();
        assert_eq!(rest, [ip(0), ip(2)]);
    }

    #[test]
    fn entries_of_bound_addresses_in_the_way_are_tidied() {
        const COUNT: u32 = 100;
        let table = table(COUNT);
        (0..COUNT).for_each(|n| table.set(ip(n), freed(n, 1)));
        (0..COUNT - 1).for_each(|n| table.set(ip(n), lease(n, 2, 9)));
        assert_eq!(visited(&table, Owner::Primary, 50), (vec![], false));
        table.sweep(3, 0);
        assert_eq!(visited(&table, Owner::Primary, 50), (vec![ip(COUNT - 1)], true));
    }

    #[test]
    fn a_pool_is_exhausted_for_an_owner_when_nothing_unreserved_is_left_to_it() {
        let table = Table::new(layout(3_000, &[0]));
        let is_exhausted =
            || [Owner::Primary, Owner::Secondary].map(|owner| table.is_exhausted(POOL, owner));
        assert_eq!(is_exhausted(), [false, true]);
        (1..3_000).for_each(|n| table.set(ip(n), lease(n, 0, 9)));
        assert_eq!(is_exhausted(), [true, true], "what is reserved does not count");
        table.set(ip(0), backup(1));
        assert_eq!(is_exhausted(), [true, true]);
        table.set(ip(2_999), backup(1));
        assert_eq!(is_exhausted(), [true, false]);
        table.set(ip(1_500), freed(1, 2));
        assert_eq!(is_exhausted(), [false, false]);
        assert!(table.is_exhausted(PoolId(ip(5)), Owner::Primary), "a pool that is gone");
    }
}
