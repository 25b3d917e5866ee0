//! From a client to the addresses it has or had last: a lock-free multimap of hints.
//!
//! A hint is 32 bits of a keyed hash of network and client, and an address. It may be wrong, and it
//! may stand twice; the truth is the address's binding, which whoever finds a hint compares. What
//! is kept up is this: while a slot holds a binding of a client, its hint can be found. So the hint
//! is inserted before the slot is swapped, and the one that the swap made wrong, or the one of a
//! swap that was lost, is removed after it. Each insertion owns one entry and each removal takes
//! one away, so equal hints of two writers at once are no trouble.
//!
//! A hint stands in one of two buckets that its hash names, each one cache line of eight entries.
//! Looking up reads both buckets whole, so removals leave nothing behind that a later look-up must
//! step over. With two buckets to choose from, nine tenths of a segment fill before a pair is full;
//! then a further segment is made, as large as all before it, and look-ups visit each segment. The
//! hash is keyed by each process anew: clients choose their identifiers, but not where they fall.
//!
//! Chosen by measuring: `cargo xtask bench --only micro` holds it against `papaya` and `dashmap`, which
//! are no faster and take five times the memory for each hint.

use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;
use std::sync::OnceLock;

use super::client::ClientKey;
use super::layout::NetworkId;
use super::resource::ResourceId;
use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::sync::{AtomicU64, HashKeys, zeroed};

/// Entries of one bucket: a cache line; few for the model checker, to which each is a branch.
const BUCKET: usize = if cfg!(loom) { 2 } else { 8 };
/// The first segment has at least so many entries; at most [`LARGEST_FIRST`].
const SMALLEST_FIRST: u64 = 1 << 10;
/// More are made when clients come: a large pool may long have few.
const LARGEST_FIRST: u64 = 1 << 22;
/// A first segment made with room for all of IPv4.
const LARGEST: u64 = 1 << 33;
/// Hints whose buckets are fetched together: what a core can have under way.
const AT_ONCE: usize = 32;
/// The smallest first segment and those that follow it hold twice all of IPv4.
const SEGMENTS: usize = 24;

/// Hints from clients to addresses.
pub struct Index {
    /// Made in order, each by whoever first finds all before it full where it looks.
    segments: [OnceLock<Segment>; SEGMENTS],
    first_len: usize,
    keys: HashKeys,
}

/// Where a client's hints are, and what they look like.
#[derive(Clone, Copy, Debug)]
pub struct Fold {
    /// Not zero, so that no hint is an empty entry.
    fingerprint: u32,
    bucket: u32,
}

struct Segment {
    /// Zero is empty. Any worker writes, by compare-and-swap alone.
    entries: Box<[AtomicU64]>,
    /// Entries to step over for the buckets to begin on a cache line.
    skip: usize,
    /// One less than the number of buckets, a power of two.
    mask: u32,
}

impl Index {
    /// An index for a table of `addresses`; it grows with the clients.
    pub fn new(resources: u64) -> Self {
        let first = (resources * 2).clamp(SMALLEST_FIRST, LARGEST_FIRST).next_power_of_two();
        Self::with_first_segment(first as usize)
    }

    fn with_first_segment(first_len: usize) -> Self {
        Self {
            segments: [const { OnceLock::new() }; SEGMENTS],
            first_len,
            keys: HashKeys::default(),
        }
    }

    /// Folds network and client into the place of their hints.
    pub fn fold(&self, network: NetworkId, client: ClientKey<'_>) -> Fold {
        // One run for all clients of one length, and no two alike: the octets end where the fixed part
        // begins. Each call costs as much as eight octets do.
        let mut hasher = self.keys.build_hasher();
        hasher.write(client.octets);
        hasher.write_u64(u64::from(network.0.0) << 8 | client.kind as u64);
        let hash = hasher.finish();
        Fold { fingerprint: ((hash >> 32) as u32).max(1), bucket: hash as u32 }
    }

