use MessageType::{Advertise, InformationRequest, Rebind, Renew, Reply, Request, Solicit};

use super::super::testing::{Packet, SHARED, SMALL, Server, client, duid, ip};
use super::*;
use crate::lease::{View, Views};
use crate::wire::Seconds;
use crate::wire::dhcpv6::Message;

const ON: &str = "[dhcpv6]\nreconfigure = true";
/// HMAC-SHA-256 by the secret 00 01 … 1f, computed elsewhere.
const KEY_OF_1: ReconfigureKey =
    ReconfigureKey(0xde22_97a8_2ff8_bc4f_478a_dab4_4591_1b38_u128.to_be_bytes());

fn server() -> Server {
    Server::small(ON, "").reconfiguring()
}

fn accepting(n: u16) -> Packet {
    client(n).option(code::RECONFIGURE_ACCEPT, &[])
}

/// Whether the message says that Reconfigures may come, and the key that it tells.
fn told(message: &Message<'_>) -> (bool, Option<ReconfigureKey>) {
    let key = message.authentication().and_then(|it| it.reconfigure_key());
    (message.accepts_reconfigure(), key)
}

fn has_key(server: &Server, resource: Resource) -> bool {
    let client = server.binding(resource).and_then(|binding| binding.client);
    client.is_some_and(|client| client.item(ItemKind::ReconfigureAccept).is_some())
}

/// RFC 8415 §18.3.2, §18.3.9, §20.4.2.
#[test]
fn a_client_that_accepts_reconfigures_is_told_its_key_in_the_reply_to_its_request() {
    let mut server = server();
    let packet = accepting(1).na(1, &[]).pd(2, &[]);
    let offered = server.hear(&packet);
    assert_eq!((offered.kind(), offered.message(told)), (Some(Advertise), (true, None)));
    let leased = server.lease(&packet);
    let request = packet.clone().kind(Request).naming_server();
    let heard = server.hear(&request);
    assert_eq!(heard.message(told), (true, Some(KEY_OF_1)));
    let replay = |octets: &[u8]| Message::parse(octets).unwrap().authentication().unwrap().replay;
    let first = replay(&heard.octets);
    assert_eq!(first >> 32, u64::from(server.now.0));
    assert!(replay(&server.hear(&request).octets) > first);
    assert!(leased.iter().all(|it| has_key(&server, *it)));
    let asking = server.hear(&accepting(1).kind(InformationRequest));
    assert_eq!(
        (asking.kind(), asking.message(told)),
        (Some(Reply), (true, None)),
        "it leases nothing"
    );
    let other = server.hear(&accepting(2).na(1, &[]).kind(Request).naming_server());
    assert!(other.message(told).1.is_some_and(|key| key != KEY_OF_1));
}

#[test]
fn a_reply_to_a_solicit_tells_the_key_too() {
    let mut server = Server::small(&format!("rapid-commit = true\n{ON}"), "").reconfiguring();
    let heard = server.hear(&accepting(1).na(1, &[]).option(code::RAPID_COMMIT, &[]));
    assert_eq!((heard.kind(), heard.message(told)), (Some(Reply), (true, Some(KEY_OF_1))));
    assert!(has_key(&server, heard.only()));
}

/// RFC 8415 §21.20: without the option the client is unwilling.
#[test]
fn who_does_not_accept_is_told_nothing_and_so_is_everybody_where_it_is_off() {
    let silent = (false, None);
    let mut server = server();
    let request = client(1).na(1, &[]).kind(Request).naming_server();
    let heard = server.hear(&request);
    assert_eq!(heard.message(told), silent);
    assert!(!has_key(&server, heard.only()));
    let nameless = accepting(1).kind(InformationRequest).without(code::CLIENT_ID);
    assert_eq!(server.hear(&nameless).message(told), silent);
    let by_unicast = accepting(1).na(1, &[]).kind(Request).naming_server().to("2001:db8:1::1");
    assert_eq!(server.hear(&by_unicast).message(told), silent);
    for mut off in [Server::small("", "").reconfiguring(), Server::small(ON, "")] {
        let heard = off.hear(&accepting(1).na(1, &[]).kind(Request).naming_server());
        assert_eq!(heard.message(told), silent);
        assert!(!has_key(&off, heard.only()));
    }
}

