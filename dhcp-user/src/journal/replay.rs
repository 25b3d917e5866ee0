//! Which batches of a row of segments count, and whether one is missing.
//!
//! Only one batch at a time is ever not durable: the last one. So what cannot be read may be
//!
//! - a torn write: nothing valid follows it, in its segment or a later one. It was never
//!   acknowledged and is passed over; the next run goes on in a new segment.
//! - damage: a valid batch of the same segment follows, or a later segment begins with a batch that
//!   leaves a gap. Then something acknowledged is lost, and nobody may go on as if it were not.
//!
//! A segment that was given up, because the server stopped or the disk was full, may end in a torn
//! batch, or in one that the next segment holds again under the same number. One whose room was an
//! older segment's ends before what that left, and a write that was torn so early that not even its
//! header is there is seen by nobody.

use std::ops::Range;

use super::batch::{self, BLOCK};
use super::segment::{self, Room};

/// A segment as read from disk.
pub(super) struct Source<'a> {
    pub(super) number: u64,
    pub(super) octets: &'a [u8],
}

/// A batch that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    /// Which of the segments it is in, and where it begins there.
    pub(super) place: Place,
    pub(super) number: u64,
    pub(super) count: u32,
    pub(super) records: &'a [u8],
    /// What it takes in its segment.
    pub(super) len: usize,
}

/// An offset in one of the segments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) offset: usize,
}

/// What a row of segments holds.
#[derive(Debug, Default)]
pub(super) struct Replay<'a> {
    pub(super) batches: Vec<Batch<'a>>,
    /// Octets that are no batch, behind the last one; there may be several after several crashes.
    pub(super) torn: Vec<Place>,
    /// Segments at the end, prepared and never used.
    pub(super) unused: Range<usize>,
}

/// Why segments cannot be replayed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Damage {
    pub(super) place: Place,
    pub(super) what: &'static str,
}

/// Reads the segments, in order of their numbers; batch `first` is the first that must be there.
///
/// # Errors
/// The first place where something that was durable is not.
pub(super) fn replay<'a>(segments: &[Source<'a>], first: u64) -> Result<Replay<'a>, Damage> {
    let mut replay = Replay::default();
    // Where the next batch was to be, if one turns out to be missing.
    let mut open = Place { index: 0, offset: BLOCK };
    let mut next = first;
    for (index, source) in segments.iter().enumerate() {
        let at = |offset| Place { index, offset };
        let header = segment::read_header(source.octets, source.number);
        let (room, salt) = header.ok_or(Damage {
            place: at(0),
            what: "the segment's header is damaged, or a newer version wrote it",
        })?;
        let scan = Scan { source, room, salt };
        let before = replay.batches.len();
        let mut offset = BLOCK;
        while let Some(found) = scan.batch(offset) {
            let is_first = replay.batches.len() == before;
            // The first batch of a segment may be the last one of the segment before, again.
            if found.number != next && !(is_first && found.number + 1 == next) {
                let place = if is_first { open } else { at(offset) };
                return Err(Damage { place, what: "a batch that was here is missing" });
            }
            next = found.number + 1;
            replay.batches.push(Batch {
                place: at(offset),
                number: found.number,
                count: found.count,
                records: found.records,
                len: found.len,
            });
            offset += found.len;
        }
        let is_used = replay.batches.len() > before;
        match scan.rest(offset) {
            Rest::Clean if is_used => open = at(offset),
            Rest::Clean => continue,
            Rest::Torn(junk) => {
                open = at(offset);
                replay.torn.push(at(junk));
            }
            Rest::Batches => {
                return Err(Damage {
                    place: at(offset),
                    what: "a batch is damaged, and later ones are whole",
                });
            }
        }
        replay.unused.start = index + 1;
    }
    replay.unused.end = segments.len();
    Ok(replay)
}

struct Scan<'s, 'a> {
    source: &'s Source<'a>,
    room: Room,
    salt: u64,
}

/// What a segment holds behind its batches.
enum Rest {
    /// Nothing, zeros, or what an older segment left.
    Clean,
    /// Something, from here on, but no batch.
    Torn(usize),
    /// Batches that were written after what cannot be read.
    Batches,
}

impl<'a> Scan<'_, 'a> {
    fn batch(&self, offset: usize) -> Option<batch::Found<'a>> {
        batch::find(self.source.octets.get(offset..)?, self.source.number, self.salt)
    }

    fn rest(&self, from: usize) -> Rest {
        let rest = self.source.octets.get(from..).unwrap_or_default();
        let junk = match self.room {
            Room::New => rest.iter().position(|octet| *octet != 0),
            Room::Used => batch::is_begun(rest, self.source.number).then_some(0),
        };
        if junk.is_none() && self.room == Room::New {
            return Rest::Clean;
        }
        let later = (from..self.source.octets.len()).step_by(BLOCK);
        // Most blocks do not begin like a batch, so this is one look at each.
        if later.skip(1).any(|offset| self.batch(offset).is_some()) {
            return Rest::Batches;
        }
        junk.map_or(Rest::Clean, |junk| Rest::Torn(from + junk))
    }
}
