//! One appender's ring of octets: it writes whole records at the tail, the commit thread reads them,
//! and what is durable is free again.
//!
//! ```text
//!        durable            taken              tail
//!   ...free|  in a batch      |  waiting         |free...
//!          ^ Reader::publish  ^ Reader::gather   ^ Writer::push
//! ```
//!
//! Nobody waits for anybody: the writer owns `tail`, the reader owns `durable`, each reads the
//! other's. Records stay in the ring until they are durable, so after a failed write the reader
//! goes back and gathers them again, and nothing has to be kept elsewhere. Positions count words of
//! eight octets and never wrap: 2^64 of them outlast any disk.

use std::sync::{Arc, OnceLock};
use std::task::Waker;

use crossbeam_utils::CachePadded;

use super::record;
use super::sync::{AtomicBool, AtomicU64, Ordering, Word};

struct Ring {
    /// A power of two of them. The writer's from `tail` up to one lap past `durable`.
    words: Box<[Word]>,
    /// Where the next record goes. Written by the writer alone, released with the words before it.
    tail: CachePadded<AtomicU64>,
    /// Everything before is on stable storage. Written by the reader alone.
    durable: CachePadded<AtomicU64>,
    /// The writer is gone: nothing follows `tail`.
    closed: AtomicBool,
    /// Rung by the reader.
    waker: OnceLock<Waker>,
}

impl Ring {
    fn word(&self, position: u64) -> &Word {
        &self.words[position as usize & (self.words.len() - 1)]
    }
}

/// A ring of `len` octets, rounded up to a power of two.
pub(super) fn ring(len: usize) -> (Writer, Reader) {
    let words = (len / 8).next_power_of_two();
    let ring = Arc::new(Ring {
        words: (0..words).map(|_| Word::new()).collect(),
        tail: CachePadded::new(AtomicU64::new(0)),
        durable: CachePadded::new(AtomicU64::new(0)),
        closed: AtomicBool::new(false),
        waker: OnceLock::new(),
    });
    (Writer { ring: Arc::clone(&ring), tail: 0 }, Reader { ring, taken: 0, durable: 0 })
}

/// The appender's end.
pub(super) struct Writer {
    ring: Arc<Ring>,
    tail: u64,
}

impl Writer {
    /// Octets that fit now.
    pub(super) fn room(&self) -> usize {
        (self.ring.words.len() - (self.tail - self.durable()) as usize) * 8
    }

    /// Takes a whole record, a multiple of eight octets long, and returns the position after it;
    /// nothing if it does not fit.
    pub(super) fn push(&mut self, record: &[u8]) -> Option<u64> {
        if record.len() > self.room() {
            return None;
        }
        let (words, _) = record.as_chunks::<8>();
        for (position, word) in (self.tail..).zip(words) {
            // The reader touches these words only after it has seen the tail beyond them.
            self.ring.word(position).set(u64::from_le_bytes(*word));
        }
        self.tail += words.len() as u64;
        // Release: whoever sees this tail sees the words before it. Pairs with `Reader::gather`.
        self.ring.tail.store(self.tail, Ordering::Release);
        Some(self.tail)
    }

    /// The position after the last record.
    pub(super) fn tail(&self) -> u64 {
        self.tail
    }

    /// The position before which everything is on stable storage.
    pub(super) fn durable(&self) -> u64 {
        // Acquire: the reader is done with the words before it, which may be written again.
        self.ring.durable.load(Ordering::Acquire)
    }

    /// Whom the reader wakes; the first one stays.
    pub(super) fn set_waker(&self, waker: Waker) -> Result<(), Waker> {
        self.ring.waker.set(waker)
    }

    /// Says that nothing follows.
    pub(super) fn close(&self) {
        // Release: who sees it closed sees the last tail.
        self.ring.closed.store(true, Ordering::Release);
    }
}

/// The commit thread's end.
pub(super) struct Reader {
    ring: Arc<Ring>,
    taken: u64,
    durable: u64,
}