    /// Adds a hint; a client with very many addresses in one network loses one of the others.
    pub fn insert(&self, fold: Fold, resource: ResourceId) {
        let hint = fold.hint(resource);
        for (number, segment) in self.segments.iter().enumerate() {
            if segment.get_or_init(|| self.make(number)).insert(fold, hint) {
                return;
            }
        }
    }

    /// Adds many hints: what is waited for is memory, and for several at once.
    pub(super) fn insert_all(&self, hints: &[(Fold, ResourceId)]) {
        for hints in hints.chunks(AT_ONCE) {
            hints.iter().for_each(|(fold, _)| self.touch(*fold));
            hints.iter().for_each(|(fold, resource)| self.insert(*fold, *resource));
        }
    }

    /// Has the buckets of a hash fetched. Nothing waits for these loads, so that whoever does this for
    /// many has the processor fetch all of them at once.
    pub(super) fn touch(&self, fold: Fold) {
        for segment in self.segments.iter().map_while(OnceLock::get) {
            black_box(segment.buckets(fold).map(|bucket| bucket[0].load(Relaxed)));
        }
    }

    /// Makes the first segment large enough for so many hints, unless there is one already.
    pub(super) fn make_room(&self, hints: u64) {
        // Four fifths full: more, and some pair of buckets is.
        let len = (hints / 4 * 5).next_power_of_two().clamp(self.first_len as u64, LARGEST);
        self.segments[0].get_or_init(|| Segment::new(len as usize));
    }

    fn make(&self, number: usize) -> Segment {
        let first = self.segments[0].get().map_or(self.first_len, Segment::len);
        Segment::new(first << number.saturating_sub(1))
    }

    /// Takes one hint away, if it is there.
    pub fn remove(&self, fold: Fold, resource: ResourceId) {
        let hint = fold.hint(resource);
        for segment in self.segments.iter().map_while(OnceLock::get) {
            // Release: pairs with the acquire in `find`. Who misses this hint sees the swap that
            // made it wrong, and so does not take the client for one without an address.
            // Acquire: whoever took ours for its own, equal one has left us that, and we see it.
            let taken = |entry: &AtomicU64| {
                entry.load(Acquire) == hint
                    && entry.compare_exchange(hint, 0, Release, Acquire).is_ok()
            };
            if segment.buckets(fold).into_iter().flatten().any(taken) {
                return;
            }
        }
    }

    /// Addresses that hints name for the client; to be compared with their bindings.
    pub fn find(&self, fold: Fold) -> impl Iterator<Item = ResourceId> {
        let segments = self.segments.iter().map_while(OnceLock::get);
        segments.flat_map(move |segment| segment.find(fold))
    }

    /// Octets that are really in use, untouched pages left out.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map_while(OnceLock::get).map(Segment::bytes).sum()
    }
}

impl Fold {
    fn hint(self, resource: ResourceId) -> u64 {
        u64::from(self.fingerprint) << 32 | u64::from(resource.0)
    }

    fn matches(self, hint: u64) -> bool {
        hint >> 32 == u64::from(self.fingerprint)
    }
}

impl Segment {
    fn new(len: usize) -> Self {
        let entries = zeroed(len + BUCKET - 1);
        let skip = match entries.as_ptr().align_offset(BUCKET * size_of::<u64>()) {
            skip if skip < BUCKET => skip,
            _ => 0, // allowed to not know; two cache lines for one then
        };
        Self { entries, skip, mask: (len / BUCKET - 1) as u32 }
    }

    fn len(&self) -> usize {
        (self.mask as usize + 1) * BUCKET
    }

    /// The two buckets of a hash; never the same one.
    fn buckets(&self, fold: Fold) -> [&[AtomicU64]; 2] {
        let one = fold.bucket & self.mask;
        let other = one ^ ((fold.fingerprint.wrapping_mul(0x9e37_79b1) >> 3 | 1) & self.mask);
        [one, other].map(|bucket| {
            let begin = self.skip + bucket as usize * BUCKET;
            &self.entries[begin..begin + BUCKET]
        })
    }

