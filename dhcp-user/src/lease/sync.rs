//! The atomics that this floor's own structures are made of: the machine's, or the model checker's.
//!
//! `cfg(loom)` replaces them, and [`zeroed`] with them, so that the very code that runs is the code
//! whose interleavings are explored.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64};

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

/// Runs a test's `body` in every order of steps that the model checker finds, with so
/// many forced switches of threads at the most, and says how many orders there were. Fewer than `at_least` means
/// that the test does not let its threads meet.
#[cfg(test)]
#[cfg(loom)]
pub(super) fn explore(
    name: &str,
    switches: usize,
    at_least: usize,
    body: impl Fn() + Sync + Send + 'static,
) {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{name}: {orders} interleavings");
    assert!(orders >= at_least, "only {orders} interleavings");
}
