//! Renew and Rebind: more time for what an association has (RFC 8415 §18.3.4, §18.3.5).

use super::Reply;
use super::candidate::{Candidate, Hint, hints};
use super::exchange::{ATTEMPTS, Exchange, Few, Output};
use super::grant::Told;
use super::reply::{Content, Outcome, reply};
use super::room::Room;
use crate::lease::Resource;
use crate::server::DropReason;
use crate::server::standing::Standing;
use crate::wire::dhcpv6::{Ia, MessageType, StatusCode};

pub(super) fn renew(exchange: &Exchange<'_>, output: &mut Output<'_>) -> Result<Reply, DropReason> {
    let (mut room, mut ias) = (Room::of(exchange, output)?, Few::new());
    for ia in exchange.ias.iter().copied() {
        match extend(exchange, ia, &mut room, &mut ias, output)? {
            Extended::Unknown if room.take_refusal() => {
                ias.push(Outcome::failed(ia, StatusCode::NO_BINDING));
            }
            Extended::Unknown | Extended::Leases | Extended::Nothing => {}
        }
    }
    reply(exchange, &Content { ias: &ias, ..Content::of(MessageType::Reply) }, output)
}

/// Other servers hear it, too: one that has nothing to say of any association says nothing.
pub(super) fn rebind(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    let (mut room, mut ias) = (Room::of(exchange, output)?, Few::new());
    for ia in exchange.ias.iter().copied() {
        match extend(exchange, ia, &mut room, &mut ias, output)? {
            Extended::Leases | Extended::Nothing => {}
            // What is not of this link is no good to it, whoever gave it.
            Extended::Unknown => {
                let gone: Vec<_> = off_link(exchange, &ia).collect();
                if !gone.is_empty() && room.take_association(gone.iter().copied()) {
                    ias.push(Outcome { ia, leases: Few::new(), gone, status: None });
                }
            }
        }
    }
    if ias.is_empty() {
        return Err(DropReason::UnknownClient);
    }
    reply(exchange, &Content { ias: &ias, ..Content::of(MessageType::Reply) }, output)
}

/// What became of an association that is to go on.
enum Extended {
    Leases,
    /// It has nothing here.
    Unknown,
    /// Nothing can be said of it: the client keeps what it hears nothing of, and asks again (RFC 8415
    /// §18.2.10.1).
    Nothing,
}

