//! DHCPDISCOVERs of the partner's clients: what load balancing (RFC 3074) needs to know to leave them
//! to the partner before they cost anything.
//!
//! ```text
//! | op, htype, hlen, hops 4 | xid 4 | secs 2 | flags to giaddr 18 | chaddr 16 | sname, file 192
//! | cookie 4 | options: code 1, length 1, data ... | 255
//! ```
//! Whatever cannot be told here for certain is for the worker to decide.

use crate::balance::bucket_in;
use crate::packet::Cursor;

/// The first octets of options (RFC 2132 §2).
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const DISCOVER: u8 = 1;
const PAD: u8 = 0;
const OPTION_OVERLOAD: u8 = 52;
const OPTION_MESSAGE_TYPE: u8 = 53;
const OPTION_CLIENT_ID: u8 = 61;
const END: u8 = 255;
/// Options that are looked at. Clients send about a dozen.
const MAX_OPTIONS: usize = 24;
/// Longest `chaddr`.
const MAX_HARDWARE: u8 = 16;

/// Which clients are the partner's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Balance {
    /// Bit h % 64 of word h / 64 set: clients with hash h are the partner's. All zero: nobody is.
    pub theirs: [u64; 4],
    /// Who has asked for more seconds than this is anybody's; [`NEVER`](Self::NEVER) is no bound.
    pub max_secs: u32,
    /// Zero. There is no padding.
    pub reserved: u32,
}

impl Balance {
    /// More seconds than a client can have asked for.
    pub const NEVER: u32 = 1 << 16;

    /// Every client is ours, or the worker's to judge.
    #[inline(always)]
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.theirs[0] | self.theirs[1] | self.theirs[2] | self.theirs[3] == 0
    }

    /// Whether `message`, a DHCPv4 request from its first octet on, is for certain a DHCPDISCOVER of a
    /// client of the partner's.
    #[inline(always)]
    #[must_use]
    pub fn leaves(&self, message: Cursor<'_>) -> bool {
        if self.is_off() {
            return false;
        }
        let Some((secs, bucket)) = discoverer(message) else { return false };
        // At most three: the compiler cannot tell, and a program cannot panic.
        let word = self.theirs[usize::from(bucket >> 6) & 3];
        word >> (bucket & 63) & 1 == 1 && u32::from(secs) <= self.max_secs
    }
}

/// For how long the client of a DHCPDISCOVER has asked, and its bucket.
#[inline(always)]
fn discoverer(mut packet: Cursor<'_>) -> Option<(u16, u8)> {
    let [_op, _htype, hlen, _hops] = packet.take()?;
    packet.skip(4);
    let [high, low] = packet.take()?;
    // Clients that count in the wrong octet: whether they are heard is configured.
    if low == 0 && high != 0 {
        return None;
    }
    packet.skip(18);
    let hardware = packet;
    packet.skip(16 + 64 + 128);
    if u32::from_be_bytes(packet.take()?) != u32::from_be_bytes(COOKIE) {
        return None;
    }
    let options = Options::of(packet)?;
    if !is_discover(options) {
        return None;
    }
    let bucket = match identifier(options)? {
        Some((key, len)) => bucket_in(&key, len)?,
        None if hlen == 0 || hlen > MAX_HARDWARE => return None,
        None => bucket_in(&hardware, hlen)?,
    };
    Some((u16::from_be_bytes([high, low]), bucket))
}

/// Options that are still to be read.
///
/// Their place is a number beside a pointer that stays: wherever a search ends, the verifier sees the
/// same pointer and a number below the same bound, and checks what follows once, not once for each
/// place.
#[derive(Clone, Copy)]
struct Options<'a> {
    first: Cursor<'a>,
    at: usize,
}

impl<'a> Options<'a> {
    /// Octets that options may take up here, so that no place comes round.
    const MAX_LEN: usize = Cursor::MAX_SKIP - 2 - 255;

    #[inline(always)]
    fn of(first: Cursor<'a>) -> Option<Self> {
        let mut last = first;
        last.skip(Self::MAX_LEN);
        if last.take::<1>().is_some() {
            return None;
        }
        Some(Self { first, at: 0 })
    }

    /// The code and length of the next option, and where its data is; `None` at the packet's end.
    #[inline(always)]
    fn next(&mut self) -> Option<(u8, u8, Cursor<'a>)> {
        let mut data = self.first;
        data.skip(self.at);
        let [code, len] = data.take()?;
        self.at = (self.at + 2 + usize::from(len)) & Cursor::MAX_SKIP;
        Some((code, len, data))
    }
}

/// Whether these options have no riddles and say DHCPDISCOVER.
#[inline(always)]
fn is_discover(mut options: Options<'_>) -> bool {
    let mut is_discover = false;
    for _ in 0..MAX_OPTIONS {
        let Some((code, _, mut data)) = options.next() else { return false };
        match code {
            END => return is_discover,
            // Nobody pads between options; more of them may stand in `sname` and `file`.
            PAD | OPTION_OVERLOAD => return false,
            OPTION_MESSAGE_TYPE => {
                let Some([DISCOVER]) = data.take() else { return false };
                is_discover = true;
            }
            _ => {}
        }
    }
    false
}

