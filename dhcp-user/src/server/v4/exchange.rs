//! One request on its way to an answer: everything about it, looked up once.

use std::net::Ipv4Addr;

use super::{bootp, decline, discover, inform, release, request};
use crate::config::model;
use crate::lease::{ClientBuilder, ClientKey, Guard, Limits, NetworkId, Table, Views, WriterId};
use crate::server::identity::Speaker;
use crate::server::network::{Place, Site};
use crate::server::options::{Base, Layers};
use crate::server::reservation::Reserved;
use crate::server::{Answer, Arrival, Change, DropReason, ProbeOutcome, Service, Workspace, World};
use crate::wire::dhcpv4::{BOOT_REQUEST, Message, MessageType};
use crate::wire::option::code;
use crate::wire::relay::RelayInformation;
use crate::wire::{Seconds, Stamp};

/// How often a decision is taken anew because another worker changed what it rested on. A client
/// whose every candidate is snatched away this often asks again in a few seconds.
pub(super) const ATTEMPTS: usize = 16;

/// A request, and what it meets.
#[derive(Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) now: Stamp,
    pub(super) service: &'a Service,
    pub(super) table: &'a Table,
    pub(super) limits: &'a Limits,
    pub(super) views: &'a Views,
    pub(super) arrival: &'a Arrival,
    /// Who journals what changes.
    pub(super) writer: WriterId,
    pub(super) guard: &'a Guard,
    pub(super) message: Message<'a>,
    /// Option 53; `None` of a BOOTP client (RFC 1534 §2: who sends no message type).
    pub(super) kind: Option<MessageType>,
    /// Option 82.
    pub(super) relay: Option<RelayInformation<'a>>,
    pub(super) speaker: &'a Speaker<'a>,
    pub(super) key: ClientKey<'a>,
    pub(super) place: Place,
    pub(super) network: NetworkId,
    /// The client's classes, by index.
    pub(super) members: &'a [usize],
    /// The client's reservation on this network.
    pub(super) reservation: Option<&'a Reserved>,
    /// Our address that the reply leaves from.
    pub(super) from: Ipv4Addr,
    /// What the wire was asked before, and said.
    pub(super) probed: Option<(Ipv4Addr, ProbeOutcome)>,
}

/// A request, before it is looked into.
struct Received<'a> {
    arrival: &'a Arrival,
    message: Message<'a>,
    probed: Option<(Ipv4Addr, ProbeOutcome)>,
    writer: WriterId,
}

/// Where the effects go.
pub(super) struct Output<'a> {
    /// What must be journalled.
    pub(super) changes: &'a mut Vec<Change>,
    /// Where the client is put down as it is to be stored.
    pub(super) described: &'a mut ClientBuilder,
    /// The buffer for a reply.
    pub(super) reply: &'a mut [u8],
}

/// See [`World::answer`].
pub(in crate::server) fn answer(
    world: World<'_>,
    arrival: &Arrival,
    octets: &[u8],
    probed: Option<(Ipv4Addr, ProbeOutcome)>,
    work: &mut Workspace,
    reply: &mut [u8],
) -> Answer {
    let Workspace { scratch, members, described, changes, writer, .. } = work;
    changes.clear();
    let Ok(message) = Message::parse(octets, scratch) else {
        return Answer::Drop(DropReason::Malformed);
    };
    let received = Received { arrival, message, probed, writer: *writer };
    let mut output = Output { changes, described, reply };
    match decide(world, received, members, &mut output) {
        Ok(answer) => answer,
        Err(reason) => Answer::Drop(reason),
    }
}

fn decide(
    world: World<'_>,
    received: Received<'_>,
    members: &mut Vec<usize>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    let World { now, service, table, limits, views } = world;
    let Received { arrival, message, probed, writer } = received;
    if message.op() != BOOT_REQUEST {
        return Err(DropReason::NotARequest);
    }
    // What only servers send, and types that nobody knows, are not BOOTP's either.
    let kind = match message.option(code::MESSAGE_TYPE) {
        None => None,
        Some(_) => Some(message.message_type().ok_or(DropReason::BadMessageType)?),
    };
    let interface = service.topology.receiver(arrival)?;
    let relay = message.relay_information().map_err(|_| DropReason::BadOption)?;
    let place = service.topology.locate(interface, arrival, &message, relay.as_ref())?;

    let guard = &table.pin();
    let speaker = &mut speaker(&message, relay.as_ref(), &service.classes);
    let is_direct = speaker.relay.is_unspecified() && relay.is_none();
    let stored = (is_direct && !message.ciaddr().is_unspecified())
        .then(|| table.seen(message.ciaddr(), guard)?.binding()?.client.as_ref())
        .flatten()
        .filter(|client| speaker.is_stored_as(client));
    if let Some(client) = stored {
        speaker.adopt_relay(client);
    }
    let speaker = &*speaker;
    let key = speaker.key(&service.identity).ok_or(DropReason::BadHardware)?;
    service.classify(speaker, members);
    let reservation = service.reservations.of(speaker, |address| {
        service.topology.site(address).is_some_and(|site| site.network == place.network)
    });
    let network = service.network_ids[place.network];
    let from = interface.identifier(arrival.destination_ip);
    let exchange = Exchange {
        now,
        service,
        table,
        limits,
        views,
        arrival,
        writer,
        guard,
        message,
        kind,
        relay,
        speaker,
        key,
        place,
        network,
        members,
        reservation,
        from,
        probed,
    };
    match kind {
        None => bootp::bootp(&exchange, output),
        Some(MessageType::Discover) => discover::discover(&exchange, output),
        Some(MessageType::Request) => request::request(&exchange, output),
        Some(MessageType::Decline) => decline::decline(&exchange, output),
        Some(MessageType::Release) => release::release(&exchange, output),
        Some(MessageType::Inform) => inform::inform(&exchange, output),
        Some(MessageType::Offer | MessageType::Ack | MessageType::Nak) => {
            Err(DropReason::BadMessageType)
        }
    }
}

