//! Addresses whose state the partner does not know yet: a bit each, and who is to hear of them.
//!
//! Each chunk has a bit for each of its addresses, each region one for each of its chunks, so that a
//! walk over sixteen million addresses of which none is marked looks at some hundred words. How bits
//! are set and taken without one getting lost is in `bits`.

use std::sync::OnceLock;
use std::task::Waker;

use super::layout::Range;
use super::resource::ResourceId;
use super::sync::Ordering::{Relaxed, SeqCst};
use super::sync::{AtomicBool, fence};
use super::table::Table;

impl Table {
    /// Takes addresses out of the set of those that the partner must be told of: in `range`, at
    /// `from` and above, at most `budget`. Each shows the binding that put it in, or a later one.
    /// Returns where to go on; `None` at the end of the range, where the caller begins anew, so that
    /// each address has its turn. For one thread at a time.
    pub fn take_untold(
        &self,
        range: Range,
        from: impl Into<ResourceId>,
        budget: usize,
        each: &mut impl FnMut(ResourceId),
    ) -> Option<ResourceId> {
        let from = from.into().max(range.first);
        if from > range.last {
            return None;
        }
        self.directory.take_untold(Range { first: from, last: range.last }, budget, each)
    }

    /// Puts an address into the set, again, without waking anybody. One that was never bound has
    /// nothing to tell.
    pub fn mark_untold(&self, resource: impl Into<ResourceId>) {
        self.directory.mark_untold(resource.into());
    }

    /// How many addresses of the range are in the set, roughly while workers go on.
    #[must_use]
    pub fn count_untold(&self, range: Range) -> u64 {
        self.directory.count_untold(range)
    }

    /// Sets who is woken when an address comes into the set. The first waker stays.
    ///
    /// # Errors
    /// The waker, if there is one already.
    pub fn set_untold_waker(&self, waker: Waker) -> Result<(), Waker> {
        self.untold.set_waker(waker)
    }

    /// From now on the next address that comes into the set wakes, once. To be called before the set
    /// is looked at: what came before is found there, what comes later wakes.
    pub fn listen_untold(&self) {
        self.untold.listen();
    }

    /// The binding that was just swapped in must be told.
    pub(super) fn became_untold(&self, resource: ResourceId) {
        self.directory.mark_untold(resource);
        self.untold.ring();
    }
}

/// Who waits for the set not to be empty.
pub(super) struct Listener {
    waker: OnceLock<Waker>,
    /// Set by who waits, cleared by who wakes.
    is_listening: AtomicBool,
}

impl Listener {
    pub(super) fn new() -> Self {
        Self { waker: OnceLock::new(), is_listening: AtomicBool::new(false) }
    }

    fn set_waker(&self, waker: Waker) -> Result<(), Waker> {
        self.waker.set(waker)
    }

    /// To be called after a bit was set. The two fences are in one order: either we see that it is
    /// listened, or who listens sees the bit.
    pub(super) fn ring(&self) {
        fence(SeqCst);
        if self.is_listening.load(Relaxed) && self.is_listening.swap(false, Relaxed) {
            self.waker.get().inspect(|waker| waker.wake_by_ref());
        }
    }

