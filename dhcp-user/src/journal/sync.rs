//! The atomics and the parking that rings and bells are made of; loom's own under `--cfg loom`, so
//! that every interleaving can be tried.

#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// A word that two threads use in turn; whose turn it is, other atomics say. An atomic, to share it
/// without `unsafe`: relaxed, it costs what a plain one does.
#[cfg(not(loom))]
pub(super) struct Word(AtomicU64);

#[cfg(not(loom))]
impl Word {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, word: u64) {
        self.0.store(word, Ordering::Relaxed);
    }
}

/// For the model checker a plain one: what is not in turn is a race, which it reports. It sees
/// nothing of the lock, which only makes the cell one that can be shared.
#[cfg(loom)]
pub(super) struct Word(std::sync::Mutex<loom::cell::Cell<u64>>);

#[cfg(loom)]
impl Word {
    pub(super) fn new() -> Self {
        Self(std::sync::Mutex::new(loom::cell::Cell::new(0)))
    }

    pub(super) fn get(&self) -> u64 {
        self.0.try_lock().expect("no switch of threads in here").get()
    }

    pub(super) fn set(&self, word: u64) {
        self.0.try_lock().expect("no switch of threads in here").set(word);
    }
}

/// Where one thread parks. A wake-up that comes before is remembered.
#[cfg(not(loom))]
pub(super) struct Parking(std::sync::OnceLock<std::thread::Thread>);

#[cfg(not(loom))]
impl Parking {
    pub(super) fn new() -> Self {
        Self(std::sync::OnceLock::new())
    }

    /// Says that it is this thread that parks here, always.
    pub(super) fn belongs_here(&self) {
        self.0.get_or_init(std::thread::current);
    }

    pub(super) fn park(&self, limit: std::time::Duration) {
        std::thread::park_timeout(limit);
    }

    pub(super) fn unpark(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// The same for the model checker, to which a sleeper that nobody wakes is a deadlock.
#[cfg(loom)]
pub(super) struct Parking(loom::sync::Notify);

#[cfg(loom)]
impl Parking {
    pub(super) fn new() -> Self {
        Self(loom::sync::Notify::new())
    }

    pub(super) fn belongs_here(&self) {}

    pub(super) fn park(&self, _: std::time::Duration) {
        self.0.wait();
    }

    pub(super) fn unpark(&self) {
        self.0.notify();
    }
}
