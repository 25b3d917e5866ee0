//! Replay detection: each message for a client has a number greater than all before it (RFC 8415 §20.3).
//!
//! ```text
//!  | seconds since 1970 (32 bits) | count (32 bits) |
//! ```
//! The time makes the numbers of two servers with one secret follow each other. But clocks are set back,
//! and a server that starts again must not begin below what it has told: so no number is told from beyond
//! a time that is on stable storage, and after a start none from up to that.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::wire::{Seconds, Stamp};

/// For how long ahead of the time numbers are reserved.
const AHEAD: Seconds = Seconds(60);

/// The numbers, shared by whoever tells one.
#[derive(Debug)]
pub struct Replay {
    last: AtomicU64,
    /// Up to where numbers may be told, in seconds.
    reserved: AtomicU32,
}

impl Replay {
    /// Of a server that may have told numbers up to `before`, the last that it [reserved](Self::reserve).
    #[must_use]
    pub fn after(before: Option<Stamp>) -> Self {
        let first = before.map_or(0, |before| u64::from(before.0) + 1);
        Self { last: AtomicU64::new(first << 32), reserved: AtomicU32::new(0) }
    }

    /// Up to when numbers are to be reserved next; `None` while there are enough. What this says must be on
    /// stable storage before it is [reserved](Self::reserve).
    #[must_use]
    pub fn wanted(&self, now: Stamp) -> Option<Stamp> {
        let reached = (self.last.load(Ordering::Relaxed) >> 32) as u32;
        // A clock that was set back changes nothing: what is told goes on from where it is.
        let time = Stamp(now.0.max(reached));
        let reserved = Stamp(self.reserved.load(Ordering::Relaxed));
        (reserved.since(time).0 < AHEAD.0 / 2).then(|| time.after(AHEAD))
    }

    /// Lets numbers be told up to `until`.
    pub fn reserve(&self, until: Stamp) {
        self.reserved.fetch_max(until.0, Ordering::Relaxed);
    }

    /// Whether numbers may be told at all yet.
    pub(super) fn is_ready(&self) -> bool {
        self.reserved.load(Ordering::Relaxed) != 0
    }

    /// The next number.
    pub(super) fn next(&self, now: Stamp) -> u64 {
        let time = now.0.min(self.reserved.load(Ordering::Relaxed));
        // One variable, which every change of it sees as it is: no two get one number.
        let least = u64::from(time) << 32;
        let next = |last: u64| last.saturating_add(1).max(least);
        let last =
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(next(it)));
        last.map_or(least, next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    /// A server that stands on what `disk` has.
    fn started(disk: &mut Option<Stamp>, now: Stamp) -> Replay {
        let replay = Replay::after(*disk);
        let until = replay.wanted(now).expect("nothing is reserved yet");
        *disk = Some(until);
        replay.reserve(until);
        replay
    }

    /// RFC 8415 §20.3: strictly monotonic.
    #[test]
    fn numbers_grow_whatever_the_clock_does_and_however_often_the_server_starts() {
        let (mut disk, mut last) = (None, 0);
        for now in [5_000, 5_000, 5_030, 4_000, 4_001, 9_000, 1, 9_000] {
            let replay = started(&mut disk, Stamp(now));
            for later in [0, 0, 1, 200, 3] {
                let next = replay.next(Stamp(now + later));
                assert!(next > last, "{next:x} after {last:x}");
                last = next;
            }
        }
    }

    #[test]
    fn numbers_are_the_time_while_that_is_reserved() {
        let replay = started(&mut None, Stamp(5_000));
        assert_eq!(replay.next(Stamp(5_001)), 5_001 << 32);
        assert_eq!(replay.next(Stamp(5_001)), 5_001 << 32 | 1);
        assert_eq!(replay.next(Stamp(5_060)), 5_060 << 32);
        assert_eq!(replay.next(Stamp(9_000)), 5_060 << 32 | 1, "what is not on disk is not told");
        assert_eq!(replay.wanted(Stamp(5_029)), Some(Stamp(5_120)), "from where it is");
    }

    #[test]
    fn more_is_reserved_before_it_is_needed() {
        let replay = started(&mut None, Stamp(5_000));
        assert_eq!(replay.wanted(Stamp(5_030)), None);
        assert_eq!(replay.wanted(Stamp(5_031)), Some(Stamp(5_091)));
        replay.reserve(Stamp(5_091));
        assert_eq!(replay.wanted(Stamp(5_031)), None);
    }

    #[test]
    fn no_two_threads_are_given_one_number() {
        let replay = Replay::after(None);
        replay.reserve(Stamp(100));
        let numbers = thread::scope(|scope| {
            let tell = || (0..1_000).map(|now| replay.next(Stamp(now / 10))).collect::<Vec<_>>();
            let threads = [scope.spawn(tell), scope.spawn(tell)];
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(numbers.iter().all(|own| own.is_sorted_by(|a, b| a < b)));
        assert_eq!(numbers.iter().flatten().collect::<BTreeSet<_>>().len(), 2_000);
    }
}
