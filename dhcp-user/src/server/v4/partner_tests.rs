//! Clients of a server that has a partner.

use std::net::Ipv4Addr;

use super::testing::{Packet, SMALL, Server, client};
use crate::lease::{
    Answers, Binding, BindingStatus, Client, ClientKey, ItemKind, Owner, Share, Takeover, Told,
    View,
};
use crate::server::{Answer, DropReason};
use crate::wire::dhcpv4::MessageType;
use crate::wire::option::code;
use crate::wire::{Seconds, Stamp};

const MCLT: u32 = 600;
/// `lease-time` of the configuration.
const DESIRED: u32 = 3_600;
const PARTNER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// COMMUNICATIONS-INTERRUPTED.
fn view(owner: Owner) -> View {
    View {
        answers: Answers::Everybody,
        owner,
        mclt: Some(Seconds(MCLT)),
        ends_leases: true,
        takeover: None,
        until: Stamp::NEVER,
    }
}

fn shared(buckets: [u64; 4]) -> View {
    let share = Share { buckets, max_secs: Some(3), is_partner_starved: false };
    View { answers: Answers::Shared(share), ..view(Owner::Primary) }
}

fn down(server: &mut Server) {
    server.views.0[0].takeover =
        Some(Takeover { since: server.now, told_until: server.now, mclt: Seconds(MCLT) });
}

fn primary(behind: &str) -> Server {
    Server::partnered(&format!("{SMALL}\n{behind}"), view(Owner::Primary))
}

/// The last five of the ten addresses are its own.
fn secondary() -> Server {
    let server = Server::partnered(SMALL, view(Owner::Secondary));
    for last in 15..20 {
        server.change(ip(last), |binding| binding.status = BindingStatus::Backup);
    }
    server
}

fn reason(server: &mut Server, packet: &Packet) -> Option<DropReason> {
    let heard = server.hear(packet);
    heard.dropped().inspect(|_| assert_eq!(heard.changes, [], "silence leaves no trace"))
}

fn everything() -> [Packet; 9] {
    let bare = |packet: Packet| packet.without(code::SERVER_IDENTIFIER);
    [
        client(1).discover(),
        client(1).selecting(ip(12)),
        client(1).rebooting(ip(12)),
        client(1).renewing(ip(12)),
        client(1).rebinding(ip(12)),
        client(1).releasing(ip(12)),
        client(1).declining(ip(12)),
        bare(client(1).declining(ip(12))),
        client(1).kind(MessageType::Inform).ciaddr(ip(12)),
    ]
}

/// draft-12 §9.2.
#[test]
fn out_of_service_nobody_is_answered_and_nothing_changes() {
    let mut server = primary("");
    server.lease(&client(1).option(code::REQUESTED_ADDRESS, &ip(12).octets()));
    let before = server.binding(ip(12));
    server.views.0[0].answers = Answers::Nobody;
    for packet in everything() {
        assert_eq!(reason(&mut server, &packet), Some(DropReason::NotInService), "{packet:?}");
    }
    assert_eq!(server.binding(ip(12)), before);
    assert_eq!(reason(&mut server, &client(1)), Some(DropReason::NotInService), "BOOTP");
    server.views.0.clear();
    let unheard_of = reason(&mut server, &client(1).discover());
    assert_eq!(unheard_of, Some(DropReason::NotInService), "no view yet");
}

