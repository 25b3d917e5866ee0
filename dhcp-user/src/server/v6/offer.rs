//! Solicit and Request: an association gets what it has none of yet (RFC 8415 §18.3.1, §18.3.2).

use super::Reply;
use super::candidate::hints;
use super::exchange::{ATTEMPTS, Exchange, Few, Output};
use super::grant::Told;
use super::reply::{Content, Outcome, reply};
use super::room::Room;
use crate::lease::Resource;
use crate::server::DropReason;
use crate::server::standing::Standing;
use crate::wire::dhcpv6::{Ia, IaKind, MessageType, StatusCode};

/// Whether what is told is the client's from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Promise {
    Offer,
    Grant,
}

pub(super) fn solicit(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    // RFC 8415 §18.3.1: whoever answers commits, so that one server alone should.
    let is_rapid = exchange.message.has_rapid_commit()
        && exchange.link_layers().parameter(|p| p.rapid_commit).unwrap_or(false);
    let promise = if is_rapid { Promise::Grant } else { Promise::Offer };
    let mut room = Room::for_all(exchange, output)?;
    let mut ias = Few::new();
    for ia in &exchange.ias {
        ias.push(provide(exchange, *ia, promise, &mut room, output)?);
    }
    let kind = if is_rapid { MessageType::Reply } else { MessageType::Advertise };
    reply(exchange, &Content { ias: &ias, is_rapid, ..Content::of(kind) }, output)
}

pub(super) fn request(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    let mut room = Room::for_all(exchange, output)?;
    let is_off_link = |resource: Resource| match resource {
        Resource::Ipv6(it) => !exchange.service.topology.is_on_link(exchange.place, it),
        Resource::Prefix(_) | Resource::Ipv4(_) => false,
    };
    let mut ias = Few::new();
    for ia in &exchange.ias {
        ias.push(if hints(ia).any(|hint| is_off_link(hint.resource)) {
            Outcome::failed(*ia, StatusCode::NOT_ON_LINK)
        } else {
            provide(exchange, *ia, Promise::Grant, &mut room, output)?
        });
    }
    reply(exchange, &Content { ias: &ias, ..Content::of(MessageType::Reply) }, output)
}

/// What the association gets; a status if that is nothing.
fn provide<'a>(
    exchange: &Exchange<'a>,
    ia: Ia<'a>,
    promise: Promise,
    room: &mut Room,
    output: &mut Output<'_>,
) -> Result<Outcome<'a>, DropReason> {
    let (key, mut has_room) = (exchange.key_of(&ia), false);
    'attempts: for _ in 0..ATTEMPTS {
        let candidates = exchange.choose(&ia, &key, output);
        let may_change = promise == Promise::Offer || output.may_change(candidates.len());
        has_room = has_room || room.take_leases(candidates.iter().map(|it| it.resource));
        if !has_room || !may_change {
            candidates.iter().for_each(|candidate| exchange.pass_over(candidate));
            return Ok(Outcome::failed(ia, none_available(ia.kind())));
        }
        let mut leases: Few<Told<'a>> = Few::new();
        for candidate in &candidates {
            let hint = hints(&ia).find(|hint| hint.resource == candidate.resource);
            let (told, term) = exchange.times(candidate, hint.or_else(|| hints(&ia).next()));
            let done = match promise {
                // What the Request would not get is not offered.
                Promise::Offer
                    if candidate.standing != Standing::Held && exchange.is_over_limit() =>
                {
                    Err(DropReason::LimitReached)
                }
                Promise::Offer => Ok(exchange.offer(candidate, &key, output)),
                Promise::Grant => exchange.grant(candidate, &term, &key, output),
            };
            match done {
                Ok(Ok(())) => leases.push(told),
                Ok(Err(_)) => continue 'attempts,
                Err(DropReason::LimitReached) => exchange.pass_over(candidate),
                Err(reason) => return Err(reason),
            }
        }
        if leases.is_empty() {
            return Ok(Outcome::failed(ia, none_available(ia.kind())));
        }
        return Ok(Outcome { ia, leases, gone: Vec::new(), status: None });
    }
    Err(DropReason::Contended)
}

