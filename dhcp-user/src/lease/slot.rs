//! One address of a pool as every worker sees it: an atomic pointer to an immutable binding.
//!
//! A reader pins an epoch and never waits. A writer reads, decides and swaps in a new binding; one
//! that lost is handed what is there now and decides again. Nothing here reads a clock.
//!
//! Sources: RFC 2131 §4.3.1 (choosing an address), draft-12 §5.11 (binding-status).
#![allow(unsafe_code, reason = "epoch pointers")]

use crossbeam_epoch::{Atomic, Guard, Owned, Shared};

use super::binding::Binding;
use super::sync::Ordering::{Acquire, Release};

/// What a slot held when it was looked at; good while its guard lives.
#[derive(Debug)]
pub struct Seen<'g, T = Binding>(Shared<'g, T>);

impl<'g, T> Seen<'g, T> {
    /// What an address shows that was never bound.
    pub(super) fn nothing() -> Self {
        Self(Shared::null())
    }

    /// The binding, or `None` if the address was never bound.
    #[must_use]
    pub fn binding(self) -> Option<&'g T> {
        // SAFETY: the pointer was loaded from a slot, or swapped into one, under the guard that
        // `'g` borrows: it is null or was allocated by `replace`, whose release our acquire met,
        // and whoever takes it out of the slot retires it under the same epochs, so it outlives `'g`.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Clone for Seen<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Seen<'_, T> {}

/// One address. Generic for the model checker, which has to see into what is published.
#[derive(Debug)]
pub(super) struct Slot<T = Binding> {
    /// Null until the address is first bound. Any worker writes it, by `replace` alone.
    binding: Atomic<T>,
}

impl<T> Slot<T> {
    /// An address that was never bound.
    pub(super) fn new() -> Self {
        Self { binding: Atomic::null() }
    }

    /// What the address is now.
    pub(super) fn load<'g>(&self, guard: &'g Guard) -> Seen<'g, T> {
        // Acquire: pairs with the release in `replace`, so that the fields are seen as well.
        Seen(self.binding.load(Acquire, guard))
    }

    /// Swaps in `new` if the slot still holds `seen`, or gives back what it holds instead.
    pub(super) fn replace<'g>(
        &self,
        seen: Seen<'g, T>,
        new: T,
        guard: &'g Guard,
    ) -> Result<Seen<'g, T>, Seen<'g, T>> {
        // Release: whoever loads the pointer sees the fields. Acquire on failure: so do we, of the
        // binding that beat us. No ABA: under `guard` the memory behind `seen` is not used again.
        match self.binding.compare_exchange(seen.0, Owned::new(new), Release, Acquire, guard) {
            Ok(ours) => {
                if !seen.0.is_null() {
                    // SAFETY: the swap took `seen` out of the slot, so no later reader reaches it,
                    // and one writer alone can win a swap away from it, so it is retired once.
                    unsafe { guard.defer_destroy(seen.0) };
                }
                Ok(Seen(ours))
            }
            Err(lost) => Err(Seen(lost.current)),
        }
    }

    /// Swaps in `new` if the address was never bound or what it holds `gives_way` to it.
    pub(super) fn replace_if(
        &self,
        new: T,
        gives_way: impl Fn(&T, &T) -> bool,
        guard: &Guard,
    ) -> bool {
        let (mut new, mut seen) = (Owned::new(new), self.load(guard));
        while seen.binding().is_none_or(|held| gives_way(held, &new)) {
            // As in `replace`.
            match self.binding.compare_exchange(seen.0, new, Release, Acquire, guard) {
                Ok(_) if seen.0.is_null() => return true,
                Ok(_) => {
                    // SAFETY: as in `replace`.
                    unsafe { guard.defer_destroy(seen.0) };
                    return true;
                }
                Err(lost) => (new, seen) = (lost.new, Seen(lost.current)),
            }
        }
        false
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        let binding = std::mem::replace(&mut self.binding, Atomic::null());
        // SAFETY: `&mut self`: nobody else has the slot, so nobody can load the pointer any more,
        // and what was swapped out before is retired by whoever did.
        drop(unsafe { binding.try_into_owned() });
    }
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use crossbeam_epoch::Collector;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::interleavings::explore;

    /// A value whose every access the checker knows: read before it is whole, or after it was
    /// dropped, fails the test.
    struct Tracked(UnsafeCell<u32>);

    impl Tracked {
        fn new(value: u32) -> Self {
            let cell = UnsafeCell::new(0);
            // SAFETY: nobody else has the cell yet.
            cell.with_mut(|octets| unsafe { *octets = value });
            Self(cell)
        }

        fn read(&self) -> u32 {
            // SAFETY: written before it is shared and when it is dropped; the checker sees to it.
            self.0.with(|octets| unsafe { *octets })
        }
    }

    impl Drop for Tracked {
        fn drop(&mut self) {
            // SAFETY: `&mut self`; the checker sees to it.
            self.0.with_mut(|octets| unsafe { *octets = u32::MAX });
        }
    }

    /// Swaps in one more than there is until it is done.
    fn add_one(slot: &Slot<Tracked>, guard: &Guard) {
        let mut seen = slot.load(guard);
        loop {
            let next = seen.binding().map_or(0, Tracked::read) + 1;
            match slot.replace(seen, Tracked::new(next), guard) {
                Ok(ours) => return assert_eq!(ours.binding().map(Tracked::read), Some(next)),
                Err(now) => seen = now,
            }
        }
    }

    /// Runs each in a thread of its own, with the slot and an epoch of its own.
    fn at_once<const N: usize>(slot: &Arc<Slot<Tracked>>, bodies: [fn(&Slot<Tracked>, &Guard); N]) {
        let collector = Collector::new();
        let threads = bodies.map(|body| {
            let (slot, local) = (Arc::clone(slot), collector.register());
            thread::spawn(move || body(&slot, &local.pin()))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    fn value(slot: &Slot<Tracked>) -> Option<u32> {
        let local = Collector::new().register();
        slot.load(&local.pin()).binding().map(Tracked::read)
    }

    /// What was read stays there to read.
    fn read_twice(slot: &Slot<Tracked>, guard: &Guard) {
        let first = slot.load(guard);
        let value = first.binding().map_or(0, Tracked::read);
        let later = slot.load(guard).binding().map_or(0, Tracked::read);
        assert!(value <= later && later <= 2);
        assert_eq!(first.binding().map_or(0, Tracked::read), value, "still there to read");
    }

    #[test]
    fn loom_two_writers_both_get_in() {
        explore("slot: two writers", 2, 4_000, || {
            let slot = Arc::new(Slot::new());
            at_once(&slot, [add_one, add_one]);
            assert_eq!(value(&slot), Some(2));
        });
    }

    #[test]
    fn loom_a_reader_beside_a_writer_sees_whole_values_that_stay() {
        explore("slot: one writer, one reader", 2, 4_000, || {
            let slot = Arc::new(Slot::new());
            at_once(&slot, [add_one, read_twice]);
            assert_eq!(value(&slot), Some(1));
        });
    }

    #[test]
    fn loom_a_restored_record_gives_way_to_a_newer_one_only() {
        fn older(held: &Tracked, new: &Tracked) -> bool {
            held.read() < new.read()
        }
        explore("slot: two restore", 2, 4_000, || {
            let slot = Arc::new(Slot::new());
            at_once(
                &slot,
                [
                    |slot, guard| _ = slot.replace_if(Tracked::new(1), older, guard),
                    |slot, guard| _ = slot.replace_if(Tracked::new(2), older, guard),
                ],
            );
            assert_eq!(value(&slot), Some(2));
        });
    }
}
