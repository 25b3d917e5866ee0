//! Choosing a free address: what lapsed of offers, then what was never used, then what is longest
//! unused (RFC 2131 §4.3.1, the last resort; the client's own addresses come by the index).

use super::layout::{Owner, PoolId};
use super::pool::Pool;
use super::resource::ResourceId;
use super::slot::Seen;
use super::table::{Guard, State, Table};
use crate::wire::Stamp;

/// Entries that one take looks at before it gives up. Each is a look at one slot.
const LOOKS: u32 = 128;
/// Offers still counting that a take may find ahead of all others, which are mostly in order.
const PATIENCE: u32 = 32;
/// Entries of bound addresses that one take may meet before maintenance is asked to drop such.
const UNTIDY: u32 = 16;

/// Whether a candidate can be taken.
enum Verdict {
    Yes,
    /// It is promised for the moment.
    Offered,
    No,
}

impl Table {
    /// A free address of the pool, least recently used first. It is the caller's to
    /// [`replace`](Self::replace), or to [`put_back`](Self::put_back); if `replace` is refused,
    /// neither: whoever changed the address saw to it.
    ///
    /// `None`: the pool is gone, or has none, or none was among the entries that one call looks at.
    /// Most of a queue can be such entries only after very many clients came back to addresses that
    /// they had given up; then [`expire`](Self::expire) tidies it.
    pub fn take_free<'g>(
        &self,
        pool: PoolId,
        owner: Owner,
        now: Stamp,
        guard: &'g Guard,
    ) -> Option<(ResourceId, Seen<'g>)> {
        let state = self.state.load();
        let pool = state.pool(pool)?;
        let queue = pool.queue(owner);
        let lapsed = self.take_lapsed(&state, pool, owner, now, guard);
        if lapsed.is_some() {
            return lapsed;
        }
        while let Some(resource) = pool.take_fresh(&self.directory, &state.layout, owner) {
            // Somebody may have asked for just this address, and then it is his to queue.
            let seen = self.look(resource, guard);
            if seen.binding().is_none() {
                return Some((resource, seen));
            }
        }
        let (mut looks, mut bound) = (LOOKS, 0);
        while let Some(popped) = queue.pop() {
            let resource = popped.resource;
            let (verdict, seen) = self.judge(&state, pool, resource, owner, now, guard);
            match verdict {
                Verdict::Yes if !popped.again => return Some((resource, seen)),
                Verdict::Yes | Verdict::Offered => queue.push(resource),
                Verdict::No => bound += 1,
            }
            if bound == UNTIDY {
                queue.ask_tidy();
            }
            looks = looks.saturating_sub(1);
            if looks == 0 {
                return None;
            }
        }
        // Nothing else is left, so it is worth looking at all the offers that this call may.
        self.search_offers(&state, pool, owner, now, LOOKS, &mut looks, guard)
    }

    /// Gives back an address that was taken and not replaced; it goes to the end of the queue. One
    /// that has changed since it was taken is left alone.
    pub fn put_back(&self, pool: PoolId, resource: impl Into<ResourceId>) {
        let resource = resource.into();
        let guard = self.pin();
        match self.look(resource, &guard).binding() {
            Some(binding) if binding.is_available() => self.queue(resource, binding),
            Some(_) => {}
            None => {
                let state = self.state.load();
                let pool = state.pool(pool).filter(|pool| pool.range.contains(resource));
                if let Some(pool) = pool {
                    pool.queue(pool.owner_of(resource, None)).push(resource);
                }
            }
        }
    }

    /// Drops entries of bound addresses from queues that have too many; looks at `budget` entries
    /// at the most.
    pub(super) fn tidy_queues(&self, mut budget: u32) {
        let state = self.state.load();
        for pool in &state.pools {
            for (owner, queue) in pool.queues() {
                let guard = self.pin();
                budget -= queue.tidy(budget, |resource| {
                    let binding = self.look(resource, &guard).binding();
                    pool.is_free_for(resource, binding, owner)
                        && !state.layout.is_reserved(resource)
                });
            }
        }
    }

    /// An address whose offer came to nothing, if one is found soon. Once those ahead are known to be none,
    /// nobody looks again in the same second: no other offer lapses in it, and each look is at memory that
    /// is far away. What is left of offers that became leases says nothing of those behind, and goes: it
    /// would gather.
    pub(super) fn take_lapsed<'g>(
        &self,
        state: &State,
        pool: &Pool,
        owner: Owner,
        now: Stamp,
        guard: &'g Guard,
    ) -> Option<(ResourceId, Seen<'g>)> {
        let queue = pool.queue(owner);
        if queue.is_barren(now) {
            return None;
        }
        let mut looks = LOOKS;
        let lapsed = self.search_offers(state, pool, owner, now, PATIENCE, &mut looks, guard);
        if lapsed.is_none() && looks > 0 {
            queue.found_barren(now);
        }
        lapsed
    }

    /// An address whose offer came to nothing. Looks at up to `patience` that still count, and moves
    /// them to the end: a client that has its offer renewed again and again must not hide others.
    #[expect(
        clippy::too_many_arguments,
        reason = "one half of `take_free`, cut off to be used twice"
    )]
    fn search_offers<'g>(
        &self,
        state: &State,
        pool: &Pool,
        owner: Owner,
        now: Stamp,
        mut patience: u32,
        looks: &mut u32,
        guard: &'g Guard,
    ) -> Option<(ResourceId, Seen<'g>)> {
        let queue = pool.queue(owner);
        while *looks > 0 && patience > 0 {
            *looks -= 1;
            let resource = queue.pop_offer()?;
            let (verdict, seen) = self.judge(state, pool, resource, owner, now, guard);
            // One that was leased since its offer, and is free again, was queued when it became so.
            let is_lapsed = seen.binding().is_some_and(|binding| binding.offered_until.0 != 0);
            match verdict {
                Verdict::Yes if is_lapsed => return Some((resource, seen)),
                Verdict::Offered => {
                    patience -= 1;
                    self.queue_offer(state, pool, owner, resource);
                }
                Verdict::Yes | Verdict::No => {}
            }
        }
        None
    }

    /// Puts an offer behind all others. When that is one too many, the oldest waits among what is free, if
    /// it is: what was leased since would only be in the way there.
    pub(super) fn queue_offer(
        &self,
        state: &State,
        pool: &Pool,
        owner: Owner,
        resource: ResourceId,
    ) {
        let guard = self.pin();
        pool.queue(owner).push_offer(resource, |oldest| {
            let binding = self.look(oldest, &guard).binding();
            pool.is_free_for(oldest, binding, owner)
                && !state.layout.is_reserved(oldest)
                // One that is free again after a lease was queued when it became so.
                && binding.is_some_and(|binding| binding.offered_until.0 != 0)
        });
    }

    fn judge<'g>(
        &self,
        state: &State,
        pool: &Pool,
        resource: ResourceId,
        owner: Owner,
        now: Stamp,
        guard: &'g Guard,
    ) -> (Verdict, Seen<'g>) {
        let seen = self.look(resource, guard);
        let binding = seen.binding();
        let is_free = pool.is_free_for(resource, binding, owner);
        let verdict = if !is_free || state.layout.is_reserved(resource) {
            Verdict::No
        } else if binding.is_some_and(|binding| binding.is_offered(now)) {
            Verdict::Offered
        } else {
            Verdict::Yes
        };
        (verdict, seen)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::collections::HashSet;

    use super::super::fixture::*;
    use super::super::{Binding, BindingStatus, Owner};
    use super::*;

    fn take(table: &Table, owner: Owner, now: u32) -> Option<ResourceId> {
        let guard = table.pin();
        table.take_free(POOL, owner, Stamp(now), &guard).map(|(resource, _)| resource)
    }

    #[test]
    fn a_fresh_pool_gives_each_address_once_and_then_none() {
        let table = table(3_000);
        let given: HashSet<_> =
            (0..3_000).map(|n| table.give(0, lease(n, 0, 9)).unwrap()).collect();
        assert_eq!(given.len(), 3_000);
        assert_eq!(table.give(0, lease(9_999, 0, 9)), None);
    }

    #[test]
    fn never_used_addresses_come_first_then_the_longest_unused() {
        let table = table(3);
        let [a, b] = [1, 2].map(|n| table.give(0, lease(n, 0, 9)).unwrap());
        table.set(b, freed(2, 3));
        table.set(a, freed(1, 4));
        assert_eq!(take(&table, Owner::Primary, 5), Some(ip(2)));
        assert_eq!(take(&table, Owner::Primary, 5), Some(b));
        assert_eq!(take(&table, Owner::Primary, 5), Some(a));
        assert_eq!(take(&table, Owner::Primary, 5), None);
    }

    #[test]
    fn an_address_whose_client_came_back_and_left_again_waits_its_turn_anew() {
        let table = table(2);
        let [a, b] = [1, 2].map(|n| table.give(0, lease(n, 0, 9)).unwrap());
        table.set(a, freed(1, 1));
        table.set(b, freed(2, 2));
        table.set(a, lease(1, 3, 9));
        table.set(a, freed(1, 4));
        assert_eq!(take(&table, Owner::Primary, 5), Some(b));
        assert_eq!(take(&table, Owner::Primary, 5), Some(a));
    }

    #[test]
    fn an_offered_address_is_nobody_elses_until_the_offer_lapses() {
        let table = table(1);
        table.give(0, offer(1, 60)).unwrap();
        assert_eq!(take(&table, Owner::Primary, 59), None);
        assert_eq!(take(&table, Owner::Primary, 60), Some(ip(0)));
    }

    /// Its offer is still in mind when it comes back, and was taken.
    #[test]
    fn an_address_that_was_just_given_back_is_the_last_to_be_given_again() {
        let table = table(3);
        let a = table.give(0, offer(1, 60)).unwrap();
        table.set(a, lease(1, 1, 9));
        table.set(a, freed(1, 2));
        assert_eq!(take(&table, Owner::Primary, 3), Some(ip(1)));
        assert_eq!(take(&table, Owner::Primary, 3), Some(ip(2)));
        assert_eq!(take(&table, Owner::Primary, 3), Some(a));
        assert_eq!(take(&table, Owner::Primary, 3), None);
    }

    #[test]
    fn a_client_that_keeps_an_offer_alive_hides_no_lapsed_one() {
        let table = table(2);
        table.give(0, offer(1, 60)).unwrap();
        table.give(0, offer(2, 60)).unwrap();
        table.set(ip(0), offer(1, 1_000));
        assert_eq!(take(&table, Owner::Primary, 61), Some(ip(1)));
        assert_eq!(take(&table, Owner::Primary, 61), None);
    }

    /// Looking is waiting for memory; no client is to pay for it that comes in the same second.
    #[test]
    fn offers_that_still_count_are_looked_through_once_a_second() {
        let table = table(400);
        (0..40).for_each(|n| _ = table.give(0, offer(n, 60)).unwrap());
        (0..39).for_each(|n| table.set(ip(n), offer(n, 1_000)));
        assert_eq!(take(&table, Owner::Primary, 61), Some(ip(40)), "too many stand ahead");
        assert_eq!(take(&table, Owner::Primary, 61), Some(ip(41)), "it is still this second");
        assert_eq!(take(&table, Owner::Primary, 62), Some(ip(39)), "the others moved to the end");
    }

    /// Their clients took them: what is left of the offers gathers at no rate.
    #[test]
    fn offers_that_became_leases_do_not_gather() {
        const RATE: u32 = 1_000;
        let table = table(20_000);
        for second in 1..=10 {
            for n in second * RATE..(second + 1) * RATE {
                let leased = table.give(second, offer(n, second + 60)).unwrap();
                table.set(leased, lease(n, second, 9_000));
            }
            let state = table.state.load();
            let left = state.pool(POOL).unwrap().queue(Owner::Primary).peek().count();
            assert!(left <= 2 * RATE as usize, "{left} after {second} s");
        }
    }

    /// Neither uses up the looks that a take has at addresses that are free.
    #[test]
    fn what_is_left_of_offers_hides_no_free_address() {
        const COUNT: u32 = 2_000; // keeps 512 in order
        let table = table(COUNT);
        for n in 0..1_000 {
            let leased = table.give(1, offer(n, 61)).unwrap();
            table.set(leased, lease(n, 1, 9_000));
        }
        (1_000..COUNT).for_each(|n| table.set(ip(n), lease(n, 1, 9_000)));
        table.set(ip(5), freed(5, 1));
        table.set(ip(5), lease(5, 1, 9_000));
        table.set(ip(6), freed(6, 1));
        assert_eq!(
            take(&table, Owner::Primary, 1),
            Some(ip(6)),
            "those that were not kept in order"
        );
        table.put_back(POOL, ip(6));
        table.set(ip(6), lease(6, 1, 9_000));
        table.set(ip(7), freed(7, 1));
        assert_eq!(take(&table, Owner::Primary, 2), Some(ip(7)), "those that were");
    }

    #[test]
    fn a_flood_of_offers_beyond_what_is_kept_in_order_loses_none() {
        const COUNT: u32 = 4_000; // keeps 1,000 in order
        let table = table(COUNT);
        let offered = (0..COUNT).filter_map(|n| table.give(0, offer(n, 60))).count();
        assert_eq!(offered, COUNT as usize);
        assert_eq!(take(&table, Owner::Primary, 1), None);
        let again: HashSet<_> =
            (0..COUNT).filter_map(|_| take(&table, Owner::Primary, 60)).collect();
        assert_eq!(again.len(), COUNT as usize);
    }

    #[test]
    fn a_reserved_address_is_never_anybodys_guess() {
        let table = Table::new(layout(3, &[1]));
        table.set(ip(1), lease(1, 0, 9));
        table.set(ip(1), freed(1, 5));
        let taken: Vec<_> = std::iter::from_fn(|| take(&table, Owner::Primary, 9)).collect();
        assert_eq!(taken, [ip(0), ip(2)]);
    }

    #[test]
    fn an_address_put_back_is_taken_again_used_or_not() {
        let table = table(1);
        for _ in 0..3 {
            assert_eq!(take(&table, Owner::Primary, 0), Some(ip(0)));
            assert_eq!(take(&table, Owner::Primary, 0), None);
            table.put_back(POOL, ip(0));
        }
        table.give(0, lease(1, 0, 9)).unwrap();
        table.put_back(POOL, ip(0)); // changed since: left alone
        assert_eq!(take(&table, Owner::Primary, 0), None);
    }

    #[test]
    fn each_server_takes_its_own_addresses_only() {
        let table = table(2);
        let backup = Binding::new(BindingStatus::Backup, Stamp(1));
        table.set(ip(0), backup.clone());
        assert_eq!(take(&table, Owner::Secondary, 2), Some(ip(0)));
        assert_eq!(take(&table, Owner::Secondary, 2), None);
        assert_eq!(take(&table, Owner::Primary, 2), Some(ip(1)));
        table.set(ip(1), backup);
        table.set(ip(0), Binding::new(BindingStatus::Free, Stamp(3)));
        assert_eq!(take(&table, Owner::Primary, 4), Some(ip(0)));
        assert_eq!(take(&table, Owner::Secondary, 4), Some(ip(1)));
    }

    /// All clients leave, and all but a few come back to the addresses that they had.
    #[test]
    fn a_queue_full_of_bound_addresses_is_tidied_and_gives_the_free_ones() {
        const COUNT: u32 = 2_000;
        let table = table(COUNT);
        (0..COUNT).for_each(|n| table.set(ip(n), lease(n, 0, 9)));
        (0..COUNT).for_each(|n| table.set(ip(n), freed(n, 1)));
        (0..COUNT - 3).for_each(|n| table.set(ip(n), lease(n, 2, 9)));
        assert_eq!(
            take(&table, Owner::Primary, 3),
            None,
            "this many are not looked at in one call"
        );
        table.sweep(3, 0);
        let rest: Vec<_> = std::iter::from_fn(|| take(&table, Owner::Primary, 3)).collect();
        assert_eq!(rest, [COUNT - 3, COUNT - 2, COUNT - 1].map(ip));
    }

    #[test]
    fn a_pool_that_is_gone_has_nothing_to_give() {
        let table = table(2);
        let guard = table.pin();
        assert!(table.take_free(PoolId(ip(1)), Owner::Primary, Stamp(0), &guard).is_none());
    }
}
