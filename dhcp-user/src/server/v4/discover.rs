//! DHCPDISCOVER (RFC 2131 §4.3.1), and the ACK that saves a round trip (RFC 4039).

use std::net::Ipv4Addr;

use super::allocate::Candidate;
use super::exchange::{ATTEMPTS, Exchange, Output};
use super::grant::Lost;
use super::reply::{Told, reply};
use super::request::acknowledge;
use crate::config::model;
use crate::server::standing::Standing;
use crate::server::{Answer, DropReason, Probe, ProbeOutcome};
use crate::wire::dhcpv4::MessageType;
use crate::wire::option::code;

/// What option 116 says to a client that is to do without an address (RFC 2563 §2.1).
const DO_NOT_AUTO_CONFIGURE: u8 = 0;

pub(super) fn discover(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    exchange.admit_to_link()?;
    let min_secs = exchange.link_layers().parameter(|p| p.min_secs);
    if min_secs.is_some_and(|least| exchange.secs() < least) {
        return Err(DropReason::TooSoon);
    }
    if let Some((address, ProbeOutcome::InUse)) = exchange.probed {
        set_aside(exchange, address, output);
    }
    for _ in 0..ATTEMPTS {
        let candidate = match exchange.choose(exchange.requested_address()) {
            Ok(candidate) => candidate,
            Err(reason) => return without_address(exchange, reason, output),
        };
        if candidate.standing != Standing::Held && exchange.is_over_limit() {
            exchange.pass_over(&candidate);
            return Err(DropReason::LimitReached);
        }
        if let Ok(answer) = offer(exchange, &candidate, output) {
            return answer;
        }
    }
    Err(DropReason::Contended)
}

fn offer(
    exchange: &Exchange<'_>,
    candidate: &Candidate<'_>,
    output: &mut Output<'_>,
) -> Result<Result<Answer, DropReason>, Lost> {
    let layers = exchange.layers(candidate.site.base());
    let is_rapid = exchange.message.option(code::RAPID_COMMIT).is_some()
        && layers.parameter(|p| p.rapid_commit).unwrap_or(false);
    let probe = probe(exchange, candidate, layers.parameter(|p| p.probe));
    if is_rapid && probe.is_none() {
        return acknowledge(exchange, candidate, is_rapid, output);
    }
    exchange.offer(candidate, output)?;
    if let Some(probe) = probe {
        return Ok(Ok(Answer::Probe(probe)));
    }
    let told = Told {
        kind: Some(MessageType::Offer),
        yiaddr: candidate.address,
        times: Some(exchange.term(candidate, &layers).times),
        mask: Some(candidate.site.subnet.mask()),
        layers,
        is_rapid: false,
        confirms: false,
    };
    Ok(reply(exchange, &told, output))
}

/// The question that the wire is asked before this address is offered, if it is to be asked.
fn probe(
    exchange: &Exchange<'_>,
    candidate: &Candidate<'_>,
    by: Option<model::Probe>,
) -> Option<Probe> {
    let is_asked = exchange.probed == Some((candidate.address, ProbeOutcome::Free));
    // Who has the address would answer for itself.
    if is_asked || candidate.standing == Standing::Held {
        return None;
    }
    match by? {
        model::Probe::None => None,
        // ARP does not reach behind a relay.
        model::Probe::Arp(_) if !exchange.message.giaddr().is_unspecified() => None,
        by => Some(Probe { address: candidate.address, by, from: exchange.from }),
    }
}

/// Somebody answered: nobody gets the address for a while (RFC 2131 §4.3.1). If another worker
/// changed it meanwhile, it is not the address that we asked about any more.
fn set_aside(exchange: &Exchange<'_>, address: Ipv4Addr, output: &mut Output<'_>) {
    let candidate = exchange.look(address);
    let untaken = candidate.filter(|candidate| {
        matches!(candidate.standing, Standing::Open | Standing::Past | Standing::Offered)
    });
    if let Some(candidate) = untaken {
        let _: Result<(), Lost> = exchange.abandon(&candidate, output);
    }
}

