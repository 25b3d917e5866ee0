//! What one message may get: no more than its reply can tell. Reckoned ahead, or a client would have what
//! it was never told of, and ask again.

use super::exchange::{Exchange, Output};
use super::reply;
use crate::lease::Resource;
use crate::server::DropReason;
use crate::wire::dhcpv6::IaKind;
use crate::wire::option::v6::code;

/// An association with nothing in it, in octets (RFC 8415 §21.4, §21.21).
const ASSOCIATION: usize = 16;
/// An address in it (RFC 8415 §21.6).
const ADDRESS: usize = 28;
/// A prefix in it (RFC 8415 §21.22).
const PREFIX: usize = 29;
/// The part of a prefix that its router keeps, at the longest (RFC 6603 §4.2).
const EXCLUDE: usize = 21;
/// A status without words (RFC 8415 §21.13).
const STATUS: usize = 6;

/// What there is room for in a reply, beside what it cannot do without.
#[derive(Debug)]
pub(super) struct Room {
    /// Left, in octets.
    octets: usize,
    has_excludes: bool,
}

impl Room {
    /// Of a reply that says nothing of any association yet.
    ///
    /// # Errors
    /// `ReplyTooLong` if there is none for that.
    pub(super) fn of(exchange: &Exchange<'_>, output: &mut Output<'_>) -> Result<Self, DropReason> {
        let octets = reply::room(exchange, output)?;
        let has_prefixes = exchange.ias.iter().any(|ia| ia.kind() == IaKind::Prefixes);
        let has_excludes = has_prefixes && exchange.message.requests(code::PREFIX_EXCLUDE);
        Ok(Self { octets, has_excludes })
    }

    /// The same, if it can say of all the message's associations that there is nothing for them: what
    /// they get instead is less than that, and what is taken from here.
    ///
    /// # Errors
    /// `ReplyTooLong` if it cannot.
    pub(super) fn for_all(
        exchange: &Exchange<'_>,
        output: &mut Output<'_>,
    ) -> Result<Self, DropReason> {
        let mut room = Self::of(exchange, output)?;
        let fits = exchange.ias.iter().all(|_| room.take_refusal());
        if fits { Ok(room) } else { Err(DropReason::ReplyTooLong) }
    }

    /// Takes what an association needs that gets nothing; false if there is not so much.
    pub(super) fn take_refusal(&mut self) -> bool {
        self.take(ASSOCIATION + STATUS)
    }

    /// Takes what these need in an association that has a place; false if there is not so much.
    pub(super) fn take_leases(&mut self, leases: impl Iterator<Item = Resource>) -> bool {
        let octets = leases.map(|resource| self.octets_of(resource)).sum();
        self.take(octets)
    }

    /// Takes what an association with these needs; false if there is not so much.
    pub(super) fn take_association(&mut self, leases: impl Iterator<Item = Resource>) -> bool {
        let octets = leases.map(|resource| self.octets_of(resource)).sum::<usize>();
        self.take(ASSOCIATION + octets)
    }

    fn octets_of(&self, resource: Resource) -> usize {
        match resource {
            Resource::Prefix(_) if self.has_excludes => PREFIX + EXCLUDE,
            Resource::Prefix(_) => PREFIX,
            Resource::Ipv4(_) | Resource::Ipv6(_) => ADDRESS,
        }
    }

    fn take(&mut self, octets: usize) -> bool {
        let left = self.octets.checked_sub(octets);
        self.octets = left.unwrap_or(self.octets);
        left.is_some()
    }
}
