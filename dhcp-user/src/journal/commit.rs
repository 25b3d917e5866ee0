//! Group commit: gather from all rings, one write, one flush, publish, wake.
//!
//! Nothing decides how large a batch is: whatever was appended during the last flush goes with the
//! next one. Alone, a record is flushed at once; under load thousands share a flush.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, info, warn};

use super::batch::Batch;
use super::bell::Bell;
use super::disk::is_full;
use super::health::{Health, SharedHealth};
use super::ring::Reader;
use super::segment::Segment;
use super::spare::Spares;
use crate::wire::Stamp;

/// How long a full disk is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long the commit thread sleeps if nobody rings.
const REST: Duration = Duration::from_secs(60);

/// Gathers, writes, flushes and publishes. Give it a thread of its own.
pub struct Committer {
    rings: Vec<Reader>,
    bell: Arc<Bell>,
    health: Arc<SharedHealth>,
    progress: Arc<Progress>,
    spares: Arc<Spares>,
    /// `None` after a write that found no room: what it left there is never added to.
    segment: Option<Segment>,
    /// Number of the next batch.
    number: u64,
    batch: Batch,
    /// False publishes before the flush.
    durable: bool,
}

/// How far the journal has come, for the snapshotter.
pub(super) struct Progress {
    /// Octets of batches written since the start, and replayed at it.
    pub(super) written: AtomicU64,
    position: Mutex<Position>,
}

/// Where the segment that is being written begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Position {
    /// Its number.
    pub(super) segment: u64,
    /// The number of its first batch.
    pub(super) batch: u64,
    /// [`Progress::written`] before it.
    pub(super) written: u64,
}

impl Progress {
    pub(super) fn new(position: Position, written: u64) -> Self {
        Self { written: AtomicU64::new(written), position: Mutex::new(position) }
    }

    /// Every record in segments before this one was in the table before this call.
    pub(super) fn position(&self) -> Position {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, segment: u64, batch: u64) {
        let written = self.written.load(Ordering::Relaxed);
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) =
            Position { segment, batch, written };
    }
}

/// What a round of the commit thread came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Round {
    /// A batch is durable.
    Committed,
    /// Nothing was waiting.
    Idle,
    /// There is no room on the disk; all that was gathered is in the rings as before.
    Full,
    /// The disk failed. The last round.
    Failed,
    /// Nothing will ever be waiting again. The last round.
    Finished,
}

/// Why a batch is not durable.
enum Trouble {
    Full(io::Error),
    Failed(&'static str, io::Error),
}

impl Trouble {
    fn of(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| if is_full(&error) { Self::Full(error) } else { Self::Failed(action, error) }
    }
}

impl Committer {
    #[expect(clippy::too_many_arguments, reason = "made in one place, each is a part of it")]
    pub(super) fn new(
        rings: Vec<Reader>,
        bell: Arc<Bell>,
        health: Arc<SharedHealth>,
        progress: Arc<Progress>,
        spares: Arc<Spares>,
        segment: Segment,
        number: u64,
        durable: bool,
    ) -> Self {
        let batch = Batch::new();
        let segment = Some(segment);
        Self { rings, bell, health, progress, spares, segment, number, batch, durable }
    }

    /// Runs until every appender is dropped and all they appended is durable, or until the disk
    /// fails for good; a full disk is waited for while there is an appender. `clock` dates changes
    /// of health.
    pub fn run(mut self, clock: impl Fn() -> Stamp) -> Health {
        loop {
            match self.round(clock()) {
                Round::Committed => {}
                Round::Idle => {
                    let Self { bell, rings, .. } = &self;
                    bell.sleep(REST, || {
                        rings.iter().all(Reader::is_empty) && !rings.iter().all(Reader::is_closed)
                    });
                }
                Round::Full if self.rings.iter().all(Reader::is_closed) => break,
                Round::Full => self.bell.sleep(RETRY, || true),
                Round::Failed | Round::Finished => break,
            }
        }
        self.health.get()
    }

    /// Makes durable what is waiting, up to one batch of it.
    pub(super) fn round(&mut self, now: Stamp) -> Round {
        self.gather();
        if self.batch.is_empty() {
            let finished = self.rings.iter().all(Reader::is_finished);
            return if finished { Round::Finished } else { Round::Idle };
        }
        let outcome = self.commit();
        self.batch.clear();
        match outcome {
            Ok(()) => {
                self.recover();
                Round::Committed
            }
            Err(Trouble::Full(error)) => {
                self.give_up_segment();
                self.rings.iter_mut().for_each(Reader::rewind);
                if self.health.is_good() {
                    warn!(%error, "no room for the journal: no client is answered until there is");
                    self.health.set(Health::Full { since: now }, Some(error.to_string()));
                    self.wake();
                }
                Round::Full
            }
            Err(Trouble::Failed(action, error)) => {
                let reason = format!("{action}: {error}");
                error!(%reason, "the journal's disk failed: no client is answered any more");
                self.health.set(Health::Failed { since: now }, Some(reason));
                self.wake();
                Round::Failed
            }
        }
    }

    fn gather(&mut self) {
        // Another ring is the first each time, so that a full batch starves none.
        let first = self.number as usize % self.rings.len().max(1);
        let (before, from) = self.rings.split_at_mut(first);
        for ring in from.iter_mut().chain(before) {
            let room = self.batch.room();
            self.batch.extend(|octets| ring.gather(octets, room));
        }
    }

    fn commit(&mut self) -> Result<(), Trouble> {
        let len = self.batch.len();
        let segment = match self.segment.take() {
            Some(segment) if segment.fits(&self.batch) => self.segment.insert(segment),
            _ => {
                let next = self.spares.take().map_err(Trouble::of("making a segment"))?;
                self.segment.insert(next)
            }
        };
        segment.write(&mut self.batch, self.number).map_err(Trouble::of("writing a batch"))?;
        if !self.durable {
            publish(&mut self.rings);
        }
        // Even for want of room a failed flush is the end: the kernel may have dropped what it could
        // not write and call the file clean, so a second flush would succeed and prove nothing.
        let is_first = segment.is_empty();
        segment.sync(len).map_err(|error| Trouble::Failed("flushing a batch", error))?;
        if is_first {
            // Not before: a snapshot counts on the segment, which is given up if this fails.
            self.progress.advance(segment.number(), self.number);
        }
        self.number += 1;
        self.progress.written.fetch_add(len as u64, Ordering::Relaxed);
        publish(&mut self.rings);
        Ok(())
    }

    /// After trouble, serves again once nothing is in the table that is not on disk.
    fn recover(&self) {
        if !self.health.is_good() && self.rings.iter().all(Reader::is_empty) {
            info!("the journal has room again: clients are answered");
            self.health.set(Health::Good, None);
            self.wake();
        }
    }

    fn give_up_segment(&mut self) {
        if let Some(segment) = self.segment.take()
            && segment.is_empty()
        {
            self.spares.discard(segment);
        }
    }

    fn wake(&self) {
        self.rings.iter().for_each(Reader::wake);
    }
}

fn publish(rings: &mut [Reader]) {
    for ring in rings {
        if ring.publish() {
            ring.wake();
        }
    }
}