/// draft-12 §9.8.2: what a client that has chosen no server sends is one of the two's to answer.
#[test]
fn in_normal_the_partners_clients_are_left_to_it_until_they_speak_to_us() {
    let mut server = Server::partnered(SMALL, shared([0; 4]));
    let not_ours = Some(DropReason::PartnersClient);
    assert_eq!(reason(&mut server, &client(1).discover()), not_ours);
    assert_eq!(reason(&mut server, &client(1)), not_ours, "BOOTP");
    let inform = client(1).kind(MessageType::Inform).ciaddr(ip(77));
    assert_eq!(reason(&mut server, &inform), not_ours);
    assert_eq!(server.hear(&inform.from(ip(77))).kind(), Some(MessageType::Ack), "by unicast");

    let elsewhere = client(1).selecting(ip(12)).option(code::SERVER_IDENTIFIER, &PARTNER.octets());
    assert_eq!(reason(&mut server, &elsewhere), Some(DropReason::OtherServer));
    assert_eq!(server.hear(&client(1).selecting(ip(12))).kind(), Some(MessageType::Ack));
    assert_eq!(reason(&mut server, &client(1).rebooting(ip(12))), not_ours);
    assert_eq!(server.hear(&client(1).renewing(ip(12))).kind(), Some(MessageType::Ack));
    assert_eq!(server.hear(&client(1).rebinding(ip(12))).kind(), Some(MessageType::Ack));
    let unnamed = client(1).declining(ip(12)).without(code::SERVER_IDENTIFIER);
    assert_eq!(reason(&mut server, &unnamed), not_ours);

    server.views.0[0] = shared([u64::MAX; 4]);
    assert_eq!(server.hear(&client(1).rebooting(ip(12))).kind(), Some(MessageType::Ack));
    assert_eq!(server.hear(&client(2).discover()).kind(), Some(MessageType::Offer));
    assert_eq!(server.hear(&unnamed).answer, Answer::Done);
}

/// RFC 3074 §6: 02:00:00:00:01:05 hashes to 97, the identifier 01:02:00:00:00:01:01 to 200.
#[test]
fn the_hash_is_of_the_identifier_or_else_of_the_hardware_address() {
    let hardware = client(0x0105).discover();
    let identified = hardware.clone().option(code::CLIENT_IDENTIFIER, &[1, 2, 0, 0, 0, 1, 1]);
    for (bucket, packet) in [(97_usize, &hardware), (200, &identified)] {
        let mut buckets = [0; 4];
        buckets[bucket / 64] = 1 << (bucket % 64);
        let mut ours = Server::partnered(SMALL, shared(buckets));
        assert_eq!(ours.hear(packet).kind(), Some(MessageType::Offer), "{bucket}");
        let mut theirs = Server::partnered(SMALL, shared(buckets.map(|word| !word)));
        assert_eq!(reason(&mut theirs, packet), Some(DropReason::PartnersClient), "{bucket}");
    }
}

/// RFC 3074 §5.3, and clients that count in the wrong octet.
#[test]
fn who_has_asked_for_long_is_anybodys() {
    let lenient = format!("{SMALL}\n[leniency]\nswapped-secs = true");
    let mut server = Server::partnered(&lenient, shared([0; 4]));
    let asks = |secs| client(1).discover().secs(secs);
    assert_eq!(reason(&mut server, &asks(3)), Some(DropReason::PartnersClient));
    assert_eq!(server.hear(&asks(4)).kind(), Some(MessageType::Offer));
    assert_eq!(reason(&mut server, &asks(3 << 8)), Some(DropReason::PartnersClient), "swapped");
    assert_eq!(server.hear(&asks(4 << 8)).kind(), Some(MessageType::Offer));
}

#[test]
fn a_partner_without_addresses_is_helped_out() {
    let mut view = shared([0; 4]);
    let Answers::Shared(share) = &mut view.answers else { panic!() };
    share.is_partner_starved = true;
    let mut server = Server::partnered(SMALL, view);
    server.change(ip(19), |binding| binding.status = BindingStatus::Backup);
    let has_one = reason(&mut server, &client(1).discover());
    assert_eq!(has_one, Some(DropReason::PartnersClient), "it has one here");
    server.change(ip(19), |binding| binding.status = BindingStatus::Free);
    assert_eq!(server.hear(&client(1).discover()).kind(), Some(MessageType::Offer));
}

