//! How the commit thread sleeps while nothing is appended, and is woken without a lost ring.
//!
//! Sleeper: say `asleep`, fence, look once more, park. Ringer: append, fence, look at `asleep`,
//! unpark. The two fences are in one total order, so at least one of the two sees the other: either
//! the sleeper's last look finds the record, or the ringer finds it asleep. Ringing an awake thread
//! is one load and no system call.

use std::sync::OnceLock;
use std::time::Duration;

use super::sync::{self, AtomicBool, Ordering, Thread};

/// Wakes one thread. Rung by any.
pub(super) struct Bell {
    /// The sleeper is about to park or does. Set by the sleeper, cleared by either.
    asleep: AtomicBool,
    /// Whom to wake; known before `asleep` is ever set.
    sleeper: OnceLock<Thread>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), sleeper: OnceLock::new() }
    }

    /// To be called after what the sleeper should see is stored.
    pub(super) fn ring(&self) {
        sync::fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed)
            && self.asleep.swap(false, Ordering::Relaxed)
            && let Some(sleeper) = self.sleeper.get()
        {
            sleeper.unpark();
        }
    }

    /// Sleeps until rung, at most for `limit`, unless `nothing_to_do` says otherwise. May return
    /// early. Always called by the same thread.
    pub(super) fn sleep(&self, limit: Duration, nothing_to_do: impl FnOnce() -> bool) {
        self.sleeper.get_or_init(sync::current);
        self.asleep.store(true, Ordering::Relaxed);
        sync::fence(Ordering::SeqCst);
        if nothing_to_do() {
            sync::park_timeout(limit);
        }
        self.asleep.store(false, Ordering::Relaxed);
    }
}