/// That there is nothing for an association of this kind.
pub(super) fn none_available(kind: IaKind) -> StatusCode {
    match kind {
        IaKind::Addresses => StatusCode::NO_ADDRS_AVAIL,
        IaKind::Prefixes => StatusCode::NO_PREFIX_AVAIL,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client, ip, prefix};
    use super::*;
    use crate::lease::BindingStatus;
    use crate::wire::option::v6::code;
    use crate::wire::{Seconds, Stamp};
    use MessageType::{Advertise, Reply, Request, Solicit};

    /// RFC 8415 §18.3.1, §18.3.2, §18.3.9.
    #[test]
    fn a_client_is_offered_an_address_and_a_prefix_and_gets_what_it_was_offered() {
        let mut server = Server::small("", "");
        let packet = client(1).na(7, &[]).pd(9, &[]);
        let advertise = server.hear(&packet);
        assert_eq!(advertise.kind(), Some(Advertise));
        assert_eq!(advertise.changes, [], "an offer may be forgotten");
        let offered = advertise.leases();
        let times = [Seconds(3_600), Seconds(7_200)];
        let [(address, of_address), (delegated, of_prefix)] = offered[..] else { panic!("two") };
        assert_eq!((of_address, of_prefix), (times, times));
        assert!(matches!(delegated, Resource::Prefix(it) if it.len() == 56));
        let answer = server.hear(&packet.clone().kind(Request).naming_server());
        assert_eq!((answer.kind(), answer.leases()), (Some(Reply), offered));
        assert_eq!(answer.changes.len(), 2);
        for (change, resource) in answer.changes.iter().zip([address, delegated]) {
            assert_eq!(change.resource, resource);
            assert_eq!(change.binding.status, BindingStatus::Active);
            assert_eq!(change.binding.expires, Stamp(server.now.0 + 7_200));
        }
        // The same in both: T1 and T2 by the shortest preferred lifetime.
        for kind in [IaKind::Addresses, IaKind::Prefixes] {
            let times = answer.ia(kind, |ia| (ia.iaid().0, ia.t1(), ia.t2()));
            let iaid = if kind == IaKind::Addresses { 7 } else { 9 };
            assert_eq!(times, (iaid, Seconds(1_800), Seconds(2_880)));
        }
        assert_eq!(answer.option(code::SERVER_ID).unwrap(), super::super::testing::SERVER);
        assert_eq!(answer.option(code::CLIENT_ID).unwrap(), super::super::testing::duid(1));
        let (to, port) = answer.answer.map(|reply| (reply.to, reply.port)).unwrap();
        assert_eq!((to, port), (packet.arrival.source_ip, 546));
    }

    /// RFC 5007 §4.1.2.3: of two servers the one that gave the client a lease knows better, be it earlier.
    #[test]
    fn an_offer_does_not_count_as_heard() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(7, &[]))[0];
        server.pass(60);
        server.hear(&client(1).na(7, &[leased]).kind(MessageType::Release).naming_server());
        let before = server.now;
        assert_eq!(server.binding(leased).map(|it| it.cltt), Some(before), "a Release does");
        server.pass(60);
        let offer = server.hear(&client(1).na(7, &[]));
        assert_eq!((offer.kind(), offer.only()), (Some(Advertise), leased));
        let offered = server.binding(leased).expect("it was leased");
        assert!(offered.is_offered(server.now));
        assert_eq!(offered.cltt, before);
        server.lease(&client(1).na(7, &[]));
        assert_eq!(server.binding(leased).map(|it| it.cltt), Some(server.now));
    }

    #[test]
    fn nothing_is_offered_that_a_limit_forbids() {
        let limit = "[[limit]]\nname = \"one\"\nper = \"duid\"\nleases = 1";
        let mut server = Server::small("", limit);
        let leased = server.lease(&client(1).na(1, &[]));
        let more = server.hear(&client(1).na(2, &[]).kind(Solicit));
        assert_eq!(more.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
        assert_eq!(server.lease(&client(1).na(1, &[])), leased, "what it has is its own");
        server.lease(&client(2).na(1, &[]));
    }

    #[test]
    fn associations_and_clients_each_get_their_own_and_keep_it() {
        let mut server = Server::small("", "");
        let all = client(1).na(1, &[]).na(2, &[]).pd(1, &[]).pd(2, &[]);
        let first = server.lease(&all);
        assert_eq!(first.len(), 4);
        let other = server.lease(&client(2).na(1, &[]).pd(1, &[]));
        let mut apart = [first.clone(), other].concat();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), 6);
        assert_eq!(server.lease(&all), first);
    }

    /// What it cannot be told it must not have; and what there is room for is for others, too.
    #[test]
    fn a_client_with_dozens_of_associations_gets_what_its_reply_can_tell() {
        let large = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            pools = ["2001:db8:2::100-2001:db8:2::1ff"]
        "#;
        let many = (1..=40).fold(client(1), |packet, iaid| packet.na(iaid, &[]));
        let many = many.through("2001:db8:2::1", &[]);
        for kind in [Solicit, Request] {
            let mut server = Server::small("", large);
            let packet = many.clone().kind(kind);
            let packet = if kind == Request { packet.naming_server() } else { packet };
            let heard = server.hear(&packet);
            let told = heard.leases().len();
            assert!((8..40).contains(&told), "{kind}: {told}");
            let refused =
                heard.message(|message| message.ias().filter(|ia| ia.status().is_some()).count());
            assert_eq!(told + refused, 40, "{kind}");
            if kind == Request {
                assert_eq!(heard.changes.len(), told);
            }
        }
        let mut server = Server::small("", large);
        let few = (1..=20).fold(client(1), |packet, iaid| packet.na(iaid, &[]));
        let few = few.through("2001:db8:2::1", &[]).kind(Request).naming_server();
        assert_eq!(server.hear(&few).changes.len(), 16);
    }

    /// The second is as if it were not there.
    #[test]
    fn of_two_associations_of_one_iaid_the_first_counts() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(1, &[]).na(1, &[]).pd(1, &[]));
        assert_eq!(leased.len(), 2);
    }

    /// RFC 8415 §18.3.9: the association stays, without leases, and says why.
    #[test]
    fn where_nothing_is_left_the_association_says_so() {
        let mut server = Server::small("", "");
        for n in 1..=16 {
            server.lease(&client(n).na(1, &[]).pd(1, &[]));
        }
        for kind in [Solicit, Request] {
            let mut packet = client(99).na(1, &[]).pd(1, &[]).kind(kind);
            if kind == Request {
                packet = packet.naming_server();
            }
            let heard = server.hear(&packet);
            assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
            assert_eq!(heard.ia_status(IaKind::Prefixes), Some(StatusCode::NO_PREFIX_AVAIL));
            assert!(heard.leases().is_empty() && heard.changes.is_empty());
        }
    }

    #[test]
    fn a_free_address_or_prefix_that_is_asked_for_is_given() {
        let mut server = Server::small("", "");
        let wanted: [Resource; 2] =
            [ip("2001:db8:1::1a").into(), prefix("2001:db8:8000:a00::", 56).into()];
        let asking = client(1).na(1, &wanted[..1]).pd(1, &wanted[1..]);
        assert_eq!(server.lease(&asking), wanted);
        let other = client(2).na(1, &wanted[..1]).pd(1, &wanted[1..]);
        let others = server.lease(&other);
        assert!(wanted.iter().all(|taken| !others.contains(taken)));
        // Of no pool, of another length, of the routers.
        let none = [ip("2001:db8:1::99").into(), prefix("2001:db8:8000::", 60).into()];
        let third = server.lease(&client(3).na(1, &none[..1]).pd(1, &none[1..]));
        assert!(none.iter().all(|bad| !third.contains(bad)) && third.len() == 2);
    }

    #[test]
    fn a_prefix_is_as_long_as_the_client_asks_where_some_pool_has_such() {
        let pools = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            prefix-pools = [{ prefix = "2001:db8:9000::/44", delegate = 48 },
                            { prefix = "2001:db8:9100::/52", delegate = 60 }]
        "#;
        let len = |wanted: u8| {
            let any = prefix("::", wanted).into();
            let packet = client(1).pd(1, &[any]).through("2001:db8:2::1", &[]);
            match Server::small("", pools).lease(&packet)[..] {
                [Resource::Prefix(it)] => it.len(),
                ref other => panic!("{other:?}"),
            }
        };
        assert_eq!([len(48), len(60), len(0)], [48, 60, 48]);
        assert_eq!(len(56), 48, "none is so long: rather another than none");
    }

    #[test]
    fn what_a_pool_delegated_in_smaller_parts_is_not_delegated_whole_while_it_is_leased() {
        let pool = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            prefix-pools = [{ prefix = "2001:db8:9000::/46", delegate = 48 }]
        "#;
        let mut server = Server::small("", pool);
        let mut lease = crate::lease::Binding::new(BindingStatus::Active, Stamp(1));
        (lease.version, lease.expires) = (1, Stamp(server.now.0 + 100));
        let part = prefix("2001:db8:9000:300::", 56);
        let id = server.table.place_leased(part.into()).unwrap();
        server.table.restore(id, lease);
        let packet = |n| client(n).pd(1, &[]).through("2001:db8:2::1", &[]);
        let leased: Vec<_> = (1..=3).map(|n| server.lease(&packet(n))[0]).collect();
        assert!(!leased.contains(&prefix("2001:db8:9000::", 48).into()));
        let none = server.hear(&packet(4));
        assert_eq!(none.ia_status(IaKind::Prefixes), Some(StatusCode::NO_PREFIX_AVAIL));
    }

    /// RFC 8415 §18.3.2.
    #[test]
    fn an_address_of_another_link_is_refused_with_not_on_link() {
        let mut server = Server::small("", "");
        let elsewhere = [ip("2001:db8:7::1").into()];
        let packet = client(1).na(1, &elsewhere).pd(1, &[]).kind(Request).naming_server();
        let heard = server.hear(&packet);
        assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NOT_ON_LINK));
        assert_eq!(heard.leases().len(), 1, "the prefix has nothing to do with it");
    }

    /// RFC 8415 §18.3.1.
    #[test]
    fn rapid_commit_grants_at_once_where_it_is_switched_on() {
        let rapid = client(1).na(1, &[]).option(code::RAPID_COMMIT, &[]);
        let off = Server::small("", "").hear(&rapid);
        assert_eq!((off.kind(), off.option(code::RAPID_COMMIT)), (Some(Advertise), None));
        let mut server = Server::small("rapid-commit = true", "");
        let heard = server.hear(&rapid);
        assert_eq!((heard.kind(), heard.changes.len()), (Some(Reply), 1));
        assert_eq!(heard.option(code::RAPID_COMMIT), Some(Vec::new()));
        assert!(server.binding(heard.only()).unwrap().is_held(server.now));
        assert_eq!(server.hear(&client(2).na(1, &[])).kind(), Some(Advertise));
    }

    #[test]
    fn a_reservation_gives_its_client_what_it_keeps_and_nobody_else() {
        let reserved = r#"
            [[reservation6]]
            duid = "00:03:00:01:02:00:00:00:00:01"
            addresses = ["2001:db8:1::11", "2001:db8:1::aaaa"]
            prefixes = ["2001:db8:8000:300::/56", "2001:db8:7000::/48"]
            [[reservation6]]
            hw-address = "02:00:00:00:00:02"
            addresses = ["2001:db8:1::12"]
            [[reservation6]]
            remote-id = "modem"
            addresses = ["2001:db8:1::13"]
            [[reservation6]]
            interface-id = "port"
            addresses = ["2001:db8:1::14"]
        "#;
        let mut server = Server::small("", reserved);
        let mut leased = server.lease(&client(1).na(1, &[]).pd(1, &[]));
        leased.sort_unstable();
        let kept: [Resource; 4] = [
            ip("2001:db8:1::11").into(),
            ip("2001:db8:1::aaaa").into(),
            prefix("2001:db8:7000::", 48).into(),
            prefix("2001:db8:8000:300::", 56).into(),
        ];
        assert_eq!(leased, kept);
        assert_eq!(server.lease(&client(2).na(1, &[])), [ip("2001:db8:1::12").into()]);
        let remote = [0, 0, 0, 9, b'm', b'o', b'd', b'e', b'm'];
        let modem = client(3).na(1, &[]).through("2001:db8:1::1", &[(code::REMOTE_ID, &remote)]);
        assert_eq!(server.lease(&modem), [ip("2001:db8:1::13").into()]);
        let port = client(4).na(1, &[]).through("2001:db8:1::1", &[(code::INTERFACE_ID, b"port")]);
        assert_eq!(server.lease(&port), [ip("2001:db8:1::14").into()]);
        for n in 10..22 {
            let leased = server.lease(&client(n).na(1, &kept[..1]));
            assert!(!kept.contains(&leased[0]));
        }
        let full = server.hear(&client(30).na(1, &[]));
        assert_eq!(full.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
    }

    #[test]
    fn an_address_of_a_large_pool_is_drawn_and_kept() {
        let large = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            pools = ["2001:db8:2::/64"]
        "#;
        let mut server = Server::small("", large);
        let packet = |n| client(n).na(1, &[]).through("2001:db8:2::1", &[]);
        let [first, second] = [1, 2].map(|n| server.lease(&packet(n))[0]);
        assert_ne!(first, second);
        let wish = client(3).na(1, &[ip("2001:db8:2::5").into()]).through("2001:db8:2::1", &[]);
        assert_ne!(server.lease(&wish)[0], ip("2001:db8:2::5").into(), "nobody spoke of it");
        assert_eq!(server.lease(&packet(1)), [first]);
    }

    #[test]
    fn a_subscriber_has_no_more_leases_than_its_limit() {
        let limit = "[[limit]]\nname = \"host\"\nper = \"duid\"\nleases = 2";
        let mut server = Server::small("", limit);
        let heard =
            server.hear(&client(1).na(1, &[]).na(2, &[]).na(3, &[]).kind(Request).naming_server());
        assert_eq!(heard.leases().len(), 2);
        let again = server.hear(&client(1).na(1, &[]).na(2, &[]).kind(Request).naming_server());
        assert_eq!(again.leases(), heard.leases(), "its own are no further ones");
        assert_eq!(server.lease(&client(2).na(1, &[])).len(), 1);
    }

    #[test]
    fn a_class_decides_pool_and_options() {
        let class = r#"
            [[class]]
            name = "voip"
            match = { user-class = "voip" }
            options6 = { 23 = "0x20010db8000000000000000000000099" }
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            pools = [{ range = "2001:db8:2::10-2001:db8:2::1f", allow = ["voip"] }]
        "#;
        let mut server = Server::small("", class);
        let packet = client(1).na(1, &[]).wanting(&[code::DNS_SERVERS]);
        let packet = packet.through("2001:db8:2::1", &[]);
        let plain = server.hear(&packet);
        assert_eq!(plain.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
        assert_eq!(plain.option(code::DNS_SERVERS), None);
        let heard = server.hear(&packet.option(code::USER_CLASS, b"\0\x04voip"));
        assert_eq!(heard.leases().len(), 1);
        assert_eq!(heard.option(code::DNS_SERVERS).unwrap(), ip("2001:db8::99").octets());
    }
}
