//! Leases that run out, and declined addresses that may be tried again.
//!
//! A sweep over the chunks, each of which knows a time before which nothing in it ends; so looking
//! costs one load for 1,024 addresses until something does end. Maintenance calls it; packets
//! never do.

use std::sync::{Mutex, PoisonError};

use super::binding::{Binding, WriterId};
use super::ending::{due, ended, is_over};
use super::layout::Layout;
use super::page::Chunk;
use super::resource::ResourceId;
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
    /// (draft-12 §5.2.2, §9.4.2). What a partner that is no more had to give is FREE.
    pub fn expire(
        &self,
        now: Stamp,
        budget: usize,
        writer: WriterId,
        views: &Views,
        changed: &mut impl FnMut(ResourceId, &Binding, &Binding),
    ) -> Sweep {
        self.tidy_queues(TIDIED);
        if self.swept.follow(views) {
            self.directory.chunks(ResourceId::FIRST).for_each(|(_, chunk)| chunk.ends(Stamp::ZERO));
        }
        let call = Call { now, writer, views, layout: &self.layout() };
        let mut sweep = Sweep { changed: 0, done: false };
        let mut looked_into = 0;
        let from = ResourceId(self.swept.next.load(Relaxed));
        for (base, chunk) in self.directory.chunks(from) {
            if chunk.earliest() > now {
                continue;
            }
            if looked_into == CHUNKS || sweep.changed == budget {
                self.swept.next.store(base.0, Relaxed);
                return sweep;
            }
            looked_into += 1;
            let left = budget - sweep.changed;
            sweep.changed += self.expire_chunk(&call, left, base, chunk, changed);
            if sweep.changed == budget && chunk.earliest() <= now {
                self.swept.next.store(base.0, Relaxed);
                return sweep;
            }
        }
        self.swept.next.store(0, Relaxed);
        // What was passed before `from` is as old as the call that passed it.
        sweep.done = from == ResourceId::FIRST;
        sweep
    }

    fn expire_chunk(
        &self,
        call: &Call<'_>,
        budget: usize,
        base: ResourceId,
        chunk: &Chunk,
        changed: &mut impl FnMut(ResourceId, &Binding, &Binding),
    ) -> usize {
        let guard = self.pin();
        let mut count = 0;
        chunk.forget_ends();
        for (resource, slot) in (base.0..).zip(chunk.slots()) {
            let (resource, seen) = (ResourceId(resource), slot.load(&guard));
            let is_free = |binding: &Binding| binding.status == BindingStatus::Free;
            let Some(old) = seen.binding().filter(|binding| !is_free(binding)) else { continue };
            // Most end later, whoever ends them.
            if let Some(ends) = old.ends().filter(|ends| *ends > call.now) {
                chunk.ends(ends);
                continue;
            }
            let view = call.views.of(call.layout.relationship_of(resource));
            // What is not ours to end is looked at again when the views change.
            let Some(due) = due(old, view) else { continue };
            if due > call.now || count == budget {
                chunk.ends(due);
                continue;
            }
            // Lost against a worker: the client renewed or gave it back, and its end is told by who
            // swapped that in.
            let new = ended(old, call.now, view, call.writer);
            if let Ok(ours) = self.replace(resource, seen, new, &guard) {
                count += 1;
                ours.binding().inspect(|new| changed(resource, old, new));
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
    use super::super::{IpFlags, Owner, PoolCounts, Told};
    use super::*;
    use BindingStatus::{Abandoned, Active, Expired, Free, Released, Reset};

    fn expired(table: &Table, now: u32, budget: usize) -> (Vec<ResourceId>, Sweep) {
        let mut ended = Vec::new();
        let views = Views::default();
        let sweep =
            table.expire(Stamp(now), budget, WriterId(7), &views, &mut |resource, _, new| {
                assert!(new.is_available() && new.writer == Some(WriterId(7)));
                ended.push(resource);
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

    /// NORMAL, as the primary, which ends leases, or as the secondary, which does not.
    fn normal(owner: Owner) -> View {
        let ends_leases = owner == Owner::Primary;
        View { mclt: Some(Seconds(50)), owner, ends_leases, ..View::ALONE }
    }

    fn partner_down(since: u32) -> View {
        let takeover =
            Some(Takeover { since: Stamp(since), told_until: Stamp(since), mclt: Seconds(50) });
        View { takeover, ends_leases: true, ..normal(Owner::Secondary) }
    }

    /// What one call changes, and from what to what.
    fn changes(
        table: &Table,
        now: u32,
        view: &View,
    ) -> Vec<(ResourceId, BindingStatus, BindingStatus)> {
        let (views, mut changes) = (Views(vec![view.clone()]), Vec::new());
        let sweep = table.expire(Stamp(now), 100, WriterId(3), &views, &mut |at, old, new| {
            assert_eq!(new.version, old.version + 1);
            assert_eq!((new.starts, new.writer), (Stamp(now), Some(WriterId(3))));
            changes.push((at, old.status, new.status));
        });
        assert!(sweep.done && sweep.changed == changes.len());
        changes
    }

    fn told(table: &Table, resource: ResourceId) -> (Told, Option<u32>) {
        let binding = table.get(resource).unwrap();
        let number = (0..9).find(|number| binding.client == Some(client(*number)));
        (binding.told, number)
    }

    #[test]
    fn with_a_partner_a_lease_that_is_over_is_expired_and_the_partner_hears_it() {
        let table = shared_table(3, &[]);
        (0..3).for_each(|number| table.set(ip(number), lease(number, 0, 100)));
        let view = normal(Owner::Primary);
        assert!(changes(&table, 99, &view).is_empty());
        let ended = changes(&table, 100, &view);
        // The last address has no partner.
        assert_eq!(
            ended,
            [(ip(0), Active, Expired), (ip(1), Active, Expired), (ip(2), Active, Free)]
        );
        assert_eq!(told(&table, ip(0)), (Told::Unsent, Some(0)));
        assert_eq!(told(&table, ip(2)), (Told::Acknowledged, Some(2)));
        assert_eq!(table.count_untold(pool(3)), 2);
        assert!(changes(&table, 100_000, &view).is_empty(), "it waits for the partner's word");
    }

    #[test]
    fn a_lease_that_is_not_ours_to_end_is_looked_at_once_and_again_when_it_becomes_ours() {
        let table = shared_table(3, &[]);
        table.set(ip(0), lease(0, 0, 100));
        table.set(ip(1), lease(1, 0, 900));
        let secondary = normal(Owner::Secondary);
        assert!(changes(&table, 100, &secondary).is_empty());
        let chunk = table.directory.chunk(ip(0)).unwrap();
        assert_eq!(chunk.earliest(), Stamp(900), "no call looks at it for nothing");
        assert!(changes(&table, 500, &secondary).is_empty());
        let interrupted = View { ends_leases: true, ..secondary.clone() };
        assert_eq!(changes(&table, 501, &interrupted), [(ip(0), Active, Expired)]);
        // And back: what ends then is not ours again.
        assert!(changes(&table, 900, &secondary).is_empty());
        assert_eq!(changes(&table, 901, &interrupted), [(ip(1), Active, Expired)]);
    }

    /// A server that is started without the relationship that it had.
    #[test]
    fn what_a_partner_had_to_give_is_free_when_there_is_none_any_more() {
        let backup = || Binding { version: 1, ..Binding::new(BindingStatus::Backup, Stamp(5)) };
        let alone = table(2);
        alone.restore(ip(0), backup());
        alone.restore(ip(1), Binding { version: 1, ..freed(1, 9) });
        alone.finish_restore(&super::super::in_turn);
        assert_eq!(expired(&alone, 100, 10).0, [ip(0)]);
        let free = PoolCounts { total: 2, free: 2, ..PoolCounts::default() };
        assert_eq!(alone.counts(POOL), free);
        let guard = alone.pin();
        let taken = || alone.take_free(POOL, Owner::Primary, Stamp(101), &guard);
        let taken: Vec<_> = std::iter::from_fn(taken).map(|(resource, _)| resource).collect();
        assert_eq!(taken, [ip(1), ip(0)]);
        assert!(expired(&alone, 101, 10).0.is_empty());
        let shared = shared_table(3, &[]);
        shared.restore(ip(0), backup());
        shared.finish_restore(&super::super::in_turn);
        for view in [normal(Owner::Primary), normal(Owner::Secondary), partner_down(1)] {
            assert!(changes(&shared, 100, &view).is_empty(), "with a partner it is the partner's");
        }
    }

    #[test]
    fn a_silent_endpoint_ends_nothing() {
        let table = shared_table(2, &[]);
        table.set(ip(0), lease(0, 0, 100));
        assert!(changes(&table, 500, &View::SILENT).is_empty());
        assert_eq!(changes(&table, 501, &normal(Owner::Primary)).len(), 1);
    }

    #[test]
    fn in_partner_down_what_is_over_becomes_free_when_it_may_and_not_before() {
        let table = shared_table(5, &[3]);
        let over = |status, number, cltt, end| Binding {
            status,
            sent_potential: Stamp(end),
            flags: IpFlags { reserved: number == 3, bootp: true },
            ..lease(number, cltt, end)
        };
        table.set(ip(0), over(Expired, 0, 10, 300));
        table.set(ip(1), over(Released, 1, 10, 20));
        table.set(ip(2), lease(2, 10, 400));
        table.set(ip(3), over(Reset, 3, 10, 600));
        assert!(changes(&table, 999, &normal(Owner::Primary)).iter().all(|it| it.0 == ip(2)));
        let down = partner_down(1_000);
        assert!(changes(&table, 1_050, &down).is_empty());
        let freed = changes(&table, 1_051, &down);
        let expected = [(0, Expired), (1, Released), (2, Expired), (3, Reset)];
        assert_eq!(freed, expected.map(|(number, from)| (ip(number), from, Free)));
        for number in 0..4 {
            assert_eq!(told(&table, ip(number)), (Told::Unsent, Some(number)));
            let flags = table.get(ip(number)).unwrap().flags;
            assert_eq!(flags, IpFlags { reserved: number == 3, bootp: false });
        }
    }

    #[test]
    fn what_comes_to_wait_during_partner_down_has_its_time_too() {
        let table = shared_table(3, &[]);
        let down = partner_down(1_000);
        assert!(changes(&table, 1_000, &down).is_empty());
        // Leased here alone, told to nobody: free at its end.
        let alone = lease(0, 1_100, 1_200);
        table.set(ip(0), alone.clone());
        assert_eq!(changes(&table, 1_200, &down), [(ip(0), Active, Expired)]);
        assert_eq!(changes(&table, 1_201, &down), [(ip(0), Expired, Free)]);
        // Given back; the partner knew of it until 1,500.
        table.set(ip(1), Binding { status: Released, acked_potential: Stamp(1_500), ..alone });
        assert!(changes(&table, 1_550, &down).is_empty());
        assert_eq!(changes(&table, 1_551, &down), [(ip(1), Released, Free)]);
        let chunk = table.directory.chunk(ip(0)).unwrap();
        assert_eq!(chunk.earliest(), Stamp::NEVER);
    }

    #[test]
    fn an_address_set_aside_is_reset_with_a_partner_and_free_by_its_word_only() {
        let table = shared_table(3, &[]);
        let aside = |number| Binding { status: Abandoned, ..lease(number, 0, 100) };
        (0..3).for_each(|number| table.set(ip(number), aside(number)));
        assert!(changes(&table, 100, &normal(Owner::Secondary)).iter().all(|it| it.0 == ip(2)));
        let primary = normal(Owner::Primary);
        let reset = changes(&table, 101, &primary);
        assert_eq!(reset, [(ip(0), Abandoned, Reset), (ip(1), Abandoned, Reset)]);
        assert_eq!(told(&table, ip(0)), (Told::Unsent, None));
        assert!(changes(&table, 9_999, &primary).is_empty());
    }

    #[test]
    fn infinite_leases_outlast_partner_down() {
        let table = shared_table(2, &[]);
        let bootp = IpFlags { reserved: false, bootp: true };
        table.set(ip(0), Binding { flags: bootp, ..lease(0, 0, u32::MAX) });
        assert!(changes(&table, u32::MAX - 1, &partner_down(10)).is_empty());
    }

    #[test]
    fn what_waits_for_a_partner_that_a_reload_takes_away_is_free() {
        let table = shared_table(2, &[]);
        table.set(ip(0), lease(0, 0, 100));
        let view = normal(Owner::Primary);
        assert_eq!(changes(&table, 100, &view), [(ip(0), Active, Expired)]);
        table.adopt(layout(2, &[]));
        assert_eq!(changes(&table, 101, &view), [(ip(0), Expired, Free)]);
        assert_eq!(told(&table, ip(0)).0, Told::Acknowledged);
    }

    #[test]
    fn a_new_view_is_followed_however_small_the_budget() {
        const COUNT: u32 = 3_000;
        let table = shared_table(COUNT + 1, &[]);
        (0..COUNT).for_each(|n| table.set(ip(n), Binding { status: Expired, ..lease(n, 0, 9) }));
        let views = Views(vec![partner_down(10)]);
        let mut freed = 0;
        for _ in 0..=COUNT.div_ceil(100) + 5 {
            let sweep =
                table.expire(Stamp(100), 100, WriterId(0), &views, &mut |_, _, _| freed += 1);
            assert!(sweep.changed <= 100);
            if sweep.done {
                break;
            }
        }
        assert_eq!(freed, COUNT);
    }
}
