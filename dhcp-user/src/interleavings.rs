//! The model checker for all tests that want every interleaving; `cargo xtask test` builds them with
//! `--cfg loom`. What each memory ordering is for, and which test catches it weakened, is in LOOM.md.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs a test's `body` in every order of steps that the model checker finds, with so many forced
/// switches of threads at the most, and says how many orders there were. Fewer than `at_least`
/// means that the test does not let its threads meet.
///
/// Readers and writers each need a thread of their own: the first thread is hardly ever interrupted.
pub(crate) fn explore(
    name: &str,
    switches: usize,
    at_least: usize,
    body: impl Fn() + Sync + Send + 'static,
) {
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