/// More time for all that the association has, which is added to `outcomes`.
fn extend<'a>(
    exchange: &Exchange<'a>,
    ia: Ia<'a>,
    room: &mut Room,
    outcomes: &mut Few<Outcome<'a>>,
    output: &mut Output<'_>,
) -> Result<Extended, DropReason> {
    let (key, mut has_room) = (exchange.key_of(&ia), false);
    let named: Few<Hint> = hints(&ia).collect();
    'attempts: for _ in 0..ATTEMPTS {
        let mut having: Few<Candidate<'a>> = exchange.known(&key);
        having.retain(|candidate| {
            let may_have = match candidate.standing {
                Standing::Held => true,
                Standing::Past => exchange.may_begin(candidate),
                _ => false,
            };
            may_have && exchange.admit_to(exchange.view(candidate.site)).is_ok()
        });
        // What is written down nowhere, and proves itself.
        for hint in &named {
            if having.iter().all(|other| other.resource != hint.resource) {
                having.extend(exchange.held(hint.resource, &key));
            }
        }
        // Without a record, what the client says is believed if nobody else has it (RFC 8415 §18.3.4).
        if having.is_empty() && exchange.service.settings.adopt_unknown {
            let adopted = |resource| {
                exchange.adopt(resource, &key).filter(|candidate| exchange.may_begin(candidate))
            };
            // One, as it would be given: whoever names many would have them all.
            having.extend(named.iter().find_map(|hint| adopted(hint.resource)));
        }
        let names = |resource| named.iter().any(|hint| hint.resource == resource);
        // The client had it last, and a newer one since: that is history.
        if having.iter().any(|candidate| candidate.standing == Standing::Held) {
            having.retain(|candidate| candidate.standing == Standing::Held);
        } else {
            having.retain(|candidate| names(candidate.resource));
        }
        let had = |resource| having.iter().any(|candidate| candidate.resource == resource);
        let others = || named.iter().map(|hint| hint.resource).filter(|it| !had(*it));
        // What the partner may have given is neither ended here, nor replaced by what the client let go.
        let partners: Vec<_> = others().filter(|it| exchange.may_be_partners(*it, &key)).collect();
        if !partners.is_empty() && !having.iter().any(|candidate| names(candidate.resource)) {
            return Ok(Extended::Nothing);
        }
        if having.is_empty() {
            return Ok(Extended::Unknown);
        }
        let told = having.iter().map(|candidate| candidate.resource).chain(others());
        has_room = has_room || room.take_association(told);
        if !has_room || !output.may_change(having.len()) {
            return Ok(Extended::Nothing);
        }
        let mut leases: Few<Told<'a>> = Few::new();
        for candidate in &having {
            let hint = named.iter().copied().find(|hint| hint.resource == candidate.resource);
            let (told, term) = exchange.times(candidate, hint);
            match exchange.grant(candidate, &term, &key, output) {
                Ok(Ok(())) => leases.push(told),
                Ok(Err(_)) => continue 'attempts,
                Err(DropReason::LimitReached) => {}
                Err(reason) => return Err(reason),
            }
        }
        if leases.is_empty() {
            return Ok(Extended::Unknown);
        }
        let is_extended = |resource| leases.iter().any(|told| told.resource == resource);
        let is_gone = |resource: &Resource| !is_extended(*resource) && !partners.contains(resource);
        let gone = named.iter().map(|hint| hint.resource).filter(is_gone).collect();
        outcomes.push(Outcome { ia, leases, gone, status: None });
        return Ok(Extended::Leases);
    }
    Err(DropReason::Contended)
}

