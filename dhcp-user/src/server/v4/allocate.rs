//! Which address a client gets.
//!
//! In this order: the reservation's address; the one that the client has, was offered or had last;
//! the one it asks for, if that is free; the least recently used of the pools that it may use. This
//! is RFC 2131 §4.3.1 with reservations in front.

use std::net::Ipv4Addr;

use super::exchange::Exchange;
use crate::lease::{Owner, PoolId, Seen};
use crate::server::DropReason;
use crate::server::network::{Pool, Site};
use crate::server::standing::{Claim, Standing};
use crate::wire::Stamp;

/// Free addresses of one pool that are looked at for one client. Only during a reload, when table
/// and configuration are of two minds about reservations, can the first one not do.
const CANDIDATES_PER_POOL: usize = 4;

/// An address that a client may have, as its slot was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) address: Ipv4Addr,
    pub(super) site: Site<'a>,
    pub(super) standing: Standing,
    pub(super) seen: Seen<'a>,
    /// Taken off this pool's queue, and must go back if nothing comes of it.
    taken_from: Option<PoolId>,
}

impl Candidate<'_> {
    /// When the lease on it ends, if anybody ever had one.
    pub(super) fn expires(&self) -> Option<Stamp> {
        self.seen.binding().map(|binding| binding.expires)
    }
}

