//! How full a pool is.
//!
//! Each chunk counts its own bindings, so workers at different addresses do not share a counter,
//! and a reload, which may cut pools anew, has nothing to recount. Asking adds the chunks up: some
//! words for 1,024 addresses, address by address only where two pools share a chunk.

use super::layout::{PoolId, Range};
use super::page::CHUNK;
use super::resource::ResourceId;
use super::table::Table;
use crate::wire::BindingStatus;

/// The addresses of one pool by what they are used for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PoolCounts {
    /// All of the range; of one that is drawn from at random, what can be leased at a time.
    pub total: u64,
    /// Kept for single clients by reservations, in use or not.
    pub reserved: u64,
    /// FREE and not reserved, never used ones and offered ones included.
    pub free: u64,
    /// BACKUP and not reserved.
    pub backup: u64,
    /// ACTIVE.
    pub active: u64,
    /// EXPIRED.
    pub expired: u64,
    /// RELEASED.
    pub released: u64,
    /// ABANDONED.
    pub abandoned: u64,
    /// RESET.
    pub reset: u64,
}

impl PoolCounts {
    /// The same of a pool of which each of two servers has half for ever: what is available is of both.
    #[must_use]
    pub fn of_both(self) -> Self {
        Self { free: self.free.saturating_add(self.backup), backup: 0, ..self }
    }

    /// The same of a pool of which so many more are given out and nothing is stored.
    #[must_use]
    pub fn with_unstored(self, more: u64) -> Self {
        let [total, free] = [self.total, self.free].map(|count| count.saturating_add(more));
        Self { total, free, ..self }
    }
}

impl Table {
    /// How full the pool is; all zero if there is no such pool. Exact when nothing changes
    /// meanwhile.
    #[must_use]
    pub fn counts(&self, pool: PoolId) -> PoolCounts {
        let layout = self.layout();
        let Some(range) = layout.range(pool) else { return PoolCounts::default() };
        self.count(range, layout.reserved_in(range))
    }

    /// How full a range is in which these are reserved.
    pub(super) fn count(&self, range: Range, reserved: &[ResourceId]) -> PoolCounts {
        let by_status = self.by_status(range);
        let of = |status: BindingStatus| by_status[status as usize];
        let mut counts = PoolCounts {
            total: range.count(),
            reserved: reserved.len() as u64,
            free: 0,
            backup: of(BindingStatus::Backup),
            active: of(BindingStatus::Active),
            expired: of(BindingStatus::Expired),
            released: of(BindingStatus::Released),
            abandoned: of(BindingStatus::Abandoned),
            reset: of(BindingStatus::Reset),
        };
        let bound = counts.backup
            + counts.active
            + counts.expired
            + counts.released
            + counts.abandoned
            + counts.reset;
        counts.free = counts.total.saturating_sub(bound);
        let guard = self.pin();
        for resource in reserved {
            match self.look(*resource, &guard).binding().map(|binding| binding.status) {
                None | Some(BindingStatus::Free) => counts.free = counts.free.saturating_sub(1),
                Some(BindingStatus::Backup) => counts.backup = counts.backup.saturating_sub(1),
                Some(_) => {}
            }
        }
        counts
    }

    /// Bindings of the range by the number of their status.
    fn by_status(&self, range: Range) -> [u64; 8] {
        let mut by_status = [0; 8];
        for number in range.first.0 / CHUNK..=range.last.0 / CHUNK {
            let base = number * CHUNK;
            let Some(chunk) = self.directory.chunk(ResourceId(base)) else { continue };
            let first = range.first.0.max(base) - base;
            let last = range.last.0.min(base + (CHUNK - 1)) - base;
            // Of a subnet's pool the neighbours are mostly addresses that nobody ever has.
            if chunk.knows_only(first, last) {
                for status in BindingStatus::ALL {
                    by_status[status as usize] += chunk.counted(status);
                }
                continue;
            }
            let guard = self.pin();
            for slot in &chunk.slots()[first as usize..=last as usize] {
                let binding = slot.load(&guard).binding();
                binding.inspect(|binding| by_status[binding.status as usize] += 1);
            }
        }
        by_status
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::super::plan::tests::config;
    use super::super::{Binding, Layout};
    use super::*;
    use crate::wire::Stamp;

    #[test]
    fn every_address_is_counted_once_by_what_it_is_used_for() {
        let table = Table::new(layout(3_000, &[1, 2, 3]));
        let all = BindingStatus::ALL.into_iter().chain([BindingStatus::Active]);
        for (number, status) in (1_000..).zip(all) {
            table.set(ip(number), Binding::new(status, Stamp(1)));
        }
        table.set(ip(2), lease(1, 0, 9));
        table.set(ip(3), Binding::new(BindingStatus::Backup, Stamp(1)));
        let expected = PoolCounts {
            total: 3_000,
            reserved: 3,
            free: 2_997 - 7,
            backup: 1,
            active: 3,
            expired: 1,
            released: 1,
            abandoned: 1,
            reset: 1,
        };
        assert_eq!(table.counts(POOL), expected);
    }

    /// So that it is seen to be full before nobody gets anything.
    #[test]
    fn of_a_pool_that_is_drawn_from_at_random_counts_what_can_be_leased() {
        let of = |last: &str| {
            let text = format!(
                "[[subnet6]]\nsubnet = \"2001:db8::/64\"\npools = [\"2001:db8::-2001:db8::{last}\"]"
            );
            let config = config(&text);
            let table = Table::new(Layout::of_ipv6(&config, None).unwrap());
            let pool = table.layout().pool_named(&config.networks6[0].subnets[0].pools[0]).unwrap();
            let given = table.place("2001:db8::77".parse().unwrap()).unwrap();
            table.set(given, lease(1, 0, 9));
            let counts = table.counts(pool);
            let all = counts.with_unstored(table.layout().unnumbered(pool));
            (counts.total, counts.free, counts.active, all.total, all.free)
        };
        let most = 1 << 14;
        assert_eq!(of("ff:ffff"), (most, most - 1, 1, 1 << 24, (1 << 24) - 1));
        let [all, free] = [u64::MAX, u64::MAX - 1];
        assert_eq!(of("ffff:ffff:ffff:ffff"), (most, most - 1, 1, all, free));
    }

    #[test]
    fn neighbouring_pools_in_one_chunk_are_told_apart() {
        let next = Range { first: ip(10), last: ip(19) };
        let table = Table::new(crate::lease::Layout::new(
            vec![network()],
            vec![pool(10), next],
            Vec::new(),
        ));
        table.set(ip(9), lease(1, 0, 9));
        table.set(ip(10), lease(2, 0, 9));
        table.set(ip(11), lease(3, 0, 9));
        assert_eq!(table.counts(POOL).active, 1);
        assert_eq!(table.counts(PoolId(ip(10))).active, 2);
        assert_eq!(table.counts(PoolId(ip(1))), PoolCounts::default());
    }

    #[test]
    fn a_lease_beside_a_pool_in_its_chunk_is_not_counted_in_it() {
        let table = table(20);
        table.set(ip(3), lease(1, 0, 9));
        table.restore(ip(20), lease(2, 0, 9));
        assert_eq!(table.counts(POOL).active, 1);
        table.finish_restore(&crate::lease::in_turn);
        assert_eq!(table.counts(POOL).active, 1);
        table.set(ip(20), freed(2, 9));
        assert_eq!(table.counts(POOL).active, 1);
    }
}
