//! From what is on disk to a full table and a journal that goes on.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::append::Appender;
use super::batch::{BLOCK, Batch, MAX_BATCH_LEN};
use super::bell::Bell;
use super::commit::{Committer, Position, Progress};
use super::disk::{Disk, Octets};
use super::health::SharedHealth;
use super::notes::Notes;
use super::record::{Record, records};
use super::replay::{Replay, Source, replay};
use super::ring::ring;
use super::segment::{self, UNFINISHED};
use super::snapshot::{self, Chunk, Snapshot};
use super::snapshotter::Snapshotter;
use super::spare::Spares;
use super::{Journal, OpenError};
use crate::config::model;
use crate::lease::{Binding, Resource, Spread};

/// Octets of each appender's ring: what may wait for one flush. Small in tests, which make many.
const RING_LEN: usize = if cfg!(test) { 128 << 10 } else { 4 << 20 };

/// Where recovery puts bindings: the lease table.
pub trait Store: Sync {
    /// Takes bindings read from disk, in any order and from any thread; the higher version holds.
    ///
    /// # Errors
    /// The first for which there is no place: nothing that was granted may be left out in silence.
    fn restore(
        &self,
        bindings: &mut dyn Iterator<Item = (Resource, Binding)>,
    ) -> Result<(), Resource>;

    /// Says that all is restored: what is built from all of it can be built, on many threads.
    fn finish(&self, spread: Spread<'_>);
}

/// A journal found on disk and not yet read.
#[must_use = "nothing is read before `load`"]
pub struct Recovery {
    disk: Arc<dyn Disk>,
    settings: model::Journal,
    appenders: usize,
}

/// What was found on disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recovered {
    /// Records read from the snapshot.
    pub from_snapshot: u64,
    /// Records replayed from the segments after it.
    pub from_segments: u64,
    /// The newest note of each name.
    pub notes: BTreeMap<String, Vec<u8>>,
    /// Where a write was cut short when an earlier run ended, for the log, as far as it can be told from
    /// what was there before. It was never acknowledged; it is left where it is until a snapshot retires
    /// its segment.
    pub torn: Vec<Torn>,
}

/// A write that was cut short.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Torn {
    /// The segment it is in.
    pub path: PathBuf,
    /// Its first octet there that is not zero.
    pub offset: u64,
}

impl Recovery {
    pub(super) fn new(disk: Arc<dyn Disk>, settings: model::Journal, appenders: usize) -> Self {
        Self { disk, settings, appenders }
    }

    /// Reads everything into `store` with `threads` threads, and opens a new segment to go on in.
    /// Changes nothing on disk unless all could be read.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] or [`OpenError::Missing`] if something that was durable is not there;
    /// `store` then holds a part and is of no use.
    pub fn load(
        self,
        store: &impl Store,
        threads: usize,
    ) -> Result<(Journal, Recovered), OpenError> {
        let names = Names::list(&*self.disk)?;
        let snapshot_octets = match names.snapshot {
            Some(number) => Some(self.read(&snapshot::name(number))?),
            None => None,
        };
        let snapshot = match (names.snapshot, &snapshot_octets) {
            (Some(number), Some(octets)) => Some(self.snapshot(number, octets)?),
            _ => None,
        };
        let first_segment = snapshot.as_ref().map_or(1, |snapshot| snapshot.segment);
        let first_batch = snapshot.as_ref().map_or(1, |snapshot| snapshot.batch);

        let numbers = names.segments_from(first_segment);
        self.check_complete(&numbers, first_segment, snapshot.is_some())?;
        let files = numbers
            .iter()
            .map(|number| self.read(&segment::name(*number)))
            .collect::<Result<Vec<_>, _>>()?;
        let sources: Vec<_> = numbers
            .iter()
            .zip(&files)
            .map(|(number, octets)| Source { number: *number, octets })
            .collect();
        let found = replay(&sources, first_batch).map_err(|damage| {
            let name = segment::name(numbers[damage.place.index]);
            self.damaged(&name, damage.place.offset, damage.what.to_owned())
        })?;

        let chunks = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.chunks);
        let notes = Arc::new(Notes::default());
        let into = &Into { store, notes: &notes };
        self.restore(into, threads, first_segment, chunks, &numbers, &found)?;
        store.finish(&|count, work| spread(threads, count, work));