impl<'a> Exchange<'a> {
    /// The address as this client may have it; `None` if the client may not have it even when it is
    /// free: outside its network, in a pool that is not for it, or kept for another client.
    pub(super) fn look(&self, address: Ipv4Addr) -> Option<Candidate<'a>> {
        self.look_in(self.site(address)?, address)
    }

    /// As [`look`](Self::look), at an address of which it is known where on the client's link it lies.
    pub(super) fn look_in(&self, site: Site<'a>, address: Ipv4Addr) -> Option<Candidate<'a>> {
        let reserved = self.reservation.and_then(|reserved| reserved.address);
        // Who has a reservation leaves any other address for it, unless it cannot have that.
        if let Some(own) = reserved.filter(|own| *own != address)
            && let Some(own) = self.site(own).and_then(|site| self.look_at(site, own, None))
            && own.standing.is_usable()
        {
            return None;
        }
        self.look_at(site, address, None)
    }

    /// The address as it is to this client, whether or not it would be given to it now.
    pub(super) fn held(&self, address: Ipv4Addr) -> Option<Candidate<'a>> {
        let site = self.site(address)?;
        Some(self.candidate(address, site, self.table.seen(address, self.guard)?))
    }

    /// As [`look_in`](Self::look_in), at this address alone.
    fn look_at(
        &self,
        site: Site<'a>,
        address: Ipv4Addr,
        taken_from: Option<(PoolId, Seen<'a>)>,
    ) -> Option<Candidate<'a>> {
        let is_own = self.is_reserved(address);
        let is_open = || {
            !self.service.reservations.contains(address)
                && site.pool.is_some_and(|pool| pool.permits(self.members))
        };
        let serves_bootp = || self.layers(site.base()).parameter(|p| p.bootp).unwrap_or(false);
        if !(is_own || is_open()) || self.is_bootp() && !serves_bootp() {
            return None;
        }
        let seen = match taken_from {
            Some((_, seen)) => seen,
            None => self.table.seen(address, self.guard)?,
        };
        let taken_from = taken_from.map(|(pool, _)| pool);
        Some(Candidate { taken_from, ..self.candidate(address, site, seen) })
    }

    fn candidate(&self, address: Ipv4Addr, site: Site<'a>, seen: Seen<'a>) -> Candidate<'a> {
        let client = seen.binding().and_then(|binding| binding.client.as_ref());
        let claim = Claim {
            now: self.now,
            view: self.view(site),
            fixed: None,
            is_its: client.is_some_and(|client| client.key() == self.key),
            is_reserved: self.is_reserved(address),
            is_bootp: self.is_bootp(),
            serves_bootp: site.pool.is_some_and(Pool::serves_bootp),
        };
        let standing = claim.standing(seen.binding());
        Candidate { address, site, standing, seen, taken_from: None }
    }

    /// The best address for the client to have, `asked` being the one it would like.
    ///
    /// # Errors
    /// `NoAddress` if no pool that the client may use has one left.
    pub(super) fn choose(&self, asked: Option<Ipv4Addr>) -> Result<Candidate<'a>, DropReason> {
        let usable = |candidate: &Candidate<'_>| {
            candidate.standing.is_usable() && self.admit(candidate.site).is_ok()
        };
        self.reservation
            .and_then(|reserved| self.look(reserved.address?))
            .filter(usable)
            .or_else(|| self.known())
            .or_else(|| self.look(asked?).filter(usable))
            .or_else(|| self.least_recently_used())
            .ok_or(DropReason::NoAddress)
    }

    /// The address that the client has, was offered, or had last, if it may still have it.
    pub(super) fn known(&self) -> Option<Candidate<'a>> {
        self.table
            .of_client(self.network, self.key, self.guard)
            .filter_map(|(resource, _)| self.look(resource.ipv4()))
            .filter(|candidate| candidate.standing > Standing::Open)
            .filter(|candidate| self.admit(candidate.site).is_ok())
            .max_by_key(|candidate| {
                let heard = candidate.seen.binding().map(|binding| binding.cltt);
                (candidate.standing, heard, std::cmp::Reverse(candidate.address))
            })
    }

    /// Whether anything tells that this client was here before (RFC 2131 §4.3.2, INIT-REBOOT).
    pub(super) fn is_on_record(&self) -> bool {
        self.reservation.is_some_and(|reserved| reserved.address.is_some())
            || self.table.of_client(self.network, self.key, self.guard).next().is_some()
    }

    /// Whether the address is kept for this client.
    pub(super) fn is_reserved(&self, address: Ipv4Addr) -> bool {
        self.reservation.is_some_and(|own| own.address == Some(address))
    }

    /// One of our own; where the partner is down for good, at last one of the partner's.
    fn least_recently_used(&self) -> Option<Candidate<'a>> {
        let topology = &self.service.topology;
        let pools = topology.pools_at(self.place).map(|index| topology.pool(index));
        let pools = pools.filter(|pool| pool.permits(self.members)).filter_map(|pool| {
            let view = self.views.of(pool.relationship());
            self.admit_to(pool.relationship(), view).is_ok().then_some((pool, view))
        });
        let own = pools.clone().find_map(|(pool, view)| self.take_from(pool.id(), view.owner));
        own.or_else(|| {
            let mut down =
                pools.filter(|(pool, view)| view.is_taken_over(self.now) && !pool.serves_bootp());
            down.find_map(|(pool, view)| self.take_from(pool.id(), view.owner.other()))
        })
    }

    fn take_from(&self, pool: PoolId, owner: Owner) -> Option<Candidate<'a>> {
        for _ in 0..CANDIDATES_PER_POOL {
            let (resource, seen) = self.table.take_free(pool, owner, self.now, self.guard)?;
            let address = resource.ipv4();
            let site = self.site(address);
            let candidate = site.and_then(|site| self.look_at(site, address, Some((pool, seen))));
            match candidate.filter(|candidate| candidate.standing.is_usable()) {
                Some(candidate) => return Some(candidate),
                None => self.table.put_back(pool, resource),
            }
        }
        None
    }

    /// Gives up a candidate that nothing came of.
    pub(super) fn pass_over(&self, candidate: &Candidate<'a>) {
        if let Some(pool) = candidate.taken_from {
            self.table.put_back(pool, candidate.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client};
    use super::*;
    use crate::wire::dhcpv4::MessageType;
    use crate::wire::option::code;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    const RESERVED: &str = r#"
        [[reservation4]]
        hw-address = "02:00:00:00:00:01"
        address = "10.0.0.12"
        host-name = "printer"
        [[reservation4]]
        client-id = "0xff01"
        address = "10.0.0.200"
        lease-time = "10m"
        [[reservation4]]
        circuit-id = "port 3"
        address = "10.0.0.14"
        [[reservation4]]
        remote-id = "modem 4"
        address = "10.0.0.15"
    "#;

    #[test]
    fn each_kind_of_reservation_gives_its_address_to_its_client_and_to_nobody_else() {
        let mut server = Server::small("", RESERVED);
        let relayed = |n| client(n).through([10, 0, 0, 254]);
        assert_eq!(server.exhaust(100), 7, "three of the ten are kept");
        assert_eq!(server.lease(&client(1)), ip(12));
        assert_eq!(server.lease(&client(2).option(code::CLIENT_IDENTIFIER, &[0xff, 1])), ip(200));
        assert_eq!(server.lease(&relayed(3).relayed(&[(1, b"port 3")])), ip(14));
        assert_eq!(server.lease(&relayed(4).relayed(&[(2, b"modem 4")])), ip(15));
        let binding = server.binding(ip(12)).unwrap();
        assert!(binding.flags.reserved);
        for reserved in [12, 200, 14, 15] {
            let nak = server.hear(&client(99).selecting(ip(reserved)));
            assert_eq!(nak.kind(), Some(MessageType::Nak), "{reserved}");
        }
        let told = server.hear(&client(1).discover());
        assert_eq!(told.option(code::HOST_NAME).unwrap(), b"printer");
        let told = server.hear(&client(2).discover().option(code::CLIENT_IDENTIFIER, &[0xff, 1]));
        assert_eq!(told.number(code::LEASE_TIME), Some(600));
    }

    #[test]
    fn a_client_with_a_reservation_is_moved_to_it_and_lives_elsewhere_while_it_cannot_be() {
        let mut server = Server::small("", RESERVED);
        let moved = server.hear(&client(1).renewing(ip(17)));
        assert_eq!(moved.kind(), Some(MessageType::Nak), "so that it asks for its own");
        assert_eq!(server.lease(&client(1)), ip(12));
        server.hear(&client(1).declining(ip(12)));
        let elsewhere = server.lease(&client(1));
        assert_ne!(elsewhere, ip(12));
        assert_eq!(server.hear(&client(1).renewing(elsewhere)).kind(), Some(MessageType::Ack));
    }

    const CLASSES: &str = r#"
        [[interface]]
        name = "eth0"
        [[class]]
        name = "modems"
        match = { vendor-class = { begins = "docsis" } }
        options = { domain-name = "modems.example" }
        [[class]]
        name = "guests"
        match = { user-class = "guest" }
        [[subnet4]]
        subnet = "10.0.0.0/24"
        pools = [
            { range = "10.0.0.10-10.0.0.11", allow = ["modems"], lease-time = "2h" },
            { range = "10.0.0.20-10.0.0.21", deny = ["modems", "guests"] },
        ]
    "#;

    #[test]
    fn classes_decide_which_pools_a_client_may_use() {
        let mut server = Server::new(CLASSES);
        let modem = |n| client(n).option(code::VENDOR_CLASS, b"docsis3.1");
        let guest = client(9).option(code::USER_CLASS, b"guest");
        for n in 1..=2 {
            assert!((10..12).contains(&server.lease(&modem(n)).octets()[3]));
            assert!((20..22).contains(&server.lease(&client(n + 10)).octets()[3]));
        }
        let told = server.hear(&modem(1).discover());
        assert_eq!(told.option(code::DOMAIN_NAME).unwrap(), b"modems.example");
        assert_eq!(told.number(code::LEASE_TIME), Some(7200));
        for full in [modem(3), client(13), guest] {
            let heard = server.hear(&full.discover());
            assert_eq!(heard.dropped(), Some(DropReason::NoAddress));
        }
        let address = server.lease(&modem(1));
        let other = server.hear(&client(1).renewing(address));
        assert_eq!(other.kind(), Some(MessageType::Nak), "it is no modem any more");
    }
}
