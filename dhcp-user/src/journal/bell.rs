//! How the commit thread sleeps while nothing is appended, and is woken without a lost ring.
//!
//! Sleeper: say `asleep`, fence, look once more, park. Ringer: append, fence, look at `asleep`,
//! unpark. The two fences are in one total order, so at least one of the two sees the other: either
//! the sleeper's last look finds the record, or the ringer finds it asleep. Ringing an awake thread
//! is one load and no system call.

use std::time::Duration;

use super::sync::{AtomicBool, Ordering, Parking, fence};

/// Wakes one thread. Rung by any.
pub(super) struct Bell {
    /// The sleeper is about to park or does. Set by the sleeper, cleared by either.
    asleep: AtomicBool,
    /// Where the sleeper is; its own before `asleep` is ever set.
    parking: Parking,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), parking: Parking::new() }
    }

    /// To be called after what the sleeper should see is stored.
    pub(super) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            self.parking.unpark();
        }
    }

    /// Sleeps until rung, at most for `limit`, unless `nothing_to_do` says otherwise. May return
    /// early. Always called by the same thread.
    pub(super) fn sleep(&self, limit: Duration, nothing_to_do: impl FnOnce() -> bool) {
        self.parking.belongs_here();
        // A swap, to come after what a ringer may be swapping in: the model checker knows no other
        // reason why a ringer that sees neither would be impossible.
        self.asleep.swap(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if nothing_to_do() {
            self.parking.park(limit);
        }
        self.asleep.store(false, Ordering::Relaxed);
    }
}
