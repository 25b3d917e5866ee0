//! Notes: small named octet strings, such as what an endpoint keeps of itself.
//!
//! Each has a number, one more than that of the note before, whatever its name; of two of one name
//! the higher number holds. So their records may stand in any order in segments and snapshots, as
//! those of bindings may.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A note as it is on disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Note {
    pub(super) number: u64,
    /// At most [`MAX_NAME_LEN`](super::record::MAX_NAME_LEN) octets.
    pub(super) name: String,
    pub(super) octets: Vec<u8>,
}

/// The newest note of each name. Appenders and the snapshotter share it; a note is written a few
/// times a minute.
#[derive(Default)]
pub(super) struct Notes(Mutex<Held>);

#[derive(Default)]
pub(super) struct Held {
    /// The highest number of all.
    last: u64,
    notes: BTreeMap<String, (u64, Vec<u8>)>,
}

impl Notes {
    /// The notes, and nobody else at them.
    ///
    /// Who appends one holds this until its record is in the ring and the note is in here. A
    /// snapshot looks only after it knows which segments it replaces, so what is in them is here.
    pub(super) fn hold(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, by name.
    pub(super) fn by_name(&self) -> BTreeMap<String, Vec<u8>> {
        let held = self.hold();
        held.notes.iter().map(|(name, (_, octets))| (name.clone(), octets.clone())).collect()
    }
}

impl Held {
    /// The number of the next note.
    pub(super) fn next(&self) -> u64 {
        self.last + 1
    }

    /// Takes a note, unless one of its name is as new or newer.
    pub(super) fn take(&mut self, note: Note) {
        self.last = self.last.max(note.number);
        match self.notes.get(&note.name) {
            Some((number, _)) if *number >= note.number => {}
            _ => drop(self.notes.insert(note.name, (note.number, note.octets))),
        }
    }

    /// All of them, for a snapshot.
    pub(super) fn all(&self) -> impl Iterator<Item = Note> {
        self.notes.iter().map(|(name, (number, octets))| Note {
            number: *number,
            name: name.clone(),
            octets: octets.clone(),
        })
    }
}
