//! What must hold whatever clients send: nothing panics, and nobody gets what another has.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::testing::{Packet, Server, client};
use crate::lease::{Answers, BindingStatus, Owner, Resource, Told, View, WriterId};
use crate::wire::dhcpv4::{Message, MessageType, Scratch};
use crate::wire::option::code;
use crate::wire::{Seconds, Stamp};

const CONFIG: &str = r#"
    lease-time = "10m"
    reuse-permille = 200
    rapid-commit = true
    decline-time = "20m"
    [[interface]]
    name = "eth0"
    [[class]]
    name = "odd"
    match = { vendor-class = "odd" }
    [[subnet4]]
    subnet = "10.0.0.0/24"
    pools = ["10.0.0.10-10.0.0.14", { range = "10.0.0.20-10.0.0.22", allow = ["odd"], bootp = true }]
    [[reservation4]]
    hw-address = "02:00:00:00:00:01"
    address = "10.0.0.11"
    [[limit]]
    name = "port"
    per = "circuit-id"
    leases = 3
"#;

/// Maximum client lead time, less than the lease time.
const MCLT: Seconds = Seconds(120);

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Wait(u32),
    Sweep,
    Send { client: u16, what: u8, last: u8, is_odd: bool, port: Option<u8> },
}

fn step() -> impl Strategy<Value = Step> {
    let send = (0_u16..12, 0_u8..9, 8_u8..24, any::<bool>(), proptest::option::of(0_u8..2));
    prop_oneof![
        1 => (1_u32..400).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        12 => send.prop_map(|(client, what, last, is_odd, port)| {
            Step::Send { client, what, last, is_odd, port }
        }),
    ]
}

/// What each client was told, by an observer who believes only ACKs, RELEASEs and DECLINEs.
#[derive(Default)]
struct Ledger {
    held: HashMap<Ipv4Addr, (u16, Stamp)>,
}

impl Ledger {
    fn acknowledge(&mut self, now: Stamp, client: u16, address: Ipv4Addr, until: Stamp) {
        if let Some((holder, end)) = self.held.insert(address, (client, until)) {
            assert!(
                holder == client || end <= now,
                "{address} is {holder}'s until {end:?}, {client} got it at {now:?}"
            );
        }
    }

    fn address_of(&self, client: u16) -> Option<Ipv4Addr> {
        self.held.iter().find_map(|(address, (holder, _))| (*holder == client).then_some(*address))
    }
}

