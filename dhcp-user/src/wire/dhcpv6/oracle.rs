//! What `dhcproto` writes is read, and what is written it reads, octet for octet.
//!
//! It keeps options in the order of their codes, so they are written in that order here. It takes
//! whatever a relay passes on for another relay's message, so the innermost one here has the length
//! of a relay's header. For the length of classes it writes how many there are, so those are written
//! by us alone.

use std::net::Ipv6Addr;

use dhcproto::v6 as oracle;
use dhcproto::{Decodable, Decoder, Encodable};
use proptest::prelude::*;

use super::{
    Datagram, HOP_COUNT_LIMIT, Ia, IaKind, Iaid, Message, MessageType, OptionWriter, StatusCode,
    Writer,
};
use crate::wire::option::v6::code;
use crate::wire::option::{self, Code as _};
use crate::wire::option::{Kind, Value};
use crate::wire::oracle::any_value;
use crate::wire::{Full, Ipv6Prefix, Seconds};

/// An IA with all that can be in one.
#[derive(Clone, Debug)]
struct AnyIa {
    kind: IaKind,
    numbers: [u32; 3],
    leases: Vec<AnyLease>,
    status: Option<AnyStatus>,
}

#[derive(Clone, Debug)]
struct AnyLease {
    prefix: Ipv6Prefix,
    lifetimes: [u32; 2],
    status: Option<AnyStatus>,
}

type AnyStatus = (u16, String);

/// A message with an option of every kind that is read here.
#[derive(Clone, Debug)]
struct AnyMessage {
    kind: MessageType,
    transaction_id: u32,
    client: Vec<u8>,
    server: Option<Vec<u8>>,
    addresses: Vec<AnyIa>,
    prefixes: Vec<AnyIa>,
    requested: Vec<u16>,
    preference: Option<u8>,
    elapsed: Option<u16>,
    authentication: Option<(u64, Vec<u8>)>,
    status: Option<AnyStatus>,
    is_rapid: bool,
    dns: Vec<u128>,
}

fn any_status() -> impl Strategy<Value = Option<AnyStatus>> {
    prop::option::of((0..30_u16, "[a-zé ]{0,12}"))
}

fn any_lease(kind: IaKind) -> impl Strategy<Value = AnyLease> {
    (any::<(u128, [u32; 2])>(), 0..=128_u8, any_status()).prop_map(
        move |((address, lifetimes), len, status)| {
            let len = if kind == IaKind::Addresses { 128 } else { len };
            let prefix = Ipv6Prefix::containing(Ipv6Addr::from_bits(address), len);
            AnyLease { prefix, lifetimes, status }
        },
    )
}

fn any_ias(kind: IaKind) -> impl Strategy<Value = Vec<AnyIa>> {
    let leases = prop::collection::vec(any_lease(kind), 0..4);
    let ia = (any::<[u32; 3]>(), leases, any_status())
        .prop_map(move |(numbers, leases, status)| AnyIa { kind, numbers, leases, status });
    prop::collection::vec(ia, 0..4)
}

fn any_message() -> impl Strategy<Value = AnyMessage> {
    let duid = || prop::collection::vec(any::<u8>(), 3..=130);
    let kinds = [MessageType::Solicit, MessageType::Reply, MessageType::InformationRequest];
    let who =
        (prop::sample::select(kinds.to_vec()), 0..1_u32 << 24, duid(), prop::option::of(duid()));
    let ias = (any_ias(IaKind::Addresses), any_ias(IaKind::Prefixes));
    let authentication =
        prop::option::of((any::<u64>(), prop::collection::vec(any::<u8>(), 0..20)));
    let how = (any_status(), any::<bool>(), any::<Option<u8>>(), any::<Option<u16>>());
    let what =
        (prop::collection::vec(any::<u16>(), 0..6), prop::collection::vec(any::<u128>(), 1..4));
    (who, ias, authentication, how, what).prop_map(
        |(who, (addresses, prefixes), authentication, how, (requested, dns))| {
            let (kind, transaction_id, client, server) = who;
            let (status, is_rapid, preference, elapsed) = how;
            AnyMessage {
                kind,
                transaction_id,
                client,
                server,
                addresses,
                prefixes,
                requested,
                preference,
                elapsed,
                authentication,
                status,
                is_rapid,
                dns,
            }
        },
    )
}

fn theirs_of_status((status, msg): &AnyStatus) -> oracle::DhcpOption {
    let (status, msg) = (oracle::Status::from(*status), msg.clone());
    oracle::DhcpOption::StatusCode(oracle::StatusCode { status, msg })
}

/// Options as the oracle keeps them: those of one code in the order given.
fn theirs_of(options: Vec<oracle::DhcpOption>) -> oracle::DhcpOptions {
    let mut all = oracle::DhcpOptions::new();
    // It puts an option ahead of others of its code.
    options.into_iter().rev().for_each(|option| all.insert(option));
    all
}

