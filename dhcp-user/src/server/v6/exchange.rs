//! One request on its way to an answer: what is discarded, and everything about the rest, looked up once.

use smallvec::SmallVec;

use super::candidate::Candidate;
use super::identity::{IaKey, Speaker};
use super::reconfigure::Keys;
use super::reservation::Reserved;
use super::topology::{Site, Subnet};
use super::{Arrival, Reply, Service, World};
use super::{confirm, extend, give_back, information, offer};
use crate::lease::{
    Answers, ClientBuilder, Guard, Layout, Limits, NetworkId, Table, View, Views, WriterId,
};
use crate::server::network::Place;
use crate::server::options::{Base, Layers};
use crate::server::{Change, DropReason, Workspace};
use crate::wire::Stamp;
use crate::wire::dhcpv6::{Datagram, Ia, Message, MessageType};

/// How often a decision is taken anew because another worker changed what it rested on.
pub(super) const ATTEMPTS: usize = 16;

/// Identity associations of one message that are looked at; one that has more is a flood.
pub(super) const MOST_IAS: usize = 64;

/// What one message has few of: as many as most have take nothing from the heap.
pub(super) type Few<T> = SmallVec<[T; 2]>;

/// A request, and what it meets.
pub(super) struct Exchange<'a> {
    pub(super) now: Stamp,
    pub(super) service: &'a Service,
    pub(super) table: &'a Table,
    /// As the table had it when the request came.
    pub(super) layout: &'a Layout,
    pub(super) limits: &'a Limits,
    pub(super) views: &'a Views,
    pub(super) arrival: &'a Arrival,
    /// Who journals what changes.
    pub(super) writer: WriterId,
    pub(super) guard: &'a Guard,
    pub(super) datagram: &'a Datagram<'a>,
    pub(super) message: &'a Message<'a>,
    /// The message's identity associations of kinds that are served, each once.
    pub(super) ias: Few<Ia<'a>>,
    pub(super) speaker: &'a Speaker<'a>,
    pub(super) place: Place,
    pub(super) network: NetworkId,
    /// The client's classes, by index.
    pub(super) members: &'a [usize],
    /// The client's reservation on this network.
    pub(super) reservation: Option<&'a Reserved>,
}

/// Where the effects go, and where chance comes from.
pub(super) struct Output<'a> {
    /// What must be journalled.
    pub(super) changes: &'a mut Vec<Change>,
    /// How much of that one message may make.
    pub(super) most_changes: usize,
    /// Where the client is put down as it is to be stored.
    pub(super) described: &'a mut ClientBuilder,
    pub(super) draw: &'a mut dyn FnMut() -> u128,
    /// The buffer for a reply.
    pub(super) reply: &'a mut [u8],
}

impl Output<'_> {
    /// Whether so many more changes may be made.
    pub(super) fn may_change(&self, count: usize) -> bool {
        self.changes.len() + count <= self.most_changes
    }
}