/// Addresses of the association that are not of the client's link.
fn off_link<'a>(exchange: &Exchange<'a>, ia: &Ia<'a>) -> impl Iterator<Item = Resource> + use<'a> {
    let (topology, place) = (&exchange.service.topology, exchange.place);
    ia.addresses()
        .map(|it| it.address())
        .filter(move |address| !topology.is_on_link(place, *address))
        .map(Resource::from)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client, ip, prefix};
    use super::*;
    use crate::wire::Seconds;
    use crate::wire::dhcpv6::IaKind;
    use MessageType::{Rebind, Renew, Request};

    const GONE: [Seconds; 2] = [Seconds(0); 2];

    /// RFC 8415 §18.3.4, §18.3.5.
    #[test]
    fn a_lease_is_extended_by_renew_and_by_rebind() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(1, &[]).pd(1, &[]));
        for kind in [Renew, Rebind] {
            server.pass(1_000);
            let packet = client(1).na(1, &leased[..1]).pd(1, &leased[1..]).kind(kind);
            let packet = if kind == Renew { packet.naming_server() } else { packet };
            let heard = server.hear(&packet);
            let times = [Seconds(3_600), Seconds(7_200)];
            assert_eq!(heard.leases(), leased.iter().map(|it| (*it, times)).collect::<Vec<_>>());
            assert_eq!(heard.changes.len(), 2);
            let ends = server.now.after(Seconds(7_200));
            assert!(leased.iter().all(|it| server.binding(*it).unwrap().expires == ends), "{kind}");
        }
    }

    #[test]
    fn an_association_that_nobody_knows_has_no_binding() {
        let mut server = Server::small("[dhcpv6]\nadopt-unknown = false", "");
        let named = [ip("2001:db8:1::15").into()];
        let renewing = client(1).na(1, &named).pd(1, &[]).kind(Renew).naming_server();
        let heard = server.hear(&renewing);
        for kind in [IaKind::Addresses, IaKind::Prefixes] {
            assert_eq!(heard.ia_status(kind), Some(StatusCode::NO_BINDING));
        }
        let rebinding = client(1).na(1, &named).kind(Rebind);
        assert_eq!(server.hear(&rebinding).dropped(), Some(DropReason::UnknownClient));
    }

    /// RFC 8415 §18.3.4: what a server lost may be as the client says.
    #[test]
    fn an_association_that_nobody_knows_is_believed_where_that_is_switched_on() {
        let mut server = Server::small("[dhcpv6]\nadopt-unknown = true", "");
        let named: [Resource; 2] =
            [ip("2001:db8:1::15").into(), prefix("2001:db8:8000:500::", 56).into()];
        let heard = server.hear(&client(1).na(1, &named[..1]).pd(1, &named[1..]).kind(Rebind));
        assert_eq!(heard.leases().into_iter().map(|(it, _)| it).collect::<Vec<_>>(), named);
        let thief = server.hear(&client(2).na(1, &named[..1]).kind(Renew).naming_server());
        assert_eq!(thief.ia_status(IaKind::Addresses), Some(StatusCode::NO_BINDING));
    }

    /// Who names all that is free gets no more than it would be given.
    #[test]
    fn of_an_association_that_nobody_knows_one_lease_is_believed() {
        let mut server = Server::small("", "");
        let named: Vec<Resource> =
            (0x10..0x20).map(|n| ip(&format!("2001:db8:1::{n:x}")).into()).collect();
        let heard = server.hear(&client(1).na(1, &named).kind(Rebind));
        assert_eq!(heard.changes.len(), 1);
        assert_eq!(heard.leases().iter().filter(|(_, times)| *times != GONE).count(), 1);
    }

    /// RFC 8415 §18.2.10.1: the client asks again for what it hears nothing of.
    #[test]
    fn associations_of_which_the_reply_has_no_room_are_left_as_they_are() {
        let large = r#"
            [[subnet6]]
            subnet = "2001:db8:2::/64"
            pools = ["2001:db8:2::100-2001:db8:2::1ff"]
        "#;
        let mut server = Server::small("", large);
        let away = |packet: super::super::testing::Packet| packet.through("2001:db8:2::1", &[]);
        let mut all = client(1);
        for first in [1, 16, 31] {
            let some = (first..first + 15).fold(client(1), |packet, iaid| packet.na(iaid, &[]));
            let leased = server.lease(&away(some));
            all = (first..).zip(leased).fold(all, |packet, (iaid, it)| packet.na(iaid, &[it]));
        }
        server.pass(1_000);
        let heard = server.hear(&away(all).kind(Renew).naming_server());
        let told = heard.message(|message| message.ias().count());
        assert_eq!((told, heard.leases().len(), heard.changes.len()), (16, 16, 16));
    }

    #[test]
    fn what_the_client_names_and_does_not_have_is_told_with_lifetimes_of_zero() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(1, &[]));
        let stranger = ip("2001:db8:7::1").into();
        let heard =
            server.hear(&client(1).na(1, &[leased[0], stranger]).kind(Renew).naming_server());
        let times = [Seconds(3_600), Seconds(7_200)];
        assert_eq!(heard.leases(), [(leased[0], times), (stranger, GONE)]);
    }

    /// RFC 8415 §18.3.5.
    #[test]
    fn an_address_of_another_link_is_ended_by_rebind_whoever_gave_it() {
        let mut server = Server::small("[dhcpv6]\nadopt-unknown = false", "");
        let stranger = ip("2001:db8:7::1").into();
        let heard = server.hear(&client(1).na(1, &[stranger]).kind(Rebind));
        assert_eq!(heard.leases(), [(stranger, GONE)]);
    }

    /// The moment matters only while nobody else has it.
    #[test]
    fn a_lease_that_is_over_is_extended_while_nobody_else_has_it() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(1, &[]));
        server.pass(8_000);
        let renewing = client(1).na(1, &leased).kind(Renew).naming_server();
        assert_eq!(server.hear(&renewing).only(), leased[0]);
        server.pass(8_000);
        let other = client(2).na(1, &leased).kind(Request).naming_server();
        assert_eq!(server.hear(&other).only(), leased[0]);
        let late = server.hear(&renewing);
        assert_eq!(late.ia_status(IaKind::Addresses), Some(StatusCode::NO_BINDING));
    }
}
