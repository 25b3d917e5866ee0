//! What a server with a partner does for clients in each of its states (RFC 8156 §8; spec v6 §8.5, §12).

use MessageType::{Confirm, Decline, InformationRequest, Rebind, Release, Renew, Request, Solicit};

use super::testing::{Packet, SHARED, SMALL, Server, client, ip, prefix};
use crate::lease::{Answers, Binding, BindingStatus, Owner, Resource, Takeover, Told, View, Views};
use crate::server::DropReason;
use crate::wire::dhcpv6::{IaKind, MessageType, StatusCode};
use crate::wire::{Seconds, Stamp};

const MCLT: Seconds = Seconds(600);

/// A server that does by its view what `owner` does, and answers so.
fn server(owner: Owner, answers: Answers) -> Server {
    let mut server = Server::new(&format!("{SMALL}{SHARED}"));
    let view = View { answers, owner, mclt: Some(MCLT), ..View::ALONE };
    server.views = Views(vec![view]);
    server
}

/// The first of its prefixes is the secondary's.
fn give_prefix(server: &Server) -> Resource {
    let resource = prefix("2001:db8:8000::", 56).into();
    let id = server.table.place(resource).unwrap();
    let guard = server.table.pin();
    let seen = server.table.seen(id, &guard).unwrap();
    let backup = Binding::new(BindingStatus::Backup, server.now);
    server.table.replace(id, seen, backup, &guard).unwrap();
    resource
}

fn is_odd(resource: Resource) -> bool {
    let Resource::Ipv6(address) = resource else { panic!("{resource} is no address") };
    address.to_bits() & 1 == 1
}

fn drops(server: &mut Server, packet: &Packet) -> Option<DropReason> {
    server.hear(packet).dropped()
}

/// RFC 8156 §4.2.1.1: of sixteen addresses eight, and never one of the other eight.
#[test]
fn new_addresses_are_of_the_servers_own_parity_until_there_are_no_more() {
    for (owner, odd) in [(Owner::Primary, true), (Owner::Secondary, false)] {
        let mut server = server(owner, Answers::Everybody);
        for n in 1..=8 {
            let leased = server.lease(&client(n).na(1, &[]));
            assert_eq!(is_odd(leased[0]), odd, "{leased:?}");
        }
        let heard = server.hear(&client(9).na(1, &[]).kind(Solicit));
        assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
        // Nor if the client asks for it by name.
        let named = ip(if odd { "2001:db8:1::10" } else { "2001:db8:1::11" }).into();
        let heard = server.hear(&client(9).na(1, &[named]).kind(Request).naming_server());
        assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
    }
}

/// RFC 8156 §4.2.2: FREE is the primary's, FREE-BACKUP the secondary's.
#[test]
fn new_prefixes_are_of_the_servers_own_share() {
    let mut secondary = server(Owner::Secondary, Answers::Everybody);
    let given = give_prefix(&secondary);
    assert_eq!(secondary.lease(&client(1).pd(1, &[])), [given]);
    let heard = secondary.hear(&client(2).pd(1, &[]).kind(Solicit));
    assert_eq!(heard.ia_status(IaKind::Prefixes), Some(StatusCode::NO_PREFIX_AVAIL));
    let mut primary = server(Owner::Primary, Answers::Everybody);
    let given = give_prefix(&primary);
    for n in 1..=15 {
        assert_ne!(primary.lease(&client(n).pd(1, &[])), [given]);
    }
    let heard = primary.hear(&client(16).pd(1, &[]).kind(Solicit));
    assert_eq!(heard.ia_status(IaKind::Prefixes), Some(StatusCode::NO_PREFIX_AVAIL));
}

/// RFC 8156 §4.4: at first the MCLT, and what is leased must be told.
#[test]
fn a_lease_is_bounded_by_the_mclt_and_is_to_be_told() {
    let mut server = server(Owner::Primary, Answers::Everybody);
    let heard = server.hear(&client(1).na(1, &[]).pd(1, &[]).kind(Request).naming_server());
    assert_eq!(heard.leases().len(), 2);
    for (resource, [_, valid]) in heard.leases() {
        assert_eq!(valid, MCLT);
        let binding = server.binding(resource).unwrap();
        assert_eq!((binding.told, binding.expires), (Told::Unsent, server.now.after(MCLT)));
        // The half of what it has, and what it wants: two hours.
        assert_eq!(binding.sent_potential, server.now.after(Seconds(MCLT.0 / 2 + 7_200)));
    }
}