/// draft-12 §9.7.
#[test]
fn after_recovery_leases_are_extended_and_none_begins() {
    let mut server = primary("");
    let address = server.lease(&client(1));
    server.views.0[0].answers = Answers::Extensions;
    let no = Some(DropReason::NotInService);
    assert_eq!(server.hear(&client(1).renewing(address)).kind(), Some(MessageType::Ack));
    assert_eq!(server.hear(&client(1).rebinding(address)).kind(), Some(MessageType::Ack));
    assert_eq!(server.hear(&client(2).rebinding(address)).kind(), Some(MessageType::Nak));
    assert_eq!(reason(&mut server, &client(2).rebinding(ip(19))), no, "no lease of its");
    assert_eq!(reason(&mut server, &client(1).rebooting(address)), no);
    assert_eq!(reason(&mut server, &client(1).selecting(address)), no);
    assert_eq!(reason(&mut server, &client(1).discover()), no);
    assert_eq!(reason(&mut server, &client(1).releasing(address)), no);
}

/// draft-12 §5.4.
#[test]
fn each_server_gives_its_own_addresses() {
    let mut server = secondary();
    let mut given: Vec<_> = (1..6).map(|n| server.lease(&client(n)).octets()[3]).collect();
    given.sort_unstable();
    assert_eq!(given, [15, 16, 17, 18, 19]);
    assert_eq!(reason(&mut server, &client(6).discover()), Some(DropReason::NoAddress));
    let wish = client(6).discover().option(code::REQUESTED_ADDRESS, &ip(10).octets());
    assert_eq!(reason(&mut server, &wish), Some(DropReason::NoAddress));
}

/// The partner may have given it a moment ago: a NAK would cost its client the lease.
#[test]
fn of_an_address_of_the_partners_there_is_silence() {
    let mut server = secondary();
    let address = server.lease(&client(1));
    for packet in [
        client(1).selecting(ip(10)),
        client(1).rebooting(ip(10)),
        client(1).renewing(ip(10)),
        client(2).rebinding(ip(10)),
    ] {
        let silence = reason(&mut server, &packet);
        assert_eq!(silence, Some(DropReason::PartnersAddress), "{packet:?}");
    }
    assert_eq!(server.hear(&client(2).rebinding(address)).kind(), Some(MessageType::Nak));
    assert_eq!(server.hear(&client(2).rebinding(ip(200))).kind(), Some(MessageType::Nak));
    let elsewhere = server.hear(&client(2).rebinding(Ipv4Addr::new(10, 9, 0, 1)));
    assert_eq!(elsewhere.kind(), Some(MessageType::Nak));
}

#[test]
fn a_lease_that_the_partner_granted_is_extended() {
    let mut server = secondary();
    let (hardware, partner_said) = ([1, 2, 0, 0, 0, 0, 1], server.now.after(Seconds(9_000)));
    let ends = server.now.after(Seconds(100));
    server.change(ip(10), |binding| {
        let key = ClientKey { kind: ItemKind::Hardware, octets: &hardware };
        binding.client = Some(Client::builder(key).build());
        binding.status = BindingStatus::Active;
        binding.expires = ends;
        binding.received_potential = partner_said;
    });
    let ack = server.hear(&client(1).rebinding(ip(10)));
    assert_eq!((ack.kind(), ack.yiaddr()), (Some(MessageType::Ack), ip(10)));
    assert_eq!(ack.number(code::LEASE_TIME), Some(DESIRED));
    assert_eq!(ack.changes[0].binding.received_potential, partner_said);
    assert_eq!(server.lease(&client(1)), ip(10));
}

/// draft-12 §9.4.2.
#[test]
fn once_the_partner_is_down_for_the_mclt_its_addresses_are_given_after_our_own() {
    let mut server = secondary();
    down(&mut server);
    assert_eq!(server.exhaust(1), 5);
    server.pass(MCLT);
    server.hear(&client(1).renewing(ip(15)));
    assert_eq!(reason(&mut server, &client(9).discover()), Some(DropReason::NoAddress));
    assert_eq!(
        reason(&mut server, &client(9).rebinding(ip(10))),
        Some(DropReason::PartnersAddress)
    );
    server.pass(1);
    assert!(server.lease(&client(9)).octets()[3] < 15);
    assert_eq!(server.hear(&client(8).rebinding(ip(14))).kind(), Some(MessageType::Ack));
}

