//! How many leases each subscriber holds, exact whatever workers do at once.
//!
//! A lease is counted before it is granted and taken off when it ends, so two workers that serve
//! two clients of one subscriber at the same moment cannot both pass below the limit. The counts are
//! not stored: after recovery they are built anew from the bindings, and again when a reload counts by
//! other limits. While they are, and for whoever still counts by the old limits, nothing may change
//! that is counted: [`Limits::hold`] says no.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, TryLockError};

use dashmap::DashMap;

/// The counts of all limits and subscribers. A subscriber that holds nothing takes no memory.
#[derive(Debug, Default)]
pub struct Limits {
    /// By limit number (four octets) and subscriber key. One entry is locked for one addition.
    counts: DashMap<Box<[u8]>, u32>,
    /// Which limits are counted by. Written while all is counted anew.
    generation: RwLock<u32>,
}

/// While this lives, leases may begin and end: nothing is counted anew.
#[derive(Debug)]
pub struct Counting<'a> {
    _generation: RwLockReadGuard<'a, u32>,
}

/// One lease counted for a subscriber but not yet granted: dropped, it is taken off again.
#[derive(Debug)]
#[must_use = "dropping it gives the place back"]
pub struct Reserved<'a> {
    limits: &'a Limits,
    key: Box<[u8]>,
}

impl Limits {
    /// No subscriber holds anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more lease for the subscriber unless it holds `max` already. `limit` is the
    /// limit's place in the configuration, `subscriber` whatever makes two clients one subscriber.
    pub fn reserve(&self, limit: u32, subscriber: &[u8], max: u32) -> Option<Reserved<'_>> {
        let key = key(limit, subscriber);
        let mut count = self.counts.entry(key.clone()).or_insert(0);
        if *count >= max {
            return None; // with a limit of at least 1 the entry was not made here
        }
        *count += 1;
        drop(count);
        Some(Reserved { limits: self, key })
    }

    /// Counts a lease that was granted earlier, over the limit or not: after recovery, or when a
    /// reload brings a lower limit.
    pub fn add(&self, limit: u32, subscriber: &[u8]) {
        *self.counts.entry(key(limit, subscriber)).or_insert(0) += 1;
    }

    /// A lease of the subscriber ended.
    pub fn release(&self, limit: u32, subscriber: &[u8]) {
        self.take_off(&key(limit, subscriber));
    }

    /// How many leases are counted for the subscriber.
    #[must_use]
    pub fn held(&self, limit: u32, subscriber: &[u8]) -> u32 {
        self.counts.get(&key(limit, subscriber)).map_or(0, |count| *count)
    }

    /// Lets leases be counted by the limits of this generation, and never waits. `None` while all is
    /// counted anew, and if other limits are in force: then a lease that is counted may neither
    /// begin nor end.
    pub fn hold(&self, generation: u32) -> Option<Counting<'_>> {
        let held = match self.generation.try_read() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (*held == generation).then_some(Counting { _generation: held })
    }

    /// Forgets all counts and has `count` [`add`](Self::add) every lease that there is, by the limits
    /// of `generation`, which are in force from here on.
    pub fn recount(&self, generation: u32, count: impl FnOnce(&Self)) {
        let mut held = self.generation.write().unwrap_or_else(PoisonError::into_inner);
        self.counts.clear();
        count(self);
        *held = generation;
    }

    fn take_off(&self, key: &[u8]) {
        self.counts.remove_if_mut(key, |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }
}

impl Reserved<'_> {
    /// The lease was granted: the count stays until [`Limits::release`].
    pub fn keep(mut self) {
        self.key = Box::default();
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        // A key is never empty but after `keep`: it begins with the limit's number.
        if !self.key.is_empty() {
            self.limits.take_off(&self.key);
        }
    }
}

fn key(limit: u32, subscriber: &[u8]) -> Box<[u8]> {
    [&limit.to_be_bytes(), subscriber].concat().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_subscriber_gets_as_many_as_the_limit_and_one_more_when_one_ends() {
        let limits = Limits::new();
        limits.reserve(0, b"port", 2).unwrap().keep();
        limits.reserve(0, b"port", 2).unwrap().keep();
        assert!(limits.reserve(0, b"port", 2).is_none());
        limits.release(0, b"port");
        limits.reserve(0, b"port", 2).unwrap().keep();
        assert_eq!(limits.held(0, b"port"), 2);
    }

    #[test]
    fn a_place_that_led_to_no_grant_is_given_back_and_takes_no_memory() {
        let limits = Limits::new();
        drop(limits.reserve(0, b"port", 1).unwrap());
        assert_eq!(limits.held(0, b"port"), 0);
        assert!(limits.counts.is_empty());
    }

    #[test]
    fn subscribers_and_limits_are_counted_apart() {
        let limits = Limits::new();
        limits.reserve(0, b"a", 1).unwrap().keep();
        assert!(limits.reserve(0, b"b", 1).is_some());
        assert!(limits.reserve(1, b"a", 1).is_some());
        limits.add(0, b"a");
        assert_eq!(limits.held(0, b"a"), 2);
    }

    #[test]
    fn workers_at_once_never_pass_the_limit_together() {
        let limits = Limits::new();
        let holders = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let Some(place) = limits.reserve(0, b"port", 3) else { continue };
                        assert!(holders.fetch_add(1, Ordering::SeqCst) < 3);
                        place.keep();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        limits.release(0, b"port");
                    }
                });
            }
        });
        assert_eq!(limits.held(0, b"port"), 0);
    }

    #[test]
    fn nothing_is_counted_by_old_limits_nor_while_all_is_counted_anew() {
        let limits = Limits::new();
        limits.add(0, b"old");
        limits.recount(1, |limits| {
            assert!(limits.hold(0).is_none() && limits.hold(1).is_none());
            limits.add(0, b"new");
        });
        assert!(limits.hold(0).is_none() && limits.hold(1).is_some());
        assert_eq!((limits.held(0, b"old"), limits.held(0, b"new")), (0, 1));
    }
}
