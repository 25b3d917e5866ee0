//! What stands in an Advertise or Reply, and where it goes (RFC 8415 §18.3.9 to §18.3.11, §19.3).

use smallvec::SmallVec;

use super::Reply;
use super::exchange::{Exchange, Few, Output};
use super::grant::Told;
use crate::lease::Resource;
use crate::server::options::Layers;
use crate::server::{DropReason, times};
use crate::wire::dhcpv6::{
    CLIENT_PORT, Duid, Ia, MessageType, OptionWriter, PrefixExclude, SERVER_PORT, StatusCode,
    Writer,
};
use crate::wire::dns::Names;
use crate::wire::fqdn::Fqdn;
use crate::wire::option::v6::code;
use crate::wire::{Full, Ipv6Prefix, Seconds};

/// What a message tells, beside what the request determines.
#[derive(Debug)]
pub(super) struct Content<'c, 'a> {
    pub(super) kind: MessageType,
    pub(super) ias: &'c [Outcome<'a>],
    /// How it went with the message as a whole, where that is said.
    pub(super) status: Option<StatusCode>,
    /// Whether a Reply answers a Solicit.
    pub(super) is_rapid: bool,
}

/// What became of one association.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    pub(super) ia: Ia<'a>,
    pub(super) leases: Few<Told<'a>>,
    /// What the client named and has no longer: told with lifetimes of zero.
    pub(super) gone: Vec<Resource>,
    pub(super) status: Option<StatusCode>,
}

/// Octets of what every message may have that the request has not, at the most: our DUID, a key, and options
/// of an octet or none.
const OURS: usize = Duid::MAX_LEN + 68;
/// Associations of nearly all messages, at the most.
const USUAL_IAS: usize = 2;
/// Octets of what so many get that they do not name.
const UNNAMED: usize = 200;

/// Whether it is ours to say, and never the configuration's.
fn is_own(code: u16) -> bool {
    matches!(
        code,
        code::CLIENT_ID
            | code::SERVER_ID
            | code::IA_NA
            | code::IA_TA
            | code::IA_PD
            | code::OPTION_REQUEST
            | code::PREFERENCE
            | code::ELAPSED_TIME
            | code::RELAY_MESSAGE
            | code::AUTHENTICATION
            | code::STATUS_CODE
            | code::RAPID_COMMIT
            | code::CLIENT_FQDN
            | code::PREFIX_EXCLUDE
            | code::RECONFIGURE_MESSAGE
            | code::RECONFIGURE_ACCEPT
    )
}

impl<'a> Outcome<'a> {
    /// Nothing, and why.
    pub(super) fn failed(ia: Ia<'a>, status: StatusCode) -> Self {
        Self { ia, leases: Few::new(), gone: Vec::new(), status: Some(status) }
    }
}

impl Content<'_, '_> {
    /// A message of this type that says nothing yet.
    pub(super) fn of(kind: MessageType) -> Self {
        Self { kind, ias: &[], status: None, is_rapid: false }
    }
}

/// Writes a message.
///
/// # Errors
/// `ReplyTooLong` if not even what it cannot do without has room.
pub(super) fn reply<'a>(
    exchange: &Exchange<'a>,
    content: &Content<'_, 'a>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    let layers = match content.ias.iter().find_map(|it| it.leases.first()) {
        Some(told) => exchange.layers(told.site.base()),
        None => exchange.link_layers(),
    };
    write(exchange, content, &layers, output).map_err(|Full| DropReason::ReplyTooLong)
}

/// Octets that a message has for associations, beside what it cannot do without: those, or no more than
/// are enough for nearly everybody.
///
/// # Errors
/// `ReplyTooLong` if it has no room for that.
pub(super) fn room(exchange: &Exchange<'_>, output: &mut Output<'_>) -> Result<usize, DropReason> {
    let sure = sure_room(exchange, output.reply.len());
    let is_there = |sure| written_room(exchange, output).is_ok_and(|room| sure <= room);
    debug_assert!(sure.is_none_or(is_there));
    sure.map_or_else(|| written_room(exchange, output), Ok)
}

/// No more than there is in a reply of so many octets at the most, if that is enough for all that such a client
/// can get; without writing anything.
fn sure_room(exchange: &Exchange<'_>, most: usize) -> Option<usize> {
    // What is repeated of the request is no longer than it is; what is told of the addresses and prefixes
    // that it names, not twice as long. Only a reservation gives more than one that it does not name.
    let asked = exchange.datagram.octets().len();
    let sure = most.checked_sub(asked + OURS)?;
    let is_usual = exchange.ias.len() <= USUAL_IAS && exchange.reservation.is_none();
    (is_usual && sure >= 2 * asked + UNNAMED).then_some(sure)
}

