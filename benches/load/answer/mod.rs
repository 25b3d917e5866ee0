//! What an answer says, whichever protocol it says it in. Read by hand, in a file for each: the server is
//! not to be believed by its own parser.

mod v4;
mod v6;

use super::pool::Block;
use crate::state::Protocol;

pub(super) use v4::Options as Options4;
pub(super) use v6::Options as Options6;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A request that was turned around.
    Reflection,
    /// OFFER, or Advertise with an address or a prefix, and nothing refused.
    Offer,
    /// Any other Advertise.
    NoOffer,
    /// ACK, or Reply with an address or a prefix, and nothing refused.
    Grant,
    /// Reply without one, and without a status that says that something went wrong.
    Done,
    /// NAK, or Reply with such a status.
    Refusal,
    /// Anything else.
    Other,
}

/// An answer, or a request that was turned around.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) kind: Kind,
    pub(super) xid: u32,
    /// The address and the prefix that are offered or granted.
    pub(super) given: [Option<Block>; 2],
    /// How the server names itself; empty where it does not.
    pub(super) server: &'a [u8],
    /// Of both.
    times: [Option<Times>; 2],
    whose: Whose<'a>,
}

/// Of a lease, in seconds; 0 for what is not said.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    /// Lease time, or valid lifetime.
    lease: u32,
    /// Preferred lifetime; in DHCPv4, which has none, the lease time.
    preferred: u32,
    t1: u32,
    t2: u32,
}

/// What tells whose it is.
#[derive(Clone, Copy, Debug)]
enum Whose<'a> {
    V4(v4::Whose<'a>),
    V6(v6::Whose<'a>),
}

/// A lease shorter than this is none, and one longer than this nobody configured.
const SANE_LEASE_S: std::ops::RangeInclusive<u32> = 60..=366 * 86_400;

impl<'a> Answer<'a> {
    /// `None` for what is no message of the protocol in an untagged frame.
    pub(super) fn read(protocol: Protocol, frame: &'a [u8]) -> Option<Self> {
        match protocol {
            Protocol::Dhcpv4 => v4::read(frame),
            Protocol::Dhcpv6 => v6::read(frame),
        }
    }

    /// Whether it is for this client, and where it came through a relay says the port that it is behind.
    pub(super) fn is_for(&self, client: u32) -> bool {
        match self.whose {
            Whose::V4(whose) => whose.is(client),
            Whose::V6(whose) => whose.is(client),
        }
    }

    /// Whether it goes to a relay, and not to the client itself.
    pub(super) fn is_relayed(&self) -> bool {
        match self.whose {
            Whose::V4(whose) => whose.is_relayed(),
            Whose::V6(whose) => whose.is_relayed(),
        }
    }

    /// Whether there is a lease, of a time that can be, and T1 and T2 come in turn where they are.
    pub(super) fn has_sane_times(&self) -> bool {
        let mut all = self.times.iter().flatten().peekable();
        all.peek().is_some() && all.all(|times| times.are_sane())
    }
}

impl Times {
    fn are_sane(self) -> bool {
        let Self { lease, preferred, t1, t2 } = self;
        SANE_LEASE_S.contains(&lease)
            && (1..=lease).contains(&preferred)
            && t1 <= lease
            && t2 <= lease
            && (t2 == 0 || t1 <= t2)
    }
}

/// The first four octets as a number.
fn word(octets: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*octets.first_chunk()?))
}
