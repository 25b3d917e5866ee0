//! A segment: a preallocated file of batches.
//!
//! ```text
//!  0                    4096               8192 ...
//!  | header | zeros     | batch            | batch      | batch | not written yet
//!
//!  header:
//!   0          8         12        16        24        32        36
//!   | magic    | version | room    | number  | salt    | crc32c  |
//! ```
//!
//! Numbers are little-endian; the CRC32C covers the 32 octets before it. Version 1: as above. Room 0
//! was zeros before the first batch; room 1 was an older segment's, and what that left is behind the
//! last batch. The salt is another random number for each segment: it goes into every batch's
//! checksum, so that octets which a client chose, or which an older segment left, are no batch of
//! this one.
//!
//! A block that is written for the first time costs its flush a change of the file system's own
//! records as well: half as much again. So segments that a snapshot made superfluous are used again.
//!
//! A segment gets its name only when its header and its room are durable, so one that cannot be
//! read is damaged, never half made. It ends where its batches do, for whatever reason: the next
//! segment's first batch number says whether one is missing before it.

use std::hash::{BuildHasher, RandomState};
use std::io;

use super::batch::{BLOCK, Batch};
use super::disk::{Disk, File};

const MAGIC: [u8; 8] = *b"TandemSg";
const VERSION: u32 = 1;
const PREFIX: &str = "segment-";

/// What the name of a file that is not whole yet ends with. Such files are removed at start-up.
pub(super) const UNFINISHED: &str = ".new";

/// The name of segment `number`.
pub(super) fn name(number: u64) -> String {
    format!("{PREFIX}{number:016x}")
}

/// The number in a segment's name.
pub(super) fn number(name: &str) -> Option<u64> {
    numbered(PREFIX, name)
}

/// The number behind `prefix` in a name that [`name`] could have made.
pub(super) fn numbered(prefix: &str, name: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// What a segment's file held before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Room {
    /// Zeros.
    New,
    /// An older segment.
    Used,
}

impl Room {
    fn code(self) -> u32 {
        match self {
            Self::New => 0,
            Self::Used => 1,
        }
    }
}

/// A segment being written.
pub(super) struct Segment {
    file: Box<dyn File>,
    number: u64,
    salt: u64,
    /// All octets, as reserved.
    len: u64,
    /// Where the next batch goes; what is before it is durable.
    at: u64,
}

impl Segment {
    /// Makes segment `number`, of `len` octets, durably.
    pub(super) fn create(disk: &dyn Disk, number: u64, len: u64) -> io::Result<Self> {
        Self::make(disk, (number, len), Room::New, |unfinished| disk.create(unfinished))
    }

    /// The same in the room of segment `old`, which must be superfluous even after a power failure.
    pub(super) fn reuse(disk: &dyn Disk, old: u64, number: u64, len: u64) -> io::Result<Self> {
        Self::make(disk, (number, len), Room::Used, |unfinished| {
            // First, as this fails where there is none, or no more files can be open.
            let file = disk.open(&name(old))?;
            disk.rename(&name(old), unfinished)?;
            Ok(file)
        })
    }

    fn make(
        disk: &dyn Disk,
        (number, len): (u64, u64),
        room: Room,
        open: impl Fn(&str) -> io::Result<Box<dyn File>>,
    ) -> io::Result<Self> {
        let name = name(number);
        let unfinished = format!("{name}{UNFINISHED}");
        let salt = RandomState::new().hash_one(number);
        let made = || -> io::Result<Box<dyn File>> {
            let file = open(&unfinished)?;
            file.allocate(len)?;
            file.write_at(&header(number, room, salt), 0)?;
            file.sync()?;
            disk.rename(&unfinished, &name)?;
            disk.sync_dir()?;
            Ok(file)
        };
        match made() {
            Ok(file) => Ok(Self { file, number, salt, len, at: BLOCK as u64 }),
            Err(error) => {
                // A full disk should not keep what was reserved for it.
                let _ = disk.remove(&unfinished);
                Err(error)
            }
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether no batch of it is durable.
    pub(super) fn is_empty(&self) -> bool {
        self.at == BLOCK as u64
    }

    pub(super) fn fits(&self, batch: &Batch) -> bool {
        batch.len() as u64 <= self.len - self.at
    }

    /// Writes a batch behind the last one. It is durable, and the next one may follow, only after
    /// [`Self::sync`].
    pub(super) fn write(&self, batch: &mut Batch, number: u64) -> io::Result<()> {
        self.file.write_at(batch.seal(number, self.number, self.salt), self.at)
    }

    /// Makes the `len` octets just written durable. Not to be called again after an error.
    pub(super) fn sync(&mut self, len: usize) -> io::Result<()> {
        self.file.sync()?;
        self.at += len as u64;
        Ok(())
    }
}

/// Room and salt of segment `number`, if `octets` begin with its header.
pub(super) fn read_header(octets: &[u8], number: u64) -> Option<(Room, u64)> {
    let block = octets.first_chunk::<BLOCK>()?;
    let salt = u64::from_le_bytes(*block[24..32].first_chunk()?);
    [Room::New, Room::Used]
        .into_iter()
        .find(|room| *block == header(number, *room, salt))
        .map(|room| (room, salt))
}

fn header(number: u64, room: Room, salt: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..8].copy_from_slice(&MAGIC);
    block[8..12].copy_from_slice(&VERSION.to_le_bytes());
    block[12..16].copy_from_slice(&room.code().to_le_bytes());
    block[16..24].copy_from_slice(&number.to_le_bytes());
    block[24..32].copy_from_slice(&salt.to_le_bytes());
    let crc = crc32c::crc32c(&block[..32]);
    block[32..36].copy_from_slice(&crc.to_le_bytes());
    block
}