fn theirs_of_ia(ia: &AnyIa) -> oracle::DhcpOption {
    let leases = ia.leases.iter().map(|lease| {
        let [preferred_life, valid_life] = lease.lifetimes;
        let (addr, prefix_len) = (lease.prefix.address(), lease.prefix.len());
        let opts = theirs_of(lease.status.iter().map(theirs_of_status).collect());
        match ia.kind {
            IaKind::Addresses => oracle::DhcpOption::IAAddr(oracle::IAAddr {
                addr,
                preferred_life,
                valid_life,
                opts,
            }),
            IaKind::Prefixes => oracle::DhcpOption::IAPrefix(oracle::IAPrefix {
                preferred_lifetime: preferred_life,
                valid_lifetime: valid_life,
                prefix_len,
                prefix_ip: addr,
                opts,
            }),
        }
    });
    let opts = theirs_of(leases.chain(ia.status.iter().map(theirs_of_status)).collect());
    let [id, t1, t2] = ia.numbers;
    match ia.kind {
        IaKind::Addresses => oracle::DhcpOption::IANA(oracle::IANA { id, t1, t2, opts }),
        IaKind::Prefixes => oracle::DhcpOption::IAPD(oracle::IAPD { id, t1, t2, opts }),
    }
}

fn theirs_of_message(message: &AnyMessage) -> oracle::Message {
    use oracle::DhcpOption as O;
    let [_, xid @ ..] = message.transaction_id.to_be_bytes();
    let mut options = vec![O::ClientId(message.client.clone())];
    options.extend(message.server.clone().map(O::ServerId));
    options.extend(message.addresses.iter().chain(&message.prefixes).map(theirs_of_ia));
    let opts = message.requested.iter().map(|code| (*code).into()).collect();
    options.push(O::ORO(oracle::ORO { opts }));
    options.extend(message.preference.map(O::Preference));
    options.extend(message.elapsed.map(O::ElapsedTime));
    options.extend(message.authentication.clone().map(|(replay_detection, info)| {
        let (proto, algo, rdm) = (3, 1, 0);
        O::Authentication(oracle::Authentication { proto, algo, rdm, replay_detection, info })
    }));
    options.extend(message.status.iter().map(theirs_of_status));
    options.extend(message.is_rapid.then_some(O::RapidCommit));
    options
        .push(O::DomainNameServers(message.dns.iter().copied().map(Ipv6Addr::from_bits).collect()));
    let mut written = oracle::Message::new_with_id((message.kind as u8).into(), xid);
    written.set_opts(theirs_of(options));
    written
}

fn counted(pieces: &[Vec<u8>]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| [&(piece.len() as u16).to_be_bytes(), &piece[..]].concat())
        .collect()
}

fn write_status(status: Option<&AnyStatus>, options: &mut OptionWriter<'_>) -> Result<(), Full> {
    let Some((code, text)) = status else { return Ok(()) };
    options.status(StatusCode(*code), text)
}

fn write_ia(ia: &AnyIa, options: &mut OptionWriter<'_>) -> Result<(), Full> {
    let [iaid, t1, t2] = ia.numbers;
    options.ia(ia.kind, Iaid(iaid), [t1, t2].map(Seconds), |options| {
        if ia.kind == IaKind::Prefixes {
            write_status(ia.status.as_ref(), options)?;
        }
        for lease in &ia.leases {
            let lifetimes = lease.lifetimes.map(Seconds);
            let status =
                |options: &mut OptionWriter<'_>| write_status(lease.status.as_ref(), options);
            match ia.kind {
                IaKind::Addresses => options.address(lease.prefix.address(), lifetimes, status)?,
                IaKind::Prefixes => options.prefix(lease.prefix, lifetimes, status)?,
            }
        }
        if ia.kind == IaKind::Addresses {
            write_status(ia.status.as_ref(), options)?;
        }
        Ok(())
    })
}

fn write_message(message: &AnyMessage, options: &mut OptionWriter<'_>) -> Result<(), Full> {
    options.push(code::CLIENT_ID, &message.client)?;
    message.server.iter().try_for_each(|duid| options.push(code::SERVER_ID, duid))?;
    message.addresses.iter().try_for_each(|ia| write_ia(ia, options))?;
    options.push_codes(code::OPTION_REQUEST, &message.requested)?;
    message.preference.iter().try_for_each(|value| options.push_u8(code::PREFERENCE, *value))?;
    message.elapsed.iter().try_for_each(|value| options.push_u16(code::ELAPSED_TIME, *value))?;
    if let Some((replay, information)) = &message.authentication {
        let data = [&[3, 1, 0][..], &replay.to_be_bytes(), information].concat();
        options.push(code::AUTHENTICATION, &data)?;
    }
    write_status(message.status.as_ref(), options)?;
    if message.is_rapid {
        options.push(code::RAPID_COMMIT, &[])?;
    }
    let dns: Vec<u8> = message.dns.iter().flat_map(|address| address.to_be_bytes()).collect();
    options.push(code::DNS_SERVERS, &dns)?;
    message.prefixes.iter().try_for_each(|ia| write_ia(ia, options))
}

