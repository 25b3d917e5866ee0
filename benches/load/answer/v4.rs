//! The fields of an answer of DHCPv4 that are looked at (RFC 2131 §2), behind plain headers.

use std::net::{IpAddr, Ipv4Addr};

use dhcp_user::wire::option::code;

use super::{Answer, Kind, Times, word};
use crate::load::template::{HEADERS_LEN_V4 as HEADERS_LEN, relay_information};
use crate::state::mac;

/// Octets in front of the options.
const FIXED_LEN: usize = 240;

const BOOTREQUEST: u8 = 1;
const BOOTREPLY: u8 = 2;

/// What tells whose an answer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    chaddr: &'a [u8],
    giaddr: &'a [u8],
    relay_information: Option<&'a [u8]>,
}

impl Whose<'_> {
    /// A relay must get back what it said (RFC 3046 §2.2).
    pub(super) fn is(&self, client: u32) -> bool {
        let mac = mac(client);
        let said = relay_information(client.to_be_bytes(), mac);
        self.chaddr == mac && (!self.is_relayed() || self.relay_information == Some(&said))
    }

    pub(super) fn is_relayed(&self) -> bool {
        self.giaddr != [0; 4]
    }
}

/// `None` for what is no DHCP message over untagged IPv4.
pub(super) fn read(frame: &[u8]) -> Option<Answer<'_>> {
    let message = frame.get(HEADERS_LEN..)?;
    if frame[12..15] != [8, 0, 0x45] || message.len() < FIXED_LEN {
        return None;
    }
    let (mut kind, mut server, mut times) = (0, &[][..], Times::default());
    let mut relay_information = None;
    for (code, data) in Options(&message[FIXED_LEN..]) {
        match code {
            code::MESSAGE_TYPE => kind = *data.first()?,
            code::SERVER_IDENTIFIER => server = data,
            code::LEASE_TIME => times.lease = word(data)?,
            code::RENEWAL_TIME => times.t1 = word(data)?,
            code::REBINDING_TIME => times.t2 = word(data)?,
            code::RELAY_AGENT_INFORMATION => relay_information = Some(data),
            _ => {}
        }
    }
    times.preferred = times.lease;
    Some(Answer {
        kind: match (message[0], kind) {
            (BOOTREQUEST, _) => Kind::Reflection,
            (BOOTREPLY, 2) => Kind::Offer,
            (BOOTREPLY, 5) => Kind::Grant,
            (BOOTREPLY, 6) => Kind::Refusal,
            _ => Kind::Other,
        },
        xid: word(&message[4..])?,
        given: [Some(IpAddr::V4(Ipv4Addr::from_bits(word(&message[16..])?)).into()), None],
        server,
        times: [Some(times), None],
        whose: super::Whose::V4(Whose {
            chaddr: &message[28..34],
            giaddr: &message[24..28],
            relay_information,
        }),
    })
}

/// Options as they stand, each with its data (RFC 2132 §2).
#[derive(Clone, Copy, Debug)]
pub(in crate::load) struct Options<'a>(pub(in crate::load) &'a [u8]);

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply's frame with these options and nothing else set.
    fn frame(options: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; HEADERS_LEN + FIXED_LEN];
        frame[12..15].copy_from_slice(&[8, 0, 0x45]);
        frame[HEADERS_LEN] = BOOTREPLY;
        frame.extend_from_slice(options);
        frame
    }

    #[test]
    fn options_are_found_in_any_order_and_behind_padding() {
        let frame =
            frame(&[0, 54, 4, 10, 0, 0, 1, 0, 53, 1, 5, 51, 4, 0, 1, 0x51, 0x80, 255, 53, 1, 2]);
        let answer = read(&frame).unwrap();
        assert_eq!((answer.kind, answer.server), (Kind::Grant, &[10, 0, 0, 1][..]));
        assert!(answer.has_sane_times());
    }

    #[test]
    fn a_relay_gets_back_what_it_said_of_the_client() {
        let said = |client: u32| relay_information(client.to_be_bytes(), mac(client));
        let (of, other) = (said(7), said(8));
        let with = |giaddr: u8, options: &[u8]| {
            let mut frame = frame(options);
            frame[HEADERS_LEN + 27] = giaddr;
            frame[HEADERS_LEN + 28..][..6].copy_from_slice(&mac(7));
            let answer = read(&frame).unwrap();
            assert_eq!(answer.is_relayed(), giaddr != 0);
            [7, 8].map(|client| answer.is_for(client))
        };
        let option = |octets: [u8; 14]| [&[82, 14][..], &octets].concat();
        assert_eq!(with(1, &option(of)), [true, false]);
        assert_eq!(with(1, &option(other)), [false, false]);
        assert_eq!(with(1, &[]), [false, false]);
        assert_eq!(with(0, &[]), [true, false]);
    }

    #[test]
    fn a_lease_of_no_time_and_times_out_of_order_are_not_sane() {
        let times = |octets: &[u8]| read(&frame(octets)).unwrap().has_sane_times();
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