/// Who extends its leases is told no key, and has the one that it was told for as long as it accepts.
#[test]
fn a_key_stays_with_the_lease_while_the_client_accepts() {
    let mut server = server();
    let leased = server.lease(&accepting(1).na(1, &[]));
    for kind in [Renew, Rebind] {
        let packet = accepting(1).na(1, &leased).kind(kind);
        let heard = server.hear(&if kind == Renew { packet.naming_server() } else { packet });
        assert_eq!(heard.message(told), (true, None));
        assert!(has_key(&server, leased[0]));
    }
    server.hear(&client(1).na(1, &leased).kind(Renew).naming_server());
    assert!(!has_key(&server, leased[0]));
    server.hear(&accepting(1).na(1, &leased).kind(Renew).naming_server());
    assert!(!has_key(&server, leased[0]), "it may have forgotten the key");
    server.hear(&accepting(1).na(1, &leased).kind(Solicit));
    assert!(!has_key(&server, leased[0]), "nothing is told in an Advertise");
    let replaced = server.lease(&accepting(1).na(1, &[]));
    assert_eq!((replaced == leased, has_key(&server, leased[0])), (true, true));
}

#[test]
fn servers_with_one_secret_tell_one_key() {
    let both = |secret: &str| {
        let front = format!("{ON}\nsecret = {secret:?}");
        let mut server = Server::small(&front, "").reconfiguring();
        let request = accepting(1).na(1, &[]).kind(Request).naming_server();
        server.hear(&request).message(told).1.unwrap()
    };
    let key = ReconfigureKey::of(b"a secret of ours", &duid(1));
    assert_eq!(both("a secret of ours"), key);
    assert_ne!(both("a secret of theirs"), key);
}

/// RFC 8415 §16.11, §18.3.11, §20.4.1: transaction-id 0, both names, what is wanted, and a digest
/// (HMAC-MD5 by the key of the client, computed elsewhere).
#[test]
fn a_reconfigure_is_these_octets() {
    let server = server();
    let keys = server.service.keys.as_ref().unwrap();
    let client = Duid::new(&duid(1)).unwrap();
    let mut buffer = [0xa5; 100];
    let len = server.service.reconfigure((server.now, keys), &client, Renew, &mut buffer).unwrap();
    #[rustfmt::skip]
    let expected = [
        10, 0, 0, 0,
        0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1,
        0, 2, 0, 10, 0, 3, 0, 1, 2, 0xff, 0, 0, 0, 1,
        0, 19, 0, 1, 5,
        0, 11, 0, 28, 3, 1, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0, 2,
        0xf3, 0x42, 0x71, 0xc8, 0x2a, 0xb6, 0xfc, 0xbe,
        0xee, 0x1b, 0x05, 0x5c, 0x34, 0x1b, 0x14, 0xd5,
    ];
    assert_eq!(buffer[..len], expected);
    let message = Message::parse(&buffer[..len]).unwrap();
    assert!(message.is_signed_with(&KEY_OF_1));
    assert!(!message.is_signed_with(&ReconfigureKey([7; 16])));
}

/// What a campaign sends, second by second.
struct Told<'s> {
    server: &'s mut Server,
    campaign: Campaign,
    clock_ms: u64,
    sent: Vec<(u64, Way, Vec<u8>)>,
}

impl<'s> Told<'s> {
    fn by(server: &'s mut Server, wanted: Option<MessageType>, addresses: &[Resource]) -> Self {
        let ids = addresses.iter().filter_map(|it| server.table.find(*it)).collect();
        let mut campaign = Campaign::default();
        let order = Order { wanted, at: server.now, addresses: ids };
        campaign.take(order).unwrap();
        Self { server, campaign, clock_ms: 0, sent: Vec::new() }
    }

    fn turn(&mut self) -> Progress {
        let (sent, at) = (&mut self.sent, self.clock_ms);
        let mut send = |way, octets: &[u8]| sent.push((at, way, octets.to_vec()));
        self.campaign.turn(&self.server.world(), at, &mut || 100, &mut send);
        self.campaign.progress()
    }

    /// So many seconds, a turn at the beginning of each.
    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.turn();
            self.clock_ms += 1_000;
            self.server.pass(1);
        }
    }

    fn wanted(&self) -> Vec<MessageType> {
        let wanted = |octets: &[u8]| Message::parse(octets).unwrap().reconfigure_message().unwrap();
        self.sent.iter().map(|(_, _, octets)| wanted(octets)).collect()
    }
}

