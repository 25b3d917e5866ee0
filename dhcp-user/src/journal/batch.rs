//! A batch: what one flush makes durable.
//!
//! ```text
//!   0        4        8              16             24      28      32
//!   | magic  | length | batch number | segment      | count | crc32c| records ... | zeros to 4096
//! ```
//!
//! Numbers are little-endian. `length` counts the octets of the records, `count` the records. The
//! CRC32C covers the segment's salt, the header before it and the records. A batch begins on a block
//! of 4096 octets and its zeros fill its last one, so that a write never touches a block that holds
//! durable octets of its segment. Batch numbers grow by one across segments.

use super::record::MAX_RECORD_LEN;

/// Batches begin on multiples of this, in octets: a page, and no less than a disk's sector.
pub(super) const BLOCK: usize = 4096;

/// Most octets of records in one batch: what a disk writes in about the time of a flush. Small in
/// tests, so that short histories fill batches and segments.
pub(super) const MAX_BODY_LEN: usize = if cfg!(test) { 32 << 10 } else { 1 << 20 };

pub(super) const HEADER_LEN: usize = 32;
const MAGIC: [u8; 4] = *b"TdmB";

/// Room that the largest batch takes in a segment.
pub(super) const MAX_BATCH_LEN: usize = (HEADER_LEN + MAX_BODY_LEN).next_multiple_of(BLOCK);

const _: () = assert!(MAX_RECORD_LEN <= MAX_BODY_LEN);

/// A batch being put together; one is used again and again.
pub(super) struct Batch {
    octets: Vec<u8>,
    count: u32,
}

impl Batch {
    pub(super) fn new() -> Self {
        let mut octets = Vec::with_capacity(MAX_BATCH_LEN);
        octets.resize(HEADER_LEN, 0);
        Self { octets, count: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.octets.truncate(HEADER_LEN);
        self.count = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Octets of records that still fit.
    pub(super) fn room(&self) -> usize {
        MAX_BODY_LEN - (self.octets.len() - HEADER_LEN)
    }

    /// Lets `add` append whole records and say how many.
    pub(super) fn extend(&mut self, add: impl FnOnce(&mut Vec<u8>) -> u32) {
        self.count += add(&mut self.octets);
    }

    /// Octets that it takes in a segment.
    pub(super) fn len(&self) -> usize {
        self.octets.len().next_multiple_of(BLOCK)
    }

    /// The octets to write as batch `number` of `segment`. Takes no more records until cleared.
    pub(super) fn seal(&mut self, number: u64, segment: u64, salt: u64) -> &[u8] {
        let end = self.octets.len();
        let body_len = (end - HEADER_LEN) as u32;
        self.octets.resize(end.next_multiple_of(BLOCK), 0);
        let mut put = |at: usize, octets: &[u8]| {
            self.octets[at..at + octets.len()].copy_from_slice(octets);
        };
        put(0, &MAGIC);
        put(4, &body_len.to_le_bytes());
        put(8, &number.to_le_bytes());
        put(16, &segment.to_le_bytes());
        put(24, &self.count.to_le_bytes());
        let crc = checksum(salt, &self.octets[..28], &self.octets[HEADER_LEN..end]);
        self.octets[28..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
        &self.octets
    }
}

/// A whole batch as found in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) number: u64,
    pub(super) count: u32,
    pub(super) records: &'a [u8],
    /// Octets from its start to where the next one would begin.
    pub(super) len: usize,
}

/// The batch of `segment` that begins `octets`, if a whole one does.
pub(super) fn find(octets: &[u8], segment: u64, salt: u64) -> Option<Found<'_>> {
    if !is_begun(octets, segment) {
        return None;
    }
    let header = octets.first_chunk::<HEADER_LEN>()?;
    let [word0, word1, _, word3] = header.as_chunks::<8>().0 else { return None };
    let half = |word: &[u8; 8], at: usize| {
        u32::from_le_bytes([word[at], word[at + 1], word[at + 2], word[at + 3]])
    };
    let body_len = half(word0, 4) as usize;
    if body_len > MAX_BODY_LEN {
        return None;
    }
    let end = HEADER_LEN + body_len;
    let len = end.next_multiple_of(BLOCK);
    let records = octets.get(HEADER_LEN..end)?;
    let is_whole = checksum(salt, &header[..28], records) == half(word3, 4)
        && octets.get(end..len)?.iter().all(|octet| *octet == 0);
    let (number, count) = (u64::from_le_bytes(*word1), half(word3, 0));
    is_whole.then_some(Found { number, count, records, len })
}

/// Whether `octets` begin as a batch of `segment` does, whole or not.
pub(super) fn is_begun(octets: &[u8], segment: u64) -> bool {
    octets
        .get(..HEADER_LEN)
        .is_some_and(|header| header[..4] == MAGIC && header[16..24] == segment.to_le_bytes())
}

fn checksum(salt: u64, header: &[u8], records: &[u8]) -> u32 {
    let salted = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), header);
    crc32c::crc32c_append(salted, records)
}
