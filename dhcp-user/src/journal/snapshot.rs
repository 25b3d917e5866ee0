//! A snapshot: all bindings at about one moment, so that older segments can go.
//!
//! ```text
//!  0        40                                                                   end-32
//!  | header | chunk                              | chunk | ...                    | footer |
//!
//!  header:  0          8         12     16        24      32        36
//!           | magic    | version | zero | segment | batch | crc32c  | zero |
//!  chunk:   0          4         8       12        16
//!           | magic    | length  | count | crc32c  | records ...
//!  footer:  0          8         16         24        28
//!           | magic    | chunks  | records  | crc32c  | zero |
//! ```
//!
//! Numbers are little-endian. `segment` is the first one to replay on top, `batch` the number of its
//! first batch. A chunk's `length` counts the octets of its records, `count` the records. Each CRC32C
//! covers what is before it in its part, a chunk's its records too. Version 1: as above.
//!
//! It is written beside the traffic: a binding that changes meanwhile may be in it in either form,
//! and its record is in `segment` or later, where the higher version holds. It gets its name only
//! when it is whole and durable, so one that cannot be read is damaged, never half made.

use super::segment;

const PREFIX: &str = "snapshot-";
const HEADER_MAGIC: [u8; 8] = *b"TandemSn";
const CHUNK_MAGIC: [u8; 4] = *b"TdmC";
const FOOTER_MAGIC: [u8; 8] = *b"TandemEn";
const VERSION: u32 = 1;
pub(super) const HEADER_LEN: usize = 40;
pub(super) const CHUNK_HEADER_LEN: usize = 16;
pub(super) const FOOTER_LEN: usize = 32;

/// About so many bindings in one chunk: what one thread decodes at a stretch.
pub(super) const CHUNK_BINDINGS: usize = 4096;

/// The name of the snapshot that `segment` follows.
pub(super) fn name(segment: u64) -> String {
    format!("{PREFIX}{segment:016x}")
}

/// The number in a snapshot's name.
pub(super) fn number(name: &str) -> Option<u64> {
    segment::numbered(PREFIX, name)
}

/// The header of a snapshot that `segment`, with `batch` as its first, follows.
pub(super) fn header(segment: u64, batch: u64) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&HEADER_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&segment.to_le_bytes());
    header[24..32].copy_from_slice(&batch.to_le_bytes());
    let crc = crc32c::crc32c(&header[..32]);
    header[32..36].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Fills in the header at the start of `chunk`, which has room for it and then `count` records.
pub(super) fn seal_chunk(chunk: &mut [u8], count: u32) {
    let len = (chunk.len() - CHUNK_HEADER_LEN) as u32;
    chunk[..4].copy_from_slice(&CHUNK_MAGIC);
    chunk[4..8].copy_from_slice(&len.to_le_bytes());
    chunk[8..12].copy_from_slice(&count.to_le_bytes());
    let crc = chunk_checksum(&chunk[..12], &chunk[CHUNK_HEADER_LEN..]);
    chunk[12..CHUNK_HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
}

/// The footer of a snapshot.
pub(super) fn footer(chunks: u64, records: u64) -> [u8; FOOTER_LEN] {
    let mut footer = [0; FOOTER_LEN];
    footer[..8].copy_from_slice(&FOOTER_MAGIC);
    footer[8..16].copy_from_slice(&chunks.to_le_bytes());
    footer[16..24].copy_from_slice(&records.to_le_bytes());
    let crc = crc32c::crc32c(&footer[..24]);
    footer[24..28].copy_from_slice(&crc.to_le_bytes());
    footer
}

/// A snapshot as found on disk; the chunks are not checked yet.
#[derive(Debug)]
pub(super) struct Snapshot<'a> {
    /// The first segment to replay.
    pub(super) segment: u64,
    /// The number of its first batch.
    pub(super) batch: u64,
    pub(super) chunks: Vec<Chunk<'a>>,
}

/// A chunk as found on disk, not checked yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'a> {
    /// Where it begins in the file.
    pub(super) offset: usize,
    pub(super) count: u32,
    pub(super) records: &'a [u8],
    header: &'a [u8; CHUNK_HEADER_LEN],
}

impl Chunk<'_> {
    /// Whether these are the octets that were written.
    pub(super) fn is_whole(&self) -> bool {
        chunk_checksum(&self.header[..12], self.records).to_le_bytes() == self.header[12..]
    }
}

/// What in a snapshot cannot be read, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BadSnapshot {
    pub(super) offset: usize,
    pub(super) what: &'static str,
}

impl<'a> Snapshot<'a> {
    /// Lays a snapshot over a file's octets.
    ///
    /// # Errors
    /// The first part that is not as it was written.
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, BadSnapshot> {
        let bad = |offset, what| BadSnapshot { offset, what };
        let found = octets.first_chunk::<HEADER_LEN>().ok_or(bad(0, "the header is cut short"))?;
        let (segment, batch) = (word(found, 16), word(found, 24));
        if *found != header(segment, batch) {
            return Err(bad(0, "the header is damaged, or a newer version wrote it"));
        }
        let end = octets.len().saturating_sub(FOOTER_LEN);
        if end < HEADER_LEN {
            return Err(bad(HEADER_LEN, "the footer is missing"));
        }
        let found = octets.last_chunk::<FOOTER_LEN>().ok_or(bad(end, "the footer is missing"))?;
        let (chunk_count, records) = (word(found, 8), word(found, 16));
        if *found != footer(chunk_count, records) {
            return Err(bad(end, "the footer is damaged"));
        }
        let (mut chunks, mut offset) = (Vec::new(), HEADER_LEN);
        while offset < end {
            let chunk = Chunk::lay(&octets[..end], offset)
                .ok_or(bad(offset, "a chunk's header is damaged"))?;
            offset += CHUNK_HEADER_LEN + chunk.records.len();
            chunks.push(chunk);
        }
        let counted: u64 = chunks.iter().map(|chunk| u64::from(chunk.count)).sum();
        if chunks.len() as u64 != chunk_count || counted != records {
            return Err(bad(end, "the footer counts other chunks than there are"));
        }
        Ok(Self { segment, batch, chunks })
    }
}

impl<'a> Chunk<'a> {
    fn lay(octets: &'a [u8], offset: usize) -> Option<Self> {
        let (header, rest) = octets[offset..].split_first_chunk::<CHUNK_HEADER_LEN>()?;
        let [magic, len, count, _] = header.as_chunks::<4>().0 else { return None };
        let len = u32::from_le_bytes(*len) as usize;
        if *magic != CHUNK_MAGIC {
            return None;
        }
        let count = u32::from_le_bytes(*count);
        Some(Self { offset, count, records: rest.get(..len)?, header })
    }
}

fn chunk_checksum(header: &[u8], records: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(header), records)
}

fn word(octets: &[u8], at: usize) -> u64 {
    octets[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}
