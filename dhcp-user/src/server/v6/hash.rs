//! Addresses that follow from who the client is: without stored leases, any number of servers that share
//! a key give one client one address (RFC 7943 §3).
//!
//! A client that finds its address in use declines it, and is given the one of the next counter. Which
//! counter an address belongs to, it proves itself: it is computed again.
//!
//! The chance that of `n` clients in `N` addresses any two meet is `1 − exp(−n(n−1)/2N)`: of a million in
//! 2^64, one in 37 million; in 2^48, one in 560. A client that meets nobody at its first address meets
//! nobody at all.

use std::net::Ipv6Addr;

use sha2::{Digest as _, Sha256};

use super::identity::IaKey;

/// Counters that are tried before a client gets nothing.
pub(super) const COUNTERS: u32 = 16;

/// A range of addresses, and the key by which clients find theirs in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed<'a> {
    /// The subnet's prefix, its other bits zero.
    pub(super) prefix: Ipv6Addr,
    pub(super) first: Ipv6Addr,
    pub(super) last: Ipv6Addr,
    pub(super) secret: &'a [u8],
}

impl Hashed<'_> {
    /// The address of a client at a counter.
    pub(super) fn address(&self, key: &IaKey, counter: u32) -> Ipv6Addr {
        let (iaid, duid) = key.key().octets.split_at(4);
        let digest = Sha256::new()
            .chain_update(self.prefix.octets())
            .chain_update(duid)
            .chain_update(iaid)
            .chain_update(counter.to_be_bytes())
            .chain_update(self.secret)
            .finalize();
        let (first, last) = (self.first.to_bits(), self.last.to_bits());
        let more = last - first;
        // The digest is a number of 256 bits, most significant first, and its remainder is taken. A
        // range of 2^n addresses leaves its last bits; of any other, the halves are reduced in turn.
        let half = |at: usize| {
            digest[at..at + 16].iter().fold(0, |number, octet| number << 8 | u128::from(*octet))
        };
        let (high, low): (u128, u128) = (half(0), half(16));
        let offset = match more.checked_add(1) {
            None => low,
            Some(count) if count.is_power_of_two() => low & more,
            Some(count) => remainder(high, low, count),
        };
        Ipv6Addr::from_bits(first + offset)
    }
}

/// What is left of a number of 256 bits when it is divided.
fn remainder(high: u128, low: u128, divisor: u128) -> u128 {
    let mut rest = high % divisor;
    for bit in (0..128).rev() {
        let carried = rest >> 127 == 1;
        rest = rest << 1 | (low >> bit & 1);
        if carried || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::wire::dhcpv6::{IaKind, Iaid};

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const DUID: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn hashed<'a>(first: &str, last: &str) -> Hashed<'a> {
        Hashed { prefix: ip("2001:db8:1:1::"), first: ip(first), last: ip(last), secret: &KEY }
    }

    fn key(iaid: u32, duid: &[u8]) -> IaKey {
        IaKey::new(IaKind::Addresses, Iaid(iaid), duid)
    }

    /// RFC 7943 §3, SHA-256 as a number most significant octet first.
    #[test]
    fn addresses_are_those_that_any_other_server_computes() {
        let all = hashed("2001:db8:1:1::", "2001:db8:1:1:ffff:ffff:ffff:ffff");
        let part = hashed("2001:db8:1:1::1000", "2001:db8:1:1::1fff");
        for (iaid, counter, in_all, in_part) in [
            (1, 0, "2001:db8:1:1:f130:fa29:9b7f:b3a0", "2001:db8:1:1::13a0"),
            (1, 1, "2001:db8:1:1:4981:f98e:777a:ad91", "2001:db8:1:1::1d91"),
            (1, 2, "2001:db8:1:1:d0d6:96a2:ca96:75d4", "2001:db8:1:1::15d4"),
            (2, 0, "2001:db8:1:1:db43:3a63:18f8:914c", "2001:db8:1:1::114c"),
        ] {
            assert_eq!(all.address(&key(iaid, &DUID), counter), ip(in_all));
            assert_eq!(part.address(&key(iaid, &DUID), counter), ip(in_part));
        }
        let odd = hashed("2001:db8:1:1::1000", "2001:db8:1:1::13e7");
        assert_eq!(odd.address(&key(1, &DUID), 0), ip("2001:db8:1:1::12c8"));
    }

    #[test]
    fn a_remainder_is_that_of_the_whole_number() {
        assert_eq!(remainder(1, 0, 3), 1, "2^128 = 3k + 1");
        assert_eq!(remainder(0, u128::MAX, u128::MAX), 0);
        assert_eq!(remainder(u128::MAX, u128::MAX, u128::MAX - 1), 3);
        assert_eq!(remainder(5, 7, 1 << 64), 7);
    }

    /// The odds that the documentation gives, met by clients in ranges small enough to count: within
    /// five standard deviations of how many find an address taken that was another's before.
    #[test]
    fn clients_meet_as_often_as_the_odds_say() {
        let range = hashed("2001:db8:1:1::", "2001:db8:1:1::ffff"); // 2^16
        let (clients, addresses) = (2_000_u32, 65_536_f64);
        let mut met = 0;
        let mut taken = HashSet::new();
        for number in 0..clients {
            let duid = [&DUID[..6], &number.to_be_bytes()].concat();
            met += u32::from(!taken.insert(range.address(&key(1, &duid), 0)));
        }
        let n = f64::from(clients);
        let expected = n - addresses * (1.0 - (1.0 - 1.0 / addresses).powf(n));
        assert!((f64::from(met) - expected).abs() < 5.0 * expected.sqrt(), "{met}, not {expected}");
    }
}