/// Where the client identifier begins, and its length; `Some(None)` if there is none.
#[inline(always)]
#[expect(clippy::option_option, reason = "unknown, none, and one")]
fn identifier(mut options: Options<'_>) -> Option<Option<(Cursor<'_>, u8)>> {
    for _ in 0..MAX_OPTIONS {
        let before = options.at;
        let (code, len, _) = options.next()?;
        if code == END {
            return Some(None);
        }
        if code == OPTION_CLIENT_ID {
            // In several pieces (RFC 3396), or an empty one, it is for the worker.
            let is_plain = len > 0 && !has_identifier(options);
            let mut key = options.first;
            key.skip((before + 2) & Cursor::MAX_SKIP);
            return is_plain.then_some(Some((key, len)));
        }
    }
    None
}

/// Whether there is, or may be, another client identifier among these options.
#[inline(always)]
fn has_identifier(mut options: Options<'_>) -> bool {
    for _ in 0..MAX_OPTIONS {
        match options.next() {
            Some((END, ..)) => return false,
            None | Some((OPTION_CLIENT_ID, ..)) => return true,
            Some(_) => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::bucket_of;

    const HARDWARE: [u8; 6] = [2, 0, 0, 0, 1, 5];
    /// Its bucket.
    const OF_HARDWARE: u8 = 97;

    fn message(secs: u16, options: &[u8]) -> Vec<u8> {
        let mut message = vec![0; 236];
        message[..3].copy_from_slice(&[1, 1, 6]);
        message[8..10].copy_from_slice(&secs.to_be_bytes());
        message[28..34].copy_from_slice(&HARDWARE);
        message.extend(COOKIE);
        message.extend(options);
        message
    }

    fn found(secs: u16, options: &[u8]) -> Option<(u16, u8)> {
        discoverer(Cursor::of(&message(secs, options)))
    }

    #[test]
    fn a_plain_discover_is_read() {
        assert_eq!(found(5, &[53, 1, 1, 255, 0]), Some((5, OF_HARDWARE)));
        assert_eq!(found(0, &[12, 2, 61, 53, 53, 1, 1, 255, 0]), Some((0, OF_HARDWARE)));
        let abc = [55, 3, 1, 3, 6, 53, 1, 1, 61, 3, 97, 98, 99, 60, 1, 7, 255, 0];
        assert_eq!(found(0, &abc), Some((0, 170)));
        let first = [61, 3, 97, 98, 99, 53, 1, 1, 255, 0];
        assert_eq!(found(0, &first), Some((0, 170)));
    }

    #[test]
    fn what_cannot_be_told_is_left_to_the_worker() {
        let unknown: [(&str, &[u8]); 12] = [
            ("no options", &[]),
            ("no end", &[53, 1, 1]),
            ("cut off", &[53, 1, 1, 61, 9, 1]),
            ("BOOTP", &[255, 0]),
            ("a request", &[53, 1, 3, 255, 0]),
            ("two types", &[53, 1, 1, 53, 1, 3, 255, 0]),
            ("padded inside", &[0, 53, 1, 1, 255, 0]),
            ("overloaded", &[53, 1, 1, 52, 1, 1, 255, 0]),
            ("an empty identifier", &[53, 1, 1, 61, 0, 255, 0]),
            ("an identifier in pieces", &[53, 1, 1, 61, 1, 1, 61, 1, 2, 255, 0]),
            ("a long identifier", &[&[53, 1, 1, 61, 65][..], &[7; 65], &[255, 0]].concat()),
            ("many options", &[&[1, 0].repeat(24)[..], &[53, 1, 1, 255, 0]].concat()),
        ];
        for (name, options) in unknown {
            assert_eq!(found(0, options), None, "{name}");
        }
        let mut plain = message(0, &[53, 1, 1, 255, 0]);
        plain[237] ^= 1;
        assert_eq!(discoverer(Cursor::of(&plain)), None, "another cookie");
        plain[237] ^= 1;
        for hlen in [0, 17] {
            plain[2] = hlen;
            assert_eq!(discoverer(Cursor::of(&plain)), None, "hlen {hlen}");
        }
        assert_eq!(found(0x0500, &[53, 1, 1, 255, 0]), None, "seconds in the other octet");
    }

    #[test]
    fn a_message_that_goes_on_for_too_long_is_left_to_the_worker() {
        let mut long = message(0, &[53, 1, 1, 255]);
        long.resize(240 + Options::MAX_LEN, 0);
        assert_eq!(discoverer(Cursor::of(&long)), Some((0, OF_HARDWARE)));
        long.push(0);
        assert_eq!(discoverer(Cursor::of(&long)), None);
    }

    #[test]
    fn the_longest_identifier_that_fits_is_hashed_whole() {
        let key: Vec<u8> = (0..64).collect();
        let options = [&[53, 1, 1, 61, 64][..], &key, &[255, 0]].concat();
        assert_eq!(found(0, &options), Some((0, bucket_of(&key))));
    }

    #[test]
    fn only_the_partners_clients_that_have_not_asked_for_long_are_left_to_it() {
        let mut theirs = [0; 4];
        theirs[usize::from(OF_HARDWARE / 64)] = 1 << (OF_HARDWARE % 64);
        let balance = Balance { theirs, max_secs: 3, reserved: 0 };
        let leaves = |balance: Balance, secs| {
            balance.leaves(Cursor::of(&message(secs, &[53, 1, 1, 255, 0])))
        };
        assert!(leaves(balance, 3));
        assert!(!leaves(balance, 4));
        assert!(leaves(Balance { max_secs: Balance::NEVER, ..balance }, u16::MAX));
        assert!(!leaves(Balance { theirs: theirs.map(|word| !word), ..balance }, 0));
        assert!(!leaves(Balance::default(), 0));
    }
}
