//! Where the slots are: a sparse directory over all of IPv4.
//!
//! An address is 12 bits of region, 10 bits of chunk, 10 bits of slot. Regions and chunks are
//! allocated when the first address in them is bound, and never freed, so a reader follows plain
//! references and a fresh pool of sixteen million addresses costs nothing.

use std::array;
use std::sync::OnceLock;

use super::binding::{Binding, Told};
use super::bits::{self, Bits};
use super::ending::is_over;
use super::layout::Range;
use super::resource::ResourceId;
use super::slot::Slot;
use super::sync::Ordering::{AcqRel, Relaxed};
use super::sync::{AtomicU32, AtomicU64};
use crate::wire::BindingStatus;
use crate::wire::Stamp;

/// Addresses of one chunk.
pub(super) const CHUNK: u32 = 1 << 10;
/// Chunks of one region.
const REGION: u32 = 1 << 10;
/// Regions that cover all addresses.
const REGIONS: u32 = 1 << 12;
/// Words of a bit for each address of a chunk, or each chunk of a region.
const WORDS: usize = CHUNK as usize / 64;

/// All chunks that there are.
pub(super) struct Directory {
    regions: Box<[OnceLock<Box<Region>>]>,
    /// A bit for each region that there is: the sweep comes by every second, and of thousands there
    /// are a few. Set by whoever needs the region next after it was made, before anything is bound.
    used: Bits<{ REGIONS as usize / 64 }>,
}

/// A million addresses.
struct Region {
    chunks: Box<[OnceLock<Box<Chunk>>]>,
    /// A bit for each chunk that there is, as for regions.
    used: Bits<WORDS>,
    /// A bit for each chunk that has an untold address.
    untold: Bits<WORDS>,
}

/// 1,024 neighbouring addresses.
pub(super) struct Chunk {
    slots: [Slot; CHUNK as usize],
    /// A bit for each address that was ever bound. Set after the slot, by whoever bound it first.
    known: [AtomicU64; WORDS],
    /// A bit for each address that the partner must be told of.
    untold: Bits<WORDS>,
    /// No binding in here ends before this; it may well end later. Lowered by whoever swaps a
    /// binding in, after the swap; raised by the sweep alone.
    earliest: AtomicU32,
    /// Bindings by the number of their status. Each swap takes one off here and adds one there.
    counts: [AtomicU32; 8],
}

impl Directory {
    /// No address was ever bound.
    pub(super) fn new() -> Self {
        Self { regions: (0..REGIONS).map(|_| OnceLock::new()).collect(), used: Bits::new() }
    }

    /// The chunk of an address; `None` if nothing in it was ever bound.
    pub(super) fn chunk(&self, resource: ResourceId) -> Option<&Chunk> {
        let (region, chunk) = place(resource);
        self.regions[region].get()?.chunks[chunk].get().map(Box::as_ref)
    }

    /// The chunk of an address that is about to be bound.
    pub(super) fn chunk_or_new(&self, resource: ResourceId) -> &Chunk {
        let (number, chunk) = place(resource);
        let region = self.regions[number].get_or_init(|| Box::new(Region::new()));
        if !self.used.contains(number as u32) {
            self.used.set(number as u32);
        }
        let made = region.chunks[chunk].get_or_init(|| Box::new(Chunk::new()));
        if !region.used.contains(chunk as u32) {
            region.used.set(chunk as u32);
        }
        made
    }

    /// Chunks with their first addresses, ascending, from the one that `from` lies in.
    pub(super) fn chunks(&self, from: ResourceId) -> impl Iterator<Item = (ResourceId, &Chunk)> {
        let (first, from) = (from.0 / (CHUNK * REGION), from.0 / CHUNK);
        let regions = self.used.within(first, REGIONS - 1).filter_map(|number| {
            Some((number * REGION, self.regions[number as usize].get()?.as_ref()))
        });
        regions.flat_map(move |(start, region)| {
            let chunks = region.used.within(from.saturating_sub(start), REGION - 1);
            chunks.filter_map(move |number| {
                let chunk = region.chunks[number as usize].get()?;
                Some((ResourceId((start + number) * CHUNK), chunk.as_ref()))
            })
        })
    }

    /// The first address in `from..=last` that was never bound, by the look of it: one that is
    /// being bound at this moment may still be named.
    pub(super) fn next_unknown(&self, mut from: u64, last: u64) -> Option<u64> {
        while from <= last {
            let resource = ResourceId(from as u32); // `last` is an address
            let Some(chunk) = self.chunk(resource) else { return Some(from) };
            let word = (from as u32 % CHUNK) / 64;
            let passed = (1_u64 << (from % 64)) - 1;
            let unknown = !(chunk.known[word as usize].load(Relaxed) | passed);
            let found = from - from % 64 + u64::from(unknown.trailing_zeros()); // 64 if none
            if unknown != 0 {
                return (found <= last).then_some(found);
            }
            from = found;
        }
        None
    }

