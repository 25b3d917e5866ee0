//! Which worker a client belongs to. One client is always one worker's, on every queue and by every
//! path, so both sides of the kernel compute it alike.
//!
//! The hash needs nothing but 32-bit words in network order, multiplication, shifts and exclusive
//! or: a classic BPF filter, which steers the socket path, can compute it as well.

use crate::packet::Cursor;

/// The multiplier of [`mix`]: odd, with its bits spread evenly (2³² divided by the golden ratio).
pub const MULTIPLIER: u32 = 0x9e37_79b1;
/// How far [`mix`] shifts.
pub const SHIFT: u32 = 15;

/// A client's hash: of `hlen` and the first `hlen` octets of `chaddr` (RFC 2131 §2).
///
/// Octets beyond `hlen` do not count, since a relay may leave anything there; an `hlen` over 16 counts
/// as 16. Clients with `hlen` 0 (RFC 4390) share one hash and so one worker.
#[inline(always)]
#[must_use]
pub fn client_hash(chaddr: &[u8; 16], hlen: u8) -> u32 {
    let len = if hlen > 16 { 16 } else { u32::from(hlen) };
    let mut hash = len;
    let [a, b, c, d] = words(chaddr);
    hash = mix(hash, a & mask(len, 0));
    hash = mix(hash, b & mask(len, 4));
    hash = mix(hash, c & mask(len, 8));
    hash = mix(hash, d & mask(len, 12));
    mix(hash, 0)
}

/// The hash of an IPv6 client behind a relay: of its peer-address (RFC 8415 §9.1).
#[inline(always)]
#[must_use]
pub fn peer_hash(address: &[u8; 16]) -> u32 {
    client_hash(address, 16)
}

/// The hash of a DHCPv6 client: of the `len` octets of DUID that come next in `packet`, or `None`
/// where it is longer than a DUID may be (RFC 8415 §11.1) or than the packet.
#[inline(always)]
pub fn duid_hash(packet: &mut Cursor<'_>, len: u16) -> Option<u32> {
    const MAX_LEN: u16 = 130;
    if len > MAX_LEN {
        return None;
    }
    let (whole, rest) = (len / 4, len % 4);
    let mut hash = u32::from(len);
    for index in 0..MAX_LEN / 4 {
        if index >= whole {
            break;
        }
        hash = mix(hash, u32::from_be_bytes(packet.take()?));
    }
    for index in 0..3 {
        if index >= rest {
            break;
        }
        let [octet] = packet.take()?;
        hash = mix(hash, u32::from(octet));
    }
    Some(mix(hash, 0))
}

/// Adds `word` to `hash`.
#[inline(always)]
#[must_use]
pub const fn mix(hash: u32, word: u32) -> u32 {
    let mixed = (hash ^ word).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> SHIFT)
}

/// The worker of a client among `workers`, of which there is at least one.
#[inline(always)]
#[must_use]
pub const fn worker_of(hash: u32, workers: u32) -> u32 {
    hash % workers
}

/// Where a worker's socket on a queue stands in the [`SOCKETS`](crate::map::SOCKETS) map.
#[inline(always)]
#[must_use]
pub const fn socket_index(queue: u32, workers: u32, worker: u32) -> u32 {
    queue.wrapping_mul(workers).wrapping_add(worker)
}

#[inline(always)]
fn words(octets: &[u8; 16]) -> [u32; 4] {
    let word = |at: usize| {
        u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
    };
    [word(0), word(4), word(8), word(12)]
}

/// The bits of the word at octet `first` that lie within the first `len` octets.
#[inline(always)]
const fn mask(len: u32, first: u32) -> u32 {
    if len <= first {
        0
    } else if len - first >= 4 {
        u32::MAX
    } else {
        u32::MAX << (32 - 8 * (len - first))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const ALICE: [u8; 16] = [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn padding_behind_the_address_does_not_count() {
        let mut dirty = ALICE;
        dirty[6..].fill(0xee);
        assert_eq!(client_hash(&ALICE, 6), client_hash(&dirty, 6));
    }

    #[test]
    fn every_octet_within_hlen_counts() {
        for len in 1..=16_u8 {
            for at in 0..usize::from(len) {
                let mut other = ALICE;
                other[at] ^= 0x40;
                assert_ne!(client_hash(&ALICE, len), client_hash(&other, len), "{len} {at}");
            }
        }
    }

    #[test]
    fn the_length_itself_counts() {
        let hashes: HashSet<_> = (0..=16).map(|len| client_hash(&[0; 16], len)).collect();
        assert_eq!(hashes.len(), 17);
    }

    #[test]
    fn an_impossible_length_counts_as_the_whole_field() {
        assert_eq!(client_hash(&ALICE, 255), client_hash(&ALICE, 16));
    }

    #[test]
    fn consecutive_addresses_spread_evenly_over_any_number_of_workers() {
        for workers in 1..=16_u32 {
            let mut load = vec![0_u32; workers as usize];
            for client in 0..10_000_u32 {
                let mut chaddr = ALICE;
                chaddr[2..6].copy_from_slice(&client.to_be_bytes());
                load[worker_of(client_hash(&chaddr, 6), workers) as usize] += 1;
            }
            let fair = 10_000 / workers;
            assert!(
                load.iter().all(|&clients| clients > fair * 8 / 10 && clients < fair * 12 / 10 + 2),
                "{workers} workers: {load:?}"
            );
        }
    }

    /// A change here moves clients between the paths of one running server and its filters.
    #[test]
    fn the_hash_is_what_it_was() {
        assert_eq!(client_hash(&ALICE, 6), 504_366_409);
    }

    #[test]
    fn no_two_workers_share_a_place() {
        let places: HashSet<_> = (0..4)
            .flat_map(|queue| (0..3).map(move |worker| socket_index(queue, 3, worker)))
            .collect();
        assert_eq!(places, (0..12).collect());
    }
}
