//! When the memory of a binding that was taken out of its slot is used again: when nobody is left who
//! may have seen it there.
//!
//! Time is cut into epochs. Whoever looks at slots enters the epoch that it is, and is counted in it
//! until it leaves. The next epoch begins only when nobody is left in the one before this, so those who
//! look have entered in this epoch or in the last. What is retired in an epoch is seen by nobody who
//! enters in a later one; two epochs on, all others have left.
//!
//! Each thread keeps what it retires, and makes its next bindings of it, the last one first: a renewal
//! allocates nothing, and writes to memory that it has just read. Nobody waits: to enter is to count
//! oneself, once more if an epoch began meanwhile; and while somebody stays inside for long, what is
//! retired is kept and new memory taken.
//!
//! In place of `crossbeam-epoch`, which does as much for any type of value, but cannot give the memory
//! back without a queue's entry for each 64 deferred calls.
#![allow(unsafe_code, reason = "memory that others may be looking at")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;

use super::binding::Binding;
use super::sync::Ordering::{Acquire, Relaxed, Release, SeqCst};
use super::sync::{AtomicU64, Home, fence, home};

/// Values that the epoch is noted for at once: about what a worker retires in a turn.
const BATCH: usize = if cfg!(loom) { 1 } else { 64 };
/// Batches that one call gets back at most: what has gathered while somebody was inside for long shall
/// hold nobody up.
const BATCHES_AT_ONCE: usize = 4;
/// Places that those inside are counted in, so that threads rarely share a cache line.
pub(super) const PLACES: usize = if cfg!(loom) { 2 } else { 16 };
/// Values whose memory a thread keeps at most; beyond them it is given back, as all is to the model
/// checker, who sees that at once.
const SPARE_MAX: usize = if cfg!(loom) { 0 } else { 4_096 };

/// The epochs of all who share slots.
pub(super) struct Epochs<T = Binding> {
    /// The epoch that it is.
    now: CachePadded<AtomicU64>,
    /// How many are inside, by the remainder of their epoch by three: of this one, the last and, for
    /// the moment of their mistake, those who come too late for an epoch that is over.
    inside: [[CachePadded<AtomicU64>; PLACES]; 3],
    /// What threads that are gone have left behind, and the epoch that it was then.
    orphans: Mutex<VecDeque<(u64, Retired<T>)>>,
}

/// One thread's part.
pub(super) struct Local<T: 'static = Binding> {
    epochs: Home<T>,
    place: usize,
    /// Guards that there are of this thread.
    guards: Cell<usize>,
    /// The epoch that it is inside, while there are any.
    entered: Cell<u64>,
    limbo: RefCell<Limbo<T>>,
}

/// Keeps what its thread sees in slots readable, for as long as it lives.
pub struct Guard<T: 'static = Binding> {
    local: Rc<Local<T>>,
}

/// What a thread took out of slots.
struct Limbo<T> {
    /// In order.
    retired: VecDeque<Retired<T>>,
    /// The epoch that it was when the first so many [`BATCH`]es were complete.
    noted: VecDeque<u64>,
    /// Seen by nobody any more; what they hold is dropped when they are used again.
    spare: Vec<Box<T>>,
}

/// A value that was in a slot, from a box.
struct Retired<T>(NonNull<T>);

// SAFETY: it is the only way to the value but for those who look at it, which any thread may.
unsafe impl<T: Send + Sync> Send for Retired<T> {}

/// Enters the epoch that it is, for this thread.
pub(super) fn pin() -> Guard {
    home(Local::enter)
}

impl<T> Epochs<T> {
    pub(super) fn new() -> Self {
        let counts = || std::array::from_fn(|_| CachePadded::new(AtomicU64::new(0)));
        Self {
            // One that has two before it.
            now: CachePadded::new(AtomicU64::new(2)),
            inside: std::array::from_fn(|_| counts()),
            orphans: Mutex::new(VecDeque::new()),
        }
    }

    fn enter(&self, place: usize) -> u64 {
        loop {
            let epoch = self.now.load(Relaxed);
            self.inside(epoch)[place].fetch_add(1, Relaxed);
            // All who enter are in one order by this fence. Who begins the epoch after next has entered
            // in the next one, and seen it before its fence: if that comes before ours, we see that this
            // epoch is not the present one, and if it comes after, we are seen to be inside.
            // With what was read before it, this also makes us see whatever was swapped in before a note
            // was taken in an epoch that is over, and so nothing that was retired by then.
            fence(SeqCst);
            if self.now.load(Relaxed) == epoch {
                return epoch;
            }
            self.inside(epoch)[place].fetch_sub(1, Relaxed);
        }
    }

    fn leave(&self, epoch: u64, place: usize) {
        // Release: who finds nobody inside comes after all that we have read.
        self.inside(epoch)[place].fetch_sub(1, Release);
    }

