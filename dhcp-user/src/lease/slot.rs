//! One address of a pool as every worker sees it: an atomic pointer to an immutable binding.
//!
//! A reader pins an epoch and never waits. A writer reads, decides and swaps in a new binding; one
//! that lost is handed what is there now and decides again. Nothing here reads a clock.
//!
//! Sources: RFC 2131 §4.3.1 (choosing an address), draft-12 §5.11 (binding-status).
#![allow(unsafe_code, reason = "epoch pointers")]

use std::ptr::{self, NonNull};

use super::binding::Binding;
use super::epoch::Guard;
use super::sync::AtomicPtr;
use super::sync::Ordering::{Acquire, Relaxed, Release};

/// What a slot held when it was looked at, or `None` if it was never bound; good while its guard lives.
#[derive(Debug)]
pub struct Seen<'g, T = Binding>(Option<&'g T>);

impl<'g, T> Seen<'g, T> {
    /// What an address shows that was never bound.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// The binding, or `None` if the address was never bound.
    #[must_use]
    pub fn binding(self) -> Option<&'g T> {
        self.0
    }

    /// As the slot holds it.
    fn pointer(self) -> *mut T {
        self.0.map_or(ptr::null_mut(), |binding| ptr::from_ref(binding).cast_mut())
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
    binding: AtomicPtr<T>,
}

impl<T> Slot<T> {
    /// An address that was never bound.
    pub(super) fn new() -> Self {
        Self { binding: AtomicPtr::new(ptr::null_mut()) }
    }

    /// What the address is now.
    pub(super) fn load<'g>(&self, guard: &'g Guard<T>) -> Seen<'g, T> {
        // Acquire: pairs with the release in `swap`, so that the fields are seen as well.
        seen(self.binding.load(Acquire), guard)
    }

    /// Swaps in `new` if the slot still holds `seen`, or gives back what it holds instead.
    pub(super) fn replace<'g>(
        &self,
        seen: Seen<'g, T>,
        new: T,
        guard: &'g Guard<T>,
    ) -> Result<Seen<'g, T>, Seen<'g, T>> {
        self.swap(seen, guard.make(new), guard).map_err(|(new, now)| {
            guard.unmake(new);
            now
        })
    }

    /// Swaps in `new` if the address was never bound or what it holds `gives_way` to it.
    pub(super) fn replace_if(
        &self,
        new: T,
        gives_way: impl Fn(&T, &T) -> bool,
        guard: &Guard<T>,
    ) -> bool {
        let (mut new, mut seen) = (guard.make(new), self.load(guard));
        while seen.binding().is_none_or(|held| gives_way(held, &new)) {
            match self.swap(seen, new, guard) {
                Ok(_) => return true,
                Err(lost) => (new, seen) = lost,
            }
        }
        guard.unmake(new);
        false
    }

    fn swap<'g>(
        &self,
        seen: Seen<'g, T>,
        new: Box<T>,
        guard: &'g Guard<T>,
    ) -> Result<Seen<'g, T>, (Box<T>, Seen<'g, T>)> {
        let new = Box::into_raw(new);
        // Release: whoever loads the pointer sees the fields. Acquire on failure: so do we, of the
        // binding that beat us. No ABA: under `guard` the memory behind `seen` is not used again.
        match self.binding.compare_exchange(seen.pointer(), new, Release, Acquire) {
            Ok(old) => {
                if let Some(old) = NonNull::new(old) {
                    // SAFETY: every pointer in a slot is from `make` and `into_raw` above; the swap took
                    // this one out, and one writer alone can win a swap away from it.
                    unsafe { guard.retire(old) };
                }
                Ok(self::seen(new, guard))
            }
            Err(now) => {
                // SAFETY: from `into_raw` above, and never shared.
                let new = unsafe { Box::from_raw(new) };
                Err((new, self::seen(now, guard)))
            }
        }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        if let Some(binding) = NonNull::new(self.binding.load(Relaxed)) {
            // SAFETY: `&mut self`: nobody else has the slot, so nobody can load the pointer any more,
            // and what was swapped out before is retired by whoever did.
            drop(unsafe { Box::from_raw(binding.as_ptr()) });
        }
    }
}

