//! Reconfigure: the server has clients come back before their time (RFC 8415 §18.3.11, §20.4).
//!
//! A client that accepts Reconfigures is told a key in a Reply, and takes none without a digest made
//! with it. The key follows from the client's DUID and a secret of the server's, so that with the lease
//! nothing is kept but that the client was told one, and of which secret. Who is to come back, and has not yet, is in a
//! [`Campaign`]; the numbers that tell an old message from a new one are a [`Replay`]'s.
//!
//! Departs from RFC 8415 §18.3.11 where a client can only be reached through a relay: no Relay-reply is
//! sent, but a Reconfigure to the address that it has from us, which routers know the way to.

mod awaited;
mod campaign;
mod replay;

use std::net::Ipv6Addr;
use std::sync::Arc;

use self::awaited::{Awaited, Mark};
pub use self::campaign::{Campaign, Order, Progress};
pub use self::replay::Replay;
use super::Service;
use super::world::World;
use crate::config::model::Secret;
use crate::lease::{Answers, Client, ItemKind, Owner, Resource, ResourceId};
use crate::server::InterfaceIndex;
use crate::wire::dhcpv6::{ALL_RELAYS_AND_SERVERS, Duid, MessageType, ReconfigureKey, Writer};
use crate::wire::option::v6::code;
use crate::wire::{Full, Stamp};

/// Octets of a server's own secret.
pub const SECRET_LEN: usize = 32;

/// What a server keeps for Reconfigures, whatever its configuration becomes.
#[derive(Debug)]
pub struct Reconfigure {
    secret: Secret,
    /// The numbers that its messages are told apart by.
    pub replay: Replay,
    awaited: Awaited,
}

/// What a configuration makes of it, where it has Reconfigures.
#[derive(Debug)]
pub(super) struct Keys {
    secret: Secret,
    generation: [u8; 4],
    shared: Arc<Reconfigure>,
}

/// A client that may be told to come back.
#[derive(Clone, Copy, Debug)]
struct Target {
    way: Way,
    duid: Duid,
    mark: Mark,
    /// Whether its leases are likely of the partner's giving: then a Renew would go to that.
    is_partners: bool,
    heard: Stamp,
}

/// Where a Reconfigure goes, and where it comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Way {
    /// The client's address.
    pub to: Ipv6Addr,
    /// Of a client on a link of ours, the interface there and our link-local address on it, which some
    /// clients want a server to speak from; of others the kernel knows.
    pub from: Option<(InterfaceIndex, Ipv6Addr)>,
}

/// Why a client is not told to come back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unwilling {
    /// Nobody has the address.
    NotLeased,
    /// Its client did not say that it accepts Reconfigures, or was told no key here.
    NotAccepting,
    /// This server would not answer what the client sends then: its partner does.
    NotOurs,
}

impl Reconfigure {
    /// With the server's own secret, for clients that are told no configured one's keys.
    #[must_use]
    pub fn new(secret: [u8; SECRET_LEN], replay: Replay) -> Self {
        Self { secret: Secret(Box::new(secret)), replay, awaited: Awaited::new() }
    }
}

impl Keys {
    /// By the configured secret, where there is one: servers that share it tell a client one key.
    pub(super) fn new(shared: &Arc<Reconfigure>, configured: Option<&Secret>) -> Self {
        let secret = configured.unwrap_or(&shared.secret);
        let generation = ReconfigureKey::generation(&secret.0);
        Self { secret: secret.clone(), generation, shared: Arc::clone(shared) }
    }

    /// What is kept with a client that was told its key.
    pub(super) fn generation(&self) -> &[u8] {
        &self.generation
    }

    /// Whether this client was told its key, and it is of this secret.
    pub(super) fn are_known_to(&self, client: &Client) -> bool {
        client.item(ItemKind::ReconfigureAccept) == Some(self.generation())
    }

    /// Whether there are numbers for messages that tell a key, or are signed with one.
    pub(super) fn is_ready(&self) -> bool {
        self.shared.replay.is_ready()
    }