fn packet(what: u8, client: Packet, address: Ipv4Addr) -> Packet {
    match what {
        0 => client.discover(),
        1 => client.discover().option(code::RAPID_COMMIT, &[]),
        2 => client.selecting(address),
        3 => client.rebooting(address),
        4 => client.renewing(address),
        5 => client.rebinding(address),
        6 => client.releasing(address),
        7 => client.declining(address),
        _ => client, // BOOTP
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Invariant 1, and 3 as far as it is this floor's: an ACK never tells more than is journalled.
    #[test]
    fn no_address_is_ever_two_clients(steps in proptest::collection::vec(step(), 1..200)) {
        let mut server = Server::new(CONFIG);
        let mut ledger = Ledger::default();
        let mut journalled: HashMap<Resource, Stamp> = HashMap::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => server.pass(seconds),
                Step::Sweep => {
                    let mut ended = Vec::new();
                    server.sweep(|_, binding| ended.push(binding.clone()));
                    for binding in &ended {
                        server.service.uncount_lease(&server.limits, binding);
                    }
                }
                Step::Send { client: n, what, last, is_odd, port } => {
                    // Half of the time it is about what the client holds.
                    let own = ledger.address_of(n).filter(|_| last % 2 == 0);
                    let address = own.unwrap_or(Ipv4Addr::new(10, 0, 0, last));
                    let mut request = packet(what, client(n), address);
                    if is_odd {
                        request = request.option(code::VENDOR_CLASS, b"odd");
                    }
                    if let Some(port) = port.filter(|_| !(4..=4).contains(&what) && what != 6) {
                        request = request.through([10, 0, 0, 254]).relayed(&[(1, &[port])]);
                    }
                    let heard = server.hear(&request);
                    for change in &heard.changes {
                        journalled.insert(change.resource, change.binding.expires);
                    }
                    let is_done = heard.answer == crate::server::Answer::Done;
                    if is_done {
                        ledger.held.remove(&address);
                    }
                    let is_bootp = heard.dropped().is_none() && !is_done && heard.kind().is_none();
                    if is_bootp || heard.kind() == Some(MessageType::Ack) {
                        let told = heard.number(code::LEASE_TIME).unwrap_or(u32::MAX);
                        let until = server.now.after(crate::wire::Seconds(told));
                        ledger.acknowledge(server.now, n, heard.yiaddr(), until);
                        prop_assert!(journalled[&heard.yiaddr().into()] >= until, "told more than is kept");
                    }
                }
            }
        }
        // Whatever the limits counted, it is what a recount finds.
        let counted: Vec<u32> = (0..2).map(|port| held(&server, port)).collect();
        let Server { table, service, limits, .. } = &server;
        limits.recount(0, |limits| table.for_each(|_, it| service.count_lease(limits, it)));
        let recounted: Vec<u32> = (0..2).map(|port| held(&server, port)).collect();
        prop_assert_eq!(counted, recounted);
    }

    /// Two servers that cannot speak to each other and so know nothing of each other's leases
    /// (draft-12 §9.9): the division of the addresses alone keeps clients apart, and the MCLT keeps
    /// each lease short enough for the partner to wait for its end.
    #[test]
    fn no_address_is_ever_two_clients_of_two_servers_that_cannot_speak(
        is_backup in proptest::collection::vec(any::<bool>(), 8),
        steps in proptest::collection::vec((any::<bool>(), step()), 1..200),
    ) {
        let view = |owner| View {
            answers: Answers::Everybody,
            owner,
            mclt: Some(MCLT),
            ends_leases: true,
            takeover: None,
            until: Stamp::NEVER,
        };
        let mut servers =
            [Owner::Primary, Owner::Secondary].map(|owner| Server::partnered(CONFIG, view(owner)));
        let mut ledger = Ledger::default();
        let pooled = (10..15).chain(20..23).map(|last| Ipv4Addr::new(10, 0, 0, last));
        for (address, is_backup) in pooled.zip(is_backup) {
            if is_backup {
                servers.iter().for_each(|server| {
                    server.change(address, |binding| binding.status = BindingStatus::Backup);
                });
            }
        }
        for (second, step) in steps {
            match step {
                Step::Wait(seconds) => servers.iter_mut().for_each(|server| server.pass(seconds)),
                Step::Sweep => {
                    let Server { table, service, limits, views, now, .. } =
                        &mut servers[usize::from(second)];
                    table.expire(*now, 64, WriterId(9), views, &mut |_, before, _| {
                        service.uncount_lease(limits, before);
                    });
                }
                Step::Send { client: n, what, last, is_odd, .. } => {
                    let server = &mut servers[usize::from(second)];
                    let own = ledger.address_of(n).filter(|_| last % 2 == 0);
                    let address = own.unwrap_or(Ipv4Addr::new(10, 0, 0, last));
                    let mut request = packet(what, client(n), address);
                    if is_odd {
                        request = request.option(code::VENDOR_CLASS, b"odd");
                    }
                    let mut before = HashMap::new();
                    server.table.for_each(|address, binding| {
                        before.insert(address, binding.expires.max(binding.acked_potential));
                    });
                    let heard = server.hear(&request);
                    if heard.answer == crate::server::Answer::Done {
                        ledger.held.remove(&address);
                    }
                    for change in &heard.changes {
                        prop_assert_eq!(change.binding.told, Told::Unsent);
                    }
                    if heard.kind() == Some(MessageType::Ack) {
                        let told = Seconds(heard.number(code::LEASE_TIME).unwrap());
                        let until = server.now.after(told);
                        ledger.acknowledge(server.now, n, heard.yiaddr(), until);
                        let known = before.get(&heard.yiaddr().into()).copied().unwrap_or_default();
                        let known = known.max(server.now);
                        prop_assert!(until <= known.after(MCLT), "{:?} beyond {:?}", told, known);
                    }
                }
            }
        }
    }

    #[test]
    fn no_octets_panic_and_no_answer_is_unsound(
        n in 0_u16..4,
        what in 0_u8..9,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut server = Server::new(CONFIG);
        let address = server.lease(&client(2));
        let request = packet(what, client(n), address)
            .option(code::CLIENT_FQDN, b"\x05\0\0\x03box")
            .option(code::PARAMETER_REQUEST_LIST, &[1, 3, 6, 15])
            .relayed(&[(1, b"port"), (5, &[10, 0, 0, 1]), (11, &[10, 0, 0, 9])]);
        let mut octets = request.octets();
        for (index, octet) in edits {
            let at = index.index(octets.len());
            octets[at] = octet;
        }
        if is_cut {
            octets.truncate(cut.index(octets.len()));
        }
        if let Some(reply) = server.hear_octets(&request.arrival, &octets) {
            let mut scratch = Scratch::new();
            prop_assert!(Message::parse(&reply, &mut scratch).is_ok());
        }
    }
}

fn held(server: &Server, port: u8) -> u32 {
    server.limits.held(0, &[10, 0, 0, 254, port])
}