        let recovered = Recovered {
            from_snapshot: chunks.iter().map(|chunk| u64::from(chunk.count)).sum(),
            from_segments: found.batches.iter().map(|batch| u64::from(batch.count)).sum(),
            notes: notes.by_name(),
            torn: found
                .torn
                .iter()
                .map(|place| Torn {
                    path: self.path(&segment::name(numbers[place.index])),
                    offset: place.offset as u64,
                })
                .collect(),
        };
        let last = Position { segment: first_segment, batch: first_batch, written: 0 };
        let journal = self.go_on(&names, &numbers, &found, first_batch, last, &notes)?;
        Ok((journal, recovered))
    }

    /// A snapshot's segment, and every one between two others, must be there.
    fn check_complete(
        &self,
        numbers: &[u64],
        first: u64,
        is_snapshot: bool,
    ) -> Result<(), OpenError> {
        let expected = first..first + (numbers.len() as u64).max(u64::from(is_snapshot));
        match expected.enumerate().find(|(index, number)| numbers.get(*index) != Some(number)) {
            Some((_, missing)) => {
                Err(OpenError::Missing { path: self.path(&segment::name(missing)) })
            }
            None => Ok(()),
        }
    }

    fn snapshot<'a>(&self, number: u64, octets: &'a [u8]) -> Result<Snapshot<'a>, OpenError> {
        let name = snapshot::name(number);
        let found = Snapshot::parse(octets)
            .map_err(|bad| self.damaged(&name, bad.offset, bad.what.to_owned()))?;
        if found.segment != number {
            return Err(self.damaged(&name, 0, "the file has another one's name".to_owned()));
        }
        Ok(found)
    }

    /// Decodes chunks and batches on all threads; any order will do.
    fn restore(
        &self,
        into: &Into<'_, impl Store>,
        threads: usize,
        snapshot: u64,
        chunks: &[Chunk<'_>],
        segments: &[u64],
        found: &Replay<'_>,
    ) -> Result<(), OpenError> {
        let is_bad = AtomicBool::new(false);
        let first_bad = Mutex::new(None);
        let piece = |index: usize| -> Result<(), OpenError> {
            if let Some(chunk) = chunks.get(index) {
                let name = snapshot::name(snapshot);
                if !chunk.is_whole() {
                    let what = "a chunk is damaged".to_owned();
                    return Err(self.damaged(&name, chunk.offset, what));
                }
                let offset = chunk.offset + snapshot::CHUNK_HEADER_LEN;
                return self.restore_records(into, &name, offset, chunk.records);
            }
            let batch = found.batches[index - chunks.len()];
            let name = segment::name(segments[batch.place.index]);
            let offset = batch.place.offset + super::batch::HEADER_LEN;
            self.restore_records(into, &name, offset, batch.records)
        };
        spread(threads, chunks.len() + found.batches.len(), &|index| {
            if is_bad.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = piece(index) {
                is_bad.store(true, Ordering::Relaxed);
                let mut first = first_bad.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
            }
        });
        first_bad.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn restore_records(
        &self,
        into: &Into<'_, impl Store>,
        name: &str,
        offset: usize,
        octets: &[u8],
    ) -> Result<(), OpenError> {
        let mut bad = None;
        let whole = records(octets).map_while(|record| record.map_err(|it| bad = Some(it)).ok());
        let mut bindings = whole.filter_map(|record| match record {
            Record::Binding(resource, binding) => Some((resource, binding)),
            Record::Note(note) => {
                into.notes.hold().take(note);
                None
            }
        });
        let restored = into.store.restore(&mut bindings);
        drop(bindings);
        restored.map_err(|resource| OpenError::NoPlace { path: self.path(name), resource })?;
        match bad {
            Some(bad) => Err(self.damaged(name, offset + bad.at, bad.flaw.to_string())),
            None => Ok(()),
        }
    }

    /// Opens the journal behind what was found, in a new segment: nothing of that is overwritten.
    fn go_on(
        &self,
        names: &Names,
        numbers: &[u64],
        found: &Replay<'_>,
        first_batch: u64,
        last: Position,
        notes: &Arc<Notes>,
    ) -> Result<Journal, OpenError> {
        // Rubbish of a run that was cut short, and segments that hold nothing. The last one first,
        // as no number may be missing.
        let unused = &numbers[found.unused.clone()];
        let unused = unused.iter().rev().map(|number| segment::name(*number));
        for name in names.unfinished.iter().cloned().chain(unused) {
            self.disk.remove(&name).map_err(|error| self.io("remove", &name, error))?;
        }
        let number = numbers[..found.unused.start].last().map_or(last.segment, |number| number + 1);
        let retired = names.segments_before(last.segment);
        if !retired.is_empty() {
            // That the snapshot can be read is not to say that its name would outlive a power failure; what it makes
            // superfluous is written over from now on.
            let flushed = self.disk.sync_dir();
            flushed.map_err(|error| OpenError::io("flush", self.disk.path(), error))?;
        }
        let segment_len = self.segment_len();
        let spares = Arc::new(Spares::new(
            Arc::clone(&self.disk),
            segment_len,
            number,
            retired,
            (self.settings.snapshot_after / segment_len + 1) as usize,
        ));
        let mut segment =
            spares.take().map_err(|error| self.io("create", &segment::name(number), error))?;

        // The last batch may have been read from the kernel's memory alone: the run before may have
        // ended, or its flush failed, before the disk had it. All earlier ones were flushed. So it
        // is written again, under the same number; if there is none, an empty one shows that the
        // disk takes writes, and no segment that a snapshot may count on is ever empty.
        let mut batch = Batch::new();
        let mut first = first_batch;
        if let Some(tail) = found.batches.last() {
            first = tail.number;
            batch.extend(|octets| {
                octets.extend_from_slice(tail.records);
                tail.count
            });
        }
        let batch_len = batch.len();
        segment
            .write(&mut batch, first)
            .and_then(|()| segment.sync(batch_len))
            .map_err(|error| self.io("write", &segment::name(number), error))?;

        let replayed: u64 = found.batches.iter().map(|batch| batch.len as u64).sum();
        let progress = Arc::new(Progress::new(
            Position { segment: number, batch: first, written: replayed },
            replayed + batch_len as u64,
        ));
        let bell = Arc::new(Bell::new());
        let health = Arc::new(SharedHealth::default());
        let (writers, readers): (Vec<_>, Vec<_>) =
            (0..self.appenders).map(|_| ring(RING_LEN)).unzip();
        let snapshotter = Snapshotter::new(
            Arc::clone(&self.disk),
            Arc::clone(&progress),
            Arc::clone(&spares),
            Arc::clone(notes),
            self.settings.snapshot_after,
            last,
        );
        Ok(Journal {
            appenders: writers
                .into_iter()
                .map(|writer| Appender::new(writer, Arc::clone(&bell), Arc::clone(notes)))
                .collect(),
            committer: Committer::new(
                readers,
                bell,
                Arc::clone(&health),
                progress,
                spares,
                segment,
                first + 1,
                self.settings.durable,
            ),
            snapshotter,
            health,
        })
    }

    /// Room for one batch of any size at least, in whole blocks.
    fn segment_len(&self) -> u64 {
        self.settings.segment_len.max((BLOCK + MAX_BATCH_LEN) as u64).next_multiple_of(BLOCK as u64)
    }

    fn read(&self, name: &str) -> Result<Octets, OpenError> {
        self.disk.read(name).map_err(|error| self.io("read", name, error))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.disk.path().join(name)
    }

    fn io(&self, action: &'static str, name: &str, error: io::Error) -> OpenError {
        OpenError::io(action, &self.path(name), error)
    }

    fn damaged(&self, name: &str, offset: usize, what: String) -> OpenError {
        OpenError::Damaged { path: self.path(name), offset: offset as u64, what }
    }
}

/// Where what is read goes.
struct Into<'a, S> {
    store: &'a S,
    notes: &'a Notes,
}

