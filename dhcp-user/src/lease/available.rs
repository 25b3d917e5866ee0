//! Available addresses of one owner, looked at and not taken: what balancing two servers' shares of
//! a pool goes by (draft-12 §5.4).

use std::net::Ipv4Addr;
use std::ops::ControlFlow;

use super::allocate::is_free_for;
use super::counts::PoolCounts;
use super::layout::{Owner, PoolId, Range};
use super::page::CHUNK;
use super::slot::Seen;
use super::table::{Guard, Table};

impl Table {
    /// Visits addresses of the pool that are the owner's to give and not reserved: never used ones,
    /// which are the primary's, then the longest unused, then those under an offer, whose
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
        mut budget: usize,
        guard: &'g Guard,
        each: &mut impl FnMut(Ipv4Addr, Seen<'g>) -> ControlFlow<()>,
    ) -> bool {
        let state = self.state.load();
        let Some(pool) = state.pool(pool) else { return true };
        let fresh = (owner == Owner::Primary)
            .then(|| pool.peek_fresh(&self.directory, &state.layout))
            .into_iter()
            .flatten();
        // What queues was bound once, but for one that was taken and put back.
        let queue = pool.queue_if_any(owner);
        let queued = queue.into_iter().flat_map(|queue| queue.peek());
        for address in fresh.chain(queued) {
            if budget == 0 {
                queue.inspect(|queue| queue.ask_tidy());
                return false;
            }
            budget -= 1;
            let seen = self.look(address, guard);
            if is_free_for(seen.binding(), owner)
                && !state.layout.is_reserved(address)
                && each(address, seen).is_break()
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
        let pieces = range.first.to_bits() / CHUNK..=range.last.to_bits() / CHUNK;
        pieces.into_iter().all(|number| {
            let first = range.first.max(Ipv4Addr::from_bits(number * CHUNK));
            let last = range.last.min(Ipv4Addr::from_bits(number * CHUNK + (CHUNK - 1)));
            let piece = Range { first, last };
            let PoolCounts { free, backup, .. } = self.count(piece, layout.reserved_in(piece));
            match owner {
                Owner::Primary => free == 0,
                Owner::Secondary => backup == 0,
            }
        })
    }
}