    /// Looks through both buckets at once: they are two cache lines, and most look-ups find one hint.
    fn find(&self, fold: Fold) -> impl Iterator<Item = ResourceId> + use<> {
        let (mut found, mut count) = ([ResourceId::FIRST; 2 * BUCKET], 0);
        for bucket in self.buckets(fold) {
            for entry in bucket {
                // Acquire: see `remove`. Insertion needs no release: who sees a binding by the slot's
                // acquire also sees the hint that was inserted before the slot's release.
                let hint = entry.load(Acquire);
                if fold.matches(hint) {
                    found[count] = ResourceId(hint as u32);
                    count += 1;
                }
            }
        }
        found.into_iter().take(count)
    }

    /// False if both buckets are full of other clients' hints.
    fn insert(&self, fold: Fold, hint: u64) -> bool {
        loop {
            let buckets = self.buckets(fold);
            let empty = |bucket: &[AtomicU64]| {
                bucket.iter().filter(|entry| entry.load(Relaxed) == 0).count()
            };
            let emptier = if empty(buckets[0]) >= empty(buckets[1]) { 0 } else { 1 };
            let mut order = buckets[emptier].iter().chain(buckets[1 - emptier]);
            let take = |entry: &AtomicU64| {
                entry.load(Relaxed) == 0
                    && entry.compare_exchange(0, hint, Relaxed, Relaxed).is_ok()
            };
            if order.any(take) {
                return true;
            }
            // One client may have left its name on address after address. It shall not make the
            // index grow: half of two buckets is what it gets, and the hint of another of its
            // addresses goes for the new one.
            let own = || {
                let entries = buckets.into_iter().flatten();
                entries.map(|entry| (entry, entry.load(Relaxed))).filter(|(_, e)| fold.matches(*e))
            };
            if own().count() < BUCKET {
                return false;
            }
            let Some((entry, other)) = own().find(|(_, e)| *e != hint) else { return false };
            if entry.compare_exchange(other, hint, Relaxed, Relaxed).is_ok() {
                return true;
            }
        }
    }

