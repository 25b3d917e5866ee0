//! Octets as what they stand for.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::{Client, ClientKey, ItemKind, Resource};
use dhcp_user::wire::dhcpv6::{Duid, Iaid};
use dhcp_user::wire::failover::State;
use dhcp_user::wire::{Ipv6Prefix, Stamp};

/// What is left of the octets; behind their end there are zeros.
pub(super) struct Script<'a>(pub(super) &'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn octet(&mut self) -> u8 {
        self.octets(1).first().copied().unwrap_or_default()
    }

    pub(super) fn octets(&mut self, count: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        first
    }

    /// A second near `now`, or one of the times that mean something else.
    pub(super) fn time(&mut self, now: Stamp) -> Stamp {
        match self.octet() {
            0 => Stamp::ZERO,
            255 => Stamp::NEVER,
            254 => Stamp(u32::MAX - 1),
            octet => Stamp((now.0 + u32::from(octet) * 4).saturating_sub(500)),
        }
    }

    pub(super) fn resource(&mut self, protocol: Protocol) -> Resource {
        resource(protocol, self.octet())
    }
}

/// Everything that a partner may have to do with, and some that is nobody's.
pub(super) fn resources(protocol: Protocol) -> impl Iterator<Item = Resource> {
    let count = match protocol {
        Protocol::Dhcpv4 => 10,
        Protocol::Dhcpv6 => 20,
    };
    (0..count).map(move |number| resource(protocol, number))
}

/// Eight of the pool, the reserved one, and one of nobody's. In DHCPv6 also eight prefixes of the pool, one
/// of nobody's, and half of one.
fn resource(protocol: Protocol, number: u8) -> Resource {
    let ipv6 = |link, host: u8| Ipv6Addr::new(0x2001, 0xdb8, link, 0, 0, 0, 0, host.into());
    let prefix = |link, third, len| {
        Ipv6Prefix::containing(Ipv6Addr::new(0x2001, 0xdb8, link, third, 0, 0, 0, 0), len).into()
    };
    match protocol {
        Protocol::Dhcpv4 => match number % 10 {
            0 => Ipv4Addr::new(10, 77, 0, 9),
            9 => Ipv4Addr::new(10, 77, 1, 1),
            number => Ipv4Addr::new(10, 77, 0, 99 + number),
        }
        .into(),
        Protocol::Dhcpv6 => match number % 20 {
            0 => ipv6(1, 0x99).into(),
            9 => ipv6(2, 1).into(),
            18 => prefix(0x9000, 0, 56),
            19 => prefix(0x8000, 0x80, 57),
            number @ 10.. => prefix(0x8000, u16::from(number - 10) << 8, 56),
            number => ipv6(1, 0x0f + number).into(),
        },
    }
}

/// States that an endpoint may be in, and tell; STARTUP is told otherwise.
pub(super) fn states(protocol: Protocol) -> impl Iterator<Item = State> + Clone {
    State::ALL.into_iter().filter(move |state| match state {
        State::Startup => false,
        State::Paused | State::Shutdown => protocol == Protocol::Dhcpv4,
        _ => true,
    })
}

pub(super) fn hardware(client: u8) -> [u8; 7] {
    [1, 2, 0, 0, 0, 0, client % 4]
}

pub(super) const IAID: Iaid = Iaid(1);

pub(super) fn duid(client: u8) -> Duid {
    Duid::new(&[&[0, 3, 0][..], &hardware(client)].concat()).expect("a DUID-LL")
}

/// The client that has this, or its association for it.
pub(super) fn client(number: u8, resource: Resource) -> Client {
    let kind = match resource {
        Resource::Ipv4(_) => {
            let octets = &hardware(number);
            return Client::builder(ClientKey { kind: ItemKind::Hardware, octets }).build();
        }
        Resource::Ipv6(_) => ItemKind::IaAddresses,
        Resource::Prefix(_) => ItemKind::IaPrefixes,
    };
    let octets = &[&IAID.0.to_be_bytes()[..], duid(number).octets()].concat();
    Client::builder(ClientKey { kind, octets }).build()
}