    /// The partner must be told of the address, if it was ever bound.
    pub(super) fn mark_untold(&self, resource: ResourceId) {
        let (region, chunk) = place(resource);
        let Some(region) = self.regions[region].get() else { return };
        if let Some(untold) = region.chunks[chunk].get().map(|chunk| &chunk.untold) {
            bits::mark(&region.untold, chunk as u32, untold, resource.0 % CHUNK);
        }
    }

    /// Says of the region what [`Chunk::recount`] said of the chunk that begins here.
    pub(super) fn resume_untold(&self, base: ResourceId, chunk: &Chunk) {
        let (region, number) = place(base);
        if let Some(region) = self.regions[region].get().filter(|_| !chunk.untold.is_empty()) {
            region.untold.set(number as u32);
        }
    }

    /// Takes out up to `budget` addresses of the range; where to go on, if not at its end.
    pub(super) fn take_untold(
        &self,
        range: Range,
        mut budget: usize,
        each: &mut impl FnMut(ResourceId),
    ) -> Option<ResourceId> {
        for (region, number, base, within) in self.untold_chunks(range) {
            let Some(chunk) = region.chunks[number as usize].get() else { continue };
            let at = |offset: u32| ResourceId(base + offset);
            let mut each = |offset| each(at(offset));
            let taken =
                bits::take(&region.untold, number, &chunk.untold, within, budget, &mut each);
            if taken.next.is_some() {
                return taken.next.map(at);
            }
            budget -= taken.count;
        }
        None
    }

    /// How many addresses of the range are untold.
    pub(super) fn count_untold(&self, range: Range) -> u64 {
        let chunks = self.untold_chunks(range).filter_map(|(region, number, _, (first, last))| {
            Some(region.chunks[number as usize].get()?.untold.count(first, last))
        });
        chunks.sum()
    }

    /// Chunks with untold addresses: their region, number in it and first address, and the part of
    /// them that lies in the range.
    fn untold_chunks(&self, range: Range) -> impl Iterator<Item = (&Region, u32, u32, (u32, u32))> {
        let (first, last) = (range.first.0, range.last.0);
        let region_of = |resource: u32| resource / (CHUNK * REGION);
        let regions = (region_of(first)..=region_of(last))
            .filter_map(|number| Some((number, self.regions[number as usize].get()?.as_ref())));
        regions.flat_map(move |(number, region)| {
            let start = number * REGION * CHUNK;
            let part = |resource: u32, limit: u32| match region_of(resource) == number {
                true => (resource - start) / CHUNK,
                false => limit,
            };
            let chunks = region.untold.within(part(first, 0), part(last, REGION - 1));
            chunks.map(move |number| {
                let base = start + number * CHUNK;
                let within = (first.max(base) - base, last.min(base + (CHUNK - 1)) - base);
                (region, number, base, within)
            })
        })
    }

    /// Octets of regions and chunks.
    pub(super) fn bytes(&self) -> u64 {
        let regions = self.regions.iter().filter(|region| region.get().is_some()).count();
        let chunks = self.chunks(ResourceId::FIRST).count();
        let cell = size_of::<OnceLock<Box<Chunk>>>();
        (size_of_val(&*self.regions)
            + regions * (REGION as usize * cell + size_of::<Region>())
            + chunks * size_of::<Chunk>()) as u64
    }
}

impl Region {
    fn new() -> Self {
        Self {
            chunks: (0..REGION).map(|_| OnceLock::new()).collect(),
            used: Bits::new(),
            untold: Bits::new(),
        }
    }
}

