//! The addresses, or the delegated prefixes, that a server may give, by number.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use dhcp_user::wire::Ipv6Prefix;

/// Beyond so many addresses there is no place kept for each: those that are seen get their numbers one
/// after the other.
const MOST_IN_ORDER: u128 = 1 << 26;

/// What one client is given: a prefix, or an address, which is one of all its bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Block {
    pub(crate) first: IpAddr,
    /// Bits that all of its addresses have in common.
    pub(crate) len: u8,
}

impl From<IpAddr> for Block {
    fn from(address: IpAddr) -> Self {
        Self { first: address, len: bits_of(address) }
    }
}

/// Blocks of one length that follow one another, and the number of each.
#[derive(Debug)]
pub(crate) struct Pool {
    first: Block,
    count: u128,
    /// What was seen of a pool that is too large to number it in order.
    seen: Option<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    numbers: HashMap<IpAddr, u32>,
    addresses: Vec<IpAddr>,
}

impl Pool {
    /// Addresses from the first to the last, which are of one kind.
    pub(crate) fn new((first, last): (IpAddr, IpAddr)) -> Self {
        let count = bits(last).saturating_sub(bits(first)).saturating_add(1);
        Self::of(first.into(), count)
    }

    /// The prefixes of this length that a prefix has, which is no longer.
    pub(crate) fn of_prefixes(within: Ipv6Prefix, len: u8) -> Self {
        let first = Block { first: within.address().into(), len };
        Self::of(first, 1_u128.checked_shl((len - within.len()).into()).unwrap_or(u128::MAX))
    }

    fn of(first: Block, count: u128) -> Self {
        Self { first, count, seen: (count > MOST_IN_ORDER).then(Seen::default) }
    }

    /// How long all of them are.
    pub(crate) fn len(&self) -> u8 {
        self.first.len
    }

    /// Whether they are of IPv4.
    pub(super) fn is_ipv4(&self) -> bool {
        self.first.first.is_ipv4()
    }

    /// How many numbers there are.
    pub(super) fn numbers(&self) -> usize {
        self.seen.as_ref().map_or(self.count as usize, |seen| seen.addresses.len())
    }

    /// Which of them this is; `None` for one that is none of the pool's, or begins within one.
    pub(super) fn number(&mut self, block: Block) -> Option<u32> {
        let Block { first: address, len } = block;
        let offset = bits(address).checked_sub(bits(self.first.first))?;
        let place = offset >> self.shift();
        let is_whole = place << self.shift() == offset;
        let is_alike = (address.is_ipv4(), len) == (self.is_ipv4(), self.len());
        if place >= self.count || !is_whole || !is_alike {
            return None;
        }
        let Some(Seen { numbers, addresses }) = &mut self.seen else { return Some(place as u32) };
        Some(*numbers.entry(address).or_insert_with(|| {
            addresses.push(address);
            addresses.len() as u32 - 1
        }))
    }

    /// The first address of the one that has this number.
    pub(super) fn address(&self, number: u32) -> IpAddr {
        match (&self.seen, self.first.first) {
            (Some(seen), _) => seen.addresses[number as usize],
            (None, IpAddr::V4(_)) => nth_after(self.first.first, number),
            (None, IpAddr::V6(first)) => {
                let offset = u128::from(number) << self.shift();
                Ipv6Addr::from_bits(first.to_bits() + offset).into()
            }
        }
    }

    /// Bits of an address that are within one of them.
    fn shift(&self) -> u8 {
        bits_of(self.first.first) - self.len()
    }
}

/// So many addresses further on.
pub(super) fn nth_after(first: IpAddr, count: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => IpAddr::V4((first.to_bits() + count).into()),
        IpAddr::V6(first) => IpAddr::V6((first.to_bits() + u128::from(count)).into()),
    }
}

/// How many bits such an address has.
fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(first: &str, last: &str) -> Pool {
        Pool::new((first.parse().unwrap(), last.parse().unwrap()))
    }

    #[test]
    fn addresses_of_a_small_pool_are_numbered_in_order() {
        for (first, third, last, outside) in [
            ("10.0.0.9", "10.0.0.11", "10.0.0.20", "10.0.0.21"),
            ("2001:db8::9", "2001:db8::b", "2001:db8::20", "2001:db8::21"),
        ] {
            let mut pool = pool(first, last);
            let third: IpAddr = third.parse().unwrap();
            assert_eq!((pool.number(third.into()), pool.address(2)), (Some(2), third));
            assert_eq!(pool.number(outside.parse::<IpAddr>().unwrap().into()), None);
        }
        assert_eq!(pool("10.0.0.9", "10.0.0.20").numbers(), 12);
    }

    #[test]
    fn addresses_of_a_large_pool_are_numbered_as_they_are_seen() {
        let mut pool = pool("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff");
        let block = |text: &str| Block::from(text.parse::<IpAddr>().unwrap());
        let [far, near] = ["2001:db8::dead:0:0:1", "2001:db8::1"].map(block);
        assert_eq!((pool.number(far), pool.number(near)), (Some(0), Some(1)));
        assert_eq!((pool.number(far), pool.address(1)), (Some(0), near.first));
        assert_eq!(pool.numbers(), 2);
        assert_eq!(pool.number(block("2001:db8:0:1::1")), None);
    }

    #[test]
    fn prefixes_have_numbers_if_they_are_of_the_length_and_begin_where_one_does() {
        let mut pool = Pool::of_prefixes("2001:db8:8000::/48".parse().unwrap(), 56);
        let mut number = |text: &str, len| pool.number(Block { first: text.parse().unwrap(), len });
        assert_eq!(number("2001:db8:8000::", 56), Some(0));
        assert_eq!(number("2001:db8:8000:ff00::", 56), Some(255));
        assert_eq!(number("2001:db8:8001::", 56), None, "it is the next pool's");
        assert_eq!(number("2001:db8:8000:100::", 60), None);
        assert_eq!(number("2001:db8:8000:180::", 56), None);
        assert_eq!(number("2001:db8:8000:100::1", 56), None);
        assert_eq!(pool.numbers(), 256);
        assert_eq!(pool.address(3), "2001:db8:8000:300::".parse::<IpAddr>().unwrap());
    }
}
