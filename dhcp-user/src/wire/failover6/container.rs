//! The options of a message, or of an option that holds options: each known one with its length, and
//! once where one alone may stand (RFC 8156 §5.5; RFC 8415 §21; RFC 5007 §4.1.2).

use crate::wire::dhcpv6::{Options, StatusCode};
use crate::wire::failover::{Malformed, readable};
use crate::wire::option::v6::code;
use crate::wire::{Seconds, Stamp};

use super::Refusal;

/// Codes of the options that are failover's own (RFC 8156 §5.5).
pub(super) mod failover_code {
    pub(crate) const BINDING_STATUS: u16 = 114;
    pub(crate) const CONNECT_FLAGS: u16 = 115;
    pub(crate) const DNS_REMOVAL_INFO: u16 = 116;
    pub(crate) const EXPIRATION_TIME: u16 = 120;
    pub(crate) const MAX_UNACKED_BNDUPD: u16 = 121;
    pub(crate) const MCLT: u16 = 122;
    pub(crate) const PARTNER_LIFETIME: u16 = 123;
    pub(crate) const PARTNER_LIFETIME_SENT: u16 = 124;
    pub(crate) const PARTNER_DOWN_TIME: u16 = 125;
    pub(crate) const PARTNER_RAW_CLT_TIME: u16 = 126;
    pub(crate) const PROTOCOL_VERSION: u16 = 127;
    pub(crate) const KEEPALIVE_TIME: u16 = 128;
    pub(crate) const RECONFIGURE_DATA: u16 = 129;
    pub(crate) const RELATIONSHIP_NAME: u16 = 130;
    pub(crate) const SERVER_FLAGS: u16 = 131;
    pub(crate) const SERVER_STATE: u16 = 132;
    pub(crate) const START_TIME_OF_STATE: u16 = 133;
    pub(crate) const STATE_EXPIRATION_TIME: u16 = 134;
}

use failover_code as f;

/// How many octets of data an option has.
enum Size {
    Exactly(usize),
    AtLeast(usize),
    Within(usize, usize),
}

/// Every option that is read: its name, its length, and whether several may stand side by side.
#[rustfmt::skip]
const TABLE: [(u16, &str, Size, bool); 31] = [
    (code::CLIENT_ID, "CLIENTID", Size::Within(3, 130), false),
    (code::IA_NA, "IA_NA", Size::AtLeast(12), true),
    (code::IA_ADDRESS, "IAADDR", Size::AtLeast(24), true),
    (code::STATUS_CODE, "STATUS_CODE", Size::AtLeast(2), false),
    (code::IA_TA, "IA_TA", Size::AtLeast(4), true),
    (code::IA_PD, "IA_PD", Size::AtLeast(12), true),
    (code::IA_PREFIX, "IAPREFIX", Size::AtLeast(25), true),
    (code::CLIENT_FQDN, "CLIENT_FQDN", Size::AtLeast(1), false),
    (code::CLIENT_DATA, "CLIENT_DATA", Size::AtLeast(0), true),
    (code::CLT_TIME, "CLT_TIME", Size::Exactly(4), false),
    (code::LQ_RELAY_DATA, "LQ_RELAY_DATA", Size::AtLeast(16), false),
    (code::VIRTUAL_SUBNET, "VSS", Size::AtLeast(1), false),
    (code::LQ_BASE_TIME, "LQ_BASE_TIME", Size::Exactly(4), false),
    (f::BINDING_STATUS, "F_BINDING_STATUS", Size::Exactly(1), false),
    (f::CONNECT_FLAGS, "F_CONNECT_FLAGS", Size::Exactly(2), false),
    (f::DNS_REMOVAL_INFO, "F_DNS_REMOVAL_INFO", Size::AtLeast(0), false),
    (f::EXPIRATION_TIME, "F_EXPIRATION_TIME", Size::Exactly(4), false),
    (f::MAX_UNACKED_BNDUPD, "F_MAX_UNACKED_BNDUPD", Size::Exactly(4), false),
    (f::MCLT, "F_MCLT", Size::Exactly(4), false),
    (f::PARTNER_LIFETIME, "F_PARTNER_LIFETIME", Size::Exactly(4), false),
    (f::PARTNER_LIFETIME_SENT, "F_PARTNER_LIFETIME_SENT", Size::Exactly(4), false),
    (f::PARTNER_DOWN_TIME, "F_PARTNER_DOWN_TIME", Size::Exactly(4), false),
    (f::PARTNER_RAW_CLT_TIME, "F_PARTNER_RAW_CLT_TIME", Size::Exactly(4), false),
    (f::PROTOCOL_VERSION, "F_PROTOCOL_VERSION", Size::Exactly(4), false),
    (f::KEEPALIVE_TIME, "F_KEEPALIVE_TIME", Size::Exactly(4), false),
    (f::RECONFIGURE_DATA, "F_RECONFIGURE_DATA", Size::AtLeast(4), false),
    (f::RELATIONSHIP_NAME, "F_RELATIONSHIP_NAME", Size::AtLeast(0), false),
    (f::SERVER_FLAGS, "F_SERVER_FLAGS", Size::Exactly(1), false),
    (f::SERVER_STATE, "F_SERVER_STATE", Size::Exactly(1), false),
    (f::START_TIME_OF_STATE, "F_START_TIME_OF_STATE", Size::Exactly(4), false),
    (f::STATE_EXPIRATION_TIME, "F_STATE_EXPIRATION_TIME", Size::Exactly(4), false),
];

