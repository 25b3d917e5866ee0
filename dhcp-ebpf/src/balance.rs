//! Which of two partners answers a client: the load balancing of DHCP (RFC 3074), whose hash is
//! Pearson's.
//!
//! The hash begins with the length and the last octet, so a key has to be there whole.

use crate::packet::Cursor;

/// The permutation of all octets that the hash is made of (RFC 3074 §6).
#[rustfmt::skip]
static TABLE: [u8; 256] = [
    251, 175, 119, 215, 81, 14, 79, 191, 103, 49, 181, 143, 186, 157, 0, 232,
    31, 32, 55, 60, 152, 58, 17, 237, 174, 70, 160, 144, 220, 90, 57, 223,
    59, 3, 18, 140, 111, 166, 203, 196, 134, 243, 124, 95, 222, 179, 197, 65,
    180, 48, 36, 15, 107, 46, 233, 130, 165, 30, 123, 161, 209, 23, 97, 16,
    40, 91, 219, 61, 100, 10, 210, 109, 250, 127, 22, 138, 29, 108, 244, 67,
    207, 9, 178, 204, 74, 98, 126, 249, 167, 116, 34, 77, 193, 200, 121, 5,
    20, 113, 71, 35, 128, 13, 182, 94, 25, 226, 227, 199, 75, 27, 41, 245,
    230, 224, 43, 225, 177, 26, 155, 150, 212, 142, 218, 115, 241, 73, 88, 105,
    39, 114, 62, 255, 192, 201, 145, 214, 168, 158, 221, 148, 154, 122, 12, 84,
    82, 163, 44, 139, 228, 236, 205, 242, 217, 11, 187, 146, 159, 64, 86, 239,
    195, 42, 106, 198, 118, 112, 184, 172, 87, 2, 173, 117, 176, 229, 247, 253,
    137, 185, 99, 164, 102, 147, 45, 66, 231, 52, 141, 211, 194, 206, 246, 238,
    56, 110, 78, 248, 63, 240, 189, 93, 92, 51, 53, 183, 19, 171, 72, 50,
    33, 104, 101, 69, 8, 252, 83, 120, 76, 135, 85, 54, 202, 125, 188, 213,
    96, 235, 136, 208, 162, 129, 190, 132, 156, 38, 47, 1, 7, 254, 24, 4,
    216, 131, 89, 21, 28, 133, 37, 153, 149, 80, 170, 68, 6, 169, 234, 151,
];

/// The hash of a client's key, which is one of 256 buckets (RFC 3074 §6).
///
/// Departs from RFC 3074 §4, which takes at most 16 octets of a key: ISC dhcpd takes all of them, and
/// two servers that differ here answer some clients twice and others never.
#[inline]
#[must_use]
pub const fn bucket_of(key: &[u8]) -> u8 {
    // Modulo 256, as in the sources.
    let mut hash = key.len() as u8;
    let mut left = key;
    while let [before @ .., last] = left {
        hash = step(hash, *last);
        left = before;
    }
    hash
}

/// The bucket of a DHCPv4 client (RFC 3074 §4, draft-12 §9.8.2): of its client identifier, option 61
/// whole, if it has sent one; else of the first `hlen` octets of `chaddr`, without `htype`.
///
/// An `hlen` over 16 counts as 16. An empty identifier is none.
#[inline]
#[must_use]
pub const fn client_bucket(identifier: Option<&[u8]>, chaddr: &[u8; 16], hlen: u8) -> u8 {
    if let Some(identifier) = identifier
        && !identifier.is_empty()
    {
        return bucket_of(identifier);
    }
    let len = if hlen > 16 { 16 } else { hlen as usize };
    bucket_of(chaddr.split_at(len).0)
}

/// Longest key, in octets, that [`bucket_in`] takes: its loop must have an end that the verifier sees
/// soon.
pub const KEY_IN_PACKET_MAX: u8 = 64;