/// See [`World::answer`].
pub(super) fn answer(
    world: World<'_>,
    arrival: &Arrival,
    octets: &[u8],
    draw: &mut dyn FnMut() -> u128,
    work: &mut Workspace,
    reply: &mut [u8],
) -> Result<Reply, DropReason> {
    let Workspace { members, described, changes, most_changes, writer, .. } = work;
    changes.clear();
    let World { now, service, table, limits, views } = world;
    let hop_limit = service.settings.hop_limit;
    let datagram = &Datagram::parse(octets, hop_limit).map_err(|_| DropReason::Malformed)?;
    if datagram.relays.iter().any(|relay| relay.kind() != MessageType::RelayForward) {
        return Err(DropReason::BadMessageType);
    }
    let message = &datagram.message;
    let verdict = judge(message, arrival, datagram, service)?;
    let speaker = &Speaker::of(datagram, !service.classes.is_empty());
    let is_near = speaker.via.is_none();
    let unknown = if is_near { DropReason::UnknownNetwork } else { DropReason::UnknownRelay };
    let place = service.topology.locate(arrival.interface, speaker.via).ok_or(unknown)?;
    let network = service.topology.network_id(place.network).ok_or(DropReason::UnknownNetwork)?;

    let guard = &table.pin();
    let layout = &*table.layout();
    if let Some(keys) = service.keys.as_ref().filter(|_| is_return(message.kind())) {
        keys.hear(speaker.duid);
    }
    members.clear();
    crate::server::class::classify(&service.classes, speaker, members);
    let mut exchange = Exchange {
        now,
        service,
        table,
        layout,
        limits,
        views,
        arrival,
        writer: *writer,
        guard,
        datagram,
        message,
        ias: Few::new(),
        speaker,
        place,
        network,
        members,
        reservation: service.reservations.of(speaker, place.network),
    };
    let output = &mut Output { changes, most_changes: *most_changes, described, draw, reply };
    exchange.admit_to_link()?;
    if verdict == Verdict::UseMulticast {
        return super::reply::use_multicast(&exchange, output);
    }
    // Whom it does not answer it does not read to the end.
    exchange.ias = associations(message);
    match message.kind() {
        MessageType::Solicit => offer::solicit(&exchange, output),
        MessageType::Request => offer::request(&exchange, output),
        MessageType::Confirm => confirm::confirm(&exchange, output),
        MessageType::Renew => extend::renew(&exchange, output),
        MessageType::Rebind => extend::rebind(&exchange, output),
        MessageType::Release => give_back::release(&exchange, output),
        MessageType::Decline => give_back::decline(&exchange, output),
        MessageType::InformationRequest => information::information(&exchange, output),
        _ => Err(DropReason::BadMessageType),
    }
}

/// Two of one kind with one IAID are one association, and the first says what it is.
fn associations<'a>(message: &Message<'a>) -> Few<Ia<'a>> {
    let mut ias: Few<Ia<'a>> = Few::new();
    for ia in message.ias().take(MOST_IAS) {
        if ias.iter().all(|other| (other.kind(), other.iaid()) != (ia.kind(), ia.iaid())) {
            ias.push(ia);
        }
    }
    ias
}

/// Whether a client that was told to come back sends such a message (RFC 8415 §18.2.11).
fn is_return(kind: MessageType) -> bool {
    use MessageType::{InformationRequest, Rebind, Renew};
    matches!(kind, Renew | Rebind | InformationRequest)
}

/// What is done about a message before it is looked into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Answer,
    /// The client is to send it to all servers (RFC 8415 §18.4).
    UseMulticast,
}

/// The rules by which a server discards messages (RFC 8415 §16.2 to §16.12, §18.4).
fn judge(
    message: &Message<'_>,
    arrival: &Arrival,
    datagram: &Datagram<'_>,
    service: &Service,
) -> Result<Verdict, DropReason> {
    use MessageType::{
        Confirm, Decline, InformationRequest, Rebind, Release, Renew, Request, Solicit,
    };
    let named = message.server_id();
    let names_us = || match named {
        Some(named) if named == service.duid.octets() => Ok(()),
        Some(_) => Err(DropReason::OtherServer),
        None => Err(DropReason::Incomplete),
    };
    match message.kind() {
        Solicit | Confirm | Rebind if named.is_some() => return Err(DropReason::ForbiddenOption),
        Solicit | Confirm | Rebind => {}
        Request | Renew | Release | Decline => names_us()?,
        InformationRequest if message.has_ia() => return Err(DropReason::ForbiddenOption),
        InformationRequest if named.is_some() => names_us()?,
        InformationRequest => {}
        _ => return Err(DropReason::BadMessageType),
    }
    if message.client_id().is_none() && message.kind() != InformationRequest {
        return Err(DropReason::Incomplete);
    }
    // A relay passes on what it heard as it likes.
    let is_unicast = datagram.relays.is_empty() && !arrival.destination_ip.is_multicast();
    match message.kind() {
        _ if !is_unicast || service.settings.answer_unicast => Ok(Verdict::Answer),
        Request | Renew | Release | Decline => Ok(Verdict::UseMulticast),
        // RFC 8415 §16.12 has it discarded, §18.4 answered; by erratum 6269 the latter holds.
        InformationRequest => Ok(Verdict::Answer),
        _ => Err(DropReason::ByUnicast),
    }
}

