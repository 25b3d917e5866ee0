//! Takes snapshots beside the traffic, and keeps a segment ready.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::info;

use super::commit::{Position, Progress};
use super::disk::{Disk, File, is_full};
use super::notes::Notes;
use super::record;
use super::segment::UNFINISHED;
use super::snapshot::{self, CHUNK_BINDINGS, CHUNK_HEADER_LEN};
use super::spare::Spares;
use crate::lease::{Binding, Resource};

/// What a snapshot is taken of: the lease table.
pub trait Source {
    /// Shows up to `limit` bindings from there on, and returns where to go on; `None` at the end. No
    /// epoch stays pinned between two calls.
    fn walk(
        &self,
        from: Cursor,
        limit: usize,
        each: &mut dyn FnMut(Resource, &Binding),
    ) -> Option<Cursor>;
}

/// How far a walk has come. What the number means is its source's affair; zero is the beginning.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cursor(pub u64);

/// Writes snapshots beside the traffic and prepares segments ahead; for the maintenance thread.
pub struct Snapshotter {
    disk: Arc<dyn Disk>,
    progress: Arc<Progress>,
    spares: Arc<Spares>,
    notes: Arc<Notes>,
    /// A snapshot is due when this many octets were written behind the last one.
    after: u64,
    /// Where the last snapshot was taken.
    last: Position,
    draft: Option<Draft>,
}

/// What [`Snapshotter::tend`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tended {
    /// Nothing is due: come again in a second.
    Idle,
    /// A snapshot is being written: come again soon.
    Working,
    /// A snapshot is finished, and what it makes superfluous is gone, or kept to be written over.
    Written {
        /// Bindings in it.
        bindings: u64,
    },
}

/// Flush after so many octets: one flush of a whole snapshot would hold up the commit thread's.
const FLUSH_EVERY: u64 = 8 << 20;

/// A snapshot being written.
struct Draft {
    file: Box<dyn File>,
    position: Position,
    /// Where to go on in the table; `None` when all is written.
    from: Option<Cursor>,
    chunk: Vec<u8>,
    at: u64,
    flushed: u64,
    chunks: u64,
    /// Bindings and notes.
    records: u64,
    bindings: u64,
}

impl Snapshotter {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        progress: Arc<Progress>,
        spares: Arc<Spares>,
        notes: Arc<Notes>,
        after: u64,
        last: Position,
    ) -> Self {
        Self { disk, progress, spares, notes, after, last, draft: None }
    }

    /// A bounded piece of work: the next chunk of a snapshot, if one is being written or due; else
    /// the next segment, if it is not ready.
    ///
    /// # Errors
    /// The disk's. A snapshot that cannot be written is given up and begun anew when next called;
    /// the journal goes on without, so the caller logs it and comes again in a second.
    pub fn tend(&mut self, source: &impl Source) -> io::Result<Tended> {
        if self.draft.is_none() && !self.is_due() {
            self.spares.prepare()?;
            return Ok(Tended::Idle);
        }
        self.advance(source)
    }

    /// Writes a whole snapshot now, or the rest of the one being written; returns how many bindings
    /// are in it.
    ///
    /// # Errors
    /// The disk's, as in [`Self::tend`].
    pub fn write(&mut self, source: &impl Source) -> io::Result<u64> {
        loop {
            if let Tended::Written { bindings } = self.advance(source)? {
                return Ok(bindings);
            }
        }
    }

    /// One snapshot for each segment at most: an earlier one would make nothing superfluous.
    fn is_due(&self) -> bool {
        let written = self.progress.written.load(Ordering::Relaxed);
        written - self.last.written >= self.after
            && self.progress.position().segment > self.last.segment
    }

    /// The next piece of a snapshot, which is begun if there is none.
    fn advance(&mut self, source: &impl Source) -> io::Result<Tended> {
        let mut draft = match self.draft.take() {
            Some(draft) => draft,
            None => {
                // Before the first look at the table: all that older segments hold is in the table by now.
                // The segment that is being written is replayed whole, so it need not end here.
                let position = self.progress.position();
                let begun = Draft::begin(&*self.disk, &self.notes, position);
                begun.map_err(|error| self.abandon(position, error))?
            }
        };
        let done = match draft.from {
            Some(from) => draft.write_chunk(source, from).map(|()| None),
            None => draft.finish(&*self.disk).map(Some),
        };
        match done {
            Ok(None) => {
                self.draft = Some(draft);
                Ok(Tended::Working)
            }
            Ok(Some(bindings)) => {
                self.last = draft.position;
                let name = snapshot::name(draft.position.segment);
                info!(bindings, octets = draft.at, %name, "a snapshot is written");
                self.retire(draft.position.segment)?;
                Ok(Tended::Written { bindings })
            }
            Err(error) => Err(self.abandon(draft.position, error)),
        }
    }

    /// Removes the snapshot at `position`, which cannot be written and only fills the disk; what is left of
    /// it is removed at the next start. If it is for want of room, some is made for the next.
    fn abandon(&self, position: Position, error: io::Error) -> io::Error {
        let _ = self.disk.remove(&unfinished(position));
        if is_full(&error) {
            let _ = self.spares.give_up();
        }
        error
    }

    /// Removes what the snapshot before `segment` makes superfluous, unless it can be used again.
    fn retire(&self, segment: u64) -> io::Result<()> {
        for name in self.disk.list()? {
            if snapshot::number(&name).is_some_and(|number| number < segment) {
                self.disk.remove(&name)?;
            }
        }
        self.spares.retire(segment)?;
        self.disk.sync_dir()
    }
}