    /// Which epoch it is, to be noted for what was retired before.
    fn note(&self) -> u64 {
        // Release, and a change, which a mere look could not be: what makes the next epoch begin is in
        // a row with it, and whoever enters then sees our swaps.
        self.now.fetch_add(0, Release)
    }

    /// Begins the next epoch if nobody is left in the last one; returns which it is now. For a thread that
    /// is inside.
    fn advance(&self) -> u64 {
        let epoch = self.now.load(Relaxed);
        // Acquire: what follows comes after all that those who have left have read,
        if self.inside(epoch - 1).iter().all(|count| count.load(Acquire) == 0) {
            // Release: and so it does for whoever sees this epoch. Another one may have been faster.
            let _ = self.now.compare_exchange(epoch, epoch + 1, Release, Relaxed);
        }
        // Acquire: as said above.
        self.now.load(Acquire)
    }

    fn inside(&self, epoch: u64) -> &[CachePadded<AtomicU64>; PLACES] {
        &self.inside[(epoch % 3) as usize]
    }

    fn orphans(&self) -> MutexGuard<'_, VecDeque<(u64, Retired<T>)>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back some of what threads that are gone left behind, unless another one is at it.
    fn bury(&self, now: u64) {
        let Ok(mut orphans) = self.orphans.try_lock() else { return };
        for _ in 0..BATCHES_AT_ONCE * BATCH {
            let Some((_, orphan)) = orphans.pop_front_if(|(noted, _)| is_over(*noted, now)) else {
                return;
            };
            // SAFETY: two epochs on.
            drop(unsafe { orphan.into_box() });
        }
    }
}

impl<T> Drop for Epochs<T> {
    fn drop(&mut self) {
        // SAFETY: nobody is inside: each thread's part has a reference to this.
        self.orphans().drain(..).for_each(|(_, it)| unsafe { drop(it.into_box()) });
    }
}

impl<T> Local<T> {
    /// Of a thread that counts itself at this place, one below [`PLACES`].
    pub(super) fn new(epochs: Home<T>, place: usize) -> Rc<Self> {
        let limbo = Limbo { retired: VecDeque::new(), noted: VecDeque::new(), spare: Vec::new() };
        Rc::new(Self {
            epochs,
            place,
            guards: Cell::new(0),
            entered: Cell::new(0),
            limbo: RefCell::new(limbo),
        })
    }

    /// A guard inside another costs next to nothing.
    pub(super) fn enter(self: &Rc<Self>) -> Guard<T> {
        let guards = self.guards.get();
        if guards == 0 {
            self.entered.set(self.epochs.enter(self.place));
        }
        self.guards.set(guards + 1);
        Guard { local: Rc::clone(self) }
    }
}

impl<T> Guard<T> {
    /// Puts a value where it can be swapped into a slot.
    pub(super) fn make(&self, value: T) -> Box<T> {
        match self.local.limbo.borrow_mut().spare.pop() {
            Some(mut spare) => {
                *spare = value;
                spare
            }
            None => Box::new(value),
        }
    }

    /// Takes back one that was never in a slot.
    pub(super) fn unmake(&self, value: Box<T>) {
        self.local.limbo.borrow_mut().keep(value);
    }

    /// Keeps the memory of a value until nobody can look at it, and then uses it again.
    ///
    /// # Safety
    /// It was made by [`make`](Self::make) and let go by [`Box::into_raw`], this thread swapped it out
    /// of the only slot that it was in, and it is retired once.
    pub(super) unsafe fn retire(&self, value: NonNull<T>) {
        let Local { epochs, limbo, .. } = &*self.local;
        let mut limbo = limbo.borrow_mut();
        limbo.retired.push_back(Retired(value));
        if limbo.retired.len() == (limbo.noted.len() + 1) * BATCH {
            limbo.noted.push_back(epochs.note());
            let now = epochs.advance();
            limbo.reuse(now);
            epochs.bury(now);
        }
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        let Local { epochs, place, guards, entered, .. } = &*self.local;
        guards.set(guards.get() - 1);
        if guards.get() == 0 {
            epochs.leave(entered.get(), *place);
        }
    }
}

impl<T> std::fmt::Debug for Guard<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("epoch", &self.local.entered.get()).finish_non_exhaustive()
    }
}

impl<T> Drop for Local<T> {
    fn drop(&mut self) {
        let limbo = self.limbo.get_mut();
        let noted = self.epochs.note();
        self.epochs.orphans().extend(limbo.retired.drain(..).map(|retired| (noted, retired)));
    }
}

impl<T> Limbo<T> {
    fn reuse(&mut self, now: u64) {
        for _ in 0..BATCHES_AT_ONCE {
            if self.noted.pop_front_if(|noted| is_over(*noted, now)).is_none() {
                return;
            }
            for _ in 0..BATCH {
                let Some(retired) = self.retired.pop_front() else { return };
                // SAFETY: two epochs on.
                let value = unsafe { retired.into_box() };
                self.keep(value);
            }
        }
    }

