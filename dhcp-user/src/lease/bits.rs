//! Sets of small numbers in two steps, which many mark and one takes from.
//!
//! A bit is set after the binding that it stands for was swapped in, and a chunk's bit after the
//! address's. Whoever takes clears the chunk's bit first, then looks at the addresses, and sets the
//! chunk's bit again if it leaves any. So a bit that was set is found by the next walk, whatever
//! happened meanwhile. One thread takes at a time: a second one might pass a chunk that the first is
//! about to leave something in.

use std::array;

use super::sync::AtomicU64;
use super::sync::Ordering::{Acquire, Relaxed, Release};

/// A set of small numbers: which of a chunk's addresses, which of a region's chunks.
pub(super) struct Bits<const WORDS: usize>([AtomicU64; WORDS]);

/// What [`take`] left of what it was to take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Taken {
    /// How many it took.
    pub(super) count: usize,
    /// The first one that it had no budget for.
    pub(super) next: Option<u32>,
}

impl<const WORDS: usize> Bits<WORDS> {
    pub(super) fn new() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Makes it what is given. Nobody else may be at it.
    pub(super) fn store(&self, words: [u64; WORDS]) {
        self.0.iter().zip(words).for_each(|(word, bits)| word.store(bits, Relaxed));
    }

    /// Whether nothing is in it, by the look of it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| word.load(Relaxed) == 0)
    }

    /// Whether it is in it, by the look of it.
    pub(super) fn contains(&self, bit: u32) -> bool {
        self.0[bit as usize / 64].load(Relaxed) >> (bit % 64) & 1 != 0
    }

    /// What is in it from the first to the last, ascending, each word as it was when come to.
    pub(super) fn within(&self, first: u32, last: u32) -> impl Iterator<Item = u32> {
        let words = (first / 64..=last / 64).zip(&self.0[(first / 64) as usize..]);
        words.flat_map(move |(number, word)| {
            ones(word.load(Relaxed) & mask(number, first, last)).map(move |bit| number * 64 + bit)
        })
    }

    /// How many are in it from the first to the last.
    pub(super) fn count(&self, first: u32, last: u32) -> u64 {
        let counted = |(number, word): (u32, &AtomicU64)| {
            u64::from((word.load(Relaxed) & mask(number, first, last)).count_ones())
        };
        (0..).zip(&self.0).map(counted).sum()
    }

    /// Puts one in; true if it is the first of its word.
    pub(super) fn set(&self, bit: u32) -> bool {
        // Release: whoever takes the bit sees what was done before it was set: of an address's bit
        // the binding, of a chunk's bit those of its addresses.
        self.0[bit as usize / 64].fetch_or(1 << (bit % 64), Release) == 0
    }

    fn clear(&self, bit: u32) {
        // Acquire: see `set`.
        self.0[bit as usize / 64].fetch_and(!(1 << (bit % 64)), Acquire);
    }
}

/// Marks an address of a chunk, and the chunk in its region.
pub(super) fn mark<const CHUNKS: usize, const ADDRESSES: usize>(
    chunks: &Bits<CHUNKS>,
    chunk: u32,
    resources: &Bits<ADDRESSES>,
    resource: u32,
) {
    // Whoever made the word more than zero marks the chunk, or does so in a moment; and whoever
    // takes some of a word and leaves others marks it again.
    if resources.set(resource) {
        chunks.set(chunk);
    }
}

/// Takes up to `budget` of the marked addresses from the first to the last of a marked chunk.
pub(super) fn take<const CHUNKS: usize, const ADDRESSES: usize>(
    chunks: &Bits<CHUNKS>,
    chunk: u32,
    resources: &Bits<ADDRESSES>,
    (first, last): (u32, u32),
    budget: usize,
    each: &mut impl FnMut(u32),
) -> Taken {
    let mut taken = Taken { count: 0, next: None };
    let mut is_rest = false;
    chunks.clear(chunk);
    for (number, word) in (0..).zip(&resources.0) {
        let seen = word.load(Relaxed);
        let wanted = seen & mask(number, first, last);
        let bits = lowest(wanted, budget - taken.count);
        // Acquire: who takes the bit sees the binding. See `Bits::set`.
        let before = if bits == 0 { seen } else { word.fetch_and(!bits, Acquire) };
        is_rest |= before & !bits != 0;
        ones(bits).for_each(|bit| each(number * 64 + bit));
        taken.count += bits.count_ones() as usize;
        if let Some(bit) = ones(wanted & !bits).next() {
            taken.next = Some(number * 64 + bit);
            break;
        }
    }
    if is_rest {
        chunks.set(chunk);
    }
    taken
}

/// The bits of word `number` that stand for numbers from the first to the last.
pub(super) fn mask(number: u32, first: u32, last: u32) -> u64 {
    let base = number * 64;
    if last < base || first > base + 63 {
        return 0;
    }
    u64::MAX << first.saturating_sub(base) & u64::MAX >> (63 - (last - base).min(63))
}

/// The `count` lowest bits that are set, or all.
fn lowest(bits: u64, count: usize) -> u64 {
    if bits.count_ones() as usize <= count {
        return bits;
    }
    ones(bits).take(count).fold(0, |some, bit| some | 1 << bit)
}

/// The numbers of the bits that are set, ascending.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros())?;
        bits &= bits - 1;
        Some(lowest)
    })
}
