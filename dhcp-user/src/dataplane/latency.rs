//! How long clients waited: one histogram wire to wire, one for the disk alone.
//!
//! Each worker notes what it measures and once a turn adds it to a histogram of its own, unless a
//! reader is just looking at that: then at the next turn. So no worker waits for a reader. Values
//! are nanoseconds, to three significant figures, up to a minute; what is longer counts as a minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

/// Longest time told apart, in nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;
/// Measurements that a worker keeps while a reader looks; it waits for the reader after so many.
const NOTES_MAX: usize = 4096;

/// The latencies of all workers together.
#[derive(Debug, Default)]
pub struct Latencies {
    workers: Mutex<Vec<Arc<Mutex<Histograms>>>>,
}

#[derive(Debug)]
struct Histograms {
    wire: Histogram<u64>,
    disk: Histogram<u64>,
}

/// What one histogram says, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half were faster.
    pub p50: u64,
    /// Nine in ten were faster.
    pub p90: u64,
    /// 99 in 100 were faster.
    pub p99: u64,
    /// 999 in 1000 were faster.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
}

/// The writing side, one for each worker.
#[derive(Debug)]
pub(super) struct Stopwatch {
    histograms: Arc<Mutex<Histograms>>,
    wire: Vec<u64>,
    disk: Vec<u64>,
}

impl Latencies {
    /// Nothing measured yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From a request's arrival to its reply's leaving.
    #[must_use]
    pub fn wire_to_wire(&self) -> Percentiles {
        self.read(|histograms| &histograms.wire)
    }

    /// From a grant to its record being on stable storage.
    #[must_use]
    pub fn waiting_for_disk(&self) -> Percentiles {
        self.read(|histograms| &histograms.disk)
    }

    pub(super) fn stopwatch(&self) -> Stopwatch {
        let histograms = Histograms { wire: histogram(), disk: histogram() };
        let histograms = Arc::new(Mutex::new(histograms));
        lock(&self.workers).push(Arc::clone(&histograms));
        let notes = || Vec::with_capacity(NOTES_MAX);
        Stopwatch { histograms, wire: notes(), disk: notes() }
    }

    fn read(&self, which: impl Fn(&Histograms) -> &Histogram<u64>) -> Percentiles {
        let mut sum = histogram();
        for worker in lock(&self.workers).iter() {
            sum.add(which(&lock(worker))).expect("all histograms have one shape");
        }
        if sum.is_empty() {
            return Percentiles::default();
        }
        Percentiles {
            count: sum.len(),
            p50: sum.value_at_quantile(0.5),
            p90: sum.value_at_quantile(0.9),
            p99: sum.value_at_quantile(0.99),
            p999: sum.value_at_quantile(0.999),
            max: sum.max(),
        }
    }
}

impl Stopwatch {
    /// A reply left `nanoseconds` after its request came.
    pub(super) fn wire(&mut self, nanoseconds: u64) {
        self.wire.push(nanoseconds);
        self.settle_if_full();
    }

    /// A reply waited for the disk.
    pub(super) fn disk(&mut self, nanoseconds: u64) {
        self.disk.push(nanoseconds);
        self.settle_if_full();
    }

    /// Shows readers what was measured; once a turn.
    pub(super) fn settle(&mut self) {
        if self.wire.is_empty() && self.disk.is_empty() {
            return;
        }
        if let Ok(mut histograms) = self.histograms.try_lock() {
            histograms.take(&mut self.wire, &mut self.disk);
        }
    }

    fn settle_if_full(&mut self) {
        if self.wire.len().max(self.disk.len()) == NOTES_MAX {
            lock(&self.histograms).take(&mut self.wire, &mut self.disk);
        }
    }
}

impl Histograms {
    fn take(&mut self, wire: &mut Vec<u64>, disk: &mut Vec<u64>) {
        for nanoseconds in wire.drain(..) {
            self.wire.saturating_record(nanoseconds);
        }
        for nanoseconds in disk.drain(..) {
            self.disk.saturating_record(nanoseconds);
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3)
        .expect("1..=60e9 at three figures is a shape that hdrhistogram has")
}

/// What is behind the locks is whole between two calls, so a panic elsewhere has not broken it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_recorded_is_read_together() {
        let latencies = Latencies::new();
        assert_eq!(latencies.wire_to_wire(), Percentiles::default());
        let mut stopwatches = [latencies.stopwatch(), latencies.stopwatch()];
        for (index, stopwatch) in stopwatches.iter_mut().enumerate() {
            stopwatch.wire(1_000 * (index as u64 + 1));
            stopwatch.disk(2 * LONGEST_NS);
            assert_eq!(latencies.wire_to_wire().count, index as u64, "seen before it is settled");
            stopwatch.settle();
        }
        let wire = latencies.wire_to_wire();
        assert_eq!(wire.count, 2);
        assert_eq!(wire.p50, 1_000);
        assert!(wire.max.abs_diff(2_000) <= 2, "{wire:?}");
        assert_eq!(latencies.waiting_for_disk().count, 2);
    }
}