impl<'a> Exchange<'a> {
    /// What the configuration says to this client at a place with this base.
    pub(super) fn layers(&self, base: &'a Base) -> Layers<'a> {
        Layers {
            base,
            classes: &self.service.classes,
            members: self.members,
            reservation: self.reservation.and_then(|reserved| reserved.scope.as_deref()),
        }
    }

    /// The same on the client's link, whatever it has there.
    pub(super) fn link_layers(&self) -> Layers<'a> {
        self.layers(self.service.topology.base_at(self.place))
    }

    pub(super) fn key_of(&self, ia: &Ia<'_>) -> IaKey {
        IaKey::new(ia.kind(), ia.iaid(), self.speaker.duid)
    }

    /// What knows the client's key for Reconfigures, if it says that it accepts them and they are used.
    pub(super) fn keys(&self) -> Option<&'a Keys> {
        let keys = self.service.keys.as_ref().filter(|keys| keys.is_ready());
        keys.filter(|_| self.message.accepts_reconfigure() && !self.speaker.duid.is_empty())
    }

    /// Whether the message is of a kind whose Reply tells the client its key: of those that RFC 8415 §20.4.2
    /// has, the ones that lease. Who asks for options alone cannot be told to come back, and may be anybody
    /// who has heard a neighbour's DUID.
    pub(super) fn asks_for_key(&self) -> bool {
        matches!(self.message.kind(), MessageType::Solicit | MessageType::Request)
    }

    /// What may be done with what lies there.
    pub(super) fn view(&self, site: Site<'_>) -> &'a View {
        self.view_of(site.subnet)
    }

    pub(super) fn view_of(&self, subnet: &Subnet) -> &'a View {
        self.views.of(subnet.relationship)
    }

    /// Whether the client is answered by this view.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn admit_to(&self, view: &View) -> Result<(), DropReason> {
        match view.answers {
            Answers::Everybody | Answers::Shared(_) => Ok(()),
            // Another server's name has been looked at before.
            Answers::Named if self.message.server_id().is_some() => Ok(()),
            Answers::Named => Err(DropReason::PartnersClient),
            Answers::Extensions if self.changes_no_more() => Ok(()),
            Answers::Extensions | Answers::Nobody => Err(DropReason::NotInService),
        }
    }

    /// Whether it is one of the messages that a server answers which has recovered and does not serve yet
    /// (RFC 8156 §8.7): for the client that names it, and nothing that changes more than the end of a lease.
    fn changes_no_more(&self) -> bool {
        match self.message.kind() {
            MessageType::Renew => true,
            MessageType::InformationRequest => self.message.server_id().is_some(),
            _ => false,
        }
    }

    /// Whether a lease may begin there, and not only go on: in RECOVER-DONE none does (RFC 8156 §8.7).
    pub(super) fn may_begin(&self, candidate: &Candidate<'_>) -> bool {
        self.view(candidate.site).answers != Answers::Extensions
    }

    /// Whether the client is answered on its link at all.
    fn admit_to_link(&self) -> Result<(), DropReason> {
        let mut outcome = Ok(());
        for relationship in self.service.topology.relationships_at(self.place) {
            outcome = self.admit_to(self.views.of(relationship));
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Packet, Server, client, duid};
    use super::*;
    use crate::wire::dhcpv6::StatusCode;
    use crate::wire::option::v6::code;
    use MessageType::{
        Advertise, Confirm, Decline, InformationRequest, Rebind, Reconfigure, Release, Renew,
        Request, Solicit,
    };

    fn dropped(packet: &Packet) -> Option<DropReason> {
        Server::small("", "").hear(packet).dropped()
    }

    fn asking(kind: MessageType) -> Packet {
        client(1).kind(kind).na(1, &[])
    }

    /// RFC 8415 §16.2, §16.5, §16.6: "MUST discard" without a Client Identifier, and with a Server
    /// Identifier.
    #[test]
    fn who_asks_any_server_names_itself_and_no_server() {
        for kind in [Solicit, Confirm, Rebind] {
            let anonymous = asking(kind).without(code::CLIENT_ID);
            assert_eq!(dropped(&anonymous), Some(DropReason::Incomplete), "{kind}");
            let named = asking(kind).naming_server();
            assert_eq!(dropped(&named), Some(DropReason::ForbiddenOption), "{kind}");
        }
    }

    /// RFC 8415 §16.4, §16.7, §16.8, §16.9.
    #[test]
    fn who_asks_one_server_names_itself_and_that_server() {
        for kind in [Request, Renew, Release, Decline] {
            let anonymous = asking(kind).naming_server().without(code::CLIENT_ID);
            assert_eq!(dropped(&anonymous), Some(DropReason::Incomplete), "{kind}");
            assert_eq!(dropped(&asking(kind)), Some(DropReason::Incomplete), "{kind}");
            let other = asking(kind).option(code::SERVER_ID, &duid(99));
            assert_eq!(dropped(&other), Some(DropReason::OtherServer), "{kind}");
            assert_eq!(dropped(&asking(kind).naming_server()), None, "{kind}");
        }
    }

    /// RFC 8415 §16.12.
    #[test]
    fn who_wants_options_alone_names_no_association_and_no_other_server() {
        let bare = client(1).kind(InformationRequest);
        assert_eq!(dropped(&bare), None);
        assert_eq!(dropped(&bare.clone().without(code::CLIENT_ID)), None);
        assert_eq!(dropped(&bare.clone().naming_server()), None);
        let other = bare.clone().option(code::SERVER_ID, &duid(99));
        assert_eq!(dropped(&other), Some(DropReason::OtherServer));
        for packet in [bare.clone().na(1, &[]), bare.clone().pd(1, &[])] {
            assert_eq!(dropped(&packet), Some(DropReason::ForbiddenOption));
        }
        let temporary = bare.option(code::IA_TA, &[0; 4]);
        assert_eq!(dropped(&temporary), Some(DropReason::ForbiddenOption));
    }

    /// RFC 8415 §16.3, §16.10, §16.11, §16.14.
    #[test]
    fn what_only_servers_send_is_discarded() {
        for kind in [Advertise, MessageType::Reply, Reconfigure, MessageType::LeasequeryReply] {
            let packet = asking(kind).naming_server();
            assert_eq!(dropped(&packet), Some(DropReason::BadMessageType), "{kind}");
        }
        let mut relayed = asking(Solicit).through("2001:db8:1::1", &[]).octets();
        relayed[0] = MessageType::RelayReply as u8;
        let heard = Server::small("", "").hear_octets(&asking(Solicit).arrival, &relayed);
        assert_eq!(heard.dropped(), Some(DropReason::BadMessageType));
    }

    /// RFC 8415 §16, and 35 is a failover message's (RFC 8156 §5.3).
    #[test]
    fn a_type_that_nobody_knows_is_discarded() {
        for kind in [0, 18, 24, 35, 255] {
            let mut octets = asking(Solicit).octets();
            octets[0] = kind;
            let heard = Server::small("", "").hear_octets(&asking(Solicit).arrival, &octets);
            assert_eq!(heard.dropped(), Some(DropReason::Malformed), "{kind}");
        }
    }

    /// RFC 8415 §18.4: of some the client is told, others are discarded.
    #[test]
    fn what_was_sent_to_one_address_is_sent_back_for_all_servers() {
        let to_one = |kind| asking(kind).to("2001:db8:1::1");
        for kind in [Solicit, Confirm, Rebind] {
            assert_eq!(dropped(&to_one(kind)), Some(DropReason::ByUnicast), "{kind}");
        }
        for kind in [Request, Renew, Release, Decline] {
            let heard = Server::small("", "").hear(&to_one(kind).naming_server());
            assert_eq!(heard.status(), Some(StatusCode::USE_MULTICAST), "{kind}");
            assert!(heard.leases().is_empty() && heard.changes.is_empty());
        }
        let lenient = "[dhcpv6]\nanswer-unicast = true";
        let heard = Server::small(lenient, "").hear(&to_one(Request).naming_server());
        assert_eq!((heard.status(), heard.leases().len()), (None, 1));
        let relayed = asking(Solicit).through("2001:db8:1::1", &[]).to("2001:db8:1::1");
        assert_eq!(dropped(&relayed), None, "a relay sends as it likes");
    }

    #[test]
    fn a_duid_of_no_octet_or_of_too_many_is_none() {
        for len in [0, 2, 131] {
            let packet = asking(Solicit).option(code::CLIENT_ID, &vec![1; len]);
            assert_eq!(dropped(&packet), Some(DropReason::Malformed), "{len}");
        }
        for len in [3, 130] {
            assert_eq!(dropped(&asking(Solicit).option(code::CLIENT_ID, &vec![1; len])), None);
        }
    }

    /// RFC 8415 §19.1.
    #[test]
    fn a_message_is_taken_through_as_many_relays_as_the_limit_lets_it() {
        let through = |count: usize| {
            let packet = (0..count).fold(asking(Solicit), |it, _| it.through("2001:db8:1::1", &[]));
            packet.octets()
        };
        let arrival = asking(Solicit).through("2001:db8:1::1", &[]).arrival;
        let hear = |limit: &str, count| {
            Server::small(limit, "").hear_octets(&arrival, &through(count)).dropped()
        };
        assert_eq!(hear("", 1), None);
        assert_eq!(hear("", 9), None, "hop-counts 0 to 8");
        assert_eq!(hear("", 10), Some(DropReason::Malformed));
        assert_eq!(hear("[dhcpv6]\nhop-limit = 32", 10), None);
    }

    /// RFC 8415 §13.1.
    #[test]
    fn the_link_is_told_by_interface_id_link_address_or_interface() {
        let two = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            pools = ["2001:db8:2::10-2001:db8:2::1f"]
            interface-ids = ["port 7"]
            relays = ["2001:db8:ee::/64"]
        "#;
        let net = |packet: &Packet| {
            let heard = Server::small("", two).hear(packet);
            heard.dropped().map_or_else(|| Ok(heard.only().to_string()), Err)
        };
        let first = |net: Result<String, DropReason>| net.map(|it| it[..11].to_owned());
        let on_one = Ok("2001:db8:1:".to_owned());
        let on_two = Ok("2001:db8:2:".to_owned());
        let asking = asking(Solicit);
        assert_eq!(first(net(&asking)), on_one);
        assert_eq!(first(net(&asking.clone().through("2001:db8:2::1", &[]))), on_two);
        assert_eq!(first(net(&asking.clone().through("2001:db8:ee::1", &[]))), on_two);
        // The relay nearest to the client that has an address says it (RFC 6221 §5.3.1).
        let light = asking.clone().through("::", &[]).through("2001:db8:2::1", &[]);
        assert_eq!(first(net(&light)), on_two);
        let far = asking.clone().through("2001:db8:1::1", &[]).through("2001:db8:2::1", &[]);
        assert_eq!(first(net(&far)), on_one);
        let port = [(code::INTERFACE_ID, &b"port 7"[..])];
        assert_eq!(first(net(&asking.clone().through("2001:db8:1::1", &port))), on_two);
        let strange = asking.through("2001:db8:3::1", &[]);
        assert_eq!(net(&strange), Err(DropReason::UnknownRelay));
    }

    proptest! {
        #[test]
        fn no_octets_panic_and_no_answer_is_unsound(
            kind in 0_u8..13,
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            is_relayed in any::<bool>(),
            is_named in any::<bool>(),
        ) {
            let mut server = Server::small("", "");
            let leased = server.lease(&client(2).na(1, &[]).pd(1, &[]));
            let mut request = client(1).na(1, &leased[..1]).pd(7, &leased[1..]).wanting(&[23, 67]);
            if is_named {
                request = request.naming_server();
            }
            if is_relayed {
                request = request.through("2001:db8:1::1", &[(code::INTERFACE_ID, b"port")]);
            }
            let mut octets = request.octets();
            if !is_relayed {
                octets[0] = kind;
            }
            for (index, octet) in edits {
                let at = index.index(octets.len());
                octets[at] = octet;
            }
            let heard = server.hear_octets(&request.arrival, &octets);
            if heard.answer.is_ok() {
                prop_assert!(heard.kind().is_some());
            }
            let its = server.binding(leased[0]).unwrap();
            prop_assert!(its.is_held(server.now), "nobody takes another's");
        }
    }
}