/// [`bucket_of`] the `len` octets that come next in `packet`, for the kernel's verifier; or `None`
/// where fewer are left, and for more than [`KEY_IN_PACKET_MAX`].
#[inline(always)]
#[must_use]
pub fn bucket_in(packet: &Cursor<'_>, len: u8) -> Option<u8> {
    if len > KEY_IN_PACKET_MAX {
        return None;
    }
    let len = usize::from(len);
    let mut hash = len as u8;
    // A word as counter, and no inclusive range: one of octets comes round, and never ends for all
    // that the verifier can tell.
    for done in 0..usize::from(KEY_IN_PACKET_MAX) {
        if done >= len {
            break;
        }
        // A cursor reads forward only, and so each octet gets one of its own.
        let mut octet = *packet;
        octet.skip(len - 1 - done);
        let [octet] = octet.take()?;
        hash = step(hash, octet);
    }
    Some(hash)
}

#[inline(always)]
const fn step(hash: u8, octet: u8) -> u8 {
    TABLE[(hash ^ octet) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHADDR: [u8; 16] = [2, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn the_table_is_the_published_one() {
        let mut sorted = TABLE;
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..=u8::MAX));
        let weighed: u32 = (0..).zip(TABLE).map(|(index, octet)| index * u32::from(octet)).sum();
        assert_eq!(weighed, 4_182_590);
        assert_eq!(crc32(&TABLE), 0x5951_7472);
    }

    /// The first rows by hand, the clients' as two ISC dhcpd answered them.
    #[test]
    fn known_keys_have_known_buckets() {
        let known: [(&[u8], u8); 18] = [
            (&[], 0),
            (&[0x00], 175),
            (&[0x01], 251),
            (&[0xff], 234),
            (&[0; 6], 254),
            (&[0, 0, 0, 0, 0, 1], 153),
            (&[0x00, 0x11, 0x22, 0x33, 0x44, 0x55], 135),
            (&[0x01, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55], 223),
            (&[0x02, 0, 0, 0, 1, 5], 97),
            (&[0x01, 0x02, 0, 0, 0, 1, 1], 200),
            (&[0x01, 0x02, 0, 0, 0, 1, 2], 151),
            (&[0x01, 0x02, 0, 0, 0, 1, 3], 160),
            (&[0x01, 0x02, 0, 0, 0, 1, 4], 20),
            (&[0x01, 0x02, 0, 0, 0, 1, 9], 170),
            (&[0xff; 6], 79),
            (b"abc", 170),
            // Longer than the sixteen octets of RFC 3074 §4.
            (b"\xff\x82\xb7\x0e\xee\x7f\x1a\x50\x39\xbe\xf0\x7e\xc2\x34\x7f\x06\x6e\xd0\x8f", 38),
            (b"\xff\x5d\x64\xc4\x98\x0b\xb8\xd4\x54\x4a\x87\x21\xa9\x9a\x01\xad\x21\x9e\xb5", 239),
        ];
        for (key, bucket) in known {
            assert_eq!(bucket_of(key), bucket, "{key:02x?}");
        }
    }

    #[test]
    fn an_identifier_goes_before_the_hardware_address() {
        assert_eq!(client_bucket(Some(b"abc"), &CHADDR, 6), 170);
        assert_eq!(client_bucket(None, &CHADDR, 6), 97);
        assert_eq!(client_bucket(Some(b""), &CHADDR, 6), 97);
        assert_eq!(client_bucket(None, &CHADDR, 255), bucket_of(&CHADDR));
        assert_eq!(client_bucket(None, &CHADDR, 0), 0);
    }

    #[test]
    fn a_key_inside_a_packet_has_the_same_bucket() {
        let packet: [u8; 255] = core::array::from_fn(|at| (at * 7 + 3) as u8);
        for len in 0..=KEY_IN_PACKET_MAX {
            let (key, _) = packet.split_at(usize::from(len));
            assert_eq!(bucket_in(&Cursor::of(&packet), len), Some(bucket_of(key)), "{len}");
        }
        assert_eq!(bucket_in(&Cursor::of(&packet), KEY_IN_PACKET_MAX + 1), None);
        assert_eq!(bucket_in(&Cursor::of(&packet[..7]), 8), None);
    }

    /// IEEE 802.3, bit by bit: the table is checked against a published number.
    fn crc32(octets: &[u8]) -> u32 {
        !octets.iter().fold(u32::MAX, |crc, octet| {
            (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
            })
        })
    }
}
