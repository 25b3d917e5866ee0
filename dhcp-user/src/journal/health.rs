//! Whether grants can be made durable, and with it whether clients may be answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::wire::Stamp;

/// Whether grants can be made durable, and with it whether clients may be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// Answer.
    Good,
    /// The disk is full: answer nobody until it is `Good` again. Nothing is acknowledged meanwhile,
    /// and what the table holds beyond the disk is written before `Good` returns.
    Full {
        /// When it was noticed.
        since: Stamp,
    },
    /// A write or flush failed. Final for this process: answer nobody; a restart recovers.
    Failed {
        /// When it was noticed.
        since: Stamp,
    },
}

/// The journal's health as every thread sees it. Written by the commit thread alone.
#[derive(Debug, Default)]
pub struct SharedHealth {
    /// The kind in the upper half, `since` in the lower.
    packed: AtomicU64,
    reason: Mutex<Option<String>>,
}

const FULL: u64 = 1;
const FAILED: u64 = 2;

impl SharedHealth {
    /// As it is now: one atomic load.
    #[must_use]
    pub fn get(&self) -> Health {
        let packed = self.packed.load(Ordering::Acquire);
        let since = Stamp(packed as u32);
        match packed >> 32 {
            FULL => Health::Full { since },
            FAILED => Health::Failed { since },
            _ => Health::Good,
        }
    }

    /// Whether clients may be answered.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.get() == Health::Good
    }

    /// What the system said, for log and status; `None` while `Good`.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As if the commit thread had said so; for tests of `control`, which the model checker leaves out.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn pretend(&self, health: Health) {
        self.set(health, None);
    }

    pub(super) fn set(&self, health: Health, reason: Option<String>) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        let packed = match health {
            Health::Good => 0,
            Health::Full { since } => FULL << 32 | u64::from(since.0),
            Health::Failed { since } => FAILED << 32 | u64::from(since.0),
        };
        self.packed.store(packed, Ordering::Release);
    }
}
