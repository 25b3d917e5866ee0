//! The two counters of a ring, and what each side may conclude from them.
//!
//! Both count entries since the beginning and wrap at 2³²; an entry's place is its number modulo the
//! ring's length, a power of two. Nobody waits: the producer sees at worst too few free places, the
//! consumer too few entries, as the other side's counter only grows.
//!
//! What is pure counting stands here, apart from the memory that the kernel shares, so that `loom`
//! can run producer and consumer through every interleaving.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// A counter that the other side of a ring sees.
pub(super) trait Shared {
    fn load(&self, order: Ordering) -> u32;
    fn store(&self, value: u32, order: Ordering);
}

/// The producing side of a ring.
#[derive(Debug)]
pub(super) struct Producer {
    /// The next entry to write; up to the last commit this is what the shared counter says.
    next: u32,
    /// The consumer's counter when last looked at.
    consumed: u32,
    len: u32,
}

/// The consuming side of a ring.
#[derive(Debug)]
pub(super) struct Consumer {
    /// The next entry to read.
    next: u32,
    /// The producer's counter when last looked at.
    produced: u32,
}

impl Producer {
    pub(super) fn new(producer: &impl Shared, consumer: &impl Shared, len: u32) -> Self {
        // Acquire: as in `free`.
        Self { next: producer.load(Relaxed), consumed: consumer.load(Acquire), len }
    }

    /// How many places may be written, looking at the consumer's counter if fewer than `wanted`
    /// are known of.
    pub(super) fn free(&mut self, consumer: &impl Shared, wanted: u32) -> u32 {
        let mut free = self.len - self.next.wrapping_sub(self.consumed);
        if free < wanted {
            // Acquire: the consumer's reads of the places that it gave back come before our writes
            // to them; pairs with its release.
            self.consumed = consumer.load(Acquire);
            free = self.len - self.next.wrapping_sub(self.consumed);
        }
        free
    }

    /// The number of the entry to write next; one of those that `free` counted.
    pub(super) fn claim(&mut self) -> u32 {
        debug_assert!(
            self.next.wrapping_sub(self.consumed) < self.len,
            "claimed more than is free"
        );
        let number = self.next;
        self.next = number.wrapping_add(1);
        number
    }

    /// Shows the consumer everything that was written to claimed entries.
    pub(super) fn commit(&self, producer: &impl Shared) {
        // Release: whoever sees the counter sees the entries.
        producer.store(self.next, Release);
    }
}

impl Consumer {
    pub(super) fn new(producer: &impl Shared, consumer: &impl Shared) -> Self {
        Self { next: consumer.load(Relaxed), produced: producer.load(Acquire) }
    }

    /// How many entries may be read, looking at the producer's counter if none are known of.
    pub(super) fn ready(&mut self, producer: &impl Shared) -> u32 {
        if self.produced == self.next {
            // Acquire: the entries were written before the counter; pairs with its release.
            self.produced = producer.load(Acquire);
        }
        self.produced.wrapping_sub(self.next)
    }

    /// The number of the entry to read next, if `ready` counted one.
    pub(super) fn claim(&mut self) -> Option<u32> {
        let number = self.next;
        (number != self.produced).then(|| {
            self.next = number.wrapping_add(1);
            number
        })
    }

    /// Gives the places of claimed entries back to the producer.
    pub(super) fn commit(&self, consumer: &impl Shared) {
        // Release: we are done reading before the producer may write there again.
        consumer.store(self.next, Release);
    }
}

impl Shared for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
}

#[cfg(all(test, loom))]
impl Shared for loom::sync::atomic::AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_has_no_place_and_an_empty_one_no_entry() {
        let (shared_producer, shared_consumer) = (AtomicU32::new(7), AtomicU32::new(7));
        let mut producer = Producer::new(&shared_producer, &shared_consumer, 4);
        let mut consumer = Consumer::new(&shared_producer, &shared_consumer);
        assert_eq!(consumer.ready(&shared_producer), 0);
        assert_eq!(consumer.claim(), None);
        for expected in 7..11 {
            assert!(producer.free(&shared_consumer, 1) > 0);
            assert_eq!(producer.claim(), expected);
        }
        assert_eq!(consumer.ready(&shared_producer), 0, "nothing is seen before the commit");
        producer.commit(&shared_producer);
        assert_eq!(producer.free(&shared_consumer, 1), 0);
        assert_eq!(consumer.ready(&shared_producer), 4);
        assert_eq!(consumer.claim(), Some(7));
        assert_eq!(producer.free(&shared_consumer, 1), 0, "nothing is free before the commit");
        consumer.commit(&shared_consumer);
        assert_eq!(producer.free(&shared_consumer, 1), 1);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    #![expect(unsafe_code, reason = "loom's cells are reached by pointers, as memory shared is")]

    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32 as Counter;
    use loom::thread;