impl Chunk {
    fn new() -> Self {
        Self {
            slots: array::from_fn(|_| Slot::new()),
            known: array::from_fn(|_| AtomicU64::new(0)),
            untold: Bits::new(),
            earliest: AtomicU32::new(Stamp::NEVER.0),
            counts: array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    /// The slot of an address of this chunk.
    pub(super) fn slot(&self, resource: ResourceId) -> &Slot {
        &self.slots[(resource.0 % CHUNK) as usize]
    }

    /// All slots, in the order of their addresses.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slots of what was ever bound, ascending, and which of the chunk's each is. Of what is being
    /// bound for the first time at this moment one may be left out.
    pub(super) fn bound(&self) -> impl Iterator<Item = (u32, &Slot)> {
        let words = (0..).step_by(64).zip(&self.known);
        let numbers = words
            .flat_map(|(first, word)| bits::ones(word.load(Relaxed)).map(move |bit| first + bit));
        numbers.map(|number| (number, &self.slots[number as usize]))
    }

    /// The address is bound for the first time.
    pub(super) fn mark_known(&self, resource: ResourceId) {
        let bit = resource.0 % CHUNK;
        self.known[bit as usize / 64].fetch_or(1 << (bit % 64), Relaxed);
    }

    /// Whether no other addresses of this chunk were ever bound than those from the first to the last.
    pub(super) fn knows_only(&self, first: u32, last: u32) -> bool {
        (0..)
            .zip(&self.known)
            .all(|(number, word)| word.load(Relaxed) & !bits::mask(number, first, last) == 0)
    }

    /// Says of the whole chunk what its slots hold, in the order of their addresses, and returns how
    /// many are bound. Nobody else may be at it.
    pub(super) fn recount<'b>(&self, slots: impl Iterator<Item = Option<&'b Binding>>) -> u64 {
        let mut known = [0_u64; WORDS];
        let mut untold = [0_u64; WORDS];
        let (mut counts, mut earliest) = ([0; 8], Stamp::NEVER);
        for (number, binding) in slots.enumerate() {
            let Some(binding) = binding else { continue };
            known[number / 64] |= 1 << (number % 64);
            if binding.told != Told::Acknowledged {
                untold[number / 64] |= 1 << (number % 64);
            }
            counts[binding.status as usize] += 1;
            // When the wait for a partner's word ends, and whether there is a partner, the sweep finds out.
            let is_for_sweep = is_over(binding.status) || binding.status == BindingStatus::Backup;
            let ends = if is_for_sweep { Some(Stamp::ZERO) } else { binding.ends() };
            earliest = ends.map_or(earliest, |ends| ends.min(earliest));
        }
        self.known.iter().zip(known).for_each(|(word, known)| word.store(known, Relaxed));
        self.untold.store(untold);
        self.counts.iter().zip(counts).for_each(|(count, counted)| count.store(counted, Relaxed));
        self.earliest.store(earliest.0, Relaxed);
        counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// A binding changed from one status (none the first time) to another.
    pub(super) fn count(&self, from: Option<BindingStatus>, to: BindingStatus) {
        if from == Some(to) {
            return;
        }
        if let Some(from) = from {
            self.counts[from as usize].fetch_sub(1, Relaxed);
        }
        self.counts[to as usize].fetch_add(1, Relaxed);
    }

    /// Bindings in a status. While workers swap, one that moves may be counted twice or not.
    pub(super) fn counted(&self, status: BindingStatus) -> u64 {
        // A swap's subtraction may come before the addition of the swap that it follows.
        u64::try_from(self.counts[status as usize].load(Relaxed).cast_signed()).unwrap_or(0)
    }

    /// No binding in here ends before this.
    pub(super) fn earliest(&self) -> Stamp {
        Stamp(self.earliest.load(Relaxed))
    }

    /// A binding that ends then was swapped in, or was found there by the sweep.
    pub(super) fn ends(&self, at: Stamp) {
        // Release: pairs with `forget_ends`, see there.
        self.earliest.fetch_min(at.0, AcqRel);
    }

    /// The sweep is about to look at every slot, and tells what it found by [`ends`](Self::ends).
    pub(super) fn forget_ends(&self) {
        // Acquire: if this overwrites the end of a binding that was just swapped in, the sweep sees
        // the binding. If it does not see it, that end is told after this, and stays.
        self.earliest.swap(Stamp::NEVER.0, AcqRel);
    }
}

/// Region of an address, and chunk within the region.
fn place(resource: ResourceId) -> (usize, usize) {
    let chunk = resource.0 / CHUNK;
    ((chunk / REGION) as usize, (chunk % REGION) as usize)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn chunks_come_ascending_from_the_one_asked_for() {
        let directory = Directory::new();
        for address in ["255.255.255.255", "10.0.0.1", "10.0.4.0", "10.64.0.0", "0.0.0.0"] {
            directory.chunk_or_new(ResourceId::of(address.parse().unwrap()));
        }
        let bases = |from: &str| -> Vec<String> {
            let from = ResourceId::of(from.parse().unwrap());
            directory.chunks(from).map(|(base, _)| base.ipv4().to_string()).collect()
        };
        assert_eq!(
            bases("0.0.0.0"),
            ["0.0.0.0", "10.0.0.0", "10.0.4.0", "10.64.0.0", "255.255.252.0"]
        );
        assert_eq!(bases("10.0.4.9"), ["10.0.4.0", "10.64.0.0", "255.255.252.0"]);
        assert_eq!(bases("255.255.255.255"), ["255.255.252.0"]);
    }

    #[test]
    fn known_addresses_are_passed_over_words_and_chunks_at_a_time() {
        let directory = Directory::new();
        let base = u64::from(Ipv4Addr::new(10, 0, 0, 0).to_bits());
        for offset in (0..1_500).filter(|offset| *offset != 1_100) {
            let resource = ResourceId((base + offset) as u32);
            directory.chunk_or_new(resource).mark_known(resource);
        }
        assert_eq!(directory.next_unknown(base, base + 4_000), Some(base + 1_100));
        assert_eq!(directory.next_unknown(base + 1_101, base + 4_000), Some(base + 1_500));
        assert_eq!(directory.next_unknown(base + 1_101, base + 1_499), None);
        assert_eq!(directory.next_unknown(base + 3_000, base + 4_000), Some(base + 3_000));
    }

    #[test]
    fn the_highest_address_of_all_is_found_and_is_the_end() {
        let directory = Directory::new();
        let last = u64::from(u32::MAX);
        assert_eq!(directory.next_unknown(last, last), Some(last));
        directory.chunk_or_new(ResourceId::LAST).mark_known(ResourceId::LAST);
        assert_eq!(directory.next_unknown(last, last), None);
    }
}