/// RFC 8156 §3, renew responsive: the secondary in NORMAL, message by message.
#[test]
fn a_server_that_answers_who_names_it_answers_nobody_else() {
    let mut server = server(Owner::Secondary, Answers::Everybody);
    give_prefix(&server);
    let leased = server.lease(&client(1).na(1, &[]).pd(1, &[]));
    server.views.0[0].answers = Answers::Named;
    let has = || client(1).na(1, &leased[..1]).pd(1, &leased[1..]);
    for kind in [Solicit, Confirm, Rebind] {
        let partners = Some(DropReason::PartnersClient);
        assert_eq!(drops(&mut server, &has().kind(kind)), partners, "{kind}");
    }
    let bare = client(1).kind(InformationRequest);
    assert_eq!(drops(&mut server, &bare), Some(DropReason::PartnersClient));
    assert_eq!(drops(&mut server, &bare.naming_server()), None);
    for kind in [Renew, Request, Decline, Release] {
        assert_eq!(drops(&mut server, &has().kind(kind).naming_server()), None, "{kind}");
    }
    let others = client(2).na(1, &[]).kind(Request).naming_server();
    assert!(!is_odd(server.hear(&others).only()), "of its own share");
}

/// A28: RECOVER-DONE answers a directed Renew of a lease that is known, and nothing that changes more.
#[test]
fn a28_a_server_that_has_recovered_renews_and_does_nothing_else() {
    let mut server = server(Owner::Primary, Answers::Everybody);
    let leased = server.lease(&client(1).na(1, &[]));
    server.views.0[0].answers = Answers::Extensions;
    let has = || client(1).na(1, &leased);
    for kind in [Solicit, Confirm, Rebind] {
        let silent = Some(DropReason::NotInService);
        assert_eq!(drops(&mut server, &has().kind(kind)), silent, "{kind}");
    }
    for kind in [Request, Release, Decline] {
        let silent = Some(DropReason::NotInService);
        assert_eq!(drops(&mut server, &has().kind(kind).naming_server()), silent, "{kind}");
    }
    let renewed = server.hear(&has().kind(Renew).naming_server());
    assert_eq!(renewed.only(), leased[0]);
    let bare = client(1).kind(InformationRequest);
    assert_eq!(drops(&mut server, &bare), Some(DropReason::NotInService));
    assert_eq!(drops(&mut server, &bare.naming_server()), None, "it changes nothing");
    let unknown = client(2).na(1, &[ip("2001:db8:1::1f").into()]).kind(Renew).naming_server();
    let heard = server.hear(&unknown);
    assert_eq!((heard.leases(), heard.changes.len()), (vec![], 0));
}

/// What the partner gave is not known here before it tells: a client that has it keeps it, though an older
/// exchange with this server came to something else without the client's knowing.
#[test]
fn what_the_partner_may_have_given_is_neither_ended_nor_replaced() {
    let mut server = server(Owner::Primary, Answers::Everybody);
    let given = give_prefix(&server);
    let unheard = server.lease(&client(1).na(1, &[]).pd(1, &[]));
    let theirs: [Resource; 2] = [ip("2001:db8:1::10").into(), given];
    for kind in [Renew, Rebind] {
        let asking = |packet: Packet| {
            let packet = packet.kind(kind);
            if kind == Renew { packet.naming_server() } else { packet }
        };
        let heard = server.hear(&asking(client(1).na(1, &theirs[..1]).pd(1, &theirs[1..])));
        assert_eq!(heard.changes.len(), 0, "{kind}");
        match kind {
            Renew => assert_eq!(heard.message(|reply| reply.ias().count()), 0),
            _ => assert_eq!(heard.dropped(), Some(DropReason::UnknownClient)),
        }
        let both = asking(client(1).na(1, &[unheard[0], theirs[0]]));
        let heard = server.hear(&both);
        assert_eq!(heard.only(), unheard[0], "the other is left as it is");
        // Another's is no good to it.
        let others = server.lease(&client(2).na(1, &[]));
        let heard = server.hear(&asking(client(1).na(1, &[unheard[0], others[0]])));
        let lifetimes: Vec<_> =
            heard.leases().iter().map(|(it, [_, valid])| (*it, valid.0 > 0)).collect();
        assert_eq!(lifetimes, [(unheard[0], true), (others[0], false)]);
    }
}

#[test]
fn a_server_that_must_not_serve_says_nothing() {
    let mut server = server(Owner::Primary, Answers::Nobody);
    for kind in [Solicit, Confirm, Rebind, InformationRequest] {
        let asking = client(1).kind(kind);
        let asking = if kind == InformationRequest { asking } else { asking.na(1, &[]) };
        assert_eq!(drops(&mut server, &asking), Some(DropReason::NotInService), "{kind}");
    }
    for kind in [Request, Renew, Release, Decline] {
        let asking = client(1).na(1, &[]).kind(kind).naming_server();
        assert_eq!(drops(&mut server, &asking), Some(DropReason::NotInService), "{kind}");
    }
}