#[test]
fn of_our_own_and_the_partners_our_own_go_first() {
    let mut server = secondary();
    down(&mut server);
    server.pass(MCLT + 1);
    assert!((1..6).all(|n| server.lease(&client(n)).octets()[3] >= 15));
    assert!(server.lease(&client(6)).octets()[3] < 15);
}

/// draft-12 §5.14: the partner may have given it to a BOOTP client, which keeps it for ever, and
/// nobody would ever hear of it.
#[test]
fn where_bootp_clients_are_served_what_is_the_partners_is_never_anybody_elses() {
    let class = "[[class]]\nname = \"old\"\nmatch = { vendor-class = \"old\" }\nbootp = true";
    for toml in [format!("bootp = true\n{SMALL}"), format!("{SMALL}\n{class}")] {
        let mut server = Server::partnered(&toml, view(Owner::Secondary));
        (17..20).for_each(|last| server.change(ip(last), |it| it.status = BindingStatus::Backup));
        down(&mut server);
        server.pass(MCLT + 1);
        assert_eq!(server.exhaust(1), 3);
        assert_eq!(reason(&mut server, &client(9).discover()), Some(DropReason::NoAddress));
        let partners = Some(DropReason::PartnersAddress);
        assert_eq!(reason(&mut server, &client(9).rebinding(ip(10))), partners);
        assert_eq!(reason(&mut server, &client(9).ciaddr(ip(10))), Some(DropReason::BootpOff));
    }
}

#[test]
fn a_bootp_client_has_one_of_our_own_for_ever_and_the_partner_is_told() {
    let mut server = Server::partnered(&format!("bootp = true\n{SMALL}"), view(Owner::Secondary));
    server.change(ip(19), |binding| binding.status = BindingStatus::Backup);
    let own = server.hear(&client(1));
    assert_eq!(own.yiaddr(), ip(19));
    let binding = &own.changes[0].binding;
    assert!(binding.flags.bootp);
    assert_eq!((binding.expires, binding.told), (Stamp::NEVER, Told::Unsent));
    assert_eq!(server.hear(&client(1)).yiaddr(), ip(19), "at every start");
    assert_eq!(reason(&mut server, &client(2)), Some(DropReason::BootpOff));
}

/// Its lease is over for the partner once the MCLT is, and the address may then be another's.
#[test]
fn a_client_that_had_a_lease_gets_another_address_by_bootp_and_does_not_keep_that_one() {
    let reserved = "[[reservation4]]\nhw-address = \"02:00:00:00:00:03\"\naddress = \"10.0.0.12\"";
    let toml = format!("bootp = true\n{SMALL}\n{reserved}");
    let mut server = Server::partnered(&toml, view(Owner::Primary));
    let leased = server.lease(&client(1));
    assert_ne!(server.hear(&client(1).ciaddr(leased)).yiaddr(), leased);
    let released = server.lease(&client(2));
    server.hear(&client(2).releasing(released));
    assert_ne!(server.hear(&client(2)).yiaddr(), released);
    assert_eq!(server.lease(&client(3)), ip(12));
    assert_eq!(server.hear(&client(3)).yiaddr(), ip(12), "kept for it");
}

/// draft-12 §5.13.
#[test]
fn a_reserved_address_is_given_to_its_client_by_either_server() {
    let reserved = "[[reservation4]]\nhw-address = \"02:00:00:00:00:01\"\naddress = \"10.0.0.12\"";
    for status in [BindingStatus::Free, BindingStatus::Backup] {
        for owner in [Owner::Primary, Owner::Secondary] {
            let mut server = Server::partnered(&format!("{SMALL}\n{reserved}"), view(owner));
            server.change(ip(12), |binding| binding.status = status);
            assert_eq!(server.lease(&client(1)), ip(12), "{status:?} {owner:?}");
            assert!(server.binding(ip(12)).unwrap().flags.reserved);
        }
    }
}