    fn keep(&mut self, value: Box<T>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(value);
        }
    }
}

impl<T> Retired<T> {
    /// # Safety
    /// Nobody can look at it any more.
    unsafe fn into_box(self) -> Box<T> {
        // SAFETY: from a box, as `Guard::retire` asks, and given back once, as `self` is taken.
        unsafe { Box::from_raw(self.0.as_ptr()) }
    }
}

/// Whether nobody is left who entered in the epoch that was noted, or before.
fn is_over(noted: u64, now: u64) -> bool {
    noted + 2 <= now
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts how many of it there are.
    struct Counted(Arc<AtomicUsize>);

    impl Counted {
        fn new(count: &Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(count))
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Makes one, and takes it out of a slot at once.
    fn pass(guard: &Guard<Counted>, count: &Arc<AtomicUsize>) -> NonNull<Counted> {
        let value = NonNull::from(Box::leak(guard.make(Counted::new(count))));
        // SAFETY: just made, and in no slot.
        unsafe { guard.retire(value) };
        value
    }

    fn epochs() -> &'static Epochs<Counted> {
        Box::leak(Box::new(Epochs::new()))
    }

    #[test]
    fn memory_is_used_again_once_epochs_have_passed_and_no_more_of_it_is_taken() {
        let (local, count) = (Local::new(epochs(), 0), Arc::default());
        let mut places = std::collections::HashSet::new();
        for _ in 0..100 * BATCH {
            places.insert(pass(&local.enter(), &count));
        }
        assert!(places.len() <= 4 * BATCH, "{} places", places.len());
        assert!(count.load(Ordering::Relaxed) <= 4 * BATCH);
    }

    #[test]
    fn nothing_is_dropped_while_somebody_is_inside_who_may_have_seen_it() {
        let (epochs, count) = (epochs(), Arc::default());
        let (reader, writer) = (Local::new(epochs, 0), Local::new(epochs, 1));
        let guard = reader.enter();
        (0..100 * BATCH).for_each(|_| _ = pass(&writer.enter(), &count));
        assert_eq!(count.load(Ordering::Relaxed), 100 * BATCH);
        drop(guard);
        (0..50 * BATCH).for_each(|_| _ = pass(&writer.enter(), &count));
        assert!(count.load(Ordering::Relaxed) <= SPARE_MAX + 8 * BATCH, "it is given back now");
    }

    #[test]
    fn what_a_thread_leaves_behind_others_drop() {
        let (epochs, count) = (epochs(), Arc::default());
        let (gone, other) = (Local::new(epochs, 0), Local::new(epochs, 0));
        (0..BATCH / 2).for_each(|_| _ = pass(&gone.enter(), &count));
        drop(gone);
        assert_eq!(count.load(Ordering::Relaxed), BATCH / 2);
        let theirs = Arc::default();
        (0..4 * BATCH).for_each(|_| _ = pass(&other.enter(), &theirs));
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    use super::*;
    use crate::interleavings::explore;

    /// One place for a value, whether it is there to see, and what decides when it is used again.
    struct Model {
        epochs: Epochs<u32>,
        is_there: AtomicBool,
        value: UnsafeCell<u32>,
    }

    // SAFETY: the checker sees to it.
    unsafe impl Sync for Model {}

    impl Model {
        fn look(&self) {
            let epoch = self.epochs.enter(0);
            if self.is_there.load(Relaxed) {
                // SAFETY: the checker sees to it.
                assert_eq!(self.value.with(|value| unsafe { *value }), 1);
            }
            self.epochs.leave(epoch, 0);
        }

        fn advance(&self) {
            let epoch = self.epochs.enter(1);
            self.epochs.advance();
            self.epochs.leave(epoch, 1);
        }

        /// As `Guard::retire` does it.
        fn retire_and_use_again(&self) {
            let epoch = self.epochs.enter(1);
            self.is_there.store(false, Relaxed);
            let noted = self.epochs.note();
            self.epochs.advance();
            self.epochs.leave(epoch, 1);
            let epoch = self.epochs.enter(1);
            if is_over(noted, self.epochs.advance()) {
                // SAFETY: the checker sees to it.
                self.value.with_mut(|value| unsafe { *value = 2 });
            }
            self.epochs.leave(epoch, 1);
        }
    }

    #[test]
    fn loom_what_is_used_again_nobody_looks_at_whoever_makes_the_epochs_begin() {
        explore("epochs: one looks, one uses again, one makes them begin", 2, 1_000, || {
            let epochs = Epochs::new();
            let (is_there, value) = (AtomicBool::new(true), UnsafeCell::new(1));
            let model = Arc::new(Model { epochs, is_there, value });
            let bodies = [Model::look, Model::retire_and_use_again, Model::advance];
            let threads = bodies.map(|body| {
                let model = Arc::clone(&model);
                thread::spawn(move || body(&model))
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}