/// A3, RFC 8156 §8.4.1: the partner's prefixes are ours once it has been down for the MCLT, and when
/// there is nothing else; its addresses never.
#[test]
fn a03_what_is_taken_over_of_a_partner_that_is_down_is_prefixes() {
    let mut server = server(Owner::Secondary, Answers::Everybody);
    let since = server.now;
    let takeover = Takeover { since, told_until: since, mclt: MCLT };
    server.views.0[0].takeover = Some(takeover);
    let given = give_prefix(&server);
    assert_eq!(server.lease(&client(1).pd(1, &[])), [given], "its own first");
    let asking = client(2).pd(1, &[]).kind(Solicit);
    let none = server.hear(&asking).ia_status(IaKind::Prefixes);
    assert_eq!(none, Some(StatusCode::NO_PREFIX_AVAIL));
    server.pass(MCLT.0 + 1);
    for n in 2..=16 {
        assert_ne!(server.lease(&client(n).pd(1, &[])), [given]);
    }
    for n in 1..=8 {
        assert!(!is_odd(server.lease(&client(n).na(1, &[]))[0]));
    }
    let heard = server.hear(&client(9).na(1, &[]).kind(Solicit));
    assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
}

/// Two relationships in opposite roles: a server is the primary of one link and the secondary of
/// another, and works in NORMAL on both.
#[test]
fn a_server_may_be_the_primary_here_and_the_secondary_there() {
    let other = SHARED
        .replace("fo6", "back")
        .replace("\"primary\"", "\"secondary\"")
        .replace("2001:db8:1::/64", "2001:db8:2::/64");
    let link = r#"
        [[subnet6]]
        subnet = "2001:db8:2::/64"
        pools = ["2001:db8:2::10-2001:db8:2::1f"]
    "#;
    let mut server = Server::new(&format!("{SMALL}{link}{SHARED}{other}"));
    let view = |owner, answers| View { answers, owner, mclt: Some(MCLT), ..View::ALONE };
    let here = view(Owner::Primary, Answers::Everybody);
    let there = view(Owner::Secondary, Answers::Named);
    server.views = Views(vec![here, there]);
    assert!(is_odd(server.lease(&client(1).na(1, &[]))[0]));
    let away = |packet: Packet| packet.through("2001:db8:2::1", &[]);
    let asking = away(client(1).na(1, &[]).kind(Solicit));
    assert_eq!(drops(&mut server, &asking), Some(DropReason::PartnersClient));
    let directed = away(client(1).na(1, &[]).kind(Request).naming_server());
    let leased = server.hear(&directed).only();
    assert!(!is_odd(leased) && leased != ip("2001:db8:1::10").into(), "{leased}");
    assert!(server.now > Stamp::ZERO);
}

/// A server of a large pool on `eth0`, shared with a partner whose half is odd.
fn large(allocator: &str) -> Server {
    let large = format!(
        r#"
        [dhcpv6]
        secret = "correct horse battery staple"
        [[interface]]
        name = "eth0"
        [[subnet6]]
        subnet = "2001:db8:1::/64"
        interfaces = ["eth0"]
        pools = [{{ range = "2001:db8:1::/64", allocator = "{allocator}" }}]
        "#
    );
    let mut server = Server::new(&format!("{large}{SHARED}"));
    let view = View { owner: Owner::Secondary, mclt: Some(MCLT), ..View::ALONE };
    server.views = Views(vec![view]);
    server
}

/// The numbers of a large pool are given for good: what clients name must leave the partner its own.
#[test]
fn what_is_the_partners_has_no_number_because_a_client_names_it() {
    for allocator in ["random", "hash"] {
        let mut server = large(allocator);
        let theirs = [ip("2001:db8:1::1:1"), ip("2001:db8:1::1:3")].map(Resource::from);
        let heard = drops(&mut server, &client(1).na(1, &theirs).kind(Rebind));
        assert_eq!(heard, Some(DropReason::UnknownClient));
        assert!(theirs.iter().all(|it| server.table.find(*it).is_none()), "{allocator}");
        let ours = [ip("2001:db8:1::1:2"), ip("2001:db8:1::1:4")].map(Resource::from);
        let heard = server.hear(&client(1).na(1, &ours).kind(Rebind));
        assert_eq!(heard.changes.len(), 1, "one of an association");
    }
}

/// Whoever asks under ever new names uses up the numbers of what clients' names lead to, and not the pool.
#[test]
fn a_pool_whose_numbers_are_given_out_gives_what_is_free_again() {
    for allocator in ["random", "hash"] {
        let mut server = large(allocator);
        let asking = |n: u16| client(n).na(1, &[]).kind(Solicit);
        let refused = (1..=20_000).find(|n| server.hear(&asking(*n)).leases().is_empty());
        assert!(refused.is_some_and(|n| n > 8_000), "{refused:?} found none");
        server.pass(3_600);
        let heard = server.hear(&asking(30_000));
        assert_eq!(heard.leases().len(), 1, "{allocator}: the offers came to nothing");
    }
}