/// What was loaded from a slot, or swapped into one, under the guard.
fn seen<T>(binding: *mut T, _: &Guard<T>) -> Seen<'_, T> {
    // SAFETY: null, or from a box whose fields our acquire, or we ourselves, have made seen; nobody
    // changes it, and whoever takes it out of the slot retires it under the same epochs, so that it
    // stays while the guard does.
    Seen(unsafe { binding.as_ref() })
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::super::epoch::{Epochs, Local, PLACES};
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

    /// What one thread does with the slot; it enters by the function.
    type Body = fn(&Slot<Tracked>, &dyn Fn() -> Guard<Tracked>);

    /// Swaps in one more than there is until it is done.
    fn add_one(slot: &Slot<Tracked>, enter: &dyn Fn() -> Guard<Tracked>) {
        let guard = enter();
        let mut seen = slot.load(&guard);
        loop {
            let next = seen.binding().map_or(0, Tracked::read) + 1;
            match slot.replace(seen, Tracked::new(next), &guard) {
                Ok(ours) => return assert_eq!(ours.binding().map(Tracked::read), Some(next)),
                Err(now) => seen = now,
            }
        }
    }

    /// So often that what was retired first is used again, if nobody is inside.
    fn add_four(slot: &Slot<Tracked>, enter: &dyn Fn() -> Guard<Tracked>) {
        (0..4).for_each(|_| add_one(slot, enter));
    }

    /// Runs each in a thread of its own, with the slot and epochs of their own.
    fn at_once<const N: usize>(slot: &Arc<Slot<Tracked>>, bodies: [Body; N]) {
        let epochs = std::sync::Arc::new(Epochs::new());
        // Each counts itself at a place of its own.
        let mut places = 0..PLACES;
        let threads = bodies.map(|body| {
            let (slot, epochs) = (Arc::clone(slot), std::sync::Arc::clone(&epochs));
            let place = places.next().unwrap();
            thread::spawn(move || {
                let local = Local::new(epochs, place);
                body(&slot, &|| local.enter());
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    fn value(slot: &Slot<Tracked>) -> Option<u32> {
        let local = Local::new(std::sync::Arc::new(Epochs::new()), 0);
        slot.load(&local.enter()).binding().map(Tracked::read)
    }

    /// What was read stays there to read.
    fn read_twice(slot: &Slot<Tracked>, enter: &dyn Fn() -> Guard<Tracked>) {
        let guard = enter();
        let first = slot.load(&guard);
        let value = first.binding().map_or(0, Tracked::read);
        let later = slot.load(&guard).binding().map_or(0, Tracked::read);
        assert!(value <= later && later <= 4);
        assert_eq!(first.binding().map_or(0, Tracked::read), value, "still there to read");
    }

    #[test]
    fn loom_two_writers_both_get_in() {
        explore("slot: two writers", 3, 300, || {
            let slot = Arc::new(Slot::new());
            at_once(&slot, [add_one, add_one]);
            assert_eq!(value(&slot), Some(2));
        });
    }

    #[test]
    fn loom_a_reader_beside_a_writer_sees_whole_values_that_stay() {
        explore("slot: one writer, one reader", 3, 200, || {
            let slot = Arc::new(Slot::new());
            at_once(&slot, [add_one, read_twice]);
            assert_eq!(value(&slot), Some(1));
        });
    }

    #[test]
    fn loom_memory_is_used_again_only_when_nobody_looks_at_it() {
        explore("slot: one reader, one writer that uses memory again", 2, 4_000, || {
            let slot = Arc::new(Slot::new());
            at_once(&slot, [add_four, read_twice]);
            assert_eq!(value(&slot), Some(4));
        });
    }

    #[test]
    fn loom_a_restored_record_gives_way_to_a_newer_one_only() {
        fn older(held: &Tracked, new: &Tracked) -> bool {
            held.read() < new.read()
        }
        explore("slot: two restore", 3, 300, || {
            let slot = Arc::new(Slot::new());
            at_once(
                &slot,
                [
                    |slot, enter| _ = slot.replace_if(Tracked::new(1), older, &enter()),
                    |slot, enter| _ = slot.replace_if(Tracked::new(2), older, &enter()),
                ],
            );
            assert_eq!(value(&slot), Some(2));
        });
    }
}