/// RFC 8415 §15, §7.6: REC_TIMEOUT is two seconds, and eight messages are all.
#[test]
fn a_client_that_does_not_come_is_told_eight_times_each_after_twice_as_long() {
    let mut server = server();
    let leased = server.lease(&accepting(1).na(1, &[]));
    let mut told = Told::by(&mut server, Some(Renew), &leased);
    told.pass(510);
    assert_eq!(told.campaign.progress().under_way, 1);
    told.pass(1);
    let seconds: Vec<_> = told.sent.iter().map(|(at, ..)| at / 1_000).collect();
    assert_eq!(seconds, [0, 2, 6, 14, 30, 62, 126, 254]);
    let mut last = 0;
    for (_, way, octets) in &told.sent {
        let message = Message::parse(octets).unwrap();
        assert_eq!((Resource::from(way.to), message.kind()), (leased[0], MessageType::Reconfigure));
        assert!(message.is_signed_with(&KEY_OF_1));
        let replay = message.authentication().unwrap().replay;
        assert!(replay > last, "a client takes each number once");
        last = replay;
    }
    let progress = Progress { sent: 8, unanswered: 1, ..Progress::default() };
    assert_eq!(told.campaign.progress(), progress);
    assert!(told.campaign.is_over());
}

/// RFC 8415 §18.3.11: until it comes, by whichever message.
#[test]
fn a_client_that_comes_is_told_no_more() {
    for kind in [Renew, Rebind, InformationRequest] {
        let mut server = server();
        let leased = server.lease(&accepting(1).na(1, &[]));
        let mut told = Told::by(&mut server, Some(kind), &leased);
        told.pass(3);
        assert_eq!(told.wanted(), [kind, kind]);
        // Who else comes says nothing of it.
        told.server.hear(&accepting(2).kind(InformationRequest));
        told.server.hear(&client(1).na(1, &[]).kind(Solicit));
        told.server.hear(&client(1).kind(kind).option(code::SERVER_ID, &duid(99)));
        assert_eq!(told.turn().under_way, 1);
        let packet = accepting(1).kind(kind);
        let packet = if kind == InformationRequest { packet } else { packet.na(1, &leased) };
        let packet = if kind == Renew { packet.naming_server() } else { packet };
        assert_eq!(told.server.hear(&packet).kind(), Some(Reply));
        told.pass(600);
        let progress = Progress { sent: 2, answered: 1, ..Progress::default() };
        assert_eq!(told.campaign.progress(), progress, "{kind}");
    }
}

#[test]
fn only_who_has_a_lease_and_a_key_is_told() {
    let mut server = server();
    let leased = [
        server.lease(&accepting(1).na(1, &[])),
        server.lease(&client(2).na(1, &[])),
        server.lease(&accepting(3).na(1, &[])),
        server.lease(&accepting(4).pd(1, &[])),
    ]
    .concat();
    server.hear(&accepting(3).na(1, &leased[2..3]).kind(MessageType::Release).naming_server());
    let why: Vec<_> = leased
        .iter()
        .map(|it| server.world().may_reconfigure(server.table.find(*it).unwrap()))
        .collect();
    let no_address = Err(Unwilling::NotLeased);
    assert_eq!(why, [Ok(()), Err(Unwilling::NotAccepting), no_address, no_address]);
    let mut told = Told::by(&mut server, None, &leased);
    told.pass(1);
    let progress = Progress { under_way: 1, sent: 1, dropped: 3, ..Progress::default() };
    assert_eq!((told.campaign.progress(), told.wanted()), (progress, vec![Renew]));
    // Its lease ends, and is another's: that one is not told in its stead.
    told.server.hear(&accepting(1).na(1, &leased[..1]).kind(MessageType::Release).naming_server());
    let again = told.server.hear(&accepting(5).na(1, &leased[..1]).kind(Request).naming_server());
    assert_eq!(again.only(), leased[0]);
    told.pass(600);
    let progress = Progress { sent: 1, dropped: 4, ..Progress::default() };
    assert_eq!(told.campaign.progress(), progress);
}

#[test]
fn who_came_before_its_turn_and_who_has_two_addresses_is_not_told_again() {
    let mut server = server();
    let first = server.lease(&accepting(1).na(1, &[]).na(2, &[]));
    let second = server.lease(&accepting(2).na(1, &[]));
    let mut told = Told::by(&mut server, Some(Renew), &[&first[..], &second].concat());
    told.server.pass(1);
    told.server.hear(&accepting(2).na(1, &second).kind(Renew).naming_server());
    told.pass(1);
    let progress = Progress { under_way: 1, sent: 1, answered: 1, ..Progress::default() };
    assert_eq!(told.campaign.progress(), progress);
}