fn is_same(read: &Ia<'_>, ia: &AnyIa) -> bool {
    let same_status = |read: Option<super::Status<'_>>, status: &Option<AnyStatus>| {
        read.map(|status| (status.code.0, status.text))
            == status.as_ref().map(|(code, text)| (*code, text.as_bytes()))
    };
    let leases: Vec<_> = match ia.kind {
        IaKind::Addresses => read
            .addresses()
            .map(|lease| {
                let prefix = Ipv6Prefix::containing(lease.address(), 128);
                (prefix, [lease.preferred().0, lease.valid().0], lease.status())
            })
            .collect(),
        IaKind::Prefixes => read
            .prefixes()
            .map(|lease| (lease.prefix(), [lease.preferred().0, lease.valid().0], lease.status()))
            .collect(),
    };
    (read.kind(), [read.iaid().0, read.t1().0, read.t2().0]) == (ia.kind, ia.numbers)
        && same_status(read.status(), &ia.status)
        && leases.len() == ia.leases.len()
        && leases.into_iter().zip(&ia.leases).all(|((prefix, lifetimes, status), lease)| {
            (prefix, lifetimes) == (lease.prefix, lease.lifetimes)
                && same_status(status, &lease.status)
        })
}

proptest! {
    #[test]
    fn a_message_is_written_as_the_oracle_writes_it_and_read_as_it_was_meant(
        message in any_message(),
        dirty: u8,
    ) {
        let octets = theirs_of_message(&message).to_vec().unwrap();
        let mut written = vec![dirty; octets.len()];
        let mut writer = Writer::message(&mut written, message.kind, message.transaction_id).unwrap();
        write_message(&message, writer.options()).unwrap();
        prop_assert_eq!(writer.finish(), octets.len());
        prop_assert_eq!(&written, &octets);
        let decoded = oracle::Message::decode(&mut Decoder::new(&written)).unwrap();
        prop_assert_eq!(decoded, theirs_of_message(&message));

        let read = Message::parse(&octets).unwrap();
        prop_assert_eq!((read.kind(), read.transaction_id()), (message.kind, message.transaction_id));
        prop_assert_eq!(read.client_id().map(<[u8]>::to_vec), Some(message.client));
        let server = read.server_id().map(<[u8]>::to_vec);
        prop_assert_eq!(server, message.server);
        let ias: Vec<_> = read.ias().collect();
        prop_assert_eq!(ias.len(), message.addresses.len() + message.prefixes.len());
        for (read, ia) in ias.iter().zip(message.addresses.iter().chain(&message.prefixes)) {
            prop_assert!(is_same(read, ia), "{:?} is not {:?}", read, ia);
        }
        prop_assert_eq!(read.requested().collect::<Vec<_>>(), message.requested);
        prop_assert_eq!((read.preference(), read.elapsed_hundredths()), (message.preference, message.elapsed));
        prop_assert_eq!(read.has_rapid_commit(), message.is_rapid);
        let authentication = read.authentication().map(|found| (found.replay, found.information.to_vec()));
        prop_assert_eq!(authentication, message.authentication);
    }

    #[test]
    fn classes_are_written_as_the_oracle_reads_them(
        enterprise: u32,
        classes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..4),
    ) {
        let counted = counted(&classes);
        let vendor = [&enterprise.to_be_bytes(), &counted[..]].concat();
        let mut octets = [0xa5; 200];
        let mut writer = Writer::message(&mut octets, MessageType::Solicit, 1).unwrap();
        writer.options().push(code::USER_CLASS, &counted).unwrap();
        writer.options().push(code::VENDOR_CLASS, &vendor).unwrap();
        let len = writer.finish();
        let theirs = oracle::Message::decode(&mut Decoder::new(&octets[..len])).unwrap();
        let user = oracle::UserClass { data: classes.clone() };
        let vendor = oracle::VendorClass { num: enterprise, data: classes.clone() };
        let expected =
            theirs_of(vec![oracle::DhcpOption::UserClass(user), oracle::DhcpOption::VendorClass(vendor)]);
        prop_assert_eq!(theirs.opts(), &expected);

        let ours = Message::parse(&octets[..len]).unwrap();
        let user: Vec<_> = ours.user_class().unwrap().iter().map(<[u8]>::to_vec).collect();
        prop_assert_eq!(&user, &classes);
        let vendor = ours.vendor_classes().next().unwrap();
        prop_assert_eq!(vendor.enterprise, enterprise);
        prop_assert!(vendor.classes.iter().eq(classes.iter().map(Vec::as_slice)));
    }

    #[test]
    fn relays_are_written_as_the_oracle_reads_them(
        relays in prop::collection::vec((any::<(u8, u128, u128)>(), prop::collection::vec(any::<u8>(), 0..20)), 1..9),
        transaction_id in 0..1_u32 << 24,
    ) {
        let mut octets = vec![0; 64];
        let mut writer = Writer::message(&mut octets, MessageType::Solicit, transaction_id).unwrap();
        writer.options().push(code::CLIENT_ID, &[7; 26]).unwrap();
        let len = writer.finish();
        octets.truncate(len);
        for ((hops, link, peer), name) in &relays {
            let mut buffer = vec![0xa5; octets.len() + 100];
            let (link, peer) = (Ipv6Addr::from_bits(*link), Ipv6Addr::from_bits(*peer));
            let len = Writer::forward(&mut buffer, *hops, link, peer, &octets, |options| {
                options.push(code::INTERFACE_ID, name)
            }).unwrap();
            buffer.truncate(len);
            octets = buffer;
        }
        let request = Datagram::parse(&octets, HOP_COUNT_LIMIT).unwrap();
        let mut reply = vec![0xa5; 4_000];
        let mut writer =
            Writer::reply(&mut reply, &request.relays, MessageType::Reply, transaction_id).unwrap();
        writer.options().push(code::CLIENT_ID, &[7; 26]).unwrap();
        let len = writer.finish();
        reply.truncate(len);
        for (octets, kind) in [(&octets, oracle::MessageType::RelayForw), (&reply, oracle::MessageType::RelayRepl)] {
            let mut read = oracle::RelayMessage::decode(&mut Decoder::new(octets)).unwrap();
            for ((hops, link, peer), name) in relays.iter().rev() {
                prop_assert_eq!((read.msg_type(), read.hop_count()), (kind, *hops));
                prop_assert_eq!([read.link_addr(), read.peer_addr()].map(Ipv6Addr::to_bits), [*link, *peer]);
                let interface = read.opts().get(oracle::OptionCode::InterfaceId).cloned();
                prop_assert_eq!(interface, Some(oracle::DhcpOption::InterfaceId(name.clone())));
                let Some(oracle::DhcpOption::RelayMsg(inner)) =
                    read.opts().get(oracle::OptionCode::RelayMsg).cloned() else { panic!() };
                read = inner;
            }
            let leaf = read.to_vec().unwrap();
            let message = Message::parse(&leaf).unwrap();
            prop_assert_eq!(message.transaction_id(), transaction_id);
            prop_assert_eq!(message.client_id(), Some(&[7; 26][..]));
        }
    }

    #[test]
    fn any_octets_are_a_datagram_or_refused(
        mut octets in prop::collection::vec(any::<u8>(), 0..300),
        kind in 0..14_u8,
    ) {
        if let Some(first) = octets.first_mut() {
            *first = kind;
        }
        if let Ok(datagram) = Datagram::parse(&octets, HOP_COUNT_LIMIT) {
            prop_assert!(datagram.message.octets().len() <= octets.len());
        }
    }

    /// The oracle's own writing of what it read is what we wrote.
    #[test]
    fn every_definition_encodes_what_the_oracle_reads(seed in 0..u32::MAX) {
        for definition in u16::DEFINITIONS {
            let value = any_value(definition.kind, seed);
            let Ok(data) = definition.encode(&value) else {
                prop_assert!(matches!(value, Value::Int(number) if number < definition.at_least.into()));
                continue;
            };
            // Structures that are octets to the configuration, and what the oracle writes wrongly.
            if definition.kind == Kind::Bytes || definition.code == code::USER_CLASS {
                continue;
            }
            let octets =
                [&definition.code.to_be_bytes(), &(data.len() as u16).to_be_bytes(), &data[..]].concat();
            let read = oracle::DhcpOption::decode(&mut Decoder::new(&octets)).unwrap();
            match (definition.code, &read) {
                // It compresses names, which RFC 8415 §10 forbids.
                (code::DOMAIN_SEARCH, oracle::DhcpOption::DomainSearchList(names)) => {
                    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                    let shown = option::describe(definition.code, &data).replace(", ", ". ") + ".";
                    prop_assert_eq!(names.join(" "), shown);
                }
                (code::DOMAIN_SEARCH, other) => panic!("option 24 is names, not {other:?}"),
                _ => prop_assert_eq!(read.to_vec().unwrap(), octets, "{}", definition.name),
            }
        }
    }
}
