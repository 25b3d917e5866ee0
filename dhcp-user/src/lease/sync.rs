//! The atomics that this floor's own structures are made of: the machine's, or the model checker's.
//!
//! `cfg(loom)` replaces them, and [`zeroed`] with them, so that the very code that runs is the code
//! whose interleavings are explored.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};

pub(super) use std::sync::atomic::Ordering;

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