/// draft-12 §5.2.1, and the example of §7.1.5.
#[test]
fn a_first_lease_is_the_mclt_and_a_renewal_what_was_wanted_once_the_partner_knows() {
    let mut server = primary("");
    let offer = server.hear(&client(1).discover());
    assert_eq!(offer.number(code::LEASE_TIME), Some(MCLT));
    let ack = server.hear(&client(1).selecting(offer.yiaddr()));
    assert_eq!(ack.number(code::LEASE_TIME), Some(MCLT));
    assert_eq!(ack.number(code::RENEWAL_TIME), Some(MCLT / 2));
    assert_eq!(ack.number(code::REBINDING_TIME), Some(MCLT / 8 * 7));
    let binding = &ack.changes[0].binding;
    assert_eq!(binding.told, Told::Unsent);
    assert_eq!(binding.expires, server.now.after(Seconds(MCLT)));
    assert_eq!(binding.sent_potential, server.now.after(Seconds(MCLT / 2 + DESIRED)));

    server.pass(MCLT / 2);
    let unknown = server.hear(&client(1).renewing(ack.yiaddr()));
    assert_eq!(unknown.number(code::LEASE_TIME), Some(MCLT), "the partner has not answered");
    server.acknowledge(ack.yiaddr());
    server.pass(MCLT / 2);
    let known = server.hear(&client(1).renewing(ack.yiaddr()));
    assert_eq!(known.number(code::LEASE_TIME), Some(DESIRED));
    let potential = server.now.after(Seconds(DESIRED / 2 + DESIRED));
    assert_eq!(known.changes[0].binding.sent_potential, potential);
}

/// To the partner the earlier lease is over; if we go down now it gives the address away after the
/// MCLT.
#[test]
fn what_the_partner_knew_of_an_earlier_lease_does_not_lengthen_the_next_clients() {
    let mut server = primary("");
    let address = server.lease(&client(1));
    server.acknowledge(address);
    let far = server.now.after(Seconds(1_000_000));
    server.change(address, |binding| {
        binding.status = BindingStatus::Free;
        binding.received_potential = far;
    });
    for n in [1, 2] {
        let ack = server.hear(&client(n).selecting(address));
        assert_eq!(ack.number(code::LEASE_TIME), Some(MCLT), "{n}");
        let again = server.hear(&client(n).renewing(address));
        assert_eq!(again.number(code::LEASE_TIME), Some(MCLT), "{n}");
        server.change(address, |binding| binding.status = BindingStatus::Free);
    }
}

#[test]
fn in_partner_down_the_partner_is_not_thought_to_know_more_than_it_was_told() {
    let mut server = primary("");
    let address = server.lease(&client(1));
    server.acknowledge(address);
    let told = server.binding(address).unwrap().sent_potential;
    down(&mut server);
    server.pass(100);
    server.hear(&client(1).renewing(address));
    assert_eq!(server.binding(address).unwrap().sent_potential, told);
    let takeover = server.views.0[0].takeover.as_mut().unwrap();
    takeover.told_until = server.now;
    let end = server.binding(address).unwrap().expires;
    assert!(end < told);
    server.change(address, |binding| binding.sent_potential = Stamp::ZERO);
    server.pass(1);
    server.hear(&client(1).renewing(address));
    assert_eq!(server.binding(address).unwrap().sent_potential, end, "it may know of this");
    let new = server.lease(&client(2));
    assert_eq!(server.binding(new).unwrap().sent_potential, Stamp::ZERO);
}

#[test]
fn a_first_lease_is_extended_as_soon_as_it_can_be_and_then_told_again() {
    let toml = format!("reuse-permille = 900\n{SMALL}");
    let mut server = Server::partnered(&toml, view(Owner::Primary));
    let address = server.lease(&client(1));
    server.pass(10);
    let unknown = server.hear(&client(1).renewing(address));
    assert_eq!((unknown.changes.len(), unknown.number(code::LEASE_TIME)), (0, Some(MCLT - 10)));
    server.acknowledge(address);
    let known = server.hear(&client(1).renewing(address));
    assert_eq!((known.changes.len(), known.number(code::LEASE_TIME)), (1, Some(DESIRED)));
    server.pass(10);
    let again = server.hear(&client(1).renewing(address));
    assert_eq!((again.changes.len(), again.number(code::LEASE_TIME)), (0, Some(DESIRED - 10)));
}