/// By writing what a message cannot do without.
fn written_room(exchange: &Exchange<'_>, output: &mut Output<'_>) -> Result<usize, DropReason> {
    let (id, len) = (exchange.message.transaction_id(), output.reply.len());
    // All that any message may have of it.
    let content = Content { is_rapid: true, ..Content::of(MessageType::Reply) };
    let begun = |output: &mut Output<'_>| {
        let relays = &exchange.datagram.relays;
        let mut writer = Writer::reply(output.reply, relays, content.kind, id)?;
        essential(exchange, &content, writer.options())?;
        reconfigure(exchange, content.kind, writer.options())?;
        writer.options().push_u8(code::PREFERENCE, 0)?;
        Ok(len - writer.finish())
    };
    begun(output).map_err(|Full| DropReason::ReplyTooLong)
}

/// Tells the client to send it to all servers, and nothing else (RFC 8415 §18.3.2).
pub(super) fn use_multicast(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    let status = Some(StatusCode::USE_MULTICAST);
    let content = Content { status, ..Content::of(MessageType::Reply) };
    let (kind, id) = (content.kind, exchange.message.transaction_id());
    let bare = |output: &mut Output<'_>| {
        let relays = &exchange.datagram.relays;
        let mut writer = Writer::reply(output.reply, relays, kind, id)?;
        essential(exchange, &content, writer.options())?;
        Ok(addressed(exchange, kind, writer.finish()))
    };
    bare(output).map_err(|Full| DropReason::ReplyTooLong)
}

fn write(
    exchange: &Exchange<'_>,
    content: &Content<'_, '_>,
    layers: &Layers<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, Full> {
    let id = exchange.message.transaction_id();
    let mut writer = Writer::reply(output.reply, &exchange.datagram.relays, content.kind, id)?;
    let options = writer.options();
    essential(exchange, content, options)?;
    reconfigure(exchange, content.kind, options)?;
    if content.kind == MessageType::Advertise
        && let Some(preference) = layers.parameter(|p| p.preference).filter(|it| *it > 0)
    {
        options.push_u8(code::PREFERENCE, preference)?;
    }
    let shortest = content.ias.iter().flat_map(|it| &it.leases).map(|told| told.preferred).min();
    // The same in all (RFC 8415 §18.3.2), so that the client renews all at once.
    let times = shortest.map_or([Seconds(0); 2], |shortest| times::shared(layers, shortest));
    let wants_exclude = exchange.message.requests(code::PREFIX_EXCLUDE);
    for outcome in content.ias {
        association(outcome, times, wants_exclude, options)?;
    }
    configured(exchange, layers, options);
    Ok(addressed(exchange, content.kind, writer.finish()))
}

fn essential(
    exchange: &Exchange<'_>,
    content: &Content<'_, '_>,
    options: &mut OptionWriter<'_>,
) -> Result<(), Full> {
    if !exchange.speaker.duid.is_empty() {
        options.push(code::CLIENT_ID, exchange.speaker.duid)?;
    }
    options.push(code::SERVER_ID, exchange.service.duid.octets())?;
    if content.is_rapid {
        options.push(code::RAPID_COMMIT, &[])?;
    }
    content.status.map_or(Ok(()), |status| options.status(status, ""))
}

/// That Reconfigures may come, to who accepts them; and in a Reply the key that they are known by
/// (RFC 8415 §18.3.9, §20.4.2).
fn reconfigure(
    exchange: &Exchange<'_>,
    kind: MessageType,
    options: &mut OptionWriter<'_>,
) -> Result<(), Full> {
    let Some(keys) = exchange.keys() else { return Ok(()) };
    options.push(code::RECONFIGURE_ACCEPT, &[])?;
    if kind == MessageType::Reply && exchange.asks_for_key() {
        let (replay, key) = keys.tell(exchange.now, exchange.speaker.duid);
        options.reconfigure_key(replay, &key)?;
    }
    Ok(())
}

fn association(
    outcome: &Outcome<'_>,
    times: [Seconds; 2],
    wants_exclude: bool,
    options: &mut OptionWriter<'_>,
) -> Result<(), Full> {
    let Outcome { ia, leases, gone, status } = outcome;
    let times = if leases.is_empty() { [Seconds(0); 2] } else { times };
    options.ia(ia.kind(), ia.iaid(), times, |inside| {
        for Told { resource, site, preferred, valid } in leases {
            let exclude = site.pool.and_then(|pool| pool.exclude).filter(|_| wants_exclude);
            lease(*resource, [*preferred, *valid], inside, |inside| match (*resource, exclude) {
                (Resource::Prefix(whole), Some(part)) => {
                    let own = whole.address().to_bits() | part.address.to_bits();
                    let part = Ipv6Prefix::containing(own.into(), part.len);
                    PrefixExclude::new(whole, part).map_or(Ok(()), |exclude| {
                        inside.push(code::PREFIX_EXCLUDE, exclude.octets())
                    })
                }
                _ => Ok(()),
            })?;
        }
        for resource in gone {
            lease(*resource, [Seconds(0); 2], inside, |_| Ok(()))?;
        }
        status.map_or(Ok(()), |status| inside.status(status, ""))
    })
}

fn lease(
    resource: Resource,
    times: [Seconds; 2],
    options: &mut OptionWriter<'_>,
    inside: impl FnOnce(&mut OptionWriter<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    match resource {
        Resource::Ipv6(address) => options.address(address, times, inside),
        Resource::Prefix(prefix) => options.prefix(prefix, times, inside),
        Resource::Ipv4(_) => Ok(()),
    }
}

/// What the client asks for and the configuration has, in the client's order, as far as there is room
/// (RFC 8415 §18.3.9).
fn configured(exchange: &Exchange<'_>, layers: &Layers<'_>, options: &mut OptionWriter<'_>) {
    let mut told: SmallVec<[u16; 16]> = SmallVec::new();
    for code in exchange.message.requested().filter(|code| !is_own(*code)) {
        let found = layers.option6(code).or_else(|| supplied(exchange, code));
        if let Some(data) = found.filter(|_| !told.contains(&code)) {
            told.push(code);
            // Nobody misses what does not fit as much as the whole message.
            let _ = options.push(code, data);
        }
    }
    fqdn(exchange, layers, options);
}

/// What a relay says of the client's link where the configuration says nothing; the one nearest to the
/// client knows best (RFC 6422 §6).
fn supplied<'a>(exchange: &Exchange<'a>, code: u16) -> Option<&'a [u8]> {
    if !exchange.service.settings.relay_supplied.contains(&code) {
        return None;
    }
    exchange.datagram.relays.nearest(|relay| relay.supplied_options()?.get(code))
}