    fn bytes(&self) -> u64 {
        const PAGE: usize = 4_096;
        let page_len = PAGE / size_of::<u64>();
        let touched = self
            .entries
            .chunks(page_len)
            .filter(|page| page.iter().any(|entry| entry.load(Relaxed) != 0))
            .count();
        (touched * PAGE) as u64
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    use super::super::client::ItemKind;
    use super::*;

    const HERE: NetworkId = NetworkId(ResourceId::of(Ipv4Addr::new(10, 0, 0, 0)));
    const THERE: NetworkId = NetworkId(ResourceId::of(Ipv4Addr::new(10, 1, 0, 0)));

    fn fold(index: &Index, network: NetworkId, client: u32) -> Fold {
        let octets = &client.to_be_bytes();
        index.fold(network, ClientKey { kind: ItemKind::Identifier, octets })
    }

    fn ip(number: u32) -> ResourceId {
        ResourceId(number)
    }

    #[test]
    fn a_client_is_found_in_its_own_network_only() {
        let index = Index::new(100);
        index.insert(fold(&index, HERE, 1), ip(7));
        index.insert(fold(&index, HERE, 1), ip(8));
        let found: HashSet<_> = index.find(fold(&index, HERE, 1)).collect();
        assert_eq!(found, HashSet::from([ip(7), ip(8)]));
        assert_eq!(index.find(fold(&index, THERE, 1)).count(), 0);
        assert_eq!(index.find(fold(&index, HERE, 2)).count(), 0);
    }

    #[test]
    fn a_hint_inserted_twice_survives_one_removal() {
        let index = Index::new(100);
        let fold = fold(&index, HERE, 1);
        index.insert(fold, ip(7));
        index.insert(fold, ip(7));
        index.remove(fold, ip(7));
        assert_eq!(index.find(fold).collect::<Vec<_>>(), [ip(7)]);
        index.remove(fold, ip(7));
        assert_eq!(index.find(fold).count(), 0);
    }

    #[test]
    fn every_client_is_found_while_the_index_grows_far_past_its_first_size() {
        let index = Index::new(0);
        for client in 0..50_000 {
            index.insert(fold(&index, HERE, client), ip(client));
        }
        for client in 0..50_000 {
            let mut found = index.find(fold(&index, HERE, client));
            assert!(found.any(|resource| resource == ip(client)), "client {client}");
        }
    }

    #[test]
    fn clients_that_come_and_go_for_ever_do_not_make_the_index_grow() {
        let index = Index::new(0);
        for client in 0..200_000_u32 {
            index.insert(fold(&index, HERE, client), ip(client));
            if let Some(gone) = client.checked_sub(500) {
                index.remove(fold(&index, HERE, gone), ip(gone));
            }
        }
        assert!(index.segments[1].get().is_none());
    }

    #[test]
    fn one_client_with_thousands_of_addresses_costs_a_bucket_and_keeps_the_newest() {
        let index = Index::new(0);
        let fold = fold(&index, HERE, 1);
        for number in 0..10_000 {
            index.insert(fold, ip(number));
            assert!(index.find(fold).any(|resource| resource == ip(number)));
        }
        assert!(index.find(fold).count() <= 2 * BUCKET);
        assert!(index.segments[1].get().is_none());
    }
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::super::client::ItemKind;
    use super::super::sync::AtomicU32;
    use super::*;
    use crate::interleavings::explore;

    const ADDRESS: ResourceId = ResourceId(0x0a00_0001);

    /// An index and the one address it is about, whose slot holds a client's number.
    struct Model {
        index: Index,
        slot: AtomicU32,
    }

    impl Model {
        fn fold(&self, client: u32) -> Fold {
            let octets = &client.to_be_bytes();
            let network = NetworkId(ResourceId::FIRST);
            self.index.fold(network, ClientKey { kind: ItemKind::Identifier, octets })
        }

        fn finds(&self, client: u32) -> bool {
            self.index.find(self.fold(client)).any(|resource| resource == ADDRESS)
        }

        /// As `Table::swap` does it.
        fn swap(&self, from: u32, to: u32) {
            self.index.insert(self.fold(to), ADDRESS);
            let won = self.slot.compare_exchange(from, to, Release, Acquire).is_ok();
            self.index.remove(self.fold(if won { from } else { to }), ADDRESS);
        }
    }

    #[test]
    fn loom_a_client_is_found_while_the_slot_names_it() {
        explore("index: two writers, one reader", 1, 5_000, || {
            let index = Index::with_first_segment(8);
            let model = Arc::new(Model { index, slot: AtomicU32::new(1) });
            model.index.insert(model.fold(1), ADDRESS);
            // Both want the same; the one that loses removes one of two equal hints.
            let writers = [[(1, 2), (2, 3)], [(1, 2), (1, 3)]].map(|swaps| {
                let model = Arc::clone(&model);
                thread::spawn(move || swaps.iter().for_each(|(from, to)| model.swap(*from, *to)))
            });
            let reader = Arc::clone(&model);
            let reader = thread::spawn(move || {
                let client = reader.slot.load(Acquire);
                let found = reader.finds(client);
                // No client comes back here, so if it is the same now it was so all the while.
                assert!(found || reader.slot.load(Relaxed) != client);
            });
            reader.join().unwrap();
            for writer in writers {
                writer.join().unwrap();
            }
            let last = model.slot.load(Acquire);
            assert!(model.finds(last));
            assert!((1..=3).all(|client| client == last || !model.finds(client)));
        });
    }
}
