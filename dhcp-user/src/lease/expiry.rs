//! Leases that run out, and declined addresses that may be tried again.
//!
//! A sweep over the chunks, each of which knows a time before which nothing in it ends; so looking
//! costs one load for 1,024 addresses until something does end. Maintenance calls it; packets
//! never do.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use super::binding::{Binding, WriterId};
use super::ending::{due, ended, is_over};
use super::layout::Layout;
use super::page::Chunk;
use super::sync::Ordering::{Relaxed, SeqCst};
use super::sync::{AtomicBool, AtomicU32, fence};
use super::table::Table;
use super::view::{Takeover, View, Views};
use crate::wire::{BindingStatus, Seconds, Stamp};

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

/// How far the sweep has come, and by which views.
pub(super) struct Swept {
    /// The chunk that the next call goes on from: its first address.
    next: AtomicU32,
    /// What the last call went by; `None` if addresses changed their relationship since.
    by: Mutex<Option<Vec<By>>>,
    /// Whether the partner's word is not waited for in some relationship, so that whatever waits
    /// for it has a time.
    is_taking_over: AtomicBool,
}

/// What of a view says when bindings end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct By {
    ends_leases: bool,
    mclt: Option<Seconds>,
    takeover: Option<Takeover>,
}

impl Swept {
    pub(super) fn new() -> Self {
        Self {
            next: AtomicU32::new(0),
            by: Mutex::new(Some(Vec::new())),
            is_taking_over: AtomicBool::new(false),
        }
    }

    /// The next call looks at every binding.
    pub(super) fn begin_anew(&self) {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A binding of this status was just swapped in.
    pub(super) fn note(&self, chunk: &Chunk, status: BindingStatus) {
        if is_over(status) {
            // Pairs with the fence in `follow`: either we see that it has a time now, or the sweep
            // sees the binding.
            fence(SeqCst);
            if self.is_taking_over.load(Relaxed) {
                chunk.ends(Stamp::ZERO);
            }
        }
    }

    /// True if bindings may have other times than at the last call.
    fn follow(&self, views: &Views) -> bool {
        let by = |view: &View| {
            let View { ends_leases, mclt, takeover, .. } = *view;
            By { ends_leases, mclt, takeover }
        };
        let by: Vec<_> = views.0.iter().map(by).collect();
        let mut last = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&by) {
            return false;
        }
        self.is_taking_over.store(by.iter().any(|by| by.takeover.is_some()), Relaxed);
        fence(SeqCst);
        *last = Some(by);
        true
    }
}

impl Table {
    /// Ends what time has ended by `now`, as the view of each address's relationship has it, and as
    /// `writer`. At most `budget` bindings, each handed to `changed` after the swap, as it was and as
    /// it is, to be journalled; the next call goes on where this one stopped.
    ///
    /// Without a partner ACTIVE becomes FREE and keeps its client as history, ABANDONED becomes FREE
    /// and nobody's. With one ACTIVE becomes EXPIRED and ABANDONED becomes RESET, by the server that
    /// ends leases. What waits for the partner's word becomes FREE when PARTNER-DOWN lets it
    /// (draft-12 §5.2.2, §9.4.2).
    pub fn expire(
        &self,
        now: Stamp,
        budget: usize,
        writer: WriterId,
        views: &Views,
        changed: &mut impl FnMut(Ipv4Addr, &Binding, &Binding),
    ) -> Sweep {
        self.tidy_queues(TIDIED);
        if self.swept.follow(views) {
            self.directory
                .chunks(Ipv4Addr::UNSPECIFIED)
                .for_each(|(_, chunk)| chunk.ends(Stamp::ZERO));
        }
        let call = Call { now, writer, views, layout: &self.layout() };
        let mut sweep = Sweep { changed: 0, done: false };
        let mut looked_into = 0;
        let from = Ipv4Addr::from_bits(self.swept.next.load(Relaxed));
        for (base, chunk) in self.directory.chunks(from) {
            if chunk.earliest() > now {
                continue;
            }
            if looked_into == CHUNKS || sweep.changed == budget {
                self.swept.next.store(base.to_bits(), Relaxed);
                return sweep;
            }
            looked_into += 1;
            let left = budget - sweep.changed;
            sweep.changed += self.expire_chunk(&call, left, base, chunk, changed);
            if sweep.changed == budget && chunk.earliest() <= now {
                self.swept.next.store(base.to_bits(), Relaxed);
                return sweep;
            }
        }
        self.swept.next.store(0, Relaxed);
        // What was passed before `from` is as old as the call that passed it.
        sweep.done = from == Ipv4Addr::UNSPECIFIED;
        sweep
    }

    fn expire_chunk(
        &self,
        call: &Call<'_>,
        budget: usize,
        base: Ipv4Addr,
        chunk: &Chunk,
        changed: &mut impl FnMut(Ipv4Addr, &Binding, &Binding),
    ) -> usize {
        let guard = self.pin();
        let mut count = 0;
        chunk.forget_ends();
        for (address, slot) in (base.to_bits()..).zip(chunk.slots()) {
            let (address, seen) = (Ipv4Addr::from_bits(address), slot.load(&guard));
            let Some(old) = seen.binding().filter(|binding| !binding.is_available()) else {
                continue;
            };
            // Most end later, whoever ends them.
            if let Some(ends) = old.ends().filter(|ends| *ends > call.now) {
                chunk.ends(ends);
                continue;
            }
            let view = call.views.of(call.layout.relationship_of(address));
            // What is not ours to end is looked at again when the views change.
            let Some(due) = due(old, view) else { continue };
            if due > call.now || count == budget {
                chunk.ends(due);
                continue;
            }
            // Lost against a worker: the client renewed or gave it back, and its end is told by who
            // swapped that in.
            let new = ended(old, call.now, view, call.writer);
            if let Ok(ours) = self.replace(address, seen, new, &guard) {
                count += 1;
                ours.binding().inspect(|new| changed(address, old, new));
            }
        }
        count
    }
}

/// What one call of the sweep goes by.
struct Call<'a> {
    now: Stamp,
    writer: WriterId,
    views: &'a Views,
    layout: &'a Layout,
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::super::{Owner, PoolCounts};
    use super::*;

    fn expired(table: &Table, now: u32, budget: usize) -> (Vec<Ipv4Addr>, Sweep) {
        let mut ended = Vec::new();
        let views = Views::default();
        let sweep =
            table.expire(Stamp(now), budget, WriterId(7), &views, &mut |address, _, new| {
                assert!(new.is_available() && new.writer == Some(WriterId(7)));
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
