//! A run of numbers for IPv6 addresses, or for delegated prefixes of one length.
//!
//! In a dense run each has the number of its place, so that a pool is a run of numbers as in IPv4 and
//! nothing is looked up. A sparse run stands for more than there are numbers: one is given out when its
//! address is first spoken of, and what it stands for is written down. Either way a number is odd just if
//! its address is, so that a number alone says whose an address is where that goes by the lowest bit
//! (RFC 8156 §4.2.1.1).

use std::net::Ipv6Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::layout::Range;
use super::page::CHUNK;
use super::resource::{Resource, ResourceId};
use crate::wire::Ipv6Prefix;

/// Resources of one kind that follow one another: addresses, or prefixes of one length.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Span {
    /// How long each prefix is; `None` for addresses.
    pub(super) len: Option<u8>,
    /// The first one's address.
    pub(super) first: u128,
    /// The last address of the last one.
    pub(super) last: u128,
}

/// What a run is for. Over reloads a run lasts as long as the process, and one for the same is the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Purpose {
    /// A pool, or several that lie close together, each resource with a number of its own.
    Dense(Span),
    /// A pool that is too large for that.
    Sparse(Span),
    /// Whatever else there is in a subnet.
    Rest(Span),
    /// What no configuration covers: leases of an earlier one.
    Orphans,
}

/// A run of numbers.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) purpose: Purpose,
    pub(super) ids: Range,
    /// Of a run that is not dense.
    names: Option<Names>,
}

/// What the numbers of a run stand for that are given out as they are asked for.
#[derive(Debug, Default)]
struct Names {
    /// How many even and how many odd ones were given out.
    given: [AtomicU32; 2],
    /// By place in the run; each part twice as long as the one before.
    parts: [OnceLock<Box<[OnceLock<Resource>]>>; PARTS],
}

const FIRST_PART: u32 = 64;
/// Enough for all numbers that there are.
const PARTS: usize = 27;

impl Span {
    /// All addresses between two, both included.
    pub(super) fn addresses(first: Ipv6Addr, last: Ipv6Addr) -> Self {
        Self { len: None, first: first.to_bits(), last: last.to_bits() }
    }

    /// All prefixes of one length in a prefix.
    pub(super) fn prefixes(within: Ipv6Prefix, len: u8) -> Self {
        let (first, last) = (within.address().to_bits(), within.last().to_bits());
        Self { len: Some(len), first, last }
    }

    /// Whether the resource is one of these.
    pub(super) fn holds(&self, resource: Resource) -> bool {
        let (len, address) = parts(resource);
        len == self.len && (self.first..=self.last).contains(&address)
    }

    /// Whether something of the one is something of the other, or a part of it.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.len.is_some() == other.len.is_some()
            && self.first <= other.last
            && other.first <= self.last
    }

    /// The first of these.
    pub(super) fn lowest(&self) -> Resource {
        self.resource(0)
    }

    /// The last of these.
    pub(super) fn highest(&self) -> Resource {
        let last = Ipv6Addr::from_bits(self.last);
        self.len.map_or(last.into(), |len| Ipv6Prefix::containing(last, len).into())
    }

    /// Whether a resource comes behind the first of these, or would if it were of their kind.
    pub(super) fn begins_before(&self, resource: Resource) -> bool {
        (self.len, self.first) <= parts(resource)
    }

    /// How many there are, up to 2^64 − 1.
    pub(super) fn count(&self) -> u64 {
        let more = (self.last - self.first) >> self.shift();
        u64::try_from(more.saturating_add(1)).unwrap_or(u64::MAX)
    }

    /// How many bits of an address are within one resource.
    fn shift(&self) -> u32 {
        u32::from(Ipv6Prefix::MAX_LEN - self.len.unwrap_or(Ipv6Prefix::MAX_LEN))
    }

    /// How far the number of the first resource is from the run's first chunk: as far as makes the low
    /// bits of both the same.
    fn skew(&self) -> u32 {
        (self.first >> self.shift()) as u32 % CHUNK
    }

    /// The numbers that a dense run takes, from the start of a chunk on.
    pub(super) fn room(&self) -> u128 {
        let more = (self.last - self.first) >> self.shift();
        u128::from(self.skew()) + more + 1
    }

    fn number(&self, from: u32, resource: Resource) -> ResourceId {
        let (_, address) = parts(resource);
        // Of a resource that is in here, and no run is longer than there are numbers.
        ResourceId(from + ((address - self.first) >> self.shift()) as u32)
    }

    /// One of these, each as likely if every number is.
    pub(super) fn drawn(&self, number: u128) -> Resource {
        let more = (self.last - self.first) >> self.shift();
        self.resource(more.checked_add(1).map_or(number, |count| number % count))
    }

    fn resource(&self, place: u128) -> Resource {
        // Shifted out of sight only in `::/0` as a whole.
        let address = Ipv6Addr::from_bits(self.first + place.unbounded_shl(self.shift()));
        match self.len {
            Some(len) => Ipv6Prefix::containing(address, len).into(),
            None => address.into(),
        }
    }
}

impl Run {
    /// A run of numbers from `base`, the first of a chunk, up: `room` of them, unless it is dense.
    pub(super) fn new(purpose: Purpose, base: u32, room: u32) -> Self {
        let (first, last, names) = match purpose {
            Purpose::Dense(span) => (base + span.skew(), base + (span.room() - 1) as u32, None),
            _ => (base, base + (room - 1), Some(Names::default())),
        };
        let ids = Range { first: ResourceId(first), last: ResourceId(last) };
        Self { purpose, ids, names }
    }