impl Reader {
    /// Appends the whole records that wait, up to `limit` octets, and returns how many.
    pub(super) fn gather(&mut self, into: &mut Vec<u8>, limit: usize) -> u32 {
        // Acquire: pairs with `Writer::push`.
        let tail = self.ring.tail.load(Ordering::Acquire);
        let (mut count, mut room) = (0, limit);
        while self.taken < tail {
            let first = self.ring.word(self.taken).get();
            let len = record::len_in_first_word(first);
            if len > room {
                break;
            }
            let end = self.taken + len as u64 / 8;
            for position in self.taken..end {
                let word = self.ring.word(position).get();
                into.extend_from_slice(&word.to_le_bytes());
            }
            self.taken = end;
            room -= len;
            count += 1;
        }
        count
    }

    /// Says that everything gathered is durable; true if that is news.
    pub(super) fn publish(&mut self) -> bool {
        if self.durable == self.taken {
            return false;
        }
        self.durable = self.taken;
        // Release: our reads of the words are over before the writer sees them free.
        self.ring.durable.store(self.durable, Ordering::Release);
        true
    }

    /// Goes back to what is not durable, to gather it again.
    pub(super) fn rewind(&mut self) {
        self.taken = self.durable;
    }

    /// Whether nothing waits to be gathered.
    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: no word is touched for it; who must not miss one has a fence (`Bell`).
        self.ring.tail.load(Ordering::Relaxed) == self.taken
    }

    /// Whether the writer is gone and left nothing that is not durable.
    pub(super) fn is_finished(&self) -> bool {
        // In this order: nothing is appended after `closed`, whose acquire shows the last tail.
        self.is_closed() && self.ring.tail.load(Ordering::Relaxed) == self.durable
    }

    /// Whether the writer is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.ring.closed.load(Ordering::Acquire)
    }

    /// Wakes the appender's owner, if it wants to be.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.ring.waker.get() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A record as far as a ring looks into one: its length in the first four octets.
    fn record(len: usize, filler: u8) -> Vec<u8> {
        let mut octets = vec![filler; len];
        octets[..4].copy_from_slice(&(len as u32).to_le_bytes());
        octets
    }

    #[test]
    fn records_come_out_whole_and_in_order_over_many_laps() {
        let (mut writer, mut reader) = ring(256);
        for lap in 0..100_u8 {
            let (first, second) = (record(48, lap), record(8 + usize::from(lap) % 20 * 8, lap));
            writer.push(&first).expect("the ring is empty");
            writer.push(&second).expect("the ring is nearly empty");
            let mut octets = Vec::new();
            assert_eq!(reader.gather(&mut octets, usize::MAX), 2);
            assert_eq!(octets, [first, second].concat());
            assert!(reader.publish());
        }
    }

    #[test]
    fn what_is_not_durable_takes_room_and_can_be_gathered_again() {
        let (mut writer, mut reader) = ring(256);
        let position = writer.push(&record(200, 1)).unwrap();
        let mut octets = Vec::new();
        reader.gather(&mut octets, usize::MAX);
        assert_eq!(writer.push(&record(64, 2)), None);
        assert_eq!(writer.durable(), 0);

        reader.rewind();
        octets.clear();
        assert_eq!(reader.gather(&mut octets, usize::MAX), 1);
        assert_eq!(octets, record(200, 1));
        reader.publish();
        assert_eq!(writer.durable(), position);
        assert!(writer.push(&record(64, 2)).is_some());
    }

    #[test]
    fn a_record_beyond_the_limit_waits_for_the_next_batch() {
        let (mut writer, mut reader) = ring(256);
        writer.push(&record(64, 1));
        writer.push(&record(64, 2));
        let mut octets = Vec::new();
        assert_eq!(reader.gather(&mut octets, 100), 1);
        assert!(!reader.is_empty());
        assert_eq!(reader.gather(&mut octets, 100), 1);
        assert!(reader.is_empty());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;
    use std::task::Wake;
    use std::time::Duration;

    use loom::sync::Notify;
    use loom::thread;

    use super::*;
    use crate::interleavings::explore;
    use crate::journal::bell::Bell;

    fn record(filler: u64) -> Vec<u8> {
        [16_u64 | filler << 32, filler].iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A ring of two records takes three, so that the second lap is tried as well.
    #[test]
    fn loom_records_are_handed_over_whole_and_their_room_is_used_again_only_when_durable() {
        explore("ring: push, gather, publish", 3, 200, || {
            let (mut writer, mut reader) = ring(32);
            let appender = thread::spawn(move || {
                let mut taken = 0;
                for filler in 1..=3 {
                    taken += u64::from(writer.push(&record(filler)).is_some());
                }
                (taken, writer)
            });
            let committer = thread::spawn(move || {
                let (mut octets, mut count) = (Vec::new(), 0);
                for _ in 0..2 {
                    count += u64::from(reader.gather(&mut octets, usize::MAX));
                    reader.publish();
                }
                (octets, count, reader)
            });
            let (taken, writer) = appender.join().unwrap();
            let (mut octets, mut count, mut reader) = committer.join().unwrap();
            count += u64::from(reader.gather(&mut octets, usize::MAX));
            reader.publish();
            assert_eq!(count, taken);
            assert_eq!(octets, (1..=taken).flat_map(record).collect::<Vec<_>>());
            assert_eq!(writer.durable(), writer.tail());
        });
    }

    /// The disk is a word that a flush sets: whoever reads it before it is set has told a client of
    /// what a crash forgets.
    #[test]
    fn loom_what_is_published_was_flushed_before() {
        explore("ring: flush, publish", 3, 12, || {
            let (mut writer, mut reader) = ring(32);
            let disk = Arc::new(Word::new());
            let position = writer.push(&record(1)).unwrap();
            let flushed = Arc::clone(&disk);
            let committer = thread::spawn(move || {
                reader.gather(&mut Vec::new(), usize::MAX);
                flushed.set(1);
                assert!(reader.publish());
            });
            let worker = thread::spawn(move || {
                if writer.durable() >= position {
                    assert_eq!(disk.get(), 1);
                }
            });
            committer.join().unwrap();
            worker.join().unwrap();
        });
    }

    /// The commit thread sleeps without a limit here: a lost ring would be a deadlock.
    #[test]
    fn loom_the_commit_thread_never_sleeps_through_a_record() {
        explore("bell: push, close, sleep", 3, 800, || {
            let (mut writer, mut reader) = ring(32);
            let bell = Arc::new(Bell::new());
            let ringer = Arc::clone(&bell);
            let appender = thread::spawn(move || {
                writer.push(&record(1)).unwrap();
                ringer.ring();
                writer.close();
                ringer.ring();
            });
            let committer = thread::spawn(move || {
                let (mut octets, mut count) = (Vec::new(), 0);
                while !reader.is_finished() {
                    count += reader.gather(&mut octets, usize::MAX);
                    if !reader.publish() {
                        bell.sleep(Duration::MAX, || reader.is_empty() && !reader.is_closed());
                    }
                }
                assert_eq!(count, 1);
            });
            appender.join().unwrap();
            committer.join().unwrap();
        });
    }

    /// Nobody rings after the last record here: finished is finished, whatever was seen when.
    #[test]
    fn loom_a_ring_is_not_finished_while_a_record_of_it_waits() {
        explore("ring: push, close, finished", 3, 25, || {
            let (mut writer, mut reader) = ring(32);
            let appender = thread::spawn(move || {
                writer.push(&record(1)).unwrap();
                writer.close();
            });
            let committer = thread::spawn(move || {
                if reader.is_finished() {
                    assert_eq!(reader.durable, 2, "the record was left behind");
                }
                reader.gather(&mut Vec::new(), usize::MAX);
                reader.publish();
            });
            appender.join().unwrap();
            committer.join().unwrap();
        });
    }

    /// An eventfd, as far as it matters: it remembers that it was rung.
    struct Eventfd(Notify);

    impl Wake for Eventfd {
        fn wake(self: Arc<Self>) {
            self.0.notify();
        }
    }

    #[test]
    fn loom_an_appender_that_sleeps_on_its_waker_hears_that_its_record_is_durable() {
        explore("waker: publish, wake", 3, 30, || {
            let (mut writer, mut reader) = ring(32);
            let eventfd = Arc::new(Eventfd(Notify::new()));
            writer.set_waker(Waker::from(Arc::clone(&eventfd))).unwrap();
            let position = writer.push(&record(1)).unwrap();
            let committer = thread::spawn(move || {
                reader.gather(&mut Vec::new(), usize::MAX);
                assert!(reader.publish());
                reader.wake();
            });
            let worker = thread::spawn(move || {
                while writer.durable() < position {
                    eventfd.0.wait();
                }
            });
            committer.join().unwrap();
            worker.join().unwrap();
        });
    }
}
