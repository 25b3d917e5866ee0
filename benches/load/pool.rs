//! The addresses that a server may give, by number.

use std::collections::HashMap;
use std::net::IpAddr;

/// Beyond so many addresses there is no place kept for each: those that are seen get their numbers one
/// after the other.
const MOST_IN_ORDER: u128 = 1 << 26;

/// First and last address, and the number of each.
#[derive(Debug)]
pub(crate) struct Pool {
    first: IpAddr,
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
    /// From the first to the last, which are of one kind.
    pub(crate) fn new((first, last): (IpAddr, IpAddr)) -> Self {
        let count = bits(last).saturating_sub(bits(first)).saturating_add(1);
        Self { first, count, seen: (count > MOST_IN_ORDER).then(Seen::default) }
    }

    /// How many numbers there are.
    pub(super) fn numbers(&self) -> usize {
        self.seen.as_ref().map_or(self.count as usize, |seen| seen.addresses.len())
    }

    /// Which of them this is; `None` for an address that is none of the pool's.
    pub(super) fn number(&mut self, address: IpAddr) -> Option<u32> {
        let offset = bits(address).checked_sub(bits(self.first))?;
        if offset >= self.count || address.is_ipv4() != self.first.is_ipv4() {
            return None;
        }
        let Some(Seen { numbers, addresses }) = &mut self.seen else { return Some(offset as u32) };
        Some(*numbers.entry(address).or_insert_with(|| {
            addresses.push(address);
            addresses.len() as u32 - 1
        }))
    }

    /// The address that has this number.
    pub(super) fn address(&self, number: u32) -> IpAddr {
        match (&self.seen, self.first) {
            (Some(seen), _) => seen.addresses[number as usize],
            (None, first) => nth_after(first, number),
        }
    }
}

/// So many addresses further on.
pub(super) fn nth_after(first: IpAddr, count: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => IpAddr::V4((first.to_bits() + count).into()),
        IpAddr::V6(first) => IpAddr::V6((first.to_bits() + u128::from(count)).into()),
    }
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
            let third = third.parse().unwrap();
            assert_eq!((pool.number(third), pool.address(2)), (Some(2), third));
            assert_eq!(pool.number(outside.parse().unwrap()), None);
        }
        assert_eq!(pool("10.0.0.9", "10.0.0.20").numbers(), 12);
    }

    #[test]
    fn addresses_of_a_large_pool_are_numbered_as_they_are_seen() {
        let mut pool = pool("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff");
        let [far, near] = ["2001:db8::dead:0:0:1", "2001:db8::1"].map(|it| it.parse().unwrap());
        assert_eq!((pool.number(far), pool.number(near)), (Some(0), Some(1)));
        assert_eq!((pool.number(far), pool.address(1)), (Some(0), near));
        assert_eq!(pool.numbers(), 2);
        assert_eq!(pool.number("2001:db8:0:1::1".parse().unwrap()), None);
    }
}