    pub(super) fn listen(&self) {
        self.is_listening.store(true, Relaxed);
        fence(SeqCst);
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::super::fixture::*;
    use super::super::{Binding, Told, in_turn};
    use super::*;

    const ALL: Range = Range { first: ResourceId::FIRST, last: ResourceId::LAST };

    fn untold(number: u32, told: Told) -> Binding {
        Binding { told, ..lease(number, 0, 9) }
    }

    /// All of a range, so many at a time.
    fn taken(table: &Table, range: Range, budget: usize) -> Vec<ResourceId> {
        let (mut all, mut from) = (Vec::new(), Some(range.first));
        while let Some(next) = from {
            let before = all.len();
            from = table.take_untold(range, next, budget, &mut |resource| all.push(resource));
            assert!(all.len() - before <= budget);
            assert!(from.is_none_or(|from| from > next), "it must go on");
        }
        all
    }

    #[test]
    fn what_the_partner_must_hear_is_taken_once_and_what_it_knows_never() {
        let table = table(3);
        table.set(ip(0), untold(1, Told::Unsent));
        table.set(ip(1), untold(2, Told::Acknowledged));
        table.set(ip(2), untold(3, Told::Sent));
        assert_eq!(table.count_untold(ALL), 2);
        assert_eq!(taken(&table, ALL, 9), [ip(0), ip(2)]);
        assert!(taken(&table, ALL, 9).is_empty());
        table.set(ip(2), untold(3, Told::Acknowledged));
        table.mark_untold(ip(0));
        assert_eq!(taken(&table, ALL, 9), [ip(0)]);
        table.mark_untold(Ipv4Addr::new(9, 9, 9, 9)); // never bound
        assert_eq!(table.count_untold(ALL), 0);
    }

    #[test]
    fn a_lost_swap_tells_nothing() {
        let table = table(1);
        let guard = table.pin();
        let early = table.seen(ip(0), &guard).unwrap();
        table.set(ip(0), lease(1, 0, 9));
        assert!(table.replace(ip(0), early, untold(2, Told::Unsent), &guard).is_err());
        assert_eq!(table.count_untold(ALL), 0);
    }

    #[test]
    fn the_highest_address_of_all_is_taken_and_is_the_end() {
        let table = table(1);
        table.set(ip(0), untold(1, Told::Unsent));
        table.restore(ResourceId::LAST, untold(1, Told::Unsent));
        table.mark_untold(ResourceId::LAST);
        assert_eq!(taken(&table, ALL, 1), [ip(0), ResourceId::LAST]);
    }

    #[test]
    fn after_a_restart_all_that_is_not_acknowledged_is_in_the_set() {
        const COUNT: u32 = 3_000;
        let table = table(COUNT);
        let version = |version, binding| Binding { version, ..binding };
        for number in 0..COUNT {
            let told = [Told::Acknowledged, Told::Unsent, Told::Sent][number as usize % 3];
            table.restore(ip(number), version(2, untold(number, told)));
        }
        table.restore(ip(0), version(1, untold(0, Told::Unsent))); // older
        table.restore(ip(1), version(3, untold(1, Told::Acknowledged))); // newer
        table.finish_restore(&in_turn);
        let expected: Vec<_> = (2..COUNT).filter(|number| number % 3 != 0).map(ip).collect();
        assert_eq!(table.count_untold(ALL), expected.len() as u64);
        assert_eq!(taken(&table, ALL, 100), expected);
    }

    #[test]
    fn a_reload_forgets_nothing_that_must_be_told() {
        let table = table(4);
        table.set(ip(1), untold(1, Told::Unsent));
        table.adopt(layout(9, &[1]));
        assert_eq!(taken(&table, ALL, 9), [ip(1)]);
    }

    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_listens_is_woken_once_until_it_listens_again() {
        let table = table(4);
        let count = Arc::new(Count(AtomicU32::new(0)));
        let woken = || count.0.load(Ordering::Relaxed);
        table.set_untold_waker(Arc::clone(&count).into()).unwrap();
        assert!(table.set_untold_waker(Arc::clone(&count).into()).is_err());
        table.set(ip(0), untold(1, Told::Unsent));
        assert_eq!(woken(), 0, "nobody listens");
        table.listen_untold();
        table.set(ip(1), lease(1, 0, 9));
        table.mark_untold(ip(1));
        assert_eq!(woken(), 0, "nothing new is to be told");
        table.set(ip(0), untold(1, Told::Unsent));
        table.set(ip(2), untold(1, Told::Unsent));
        assert_eq!(woken(), 1);
        table.listen_untold();
        table.set(ip(2), untold(1, Told::Unsent));
        assert_eq!(woken(), 2);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Mark(u32),
        Take { first: u32, last: u32, budget: usize },
    }

    /// Over four chunks of two regions.
    fn number() -> impl Strategy<Value = u32> {
        (0..4_u32, prop_oneof![Just(0_u32), Just(63), Just(64), Just(1_023), 0..1_024_u32])
            .prop_map(|(chunk, slot)| ((1 << 20) - 2 * 1_024) + chunk * 1_024 + slot)
    }

    proptest! {
        #[test]
        fn the_set_does_what_a_set_does(steps in prop::collection::vec(prop_oneof![
            3 => number().prop_map(Step::Mark),
            1 => (number(), number(), 0..20_usize)
                .prop_map(|(first, last, budget)| Step::Take { first, last, budget }),
        ], 1..200)) {
            let base = Ipv4Addr::new(10, 0, 0, 0).to_bits();
            let at = |number| ResourceId(base + number);
            let (table, mut set) = (table(1), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Mark(number) => {
                        table.restore(at(number), untold(number, Told::Unsent));
                        table.mark_untold(at(number));
                        set.insert(at(number));
                    }
                    Step::Take { first, last, budget } => {
                        let range = Range { first: at(first.min(last)), last: at(first.max(last)) };
                        let expected: Vec<_> =
                            set.range(range.first..=range.last).copied().collect();
                        prop_assert_eq!(table.count_untold(range), expected.len() as u64);
                        let mut out = Vec::new();
                        let next =
                            table.take_untold(range, range.first, budget, &mut |it| out.push(it));
                        let whole = expected.len() <= budget;
                        prop_assert_eq!(&out[..], &expected[..budget.min(expected.len())]);
                        prop_assert_eq!(next, if whole { None } else { Some(expected[budget]) });
                        out.iter().for_each(|resource| _ = set.remove(resource));
                    }
                }
            }
            prop_assert_eq!(taken(&table, ALL, 7), set.into_iter().collect::<Vec<_>>());
        }
    }
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use std::task::Wake;

