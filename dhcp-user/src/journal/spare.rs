//! The next segment, prepared ahead, so that going on in it costs a grant nothing; and the segments
//! that a snapshot made superfluous, whose room the next ones take.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Disk;
use super::segment::{self, Segment};

/// Makes segments in order of their numbers, one ahead.
pub(super) struct Spares {
    disk: Arc<dyn Disk>,
    /// Octets of each.
    len: u64,
    /// Superfluous ones to keep: as many as are used until the next snapshot.
    kept: usize,
    /// Held while one is made: who needs it at that moment waits for that one and makes no other.
    next: Mutex<Next>,
}

struct Next {
    ready: Option<Segment>,
    /// Of the next one to be made.
    number: u64,
    /// Superfluous ones that are kept, under their old names.
    retired: Vec<u64>,
}

impl Spares {
    /// Segments of `len` octets from `number` on; those in `retired` are superfluous already, and `kept`
    /// of such are kept.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        len: u64,
        number: u64,
        retired: Vec<u64>,
        kept: usize,
    ) -> Self {
        Self { disk, len, kept, next: Mutex::new(Next { ready: None, number, retired }) }
    }

    /// Makes the next segment unless it is ready.
    pub(super) fn prepare(&self) -> io::Result<()> {
        let mut next = self.lock();
        if next.ready.is_none() {
            let made = next.make(&*self.disk, self.len)?;
            next.ready = Some(made);
        }
        Ok(())
    }

    /// The next segment, made now if it was not ready.
    pub(super) fn take(&self) -> io::Result<Segment> {
        let mut next = self.lock();
        match next.ready.take() {
            Some(ready) => Ok(ready),
            None => next.make(&*self.disk, self.len),
        }
    }

    /// Removes a segment that could not take its first batch, and the one ahead of it: both only
    /// fill the disk. Their numbers are given again, as no number may be missing.
    pub(super) fn discard(&self, segment: Segment) {
        let mut next = self.lock();
        let number = segment.number();
        drop(segment);
        let ahead = next.ready.take().map(|ready| ready.number());
        next.number = number;
        for number in ahead.into_iter().chain([number]) {
            // What stays behind has no batch in it, and is replaced by the next of its number.
            let _ = self.disk.remove(&segment::name(number));
        }
        let _ = self.disk.sync_dir();
    }

    /// Keeps what is before segment `before`, which a snapshot made superfluous, to be used again, and
    /// removes what is too much, the oldest first.
    pub(super) fn retire(&self, before: u64) -> io::Result<()> {
        let too_many = {
            let mut next = self.lock();
            // Under the lock, so that none of them is being used again.
            let names = self.disk.list()?;
            let numbers = names.iter().filter_map(|name| segment::number(name));
            let mut retired: Vec<_> = numbers.filter(|number| *number < before).collect();
            retired.sort_unstable();
            let surplus = retired.len().saturating_sub(self.kept);
            next.retired = retired.split_off(surplus);
            retired
        };
        self.remove(&too_many)
    }

    /// Removes what was kept to be used again: the disk has no room for other things.
    pub(super) fn give_up(&self) -> io::Result<()> {
        let retired = std::mem::take(&mut self.lock().retired);
        self.remove(&retired)
    }

    /// What cannot be removed stays, and is found by the next [`retire`](Self::retire).
    fn remove(&self, numbers: &[u64]) -> io::Result<()> {
        let mut outcome = Ok(());
        for number in numbers {
            let removed = self.disk.remove(&segment::name(*number));
            if !is_missing(&removed) {
                outcome = outcome.and(removed);
            }
        }
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Next {
    fn make(&mut self, disk: &dyn Disk, len: u64) -> io::Result<Segment> {
        let made = loop {
            let Some(old) = self.retired.pop() else {
                break Segment::create(disk, self.number, len);
            };
            let made = Segment::reuse(disk, old, self.number, len);
            if !is_missing(&made) {
                break made;
            }
        }?;
        self.number += 1;
        Ok(made)
    }
}

/// Whether there is no such file: somebody removed it by hand.
fn is_missing<T>(outcome: &io::Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
