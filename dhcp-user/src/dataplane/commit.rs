//! Replies that wait until what they grant is on stable storage.
//!
//! A worker's records get ascending sequence numbers, so its replies wait in the order in which
//! they were written, and what is durable is always the front of the queue.

use std::collections::VecDeque;

use super::xsk::Packet;
use crate::journal::Sequence;

/// Replies that one worker may hold back; beyond it the worker takes no packets. At ten thousand
/// grants a second a disk may keep everybody waiting for 0.8 s before the first packet is lost.
pub(super) const HELD_MAX: usize = 8192;
/// Longest wait, in nanoseconds, after which a reply may still leave. A client reckons its lease from
/// the request that it sent last, so what a full disk held back for long would tell it of a lease
/// that may be over here; it asks again.
const LONGEST_NS: u64 = 10_000_000_000;

/// A reply and what it waits for.
#[derive(Debug)]
pub(super) struct Held {
    /// The port it came by and leaves by.
    pub(super) port: usize,
    /// The reply in its frame.
    pub(super) packet: Packet,
    /// When the request came, in nanoseconds of the monotonic clock.
    pub(super) arrived_ns: u64,
    /// When the record was appended.
    pub(super) since_ns: u64,
    /// The last record that the reply rests on.
    pub(super) rests_on: Sequence,
}

/// One worker's waiting replies.
#[derive(Debug)]
pub(super) struct Waiting {
    replies: VecDeque<Held>,
}

impl Held {
    /// Whether it has waited too long at `now_ns` to be told any more.
    pub(super) fn is_late(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.since_ns) > LONGEST_NS
    }
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { replies: VecDeque::with_capacity(HELD_MAX) }
    }

    /// How many more may be held.
    pub(super) fn room(&self) -> usize {
        HELD_MAX - self.replies.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// Holds back `reply`, for which [`Self::room`] left room.
    pub(super) fn hold(&mut self, reply: Held) {
        debug_assert!(self.room() > 0);
        debug_assert!(self.replies.back().is_none_or(|last| last.rests_on <= reply.rests_on));
        self.replies.push_back(reply);
    }

    /// The next reply that rests on nothing newer than `durable`.
    pub(super) fn release(&mut self, durable: Sequence) -> Option<Held> {
        self.replies.pop_front_if(|reply| reply.rests_on <= durable)
    }

    /// The next reply, whatever it rests on: to drop it.
    pub(super) fn give_up(&mut self) -> Option<Held> {
        self.replies.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::super::xsk::Umem;
    use super::*;

    /// A disk that was full for an hour must not tell clients of leases that ended meanwhile.
    #[test]
    fn a_reply_that_waited_too_long_for_the_disk_is_late_and_no_other() {
        let (_umem, mut frames) = Umem::new(1, 2048).unwrap();
        let packet = Packet { frame: frames.pop().unwrap(), offset: 0, len: 0 };
        let rests_on = Sequence::default();
        let mut waiting = Waiting::new();
        waiting.hold(Held { port: 0, packet, arrived_ns: 1, since_ns: 5_000_000_000, rests_on });
        let held = waiting.release(Sequence::default()).expect("it rests on nothing");
        assert!(!held.is_late(4_000_000_000));
        assert!(!held.is_late(15_000_000_000));
        assert!(held.is_late(15_000_000_001));
    }
}