fn speaker<'a>(
    message: &Message<'a>,
    relay: Option<&RelayInformation<'a>>,
    classes: &[model::Class],
) -> Speaker<'a> {
    let mut speaker = Speaker::new(message.hardware(), message.giaddr());
    speaker.identifier = message.option(code::CLIENT_IDENTIFIER);
    if let Some(relay) = relay {
        speaker.hear_relay(relay);
    }
    speaker.host_name = message.option(code::HOST_NAME);
    speaker.fqdn = message.option(code::CLIENT_FQDN);
    // Kept with every lease, so only where something is decided by them.
    if !classes.is_empty() {
        speaker.vendor_class = message.option(code::VENDOR_CLASS);
        speaker.user_class = message.option(code::USER_CLASS);
    }
    speaker
}

impl<'a> Exchange<'a> {
    /// What the configuration says to this client at an address or link with this base.
    pub(super) fn layers(&self, base: &'a Base) -> Layers<'a> {
        Layers {
            base,
            classes: &self.service.classes,
            members: self.members,
            reservation: self.reservation.and_then(|reserved| reserved.scope.as_deref()),
        }
    }

    /// The same on the client's link, whatever its address.
    pub(super) fn link_layers(&self) -> Layers<'a> {
        self.layers(self.service.topology.base_at(self.place))
    }

    /// Whether it is a BOOTP client that asks.
    pub(super) fn is_bootp(&self) -> bool {
        self.kind.is_none()
    }

    /// What the client is told as our address: the relay's own if it wants to be spoken to in our
    /// place (RFC 5107 §4).
    pub(super) fn server_identifier(&self) -> Ipv4Addr {
        let relayed = self.relay.filter(|_| !self.message.giaddr().is_unspecified());
        relayed.and_then(|relay| relay.server_id_override()).unwrap_or(self.from)
    }

    /// Whether a server identifier that the client sent means us. `None` if it sent none.
    pub(super) fn names_us(&self) -> Option<bool> {
        let named = self.message.option(code::SERVER_IDENTIFIER)?;
        let named = <[u8; 4]>::try_from(named).ok().map(Ipv4Addr::from_octets);
        Some(named.is_some_and(|named| {
            named == self.server_identifier() || self.service.topology.is_our_own(named)
        }))
    }

    /// Whether the client itself sent it to an address of ours; a relay passes broadcasts on to each
    /// of its servers that way.
    pub(super) fn came_by_unicast(&self) -> bool {
        self.message.giaddr().is_unspecified()
            && self.service.topology.is_our_own(self.arrival.destination_ip)
    }

    /// Where an address lies, if that is on the client's link.
    pub(super) fn site(&self, address: Ipv4Addr) -> Option<Site<'a>> {
        let site = self.service.topology.site(address)?;
        (site.network == self.place.network).then_some(site)
    }

    /// Option 50.
    pub(super) fn requested_address(&self) -> Option<Ipv4Addr> {
        self.message
            .option_address(code::REQUESTED_ADDRESS)
            .filter(|address| !address.is_unspecified())
    }

    /// For how many seconds the client has asked, as far as it says: some count in the wrong octet.
    pub(super) fn secs(&self) -> u16 {
        let secs = self.message.secs();
        let is_swapped = self.service.leniency.swapped_secs && secs.to_be_bytes()[1] == 0;
        if is_swapped { secs.swap_bytes() } else { secs }
    }

    /// Option 51: how long the client would like its lease to be.
    pub(super) fn asked_time(&self) -> Option<Seconds> {
        self.message.option_u32(code::LEASE_TIME).map(Seconds)
    }

    /// The address of a client that asks for options only: `ciaddr`; where that was left out, what
    /// the packet itself came from, if no relay passed it on.
    pub(super) fn informed_address(&self) -> Option<Ipv4Addr> {
        let source = Some(self.arrival.source_ip)
            .filter(|address| !address.is_unspecified() && self.message.giaddr().is_unspecified());
        self.client_address().or(source)
    }

    /// `ciaddr`, if the client says that it has an address.
    pub(super) fn client_address(&self) -> Option<Ipv4Addr> {
        Some(self.message.ciaddr()).filter(|address| !address.is_unspecified())
    }
}
