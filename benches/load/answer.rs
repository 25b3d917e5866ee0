//! The fields of an answer that are looked at (RFC 2131 §2), behind plain headers. Read by hand: the
//! server is not to be believed by its own parser.

use std::net::Ipv4Addr;

use dhcp_user::wire::option::code;

use super::template::HEADERS_LEN;

/// Octets in front of the options.
const FIXED_LEN: usize = 240;

/// An answer, or a request that was turned around.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) op: u8,
    pub(super) xid: u32,
    pub(super) yiaddr: Ipv4Addr,
    pub(super) chaddr: &'a [u8],
    /// Option 53; 0 without one.
    pub(super) kind: u8,
    /// Option 54; 0.0.0.0 without one.
    pub(super) server: Ipv4Addr,
    /// Options 51, 58, 59: lease, T1 and T2 in seconds; 0 without one.
    times: [u32; 3],
}

/// A lease shorter than this is none, and one longer than this nobody configured.
const SANE_LEASE_S: std::ops::RangeInclusive<u32> = 60..=366 * 86_400;

impl<'a> Answer<'a> {
    /// `None` for what is no DHCP message over untagged IPv4.
    pub(super) fn read(frame: &'a [u8]) -> Option<Self> {
        let message = frame.get(HEADERS_LEN..)?;
        if frame[12..15] != [8, 0, 0x45] || message.len() < FIXED_LEN {
            return None;
        }
        let mut answer = Self {
            op: message[0],
            xid: word(&message[4..])?,
            yiaddr: Ipv4Addr::from_bits(word(&message[16..])?),
            chaddr: &message[28..34],
            kind: 0,
            server: Ipv4Addr::UNSPECIFIED,
            times: [0; 3],
        };
        for (code, data) in Options(&message[FIXED_LEN..]) {
            match code {
                code::MESSAGE_TYPE => answer.kind = *data.first()?,
                code::SERVER_IDENTIFIER => answer.server = Ipv4Addr::from_bits(word(data)?),
                code::LEASE_TIME => answer.times[0] = word(data)?,
                code::RENEWAL_TIME => answer.times[1] = word(data)?,
                code::REBINDING_TIME => answer.times[2] = word(data)?,
                _ => {}
            }
        }
        Some(answer)
    }

    /// Whether there is a lease, of a time that can be, and T1 and T2 come in turn where they are.
    pub(super) fn has_sane_times(&self) -> bool {
        let [lease, t1, t2] = self.times;
        SANE_LEASE_S.contains(&lease) && t1 <= lease && t2 <= lease && (t2 == 0 || t1 <= t2)
    }
}

/// Options as they stand, each with its data (RFC 2132 §2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match *self.0 {
                [code::PAD, ref rest @ ..] => self.0 = rest,
                [code::END, ..] | [] | [_] => return None,
                [code, len, ref rest @ ..] => {
                    let (data, rest) = rest.split_at_checked(usize::from(len))?;
                    self.0 = rest;
                    return Some((code, data));
                }
            }
        }
    }
}

fn word(octets: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*octets.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with these options and nothing else set.
    fn frame(options: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; HEADERS_LEN + FIXED_LEN];
        frame[12..15].copy_from_slice(&[8, 0, 0x45]);
        frame.extend_from_slice(options);
        frame
    }

    #[test]
    fn options_are_found_in_any_order_and_behind_padding() {
        let frame =
            frame(&[0, 54, 4, 10, 0, 0, 1, 0, 53, 1, 5, 51, 4, 0, 1, 0x51, 0x80, 255, 53, 1, 2]);
        let answer = Answer::read(&frame).unwrap();
        assert_eq!((answer.kind, answer.server), (5, Ipv4Addr::new(10, 0, 0, 1)));
        assert!(answer.has_sane_times());
    }

    #[test]
    fn a_lease_of_no_time_and_times_out_of_order_are_not_sane() {
        let times = |octets: &[u8]| Answer::read(&frame(octets)).unwrap().has_sane_times();
        assert!(!times(&[]));
        assert!(!times(&[51, 4, 0, 0, 0, 0]));
        assert!(!times(&[51, 4, 255, 255, 255, 255]));
        let (lease, t1) = ([51, 4, 0, 0, 14, 16], [58, 4, 0, 0, 7, 8]);
        assert!(times(&[lease, t1, [59, 4, 0, 0, 12, 78]].concat()));
        assert!(!times(&[lease, t1, [59, 4, 0, 0, 1, 0]].concat()));
    }

    #[test]
    fn an_option_cut_short_ends_the_list() {
        assert_eq!(Options(&[53, 1, 5, 54, 4, 10]).count(), 1);
        assert_eq!(Options(&[53]).count(), 0);
    }
}
