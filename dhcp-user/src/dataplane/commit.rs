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