    /// What it is for, but for orphans, which are anything.
    pub(super) fn span(&self) -> Option<&Span> {
        match &self.purpose {
            Purpose::Dense(span) | Purpose::Sparse(span) | Purpose::Rest(span) => Some(span),
            Purpose::Orphans => None,
        }
    }

    /// Whether it is a pool's.
    pub(super) fn is_pooled(&self) -> bool {
        matches!(self.purpose, Purpose::Dense(_) | Purpose::Sparse(_))
    }

    /// The number of a resource in a dense run that holds it.
    pub(super) fn number(&self, resource: Resource) -> Option<ResourceId> {
        match &self.purpose {
            Purpose::Dense(span) => Some(span.number(self.ids.first.0, resource)),
            _ => None,
        }
    }

    /// A new number for a resource that has none; `None` in a dense run, and once all are given out.
    pub(super) fn give(&self, resource: Resource) -> Option<ResourceId> {
        let names = self.names.as_ref()?;
        let (len, address) = parts(resource);
        let is_odd = (address >> (128 - u32::from(len.unwrap_or(128))).min(127)) as u32 & 1;
        let most = (self.ids.last.0 - self.ids.first.0).div_ceil(2);
        let given = &names.given[is_odd as usize];
        // Relaxed: the number is all there is; who finds it found it in the register.
        let take = |given: u32| (given < most).then_some(given + 1);
        let place = 2 * given.fetch_update(Relaxed, Relaxed, take).ok()? + is_odd;
        names.cell(place).set(resource).ok()?;
        Some(ResourceId(self.ids.first.0 + place))
    }

    /// What a number of the run stands for; `None` for one that was not given out.
    pub(super) fn resource(&self, id: ResourceId) -> Option<Resource> {
        let place = id.0 - self.ids.first.0;
        match (&self.purpose, &self.names) {
            (Purpose::Dense(span), _) => Some(span.resource(place.into())),
            (_, names) => names.as_ref()?.get(place),
        }
    }

    /// How many numbers were given out; of a dense run none ever is.
    pub(super) fn given(&self) -> u32 {
        let given = self.names.iter().flat_map(|names| &names.given);
        given.map(|given| given.load(Relaxed)).sum()
    }
}

impl Names {
    fn cell(&self, place: u32) -> &OnceLock<Resource> {
        let (part, at) = Self::locate(place);
        let len = (FIRST_PART as usize) << part;
        &self.parts[part].get_or_init(|| (0..len).map(|_| OnceLock::new()).collect())[at]
    }

    fn get(&self, place: u32) -> Option<Resource> {
        let (part, at) = Self::locate(place);
        self.parts[part].get()?[at].get().copied()
    }

    fn locate(place: u32) -> (usize, usize) {
        let from = u64::from(place) + u64::from(FIRST_PART);
        let part = from.ilog2() - FIRST_PART.ilog2();
        (part as usize, (from - (u64::from(FIRST_PART) << part)) as usize)
    }
}

/// The length of a prefix, and the number that the first address is.
pub(super) fn parts(resource: Resource) -> (Option<u8>, u128) {
    match resource {
        Resource::Ipv4(address) => (None, address.to_ipv6_mapped().to_bits()),
        Resource::Ipv6(address) => (None, address.to_bits()),
        Resource::Prefix(prefix) => (Some(prefix.len()), prefix.address().to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn within(text: &str, len: u8) -> Ipv6Prefix {
        Ipv6Prefix::new(ip(text), len).unwrap()
    }

    #[test]
    fn in_a_dense_run_the_low_bits_of_number_and_address_are_the_same() {
        let span = Span::addresses(ip("2001:db8::1003"), ip("2001:db8::2fff"));
        let run = Run::new(Purpose::Dense(span), 7 * CHUNK, 0);
        for text in ["2001:db8::1003", "2001:db8::1400", "2001:db8::2fff"] {
            let id = run.number(ip(text).into()).unwrap();
            assert_eq!(u128::from(id.0 % CHUNK), ip(text).to_bits() % u128::from(CHUNK), "{text}");
            assert_eq!(run.resource(id), Some(ip(text).into()));
            assert!(run.ids.contains(id));
        }
        assert_eq!(run.ids.first.0, 7 * CHUNK + 3);
        assert_eq!(run.ids.count(), 0x2fff - 0x1003 + 1);
    }

    #[test]
    fn delegated_prefixes_are_numbered_by_their_own_length() {
        let span = Span::prefixes(within("2001:db8:8000::", 33), 56);
        let run = Run::new(Purpose::Dense(span), 0, 0);
        assert_eq!(run.ids.count(), 1 << 23);
        let third = within("2001:db8:8000:300::", 56);
        assert_eq!(run.number(third.into()), Some(ResourceId(3)));
        assert_eq!(run.resource(ResourceId(3)), Some(third.into()));
        assert!(!span.holds(within("2001:db8:8000::", 48).into()) && !span.holds(ip("::1").into()));
    }

    #[test]
    fn a_sparse_run_gives_out_numbers_as_odd_as_their_addresses_until_none_is_left() {
        let span = Span::addresses(ip("2001:db8::"), ip("2001:db8::ffff:ffff:ffff:ffff"));
        let run = Run::new(Purpose::Sparse(span), 2 * CHUNK, 200);
        let mut given = Vec::new();
        for number in 0..300_u128 {
            let address =
                Ipv6Addr::from_bits(span.first + number * 2 + u128::from(number % 3 == 0));
            if let Some(id) = run.give(address.into()) {
                assert_eq!(id.0 & 1, address.to_bits() as u32 & 1);
                given.push((id, address));
            }
        }
        assert_eq!(given.len(), 200, "as many of each");
        for (id, address) in given {
            assert!(run.ids.contains(id));
            assert_eq!(run.resource(id), Some(address.into()));
        }
        assert_eq!(run.given(), 200);
    }
}
