//! Clients that were told to come back: whoever hears one says so here, and whoever told it looks.
//!
//! A place for each, found by the client's mark alone. Two clients of one place wait for each other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::wire::dhcpv6::ReconfigureKey;

/// Clients that can be waited for at a time.
const PLACES: usize = 1 << 12;

/// What stands for a client: of its key, so that no two DUIDs can be made that share one, and never zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Mark(u64);

/// The places. One thread begins and ends to wait; any may say that a client has come.
#[derive(Debug)]
pub(super) struct Awaited {
    /// Zero where nobody is waited for, or has come.
    places: Box<[AtomicU64]>,
    /// How many are waited for, come or not.
    count: AtomicUsize,
}

impl Mark {
    pub(super) fn of(key: &ReconfigureKey) -> Self {
        let octets = key.0.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
        Self(octets | 1 << 63)
    }
}

impl Awaited {
    pub(super) fn new() -> Self {
        Self {
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicUsize::new(0),
        }
    }

    /// Whether anybody is waited for.
    pub(super) fn any(&self) -> bool {
        // Nothing else is read by it; a worker that sees it late hears the client's next message.
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Begins to wait for a client; false while its place is another's.
    pub(super) fn begin(&self, mark: Mark) -> bool {
        let is_free = self.place(mark).load(Ordering::Relaxed) == 0;
        if is_free {
            self.place(mark).store(mark.0, Ordering::Relaxed);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        is_free
    }

    /// The client has come.
    pub(super) fn answer(&self, mark: Mark) {
        let (old, new) = (mark.0, 0);
        // Whoever is waited for there now, if it is another one, has not come.
        let _ = self.place(mark).compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether a client that is waited for has come.
    pub(super) fn is_answered(&self, mark: Mark) -> bool {
        self.place(mark).load(Ordering::Relaxed) != mark.0
    }

    /// Ends to wait for a client that is waited for.
    pub(super) fn end(&self, mark: Mark) {
        self.answer(mark);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    fn place(&self, mark: Mark) -> &AtomicU64 {
        &self.places[(mark.0 % PLACES as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(of: u64) -> Mark {
        Mark(of | 1 << 63)
    }

    #[test]
    fn a_client_is_waited_for_until_it_comes_or_is_given_up() {
        let awaited = Awaited::new();
        assert!(awaited.begin(mark(1)) && awaited.begin(mark(2)) && awaited.any());
        awaited.answer(mark(1));
        awaited.answer(mark(3));
        assert_eq!([1, 2].map(|it| awaited.is_answered(mark(it))), [true, false]);
        awaited.end(mark(1));
        awaited.end(mark(2));
        assert!(!awaited.any() && awaited.begin(mark(2)));
    }

    #[test]
    fn of_two_clients_of_one_place_one_waits_and_neither_comes_for_the_other() {
        let (awaited, other) = (Awaited::new(), mark(1 + PLACES as u64));
        assert!(awaited.begin(mark(1)) && !awaited.begin(other) && !awaited.begin(mark(1)));
        awaited.answer(other);
        assert!(!awaited.is_answered(mark(1)));
        awaited.answer(mark(1));
        // Its place is somebody else's before anybody has looked.
        assert!(awaited.begin(other) && awaited.is_answered(mark(1)));
        awaited.end(mark(1));
        assert!(!awaited.is_answered(other));
    }
}