    /// The key of the client with this DUID, and the number of the message that tells it.
    pub(super) fn tell(&self, now: Stamp, duid: &[u8]) -> (u64, ReconfigureKey) {
        (self.shared.replay.next(now), ReconfigureKey::of(&self.secret.0, duid))
    }

    /// Notes that a client has come, if that is waited for.
    pub(super) fn hear(&self, duid: &[u8]) {
        if self.shared.awaited.any() {
            self.shared.awaited.answer(self.mark(duid));
        }
    }

    /// No client can choose a DUID that has another one's.
    fn mark(&self, duid: &[u8]) -> Mark {
        Mark::of(&ReconfigureKey::of(&self.secret.0, duid))
    }
}

impl Service {
    /// The interface that is on a link, and our link-local address there.
    fn near(&self, network: usize) -> Option<(InterfaceIndex, Ipv6Addr)> {
        let interface = self.topology.interface_on(network)?;
        // As if somebody there had asked.
        let neighbour = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let own = self.source(interface, ALL_RELAYS_AND_SERVERS, neighbour);
        Some((interface, own.filter(Ipv6Addr::is_unicast_link_local)?))
    }

    /// Writes a Reconfigure that asks for a message of this kind (RFC 8415 §16.11, §18.3.11), and says how
    /// long it is.
    fn reconfigure(
        &self,
        (now, keys): (Stamp, &Keys),
        duid: &Duid,
        wanted: MessageType,
        buffer: &mut [u8],
    ) -> Result<usize, Full> {
        let mut writer = Writer::message(buffer, MessageType::Reconfigure, 0)?;
        let options = writer.options();
        options.push(code::CLIENT_ID, duid.octets())?;
        options.push(code::SERVER_ID, self.duid.octets())?;
        options.push_u8(code::RECONFIGURE_MESSAGE, wanted as u8)?;
        let (replay, key) = keys.tell(now, duid.octets());
        writer.sign(replay, key)?;
        Ok(writer.finish())
    }
}

impl World<'_> {
    /// Whether the client that has this address may be told to come back.
    ///
    /// # Errors
    /// Why it may not.
    pub fn may_reconfigure(&self, id: ResourceId) -> Result<(), Unwilling> {
        self.target(id).map(drop)
    }

    fn target(&self, id: ResourceId) -> Result<Target, Unwilling> {
        let guard = self.table.pin();
        let binding = self.table.seen(id, &guard).and_then(|seen| seen.binding());
        let binding = binding.filter(|it| it.is_held(self.now)).ok_or(Unwilling::NotLeased)?;
        let Some(Resource::Ipv6(address)) = self.table.resource(id) else {
            return Err(Unwilling::NotLeased);
        };
        let keys = self.service.keys.as_ref().filter(|keys| keys.is_ready());
        let keys = keys.ok_or(Unwilling::NotAccepting)?;
        let client = binding.client.as_ref().ok_or(Unwilling::NotLeased)?;
        if !keys.are_known_to(client) {
            return Err(Unwilling::NotAccepting);
        }
        let duid = client.key().octets.get(4..).and_then(Duid::new);
        let duid = duid.ok_or(Unwilling::NotLeased)?;
        let site = self.service.topology.site(address.into()).ok_or(Unwilling::NotOurs)?;
        let view = self.views.of(site.subnet.relationship);
        if view.answers != Answers::Everybody {
            return Err(Unwilling::NotOurs);
        }
        let mark = keys.mark(duid.octets());
        // It answers everybody while the primary is not heard, and has told most clients nothing yet.
        let is_partners = view.mclt.is_some() && view.owner == Owner::Secondary;
        let is_near = client.item(ItemKind::LinkAddress).is_none();
        let from = is_near.then(|| self.service.near(site.network)).flatten();
        let way = Way { to: address, from };
        Ok(Target { way, duid, mark, is_partners, heard: binding.cltt })
    }
}

#[cfg(test)]
mod tests;
