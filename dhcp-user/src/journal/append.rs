//! A thread's way into the journal.

use std::sync::Arc;
use std::task::Waker;

use super::bell::Bell;
use super::notes::{Note, Notes};
use super::record::{self, MAX_RECORD_LEN};
use super::ring::Writer;
use crate::lease::{Binding, Resource};

/// A place in one appender's records; of two, the later is greater. Means nothing to another
/// appender.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sequence(u64);

/// One thread's way into the journal. Never blocks, never allocates once warm; but for
/// [`note`](Self::note), which may wait a moment for another thread's.
///
/// Dropping the last appender ends [`Committer::run`](super::Committer::run) when all is durable.
pub struct Appender {
    writer: Writer,
    bell: Arc<Bell>,
    notes: Arc<Notes>,
    scratch: Vec<u8>,
}

/// Why a record was not taken. The binding is in the table and not on its way to disk, so nothing
/// that rests on it may be said to anybody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AppendError {
    /// The ring is full: ask [`Appender::room`] before changing the table.
    NoRoom,
    /// The client's octets exceed [`MAX_CLIENT_LEN`](super::MAX_CLIENT_LEN), or a note's
    /// [`MAX_NOTE_LEN`](super::MAX_NOTE_LEN), or its name's
    /// [`MAX_NAME_LEN`](super::MAX_NAME_LEN).
    TooLong,
}

impl Appender {
    pub(super) fn new(writer: Writer, bell: Arc<Bell>, notes: Arc<Notes>) -> Self {
        Self { writer, bell, notes, scratch: Vec::with_capacity(MAX_RECORD_LEN) }
    }

    /// How many records of any size surely fit now. To be asked before the table is changed.
    #[must_use]
    pub fn room(&self) -> usize {
        self.writer.room() / MAX_RECORD_LEN
    }

    /// Hands a binding that is in the table to the commit thread. What rests on it may be told to
    /// others once [`durable`](Self::durable) has reached the sequence returned.
    ///
    /// # Errors
    /// See [`AppendError`]; the ring is as it was.
    pub fn append(
        &mut self,
        resource: impl Into<Resource>,
        binding: &Binding,
    ) -> Result<Sequence, AppendError> {
        self.scratch.clear();
        record::encode(resource.into(), binding, &mut self.scratch)
            .map_err(|_| AppendError::TooLong)?;
        let end = self.writer.push(&self.scratch).ok_or(AppendError::NoRoom)?;
        self.bell.ring();
        Ok(Sequence(end))
    }

    /// Hands a note to the commit thread, in the place of the last one of this name. As with a binding,
    /// what rests on it may be told to others once [`durable`](Self::durable) has reached the sequence
    /// returned. A note takes the [`room`](Self::room) of a record.
    ///
    /// # Errors
    /// See [`AppendError`]; the note of this name is as it was.
    pub fn note(&mut self, name: &str, octets: &[u8]) -> Result<Sequence, AppendError> {
        let mut held = self.notes.hold();
        let note = Note { number: held.next(), name: name.to_owned(), octets: octets.to_vec() };
        self.scratch.clear();
        record::encode_note(&note, &mut self.scratch).map_err(|_| AppendError::TooLong)?;
        let end = self.writer.push(&self.scratch).ok_or(AppendError::NoRoom)?;
        held.take(note);
        drop(held);
        self.bell.ring();
        Ok(Sequence(end))
    }

    /// Everything up to here is on stable storage: one atomic load.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        Sequence(self.writer.durable())
    }

    /// The place of the last record appended.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        Sequence(self.writer.tail())
    }

    /// Sets who is woken, by the commit thread, whenever `durable` has moved or the journal's
    /// health has changed. Sleep only on something that remembers a wake-up (an eventfd, a parked
    /// thread), and look at `durable` after it. The first waker stays; a second is given back.
    ///
    /// # Errors
    /// The waker, if there is one already.
    pub fn set_waker(&self, waker: Waker) -> Result<(), Waker> {
        self.writer.set_waker(waker)
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.writer.close();
        self.bell.ring();
    }
}