/// A client beyond a relay is not on a link of ours.
#[test]
fn a_client_next_to_us_is_told_from_our_link_local_address() {
    let mut server = server();
    let near = server.lease(&accepting(1).na(1, &[]));
    let far = server.lease(&accepting(2).na(1, &[]).through("2001:db8:1::1", &[]));
    let mut told = Told::by(&mut server, None, &[near, far].concat());
    told.pass(1);
    let from: Vec<_> = told.sent.iter().map(|(_, way, _)| way.from).collect();
    assert_eq!(from, [Some((InterfaceIndex(0), ip("fe80::ff"))), None]);
}

#[test]
fn many_clients_are_told_a_few_at_a_time() {
    let large = r#"
        [[subnet6]]
        subnet = "2001:db8:2::/64"
        pools = ["2001:db8:2::100-2001:db8:2::1ff"]
    "#;
    let mut server = Server::small(ON, large).reconfiguring();
    let mut lease = |n| server.lease(&accepting(n).na(1, &[]).through("2001:db8:2::1", &[]))[0];
    let leased: Vec<_> = (1..=45).map(&mut lease).collect();
    let mut told = Told::by(&mut server, Some(Renew), &leased);
    for (waiting, sent) in [(25, 20), (5, 40), (0, 45), (0, 45)] {
        let progress = told.turn();
        assert_eq!((progress.waiting, progress.sent), (waiting, sent));
    }
    let addresses = std::iter::repeat_n(ResourceId(0), 101).collect();
    let order = Order { wanted: None, at: Stamp(0), addresses };
    assert_eq!(told.campaign.take(order).unwrap_err().addresses.len(), 101);
}

#[test]
fn what_is_switched_off_ends_and_does_not_wait_for_ever() {
    let mut server = server();
    let leased = server.lease(&accepting(1).na(1, &[]));
    let mut told = Told::by(&mut server, None, &leased);
    told.pass(1);
    let keys = told.server.service.keys.take().unwrap();
    told.pass(3);
    assert!(told.campaign.is_over() && !keys.shared.awaited.any());
}

/// Only who answers what the client sends then may ask for it; and where a secondary answers everybody, a
/// Renew would name the primary.
#[test]
fn of_a_pair_the_server_that_answers_everybody_tells_clients_and_a_secondary_has_them_rebind() {
    let mut server = Server::new(&format!("{ON}\n{SMALL}{SHARED}")).reconfiguring();
    let mut view = View { mclt: Some(Seconds(600)), ..View::ALONE };
    server.views = Views(vec![view.clone()]);
    let leased = server.lease(&accepting(1).na(1, &[]));
    let [primary, secondary] = [Owner::Primary, Owner::Secondary];
    for (owner, wanted, expected) in
        [(primary, None, Renew), (secondary, None, Rebind), (secondary, Some(Renew), Renew)]
    {
        view.owner = owner;
        server.views = Views(vec![view.clone()]);
        let mut told = Told::by(&mut server, wanted, &leased);
        told.pass(1);
        assert_eq!(told.wanted(), [expected]);
        told.server.hear(&accepting(1).na(1, &leased).kind(Rebind));
        told.pass(1);
        assert!(told.campaign.is_over());
    }
    for answers in [Answers::Named, Answers::Extensions, Answers::Nobody] {
        view.answers = answers;
        server.views = Views(vec![view.clone()]);
        let id = server.table.find(leased[0]).unwrap();
        assert_eq!(server.world().may_reconfigure(id), Err(Unwilling::NotOurs));
    }
}

/// Whoever signed by another secret would not be known, and be waited for in vain.
#[test]
fn a_client_that_was_told_another_secrets_key_has_none() {
    let front = |secret: &str| format!("{ON}\nsecret = {secret:?}");
    let mut server = Server::small(&front("a secret of before"), "").reconfiguring();
    let leased = server.lease(&accepting(1).na(1, &[]));
    let id = server.table.find(leased[0]).unwrap();
    assert_eq!(server.world().may_reconfigure(id), Ok(()));
    let later = Server::small(&front("a secret of after it"), "").reconfiguring();
    server.service = later.service;
    assert_eq!(server.world().may_reconfigure(id), Err(Unwilling::NotAccepting));
    let renewed = server.hear(&accepting(1).na(1, &leased).kind(Renew).naming_server());
    assert_eq!(renewed.leases().len(), 1);
    assert_eq!(server.world().may_reconfigure(id), Err(Unwilling::NotAccepting));
    server.lease(&accepting(1).na(1, &[]));
    assert_eq!(server.world().may_reconfigure(id), Ok(()));
}
