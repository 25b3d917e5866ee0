//! Octets as what they stand for.

use std::net::Ipv4Addr;

use dhcp_user::lease::{Client, ClientKey, ItemKind};
use dhcp_user::wire::Stamp;

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
}

/// Eight of the pool, the reserved one, and one of nobody's.
pub(super) fn address(number: u8) -> Ipv4Addr {
    match number % 10 {
        0 => Ipv4Addr::new(10, 77, 0, 9),
        9 => Ipv4Addr::new(10, 77, 1, 1),
        number => Ipv4Addr::new(10, 77, 0, 99 + number),
    }
}

pub(super) fn hardware(client: u8) -> [u8; 7] {
    [1, 2, 0, 0, 0, 0, client % 4]
}

pub(super) fn client(number: u8) -> Client {
    Client::builder(ClientKey { kind: ItemKind::Hardware, octets: &hardware(number) }).build()
}
