//! What a run is to be.

use std::net::IpAddr;
use std::time::Duration;

use dhcp_user::wire::MacAddr;

use crate::state::Protocol;

/// One thing that a client does from its beginning to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// DISCOVER or Solicit, and the frame itself back: the other end is a reflector.
    Reflect,
    /// DISCOVER to OFFER, or Solicit to Advertise; the client does not go on.
    Discover,
    /// DISCOVER, OFFER, REQUEST, ACK; or Solicit, Advertise, Request, Reply.
    Exchange,
    /// DISCOVER to ACK (RFC 4039), or Solicit to Reply (RFC 8415 §18.2.1): rapid commit. Of a server
    /// that offers all the same the client takes that.
    Rapid,
    /// REQUEST to ACK by unicast (RFC 2131 §4.3.2, RENEWING), or Renew to Reply.
    Renew,
    /// RELEASE, which nobody answers; or Release to Reply.
    Release,
}

impl Act {
    /// What shows whether anybody answers who is asked for this.
    pub(crate) fn opening(self) -> Self {
        if self == Self::Reflect { self } else { Self::Discover }
    }
}

/// How often each of them, as shares of their sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix([(Act, u32); 5]);

impl Mix {
    /// Shares of first messages alone, whole exchanges, those by rapid commit, renewals and releases; not
    /// all zero.
    pub(crate) fn new([discovers, exchanges, rapid, renewals, releases]: [u32; 5]) -> Self {
        Self([
            (Act::Discover, discovers),
            (Act::Exchange, exchanges),
            (Act::Rapid, rapid),
            (Act::Renew, renewals),
            (Act::Release, releases),
        ])
    }

    /// This and nothing else.
    pub(crate) fn only(act: Act) -> Self {
        let mut mix = Self::new([0; 5]);
        mix.0[0] = (act, 1);
        mix
    }

    pub(crate) fn sum(&self) -> u32 {
        self.0.iter().map(|(_, share)| share).sum()
    }

    /// The act that a number below the sum falls on.
    pub(super) fn act(&self, mut number: u32) -> Act {
        for (act, share) in self.0 {
            if number < share {
                return act;
            }
            number -= share;
        }
        self.0[0].0
    }
}

/// How clients reach the server before they have an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// They are on its link and broadcast, or send to all servers.
    Direct,
    /// Through so many relays, from 1 on, which add option 82: as circuit-id the client's number, as
    /// remote-id its hardware address. In DHCPv6 all that they send comes so, with the same as Interface-Id
    /// and as Remote-ID.
    Relays(u32),
}

/// What clients ask for: one of each, or of one of the two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    pub(crate) addresses: bool,
    /// Delegated ones of this length, in DHCPv6.
    pub(crate) prefixes: Option<u8>,
}

impl Wants {
    /// An address, and nothing else.
    pub(crate) const ADDRESS: Self = Self { addresses: true, prefixes: None };
}

/// When clients come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrival {
    /// So many are under way at any time, and the next comes when one is done: the rate is the one
    /// that the server sustains.
    Window(usize),
    /// So many a second at equal distances, whatever the server does.
    Even(f64),
    /// So many a second independently of each other (exponential distances), whatever the server does.
    Random(f64),
}

/// Who is asked, in the protocol of its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) address: IpAddr,
    /// Of the server, or of the router on the way to it.
    pub(crate) mac: MacAddr,
    /// The sender's own, where it is a relay or a router.
    pub(crate) own_mac: MacAddr,
    /// Of the first relay; the others have those that follow.
    pub(crate) relay: IpAddr,
}

impl Target {
    pub(crate) fn protocol(&self) -> Protocol {
        if self.address.is_ipv4() { Protocol::Dhcpv4 } else { Protocol::Dhcpv6 }
    }
}

/// A run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) mix: Mix,
    pub(crate) access: Access,
    pub(crate) arrival: Arrival,
    /// What comes of this is no part of rate and latency.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Plan {
    /// One act alone, of clients on the server's link.
    pub(crate) fn only(act: Act, arrival: Arrival, [warm_up, measured]: [Duration; 2]) -> Self {
        Self { mix: Mix::only(act), access: Access::Direct, arrival, warm_up, measured }
    }
}