/// Does the work for every number below `count` on so many threads, each taking what is next.
fn spread(threads: usize, count: usize, work: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        number if number < count => work(number),
                        _ => break,
                    }
                }
            });
        }
    });
}

/// What is in the directory, by name.
#[derive(Default)]
struct Names {
    /// The newest.
    snapshot: Option<u64>,
    /// In order.
    segments: Vec<u64>,
    unfinished: Vec<String>,
}

impl Names {
    fn list(disk: &dyn Disk) -> Result<Self, OpenError> {
        let mut names = Self::default();
        let listed = disk.list().map_err(|error| OpenError::io("list", disk.path(), error))?;
        for name in listed {
            if let Some(number) = segment::number(&name) {
                names.segments.push(number);
            } else if let Some(number) = snapshot::number(&name) {
                names.snapshot = names.snapshot.max(Some(number));
            } else if name.strip_suffix(UNFINISHED).is_some_and(|whole| {
                segment::number(whole).or_else(|| snapshot::number(whole)).is_some()
            }) {
                names.unfinished.push(name);
            }
        }
        names.segments.sort_unstable();
        Ok(names)
    }

    /// What the newest snapshot makes superfluous.
    fn segments_before(&self, first: u64) -> Vec<u64> {
        self.segments.iter().copied().filter(|number| *number < first).collect()
    }

    fn segments_from(&self, first: u64) -> Vec<u64> {
        self.segments.iter().copied().filter(|number| *number >= first).collect()
    }
}