impl Draft {
    fn begin(disk: &dyn Disk, notes: &Notes, position: Position) -> io::Result<Self> {
        let header = snapshot::header(position.segment, position.batch);
        let file = disk.create(&unfinished(position))?;
        file.write_at(&header, 0)?;
        let mut draft = Self {
            file,
            position,
            from: Some(Cursor::default()),
            chunk: Vec::new(),
            at: header.len() as u64,
            flushed: 0,
            chunks: 0,
            records: 0,
            bindings: 0,
        };
        draft.write_notes(notes)?;
        Ok(draft)
    }

    /// The notes come first, all of them: they are few.
    fn write_notes(&mut self, notes: &Notes) -> io::Result<()> {
        let (chunk, mut count) = (&mut self.chunk, 0);
        begin_chunk(chunk);
        for note in notes.hold().all() {
            // One too long was refused by `Appender::note`.
            count += u32::from(record::encode_note(&note, chunk).is_ok());
        }
        self.end_chunk(count)
    }

    fn end_chunk(&mut self, count: u32) -> io::Result<()> {
        if count > 0 {
            snapshot::seal_chunk(&mut self.chunk, count);
            self.file.write_at(&self.chunk, self.at)?;
            self.at += self.chunk.len() as u64;
            self.chunks += 1;
            self.records += u64::from(count);
        }
        Ok(())
    }

    fn write_chunk(&mut self, source: &impl Source, from: Cursor) -> io::Result<()> {
        let (chunk, mut count) = (&mut self.chunk, 0);
        begin_chunk(chunk);
        self.from = source.walk(from, CHUNK_BINDINGS, &mut |resource, binding| {
            // One too long was refused by `Appender::append` too, so nobody was told of it.
            count += u32::from(record::encode(resource, binding, chunk).is_ok());
        });
        self.bindings += u64::from(count);
        self.end_chunk(count)?;
        if self.at - self.flushed >= FLUSH_EVERY {
            self.file.sync()?;
            self.flushed = self.at;
        }
        Ok(())
    }

    fn finish(&mut self, disk: &dyn Disk) -> io::Result<u64> {
        self.file.write_at(&snapshot::footer(self.chunks, self.records), self.at)?;
        self.file.sync()?;
        disk.rename(&unfinished(self.position), &snapshot::name(self.position.segment))?;
        disk.sync_dir()?;
        Ok(self.bindings)
    }
}

fn begin_chunk(chunk: &mut Vec<u8>) {
    chunk.clear();
    chunk.resize(CHUNK_HEADER_LEN, 0);
}

fn unfinished(position: Position) -> String {
    format!("{}{UNFINISHED}", snapshot::name(position.segment))
}