/// For who names itself and asks for its name (RFC 4704 §6). What it lacks is the first of the domains in
/// which its resolver would look for it.
fn fqdn(exchange: &Exchange<'_>, layers: &Layers<'_>, options: &mut OptionWriter<'_>) {
    let asked = exchange.message.options().get(code::CLIENT_FQDN).map(Fqdn::parse_v6);
    if let Some(Ok(asked)) = asked
        && exchange.message.requests(code::CLIENT_FQDN)
    {
        let domain = layers.option6(code::DOMAIN_SEARCH).and_then(|it| Names::new(it).next()?.ok());
        let _ = options.push(code::CLIENT_FQDN, asked.answer(domain.as_ref()).octets());
    }
}

/// Back to where the request came from; a relay that asked for it is answered at its own port (RFC 8357).
fn addressed(exchange: &Exchange<'_>, kind: MessageType, len: usize) -> Reply {
    let mut relays = exchange.datagram.relays.iter();
    let port = match relays.next() {
        None => CLIENT_PORT,
        Some(relay) if relay.has_source_port() => exchange.arrival.source_port,
        Some(_) => SERVER_PORT,
    };
    Reply { len, kind, to: exchange.arrival.source_ip, port }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Packet, Server, client, ip, prefix};
    use super::*;
    use crate::wire::dhcpv6::IaKind;

    /// RFC 8415 §19.3, RFC 8357 §4.2.
    #[test]
    fn a_reply_goes_back_through_the_relays_that_the_request_came_through() {
        let mut server = Server::small("", "");
        let packet = client(1)
            .na(1, &[])
            .through("2001:db8:1::1", &[(code::INTERFACE_ID, b"port 3")])
            .through("2001:db8:9::1", &[])
            .through("::", &[(code::INTERFACE_ID, b"outer")]);
        let heard = server.hear(&packet);
        let relays = heard.datagram(|datagram| {
            let of = |relay: crate::wire::dhcpv6::Relay<'_>| {
                let id = relay.interface_id().map(<[u8]>::to_vec);
                (relay.kind(), relay.hop_count(), relay.link_address(), id)
            };
            datagram.relays.iter().map(of).collect::<Vec<_>>()
        });
        let kind = MessageType::RelayReply;
        assert_eq!(
            relays,
            [
                (kind, 2, ip("::"), Some(b"outer".to_vec())),
                (kind, 1, ip("2001:db8:9::1"), None),
                (kind, 0, ip("2001:db8:1::1"), Some(b"port 3".to_vec())),
            ]
        );
        let told = heard.answer.unwrap();
        assert_eq!((told.to, told.port), (packet.arrival.source_ip, 547));
        let mut other_port = packet.through("::", &[(code::RELAY_SOURCE_PORT, &[0, 0])]);
        other_port.arrival.source_port = 10_547;
        assert_eq!(server.hear(&other_port).answer.unwrap().port, 10_547);
    }

    #[test]
    fn preference_is_told_to_who_looks_for_a_server() {
        let mut server = Server::small("preference = 200", "");
        let advertise = server.hear(&client(1).na(1, &[]));
        assert_eq!(advertise.option(code::PREFERENCE), Some(vec![200]));
        let request = client(1).na(1, &[]).kind(MessageType::Request).naming_server();
        assert_eq!(server.hear(&request).option(code::PREFERENCE), None);
        let plain = Server::small("", "").hear(&client(1).na(1, &[]));
        assert_eq!(plain.option(code::PREFERENCE), None);
    }

    /// RFC 6603 §4.2.
    #[test]
    fn the_part_that_the_router_keeps_is_told_to_who_asks() {
        let pool = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            prefix-pools = [{ prefix = "2001:db8:9000::/40", delegate = 56, exclude = "::/64" }]
        "#;
        let mut server = Server::small("", pool);
        let packet = client(1).pd(1, &[]).through("2001:db8:2::1", &[]);
        let mut excluded = |packet: &Packet| {
            server.hear(packet).ia(IaKind::Prefixes, |ia| ia.prefixes().next().unwrap().exclude())
        };
        assert_eq!(excluded(&packet), None);
        let asking = packet.wanting(&[code::PREFIX_EXCLUDE]);
        assert_eq!(excluded(&asking), Some(prefix("2001:db8:9000::", 64)));
    }

    /// RFC 4704 §6.
    #[test]
    fn a_name_is_told_to_who_asks_for_it_and_completed_with_the_first_domain_searched() {
        let mut server =
            Server::small(r#"options6 = { domain-search = ["lab.example", "example"] }"#, "");
        let named = client(1).na(1, &[]).option(code::CLIENT_FQDN, b"\x01\x05alice");
        assert_eq!(server.hear(&named).option(code::CLIENT_FQDN), None);
        let asking = named.wanting(&[code::CLIENT_FQDN]);
        let expected = b"\x06\x05alice\x03lab\x07example\0";
        assert_eq!(server.hear(&asking).option(code::CLIENT_FQDN).unwrap(), expected);
        let nameless = client(1).na(1, &[]).wanting(&[code::CLIENT_FQDN]);
        assert_eq!(server.hear(&nameless).option(code::CLIENT_FQDN), None);
    }

    /// RFC 6422 §6.
    #[test]
    fn what_a_relay_supplies_is_told_to_who_asks_unless_the_configuration_has_it() {
        const ERP: u16 = code::ERP_LOCAL_DOMAIN;
        let near: &[u8] = b"\0\x41\0\x03\x01a\0\0\x67\0\x01p";
        let far: &[u8] = b"\0\x41\0\x03\x01b\0\0\x17\0\x10................";
        let wanting = |codes: &[u16]| {
            let packet = client(1).na(1, &[]).wanting(codes);
            let packet = packet.through("2001:db8:1::1", &[(code::RELAY_SUPPLIED_OPTIONS, near)]);
            packet.through("2001:db8:9::1", &[(code::RELAY_SUPPLIED_OPTIONS, far)])
        };
        let told = |front: &str, asked: u16| {
            Server::small(front, "").hear(&wanting(&[asked])).option(asked)
        };
        assert_eq!(told("", ERP).unwrap(), b"\x01a\0", "the client's neighbour knows best");
        assert_eq!(Server::small("", "").hear(&wanting(&[])).option(ERP), None, "nobody asked");
        assert_eq!(told("", code::CAPTIVE_PORTAL), None, "relays do not supply that");
        let ours = told("", code::DNS_SERVERS).unwrap();
        assert_eq!(ours.len(), 16);
        assert_ne!(ours, b"................");
        let ours = r#"options6 = { erp-local-domain = "c" }"#;
        assert_eq!(told(ours, ERP).unwrap(), b"\x01c\0");
        let other = "[dhcpv6]\nrelay-supplied-options = [\"captive-portal\"]";
        let portal = |front| Server::small("", front).hear(&wanting(&[code::CAPTIVE_PORTAL, ERP]));
        let heard = portal(other);
        assert_eq!(heard.option(code::CAPTIVE_PORTAL).unwrap(), b"p");
        assert_eq!(heard.option(ERP), None);
    }

    /// Infinity is not divided.
    #[test]
    fn an_endless_lease_has_no_time_to_renew() {
        let endless = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            lease-time = "infinite"
            preferred-time = "infinite"
            pools = ["2001:db8:2::10-2001:db8:2::1f"]
        "#;
        let packet = client(1).na(1, &[]).through("2001:db8:2::1", &[]);
        let heard = Server::small("", endless).hear(&packet);
        let infinite = [Seconds::INFINITE; 2];
        assert_eq!(heard.leases()[0].1, infinite);
        assert_eq!(heard.ia(IaKind::Addresses, |ia| [ia.t1(), ia.t2()]), infinite);
    }
}
