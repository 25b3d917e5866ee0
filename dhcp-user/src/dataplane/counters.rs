//! What the workers count. Each counter has one writer, its worker, so that counting is a load and a
//! store; readers add the workers up and may see a packet in one counter and not yet in the next.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_utils::CachePadded;

use crate::config::model::Protocol;

/// Counters of all workers.
#[derive(Debug)]
pub struct Counters {
    workers: Box<[CachePadded<Tally>]>,
}

/// What one worker counts.
#[derive(Debug)]
pub(super) struct Tally {
    counts: [AtomicU64; Count::ALL.len()],
    /// By protocol.
    drops: [Box<[AtomicU64]>; 2],
}

macro_rules! counts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Something that workers count.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Count {
            $($(#[$doc])* $variant,)*
        }

        impl Count {
            /// Each of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As status and metrics call it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

counts! {
    /// Packets taken from AF_XDP rings.
    ReceivedXdp = "received-xdp",
    /// Packets taken from AF_PACKET sockets.
    ReceivedKernel = "received-kernel",
    /// BOOTREPLY without a message type, for a BOOTP client.
    SentBootp = "sent-bootp",
    /// DHCPOFFER.
    SentOffer = "sent-offer",
    /// DHCPACK.
    SentAck = "sent-ack",
    /// DHCPNAK.
    SentNak = "sent-nak",
    /// Advertise.
    SentAdvertise = "sent-advertise",
    /// Reply.
    SentReply = "sent-reply",
    /// A reply of another message type.
    SentOther = "sent-other",
    /// Replies that waited for stable storage; some of them may be waiting still.
    Held = "held",
    /// Probes sent before an OFFER.
    ProbesSent = "probes-sent",
    /// Probes that somebody answered: the address is in use.
    ProbesAnswered = "probes-answered",
    /// Dropped: not a whole UDP packet, or a wrong length or checksum.
    DroppedMalformedFrame = "dropped-malformed-frame",
    /// Dropped: not a DHCP message.
    DroppedMalformedMessage = "dropped-malformed-message",
    /// Dropped: neither for one of our addresses nor broadcast, or not for the server's port.
    DroppedNotForUs = "dropped-not-for-us",
    /// Dropped: longer than a frame that we keep.
    DroppedOversized = "dropped-oversized",
    /// Dropped: stable storage is full or failed, and what is not stable is not acknowledged.
    DroppedJournalUnavailable = "dropped-journal-unavailable",
    /// Dropped: as many addresses are being probed as we keep in mind.
    DroppedProbesFull = "dropped-probes-full",
    /// Replies lost: they did not fit their frame, or the kernel refused them.
    DroppedUnsent = "dropped-unsent",
    /// Replies lost: their records were never stable, as stable storage failed while they waited.
    DroppedNeverDurable = "dropped-never-durable",
    /// Replies dropped: their records became stable so late that the client may have given up.
    DroppedLate = "dropped-late",
}

impl Counters {
    /// Counters for `workers` workers, see [`super::cores`]; `reasons` is how many drop reasons the
    /// server tells apart.
    #[must_use]
    pub fn new(workers: usize, reasons: usize) -> Self {
        Self { workers: (0..workers).map(|_| CachePadded::new(Tally::new(reasons))).collect() }
    }

    /// The sum over all workers since the start.
    #[must_use]
    pub fn get(&self, count: Count) -> u64 {
        self.workers.iter().map(|tally| tally.counts[count as usize].load(Relaxed)).sum()
    }

    /// How many packets of the protocol the server dropped for the reason with this index among its
    /// reasons.
    #[must_use]
    pub fn dropped(&self, protocol: Protocol, reason: usize) -> u64 {
        self.workers
            .iter()
            .filter_map(|tally| tally.drops[protocol as usize].get(reason))
            .map(|c| c.load(Relaxed))
            .sum()
    }

    pub(super) fn tally(&self, worker: usize) -> &Tally {
        &self.workers[worker]
    }

    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }
}

impl Tally {
    fn new(reasons: usize) -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; Count::ALL.len()],
            drops: [(); 2].map(|()| (0..reasons).map(|_| AtomicU64::new(0)).collect()),
        }
    }

    /// To be called by this tally's one worker only.
    pub(super) fn count(&self, count: Count) {
        self.add(count, 1);
    }

    /// To be called by this tally's one worker only.
    pub(super) fn add(&self, count: Count, by: u64) {
        bump(&self.counts[count as usize], by);
    }

    /// To be called by this tally's one worker only.
    pub(super) fn dropped(&self, protocol: Protocol, reason: usize) {
        if let Some(counter) = self.drops[protocol as usize].get(reason) {
            bump(counter, 1);
        }
    }
}

/// One writer: no other store comes between the load and the store.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_taken_over_all_workers() {
        let counters = Counters::new(2, 3);
        counters.tally(0).count(Count::SentAck);
        counters.tally(1).add(Count::SentAck, 4);
        counters.tally(1).dropped(Protocol::Dhcpv4, 2);
        counters.tally(0).dropped(Protocol::Dhcpv6, 2);
        counters.tally(1).dropped(Protocol::Dhcpv6, 2);
        assert_eq!(counters.get(Count::SentAck), 5);
        assert_eq!(counters.get(Count::SentNak), 0);
        assert_eq!(counters.dropped(Protocol::Dhcpv4, 2), 1);
        assert_eq!(counters.dropped(Protocol::Dhcpv6, 2), 2);
        assert_eq!(counters.dropped(Protocol::Dhcpv4, 1), 0);
    }

    #[test]
    fn no_two_counters_share_a_name() {
        let mut names: Vec<_> = Count::ALL.iter().map(|count| count.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Count::ALL.len());
    }
}