/// The options of one container. Unknown ones are left out of what is asked, never a mistake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container<'a>(Options<'a>);

impl<'a> Container<'a> {
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let options =
            Options::parse(octets).map_err(|_| Malformed::Overrun { code: overrun(octets) })?;
        let mut seen = 0_u32;
        for (code, data) in options.iter() {
            let Some((place, name, size, may_repeat)) = known(code) else { continue };
            let fits = match *size {
                Size::Exactly(len) => data.len() == len,
                Size::AtLeast(len) => data.len() >= len,
                Size::Within(least, most) => (least..=most).contains(&data.len()),
            };
            if !fits {
                return Err(Malformed::OptionLength { option: name, value: data.len() });
            }
            if !may_repeat && seen & 1 << place != 0 {
                return Err(Malformed::Duplicate { option: name });
            }
            seen |= 1 << place;
        }
        Ok(Self(options))
    }

    pub(super) fn all(self, code: u16) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.all(code)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        self.0.iter()
    }

    pub(super) fn octets(self, code: u16) -> Option<&'a [u8]> {
        self.0.get(code)
    }

    pub(super) fn boxed(self, code: u16) -> Option<Box<[u8]>> {
        self.octets(code).map(Box::from)
    }

    pub(super) fn octet(self, code: u16) -> Option<u8> {
        self.0.get_u8(code)
    }

    pub(super) fn short(self, code: u16) -> Option<u16> {
        self.0.get_u16(code)
    }

    pub(super) fn number(self, code: u16) -> Option<u32> {
        self.0.get_u32(code)
    }

    pub(super) fn seconds(self, code: u16) -> Option<Seconds> {
        self.number(code).map(Seconds)
    }

    /// An absolute time; zero is none.
    pub(super) fn stamp(self, code: u16) -> Option<Stamp> {
        self.number(code).and_then(stamp)
    }

    /// A status, if it is one other than Success.
    pub(super) fn refusal(self) -> Option<Refusal> {
        let (status, text) = self.octets(code::STATUS_CODE)?.split_first_chunk()?;
        let status = StatusCode(u16::from_be_bytes(*status));
        (status != StatusCode::SUCCESS).then(|| Refusal { status, text: readable(text) })
    }
}

/// An absolute time as it travels; zero is none.
pub(super) fn stamp(seconds: u32) -> Option<Stamp> {
    (seconds != 0).then(|| Stamp::from_seconds_since_2000(seconds))
}

/// The specification's name of an option that is known.
pub(super) fn name(code: u16) -> &'static str {
    known(code).map_or("option", |(_, name, ..)| name)
}

fn known(code: u16) -> Option<(usize, &'static str, &'static Size, bool)> {
    let place = TABLE.iter().position(|(known, ..)| *known == code)?;
    let (_, name, size, may_repeat) = &TABLE[place];
    Some((place, name, size, *may_repeat))
}

/// The code of the first option that ends past `octets`.
fn overrun(mut octets: &[u8]) -> u16 {
    loop {
        match octets {
            [a, b, c, d, rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([*c, *d]));
                let Some(after) = rest.get(len..) else { return u16::from_be_bytes([*a, *b]) };
                octets = after;
            }
            [a, b, ..] => return u16::from_be_bytes([*a, *b]),
            [a] => return u16::from_be_bytes([*a, 0]),
            [] => return 0,
        }
    }
}
