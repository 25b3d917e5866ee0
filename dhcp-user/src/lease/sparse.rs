//! Choosing an address of a pool that is too large to go through: one at random, that nobody has.
//!
//! Each address that was ever taken has a number, and keeps it. So that clients who change their
//! identity all the time do not use up memory, addresses that are free again are given again, longest
//! unused first, once there are about as many of them as are in use: they were chosen at random, too.

use super::layout::{Owner, PoolId};
use super::resource::ResourceId;
use super::slot::Seen;
use super::table::{Guard, Table};
use crate::wire::Stamp;

/// Addresses that one take draws. In a pool of which not even a hundredth is in use, all but one of
/// 10^32 takes find one among so many.
const DRAWS: u32 = 16;
/// Free addresses that are kept back from being given again, at the least.
const LEAST_KEPT: u32 = 1 << 10;

impl Table {
    /// A free address of a sparse pool, as [`take_free`](Self::take_free) gives one of another: the
    /// caller's to replace or put back. `draw` gives numbers that clients cannot foresee.
    ///
    /// `None`: the pool is gone or not sparse, or none was found among those that one call looks at.
    pub fn take_random<'g>(
        &self,
        pool: PoolId,
        owner: Owner,
        now: Stamp,
        draw: &mut dyn FnMut() -> u128,
        guard: &'g Guard,
    ) -> Option<(ResourceId, Seen<'g>)> {
        let state = self.state.load();
        let (id, pool) = (pool, state.pool(pool)?);
        let mut queued = 0;
        if let Some(queue) = pool.queue_if_any(owner) {
            let lapsed = self.take_lapsed(&state, pool, owner, now, guard);
            if lapsed.is_some() {
                return lapsed;
            }
            queued = queue.len();
        }
        let is_rich = queued > LEAST_KEPT.max(state.layout.given(id) / 2);
        for _ in 0..if is_rich { 0 } else { DRAWS } {
            let drawn = state.layout.drawn(id, draw())?;
            let resource = if pool.shape.is_split { drawn.of_owner(owner) } else { drawn };
            if !resource.is_assignable() {
                continue;
            }
            // A pool that has given out all its numbers is left with those.
            let Some(resource) = state.layout.place(resource) else { break };
            let seen = self.look(resource, guard);
            let is_its = pool.range.contains(resource) && !state.layout.is_reserved(resource);
            if is_its
                && pool.is_free_for(resource, seen.binding(), owner)
                && seen.binding().is_none()
            {
                return Some((resource, seen));
            }
        }
        self.take_free(id, owner, now, guard)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::collections::HashSet;

    use super::super::fixture::{freed, lease, offer};
    use super::super::plan::tests::{config, ip};
    use super::super::{Layout, Resource};
    use super::*;

    const POOL: &str = r#"
        [[subnet6]]
        subnet = "2001:db8::/64"
        pools = ["2001:db8::/64"]
    "#;

    fn pool() -> (Table, PoolId) {
        let config = config(POOL);
        let table = Table::new(Layout::of_ipv6(&config, None).unwrap());
        let pool = table.layout().pool_named(&config.networks6[0].subnets[0].pools[0]).unwrap();
        (table, pool)
    }

    /// Numbers as a client cannot foresee them, but for who reads this.
    fn draws() -> impl FnMut() -> u128 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u128;
        move || {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            state ^ state >> 64
        }
    }

    #[test]
    fn addresses_are_drawn_and_none_is_given_twice() {
        let ((table, pool), mut draw) = (pool(), draws());
        let (guard, mut given) = (table.pin(), HashSet::new());
        for number in 0..5_000 {
            let taken = table.take_random(pool, Owner::Primary, Stamp(0), &mut draw, &guard);
            let (id, seen) = taken.expect("there are plenty");
            table.replace(id, seen, lease(number, 0, 9), &guard).unwrap();
            let Some(Resource::Ipv6(address)) = table.resource(id) else { panic!("an address") };
            assert!(given.insert(address));
            assert_eq!(table.layout().find(address.into()), Some(id));
        }
        let high = given.iter().filter(|address| address.octets()[8] >= 128).count();
        assert!((2_000..3_000).contains(&high), "all over the pool, not {high} of 5,000");
    }

    #[test]
    fn an_address_that_is_drawn_again_while_somebody_has_it_is_not_given() {
        let (table, pool) = pool();
        let guard = table.pin();
        let mut draw = || 7;
        let taken = table.take_random(pool, Owner::Primary, Stamp(0), &mut draw, &guard);
        let (id, seen) = taken.expect("nobody has it");
        assert_eq!(table.resource(id), Some(ip("2001:db8::7").into()));
        table.replace(id, seen, lease(1, 0, 9), &guard).unwrap();
        assert!(table.take_random(pool, Owner::Primary, Stamp(0), &mut draw, &guard).is_none());
        let mut anycast = || 0;
        assert!(table.take_random(pool, Owner::Primary, Stamp(0), &mut anycast, &guard).is_none());
    }

    #[test]
    fn what_was_offered_in_vain_and_what_is_long_free_is_given_again() {
        let ((table, pool), mut draw) = (pool(), draws());
        let guard = table.pin();
        let mut take =
            |now| table.take_random(pool, Owner::Primary, Stamp(now), &mut draw, &guard).unwrap();
        let (offered, seen) = take(0);
        table.replace(offered, seen, offer(1, 60), &guard).unwrap();
        assert_ne!(take(59).0, offered);
        assert_eq!(take(60).0, offered);
        let mut ids = Vec::new();
        for number in 0..2_000 {
            let (id, seen) = take(61);
            table.replace(id, seen, lease(number, 61, 70), &guard).unwrap();
            ids.push(id);
        }
        for (number, id) in ids.iter().enumerate() {
            let seen = table.seen(*id, &guard).unwrap();
            table.replace(*id, seen, freed(number as u32, 70), &guard).unwrap();
        }
        assert_eq!(take(71).0, ids[0]);
    }

    /// RFC 8156 §4.2.1.1, in a large pool and in a small one.
    #[test]
    fn of_two_partners_one_gives_odd_addresses_and_the_other_even_ones() {
        let toml = r#"
            [[subnet6]]
            subnet = "2001:db8::/64"
            pools = ["2001:db8::/64"]
            [[subnet6]]
            subnet = "2001:db8:1::/64"
            pools = ["2001:db8:1::11-2001:db8:1::18"]
        "#;
        let mut config = config(toml);
        let subnets = config.networks6.iter_mut().flat_map(|network| &mut network.subnets);
        subnets.for_each(|subnet| subnet.failover = Some(0));
        let table = Table::new(Layout::of_ipv6(&config, None).unwrap());
        let pool = |at: usize| {
            table.layout().pool_named(&config.networks6[at].subnets[0].pools[0]).unwrap()
        };
        let ([large, small], guard, mut draw) = ([pool(0), pool(1)], table.pin(), draws());
        let last_octets = |ids: Vec<ResourceId>| {
            let last = |id| match table.resource(id) {
                Some(Resource::Ipv6(address)) => address.octets()[15],
                other => panic!("{other:?}"),
            };
            ids.into_iter().map(last).collect::<Vec<_>>()
        };
        for (owner, lowest) in [(Owner::Primary, 1), (Owner::Secondary, 0)] {
            let mut take = || table.take_random(large, owner, Stamp(0), &mut draw, &guard);
            let drawn: Vec<_> = (0..64).map(|_| take().unwrap().0).collect();
            assert!(last_octets(drawn.clone()).iter().all(|octet| octet & 1 == lowest));
            assert!(drawn.iter().all(|id| table.layout().fixed_owner(*id) == Some(owner)));
            let mut taken = Vec::new();
            while let Some((id, seen)) = table.take_free(small, owner, Stamp(0), &guard) {
                table.replace(id, seen, lease(1, 0, 9), &guard).unwrap();
                taken.push(id);
            }
            let expected = (0x11..=0x18).filter(|octet| octet & 1 == lowest);
            assert_eq!(last_octets(taken.clone()), expected.collect::<Vec<_>>());
            // Whoever leased it last, it goes back to whose it is.
            let seen = table.seen(taken[0], &guard).unwrap();
            table.replace(taken[0], seen, freed(1, 5), &guard).unwrap();
            let again = table.take_free(small, owner, Stamp(6), &guard);
            assert_eq!(again.map(|(id, _)| id), Some(taken[0]));
        }
    }
}
