//! The next segment, prepared ahead, so that going on in it costs a grant nothing.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Disk;
use super::segment::{self, Segment};

/// Makes segments in order of their numbers, one ahead.
pub(super) struct Spares {
    disk: Arc<dyn Disk>,
    /// Octets of each.
    len: u64,
    /// Held while one is made: who needs it at that moment waits for that one and makes no other.
    next: Mutex<Next>,
}

struct Next {
    ready: Option<Segment>,
    /// Of the next one to be made.
    number: u64,
}

impl Spares {
    pub(super) fn new(disk: Arc<dyn Disk>, len: u64, number: u64) -> Self {
        Self { disk, len, next: Mutex::new(Next { ready: None, number }) }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Next {
    fn make(&mut self, disk: &dyn Disk, len: u64) -> io::Result<Segment> {
        let made = Segment::create(disk, self.number, len)?;
        self.number += 1;
        Ok(made)
    }
}