/// A client that asks whether it may configure itself is told not to, if that is configured, even
/// if there is no address for it (RFC 2563 §2.3).
fn without_address(
    exchange: &Exchange<'_>,
    reason: DropReason,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    let layers = exchange.link_layers();
    let asks = exchange.message.option(code::AUTO_CONFIGURE).is_some();
    if !asks || layers.option(code::AUTO_CONFIGURE) != Some(&[DO_NOT_AUTO_CONFIGURE]) {
        return Err(reason);
    }
    let told = Told {
        kind: Some(MessageType::Offer),
        yiaddr: Ipv4Addr::UNSPECIFIED,
        times: None,
        mask: None,
        layers,
        is_rapid: false,
        confirms: false,
    };
    reply(exchange, &told, output)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Packet, SERVER, Server, client};
    use super::*;
    use crate::lease::BindingStatus;
    use crate::server::Destination;
    use crate::wire::Stamp;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn wishing(n: u16, last: u8) -> Packet {
        client(n).discover().option(code::REQUESTED_ADDRESS, &ip(last).octets())
    }

    /// RFC 2131 §4.3.1: the current address, the previous one, the one asked for, a new one.
    #[test]
    fn a_client_keeps_its_address_then_gets_its_wish_then_the_least_recently_used() {
        let mut server = Server::small("", "");
        let first = server.lease(&client(1));
        server.pass(1800);
        assert_eq!(server.hear(&wishing(1, 19)).yiaddr(), first, "it has one");
        server.pass(86_400);
        server.sweep(|_, _| {});
        assert_eq!(server.hear(&wishing(1, 19)).yiaddr(), first, "it had one");
        assert_eq!(server.hear(&wishing(2, 19)).yiaddr(), ip(19), "it wishes one");
        let other = server.hear(&wishing(3, 19)).yiaddr();
        assert!(other != ip(19) && other != first, "the wish is promised to another: {other}");
        let outside = server.hear(&wishing(4, 250)).yiaddr();
        assert!((10..20).contains(&outside.octets()[3]), "the wish is in no pool: {outside}");
    }

    #[test]
    fn an_offer_is_kept_for_its_client_and_lapses() {
        let mut server = Server::small("offer-time = \"30s\"", "");
        let offered: Vec<_> =
            (0..10).map(|n| server.hear(&client(n).discover()).yiaddr()).collect();
        assert_eq!(server.hear(&client(99).discover()).dropped(), Some(DropReason::NoAddress));
        let again = server.hear(&client(3).discover());
        assert_eq!(again.yiaddr(), offered[3]);
        server.pass(31);
        assert_eq!(server.hear(&client(99).discover()).kind(), Some(MessageType::Offer));
    }

    /// As dhcpd's `min-secs` and `check-secs-byte-order` have it.
    #[test]
    fn who_has_not_asked_for_long_enough_is_left_to_other_servers() {
        let mut server = Server::small("min-secs = 3", "");
        assert_eq!(server.hear(&client(1).discover()).dropped(), Some(DropReason::TooSoon));
        assert_eq!(server.hear(&client(1).discover().secs(2)).dropped(), Some(DropReason::TooSoon));
        let offer = server.hear(&client(1).discover().secs(3));
        assert_eq!(offer.kind(), Some(MessageType::Offer));
        let ack = server.hear(&client(1).selecting(offer.yiaddr()));
        assert_eq!(ack.kind(), Some(MessageType::Ack), "who has chosen us need not wait");

        let mut lenient = Server::small("min-secs = 3", "[leniency]\nswapped-secs = true");
        let little_endian = client(2).discover().secs(0x0200);
        assert_eq!(lenient.hear(&little_endian).dropped(), Some(DropReason::TooSoon));
        assert_eq!(
            lenient.hear(&client(2).discover().secs(0x0300)).kind(),
            Some(MessageType::Offer)
        );
        assert_eq!(lenient.hear(&client(3).discover().secs(4)).kind(), Some(MessageType::Offer));
    }

    #[test]
    fn a_repeated_discover_changes_nothing() {
        let mut server = Server::small("", "");
        let address = server.hear(&client(1).discover()).yiaddr();
        let version = server.binding(address).unwrap().version;
        server.pass(10);
        server.hear(&client(1).discover());
        assert_eq!(server.binding(address).unwrap().version, version);
    }

    /// RFC 4039.
    #[test]
    fn rapid_commit_leases_at_once_where_both_want_it() {
        let asking = client(1).discover().option(code::RAPID_COMMIT, &[]);
        let mut off = Server::small("", "");
        assert_eq!(off.hear(&asking).kind(), Some(MessageType::Offer));
        let mut on = Server::small("rapid-commit = true", "");
        assert_eq!(on.hear(&client(1).discover()).kind(), Some(MessageType::Offer));
        let ack = on.hear(&asking);
        assert_eq!(ack.kind(), Some(MessageType::Ack));
        assert_eq!(ack.option(code::RAPID_COMMIT), Some(vec![]));
        assert_eq!(ack.changes[0].binding.status, BindingStatus::Active);
    }

    #[test]
    fn an_address_is_asked_for_before_it_is_offered() {
        let mut server = Server::small("probe = \"icmp\"", "");
        let heard = server.hear(&client(1).discover());
        let probe = heard.probe();
        assert_eq!(probe.from, SERVER);
        let other = server.hear(&client(2).discover()).probe();
        assert_ne!(other.address, probe.address, "it is kept while the wire is asked");
        let offer = server.probed(&client(1).discover(), &probe, ProbeOutcome::Free);
        assert_eq!(offer.yiaddr(), probe.address);
        let ack = server.hear(&client(1).selecting(probe.address));
        assert_eq!(ack.kind(), Some(MessageType::Ack));
        let again = server.hear(&client(1).discover());
        assert_eq!(again.kind(), Some(MessageType::Offer), "its holder would answer for itself");
    }

    #[test]
    fn an_address_in_use_is_set_aside_and_the_next_one_asked_for() {
        let mut server = Server::small("probe = \"icmp\"", "");
        let discover = client(1).discover();
        let first = server.hear(&discover).probe();
        let heard = server.probed(&discover, &first, ProbeOutcome::InUse);
        let second = heard.probe();
        assert_ne!(second.address, first.address);
        let [change] = &heard.changes[..] else { panic!("{:?}", heard.changes) };
        assert_eq!(
            (change.resource, change.binding.status),
            (first.address.into(), BindingStatus::Abandoned)
        );
        let offer = server.probed(&discover, &second, ProbeOutcome::Free);
        assert_eq!(offer.yiaddr(), second.address);
    }

    #[test]
    fn arp_is_not_asked_behind_a_relay() {
        let mut server = Server::small("probe = \"arp\"", "");
        let relayed = server.hear(&client(1).discover().through([10, 0, 0, 254]));
        assert_eq!(relayed.kind(), Some(MessageType::Offer));
        assert!(matches!(server.hear(&client(2).discover()).answer, Answer::Probe(_)));
    }

    /// RFC 2563 §2.3.
    #[test]
    fn a_client_without_an_address_is_told_not_to_make_one_up() {
        let mut server = Server::small("options = { auto-configure = false }", "");
        let asking = |n| client(n).discover().option(code::AUTO_CONFIGURE, &[1]);
        server.exhaust(1);
        let offer = server.hear(&asking(500));
        assert_eq!(offer.kind(), Some(MessageType::Offer));
        assert_eq!(offer.yiaddr(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(offer.option(code::AUTO_CONFIGURE), Some(vec![0]));
        assert_eq!(offer.number(code::LEASE_TIME), None);
        assert_eq!(server.hear(&client(500).discover()).dropped(), Some(DropReason::NoAddress));
        let holder = server.hear(&client(1).discover());
        assert_eq!(holder.option(code::AUTO_CONFIGURE), None, "it did not ask");
    }

    /// RFC 2131 §4.1.
    #[test]
    fn a_reply_goes_where_its_client_can_hear_it() {
        let mut server = Server::small("", "");
        let offer = server.hear(&client(1).discover());
        let hardware = client(1).hardware;
        assert_eq!(offer.to(), Destination::Client { address: offer.yiaddr(), hardware });
        assert_eq!(server.hear(&client(1).discover().broadcast()).to(), Destination::Broadcast);
        let token_ring = client(2).discover().hardware(6, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(server.hear(&token_ring).to(), Destination::Broadcast);
        let relay = ip(254);
        let relayed = server.hear(&client(1).discover().through(relay).broadcast());
        assert_eq!(relayed.to(), Destination::Relay { address: relay, port: 67 });
        let mut always = Server::small("[leniency]\nalways-broadcast = true", "");
        assert_eq!(always.hear(&client(1).discover()).to(), Destination::Broadcast);
    }

    /// RFC 8357 §5.4.
    #[test]
    fn a_relay_that_asks_for_it_is_answered_at_its_own_port() {
        let mut server = Server::small("", "");
        let discover = client(1).discover().through(ip(254)).through_port(1067);
        let asked = server.hear(&discover.clone().relayed(&[(19, &[])]));
        assert_eq!(asked.to(), Destination::Relay { address: ip(254), port: 1067 });
        let not_asked = server.hear(&discover);
        assert_eq!(not_asked.to(), Destination::Relay { address: ip(254), port: 67 });
    }

    #[test]
    fn what_is_no_request_is_dropped_under_its_reason() {
        let mut server = Server::small("", "");
        for (packet, reason) in [
            (client(1).kind(MessageType::Offer), DropReason::BadMessageType),
            (client(1).option(code::MESSAGE_TYPE, &[99]), DropReason::BadMessageType),
            (client(1).option(code::MESSAGE_TYPE, &[1, 1]), DropReason::BadMessageType),
            (client(1).discover().to(Ipv4Addr::new(10, 0, 0, 2)), DropReason::NotForUs),
            (client(1).discover().through([172, 16, 0, 1]), DropReason::UnknownRelay),
            (client(1).discover().through([224, 0, 0, 1]), DropReason::UnknownRelay),
            (client(1).discover().hardware(1, &[]), DropReason::BadHardware),
            (client(1).discover().relayed(&[(82, &[1])]), DropReason::BadOption),
            (client(1).discover().relayed(&[(5, &[1])]), DropReason::BadOption),
        ] {
            let heard = server.hear(&packet);
            assert_eq!(heard.dropped(), Some(reason), "{packet:?}");
            assert_eq!(heard.changes, []);
        }
        assert_eq!(server.binding(ip(10)).map(|binding| binding.starts), None::<Stamp>);
    }
}
