//! The atomics that this floor's own structures are made of: the machine's, or the model checker's.
//!
//! `cfg(loom)` replaces them, and [`zeroed`] with them, so that the very code that runs is the code
//! whose interleavings are explored.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, fence};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, fence};

pub(super) use std::sync::atomic::Ordering;

#[cfg(not(loom))]
use std::rc::Rc;
#[cfg(not(loom))]
use std::sync::atomic::AtomicUsize;

#[cfg(not(loom))]
use super::epoch::PLACES;
use super::epoch::{Epochs, Guard, Local};

/// Hash keys that no client knows; the same every time for the model checker, which runs the same
/// steps again and again.
#[cfg(not(loom))]
pub(super) type HashKeys = std::hash::RandomState;
#[cfg(loom)]
pub(super) type HashKeys = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// `len` atomics that are zero. The kernel hands out the pages when they are first touched, so
/// what is never used costs nothing, however large.
pub(super) fn zeroed(len: usize) -> Box<[AtomicU64]> {
    #[cfg(not(loom))]
    return bytemuck::zeroed_slice_box(len);
    #[cfg(loom)]
    return (0..len).map(|_| AtomicU64::new(0)).collect();
}

/// Where a thread finds the epochs: one for the whole process, or the model's own.
#[cfg(not(loom))]
pub(super) type Home<T> = &'static Epochs<T>;
#[cfg(loom)]
pub(super) type Home<T> = std::sync::Arc<Epochs<T>>;

/// Has this thread's part of the process's epochs enter.
#[cfg(not(loom))]
pub(super) fn home(enter: impl FnOnce(&Rc<Local>) -> Guard) -> Guard {
    static EPOCHS: std::sync::LazyLock<Epochs> = std::sync::LazyLock::new(Epochs::new);
    /// Each thread that is new counts itself at another place, as long as there are any.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LOCAL: Rc<Local> =
            Local::new(&EPOCHS, NEXT.fetch_add(1, Ordering::Relaxed) % PLACES);
    }
    LOCAL.with(enter)
}
#[cfg(loom)]
pub(super) fn home(_: impl FnOnce(&std::rc::Rc<Local>) -> Guard) -> Guard {
    unreachable!("what the model checker runs brings its own epochs")
}