/// draft-12 §5.2.2.
#[test]
fn a_released_address_is_its_clients_until_the_partner_is_told_and_nobodys_until_it_agrees() {
    let mut server = primary("");
    let address = server.lease(&client(1));
    server.acknowledge(address);
    let released = server.hear(&client(1).releasing(address));
    let binding = released.changes[0].binding.clone();
    assert_eq!((binding.status, binding.told), (BindingStatus::Released, Told::Unsent));
    assert_eq!(binding.expires, server.now);
    assert_eq!(
        reason(&mut server, &client(2).selecting(address)),
        Some(DropReason::PartnersAddress)
    );
    assert_ne!(server.lease(&client(2)), address);
    let offer = server.hear(&client(1).discover());
    assert_eq!(offer.yiaddr(), address);
    assert_eq!(server.binding(address).unwrap().status, BindingStatus::Released, "an offer only");
    assert_eq!(server.hear(&client(1).selecting(address)).kind(), Some(MessageType::Ack));

    server.hear(&client(1).releasing(address));
    server.change(address, |binding| binding.told = Told::Sent);
    for packet in [client(1).renewing(address), client(1).rebooting(address)] {
        assert_eq!(reason(&mut server, &packet), Some(DropReason::PartnersAddress));
    }
    assert_ne!(server.lease(&client(1)), address);
}

#[test]
fn a_release_that_names_the_partner_ends_the_lease_if_it_reaches_us() {
    let mut server = primary("");
    let address = server.lease(&client(1));
    let named = |packet: Packet| packet.option(code::SERVER_IDENTIFIER, &PARTNER.octets());
    let overheard = named(client(1).declining(address));
    assert_eq!(reason(&mut server, &overheard), Some(DropReason::OtherServer));
    assert_eq!(server.hear(&named(client(1).releasing(address))).answer, Answer::Done);
}

#[test]
fn a_declined_address_is_nobodys_and_the_partner_hears_of_it() {
    let mut server = primary("");
    let address = server.lease(&client(1));
    let declined = server.hear(&client(1).declining(address));
    let binding = &declined.changes[0].binding;
    assert_eq!((binding.status, binding.told), (BindingStatus::Abandoned, Told::Unsent));
    assert_eq!(binding.client, None);
}

#[test]
fn an_offer_tells_the_partner_nothing() {
    for told in [Told::Acknowledged, Told::Unsent, Told::Sent] {
        let mut server = primary("");
        server.change(ip(10), |binding| binding.told = told);
        let wish = client(1).discover().option(code::REQUESTED_ADDRESS, &ip(10).octets());
        assert_eq!(server.hear(&wish).yiaddr(), ip(10));
        let binding = server.binding(ip(10)).unwrap();
        assert_eq!((binding.status, binding.told), (BindingStatus::Free, told));
    }
}

#[test]
fn what_the_partner_leases_counts_for_our_limits() {
    let limit = "[[limit]]\nname = \"hosts\"\nper = \"relay\"\nleases = 1\n";
    let mut server = primary(limit);
    let behind = |n| client(n).through([10, 0, 0, 254]);
    let mut lease = Binding::new(BindingStatus::Active, server.now);
    let key = ClientKey { kind: ItemKind::Hardware, octets: &[1, 2, 0, 0, 0, 0, 1] };
    lease.client = Some(
        Client::builder(key)
            .with(ItemKind::Hardware, &[1, 2, 0, 0, 0, 0, 1])
            .with(ItemKind::Relay, &[10, 0, 0, 254])
            .build(),
    );
    lease.expires = server.now.after(Seconds(100));
    server.change(ip(10), |binding| *binding = lease.clone());
    server.service.count_lease(&server.limits, &lease);
    let over = reason(&mut server, &behind(2).discover());
    assert_eq!(over, Some(DropReason::LimitReached));
    server.service.uncount_lease(&server.limits, &lease);
    server.lease(&behind(2));
}
