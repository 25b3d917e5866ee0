//! The atomics and the parking that rings and bells are made of; loom's own under `--cfg loom`, so
//! that every interleaving can be tried.

#[cfg(not(loom))]
pub(super) use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering, fence},
    thread::{Thread, current, park_timeout},
};

#[cfg(loom)]
pub(super) use loom::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering, fence},
    thread::{Thread, current},
};

/// Under loom a sleeper that nobody wakes is a deadlock, which it reports.
#[cfg(loom)]
pub(super) fn park_timeout(_: std::time::Duration) {
    loom::thread::park();
}