    use super::*;
    use crate::interleavings::explore;

    const LEN: u32 = 2;
    const ENTRIES: u32 = 3;

    struct Ring {
        producer: Counter,
        consumer: Counter,
        places: [UnsafeCell<u32>; LEN as usize],
    }

    fn produce(ring: &Ring, index: &mut Producer, entries: u32) {
        for _ in 0..entries {
            while index.free(&ring.consumer, 1) == 0 {
                thread::yield_now();
            }
            let number = index.claim();
            ring.places[(number % LEN) as usize].with_mut(|place| {
                // SAFETY: loom itself checks that nobody reads meanwhile.
                unsafe { *place = number };
            });
            index.commit(&ring.producer);
        }
    }

    fn consume(ring: &Ring, index: &mut Consumer, entries: u32) {
        let mut read = 0;
        while read < entries {
            if index.ready(&ring.producer) == 0 {
                thread::yield_now();
                continue;
            }
            while let Some(number) = index.claim() {
                ring.places[(number % LEN) as usize].with(|place| {
                    // SAFETY: loom itself checks that nobody writes meanwhile.
                    assert_eq!(unsafe { *place }, number);
                });
                read += 1;
            }
            index.commit(&ring.consumer);
        }
    }

    #[test]
    fn loom_no_entry_is_read_before_it_is_written_or_written_before_it_is_read() {
        explore("xsk: producer, consumer", 3, 2_000, || {
            // Close to the end of the counters' range, so that they wrap on the way.
            let start = u32::MAX - 1;
            let ring = Arc::new(Ring {
                producer: Counter::new(start),
                consumer: Counter::new(start),
                places: [UnsafeCell::new(0), UnsafeCell::new(0)],
            });
            let mut producer = Producer::new(&ring.producer, &ring.consumer, LEN);
            let mut consumer = Consumer::new(&ring.producer, &ring.consumer);
            let (ours, theirs) = (Arc::clone(&ring), ring);
            let kernel = thread::spawn(move || consume(&theirs, &mut consumer, ENTRIES));
            let worker = thread::spawn(move || produce(&ours, &mut producer, ENTRIES));
            worker.join().unwrap();
            kernel.join().unwrap();
        });
    }

    /// Either side may find that the other has been at work; what it sees of that, it may use.
    #[test]
    fn loom_a_side_that_comes_later_sees_what_the_other_did_before() {
        explore("xsk: late consumer", 3, 200, || {
            let ring = Arc::new(Ring {
                producer: Counter::new(0),
                consumer: Counter::new(0),
                places: [UnsafeCell::new(9), UnsafeCell::new(9)],
            });
            let (ours, theirs) = (Arc::clone(&ring), ring);
            let mut producer = Producer::new(&ours.producer, &ours.consumer, LEN);
            let worker = thread::spawn(move || produce(&ours, &mut producer, LEN));
            let kernel = thread::spawn(move || {
                let mut consumer = Consumer::new(&theirs.producer, &theirs.consumer);
                consume(&theirs, &mut consumer, LEN);
            });
            worker.join().unwrap();
            kernel.join().unwrap();
        });
        explore("xsk: late producer", 3, 50, || {
            let ring = Arc::new(Ring {
                producer: Counter::new(LEN),
                consumer: Counter::new(0),
                places: [UnsafeCell::new(0), UnsafeCell::new(1)],
            });
            let (ours, theirs) = (Arc::clone(&ring), ring);
            let mut consumer = Consumer::new(&theirs.producer, &theirs.consumer);
            let kernel = thread::spawn(move || consume(&theirs, &mut consumer, LEN));
            let worker = thread::spawn(move || {
                let mut producer = Producer::new(&ours.producer, &ours.consumer, LEN);
                produce(&ours, &mut producer, 1);
            });
            kernel.join().unwrap();
            worker.join().unwrap();
        });
    }
}