    use loom::sync::{Arc, Notify};
    use loom::thread;

    use super::super::bits::{Bits, mark, take};
    use super::super::sync::AtomicU32;
    use super::*;
    use crate::interleavings::explore;

    /// One region of one chunk of 64 addresses, of which two are bound.
    struct Model {
        chunks: Bits<1>,
        resources: Bits<1>,
        slots: [AtomicU32; 2],
        listener: Listener,
    }

    impl Model {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                chunks: Bits::new(),
                resources: Bits::new(),
                slots: [AtomicU32::new(0), AtomicU32::new(0)],
                listener: Listener::new(),
            })
        }

        /// As `Table::swap` does it.
        fn change(&self, resource: u32) {
            self.slots[resource as usize].store(1, Relaxed);
            mark(&self.chunks, 0, &self.resources, resource);
            self.listener.ring();
        }

        /// As `Directory::take_untold` does it; each must show what put it in.
        fn take(&self, budget: usize) -> Vec<u32> {
            let mut taken = Vec::new();
            for chunk in self.chunks.within(0, 63).collect::<Vec<_>>() {
                take(&self.chunks, chunk, &self.resources, (0, 63), budget, &mut |resource| {
                    assert_eq!(self.slots[resource as usize].load(Relaxed), 1);
                    taken.push(resource);
                });
            }
            taken
        }
    }

    #[test]
    fn loom_an_untold_address_is_taken_with_what_made_it_so_and_none_is_lost() {
        explore("untold: two mark, one takes", 3, 1_000, || {
            let model = Model::new();
            let marking = [0, 1].map(|resource| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.change(resource))
            });
            let taking = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let mut taken = model.take(1);
                    taken.extend(model.take(2));
                    taken
                })
            };
            marking.into_iter().for_each(|thread| thread.join().unwrap());
            let mut taken = taking.join().unwrap();
            taken.extend(model.take(2));
            taken.sort_unstable();
            assert_eq!(taken, [0, 1]);
            assert!(model.resources.is_empty() && model.take(2).is_empty());
        });
    }

    /// An eventfd, as far as it matters: it remembers that it was rung.
    struct Eventfd(Notify);

    impl Wake for Eventfd {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.notify();
        }
    }

    /// A lost wake-up would be a deadlock.
    #[test]
    fn loom_who_waits_for_untold_addresses_hears_of_each() {
        explore("untold: two mark, one waits", 2, 500, || {
            let model = Model::new();
            let eventfd = std::sync::Arc::new(Eventfd(Notify::new()));
            let waker = Waker::from(std::sync::Arc::clone(&eventfd));
            model.listener.set_waker(waker).unwrap();
            let marking = [0, 1].map(|resource| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.change(resource))
            });
            let waiting = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let mut taken = Vec::new();
                    loop {
                        model.listener.listen();
                        taken.extend(model.take(2));
                        if taken.len() == 2 {
                            break;
                        }
                        eventfd.0.wait();
                    }
                })
            };
            marking.into_iter().for_each(|thread| thread.join().unwrap());
            waiting.join().unwrap();
        });
    }
}
