//! What `dhcproto` writes is read, and what is written it reads, octet for octet.
//!
//! It joins only parts that follow each other and knows nothing of overload, so the fields are
//! given to it one by one and joined here. Its table has slips of its own (37 read as 23, 106 for
//! 108, 150 with a single address); those options are compared as octets alone.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcproto::v4::{self as oracle, borrowed::DhcpOptionIterator};
use dhcproto::{Decodable, Decoder, Encodable};
use proptest::prelude::*;

use super::{Message, Scratch, Writer, field};
use crate::wire::HardwareAddress;
use crate::wire::option::{self, Code as _, Kind, code};
use crate::wire::oracle::any_value;

/// Options by code, whole.
type Octets = BTreeMap<u8, Vec<u8>>;

/// The fields that every message has.
#[derive(Clone, Debug)]
struct Fixed {
    xid: u32,
    flags: u16,
    addresses: [u32; 4],
    hardware: Vec<u8>,
}

fn any_fixed() -> impl Strategy<Value = Fixed> {
    let hardware = prop::collection::vec(any::<u8>(), 0..=16);
    (any::<(u32, u16, [u32; 4])>(), hardware)
        .prop_map(|((xid, flags, addresses), hardware)| Fixed { xid, flags, addresses, hardware })
}

/// Options of any length up to `longest`; overload and relay information have ways of their own.
fn any_options(longest: usize) -> impl Strategy<Value = Octets> {
    let code = (1..=254_u8).prop_filter("has its own way in", |code| {
        ![code::OPTION_OVERLOAD, code::RELAY_AGENT_INFORMATION].contains(code)
    });
    let data = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 0..longest),
    ];
    prop::collection::btree_map(code, data, 0..12)
}

/// A request that asks for replies as long as option 57 can say.
fn request(fixed: &Fixed, max_message_size: u16, dirty: u8) -> Vec<u8> {
    let hardware = HardwareAddress::new(1, &fixed.hardware).unwrap();
    let mut octets = vec![dirty; 1_000];
    let mut writer = Writer::request(&mut octets, fixed.xid, &hardware);
    writer.flags(fixed.flags).giaddr(fixed.addresses[3].into());
    writer.push(code::MESSAGE_TYPE, &[1]).unwrap();
    writer.push(code::MAX_MESSAGE_SIZE, &max_message_size.to_be_bytes()).unwrap();
    let len = writer.finish();
    octets.truncate(len);
    octets
}

/// The options of one field as the oracle reads them, added to those of earlier fields.
fn read_field(octets: &[u8], options: &mut Octets) {
    for option in DhcpOptionIterator::new(octets) {
        options.entry(option.code().into()).or_default().extend_from_slice(option.data());
    }
}

/// Every option of a message as the oracle reads them.
fn read_all(message: &[u8]) -> Octets {
    let mut options = Octets::new();
    read_field(&message[field::OPTIONS..], &mut options);
    let overload = options.remove(&code::OPTION_OVERLOAD).map_or(0, |data| data[0]);
    if overload & 1 != 0 {
        read_field(&message[field::FILE], &mut options);
    }
    if overload & 2 != 0 {
        read_field(&message[field::SNAME], &mut options);
    }
    options
}

/// Every option of a message as we read them.
fn read_ours(message: &[u8]) -> Octets {
    let mut scratch = Scratch::new();
    let message = Message::parse(message, &mut scratch).unwrap();
    let options = message.options().map(|(code, data)| (code, data.to_vec()));
    options.filter(|(code, _)| *code != code::OPTION_OVERLOAD).collect()
}

proptest! {
    /// Long options, overload and a tight limit among them.
    #[test]
    fn the_oracle_reads_every_option_that_the_writer_took(
        fixed in any_fixed(),
        options in any_options(900),
        relay in prop::option::of(prop::collection::vec(any::<u8>(), 1..300)),
        max_message_size in 576..2_000_u16,
        dirty: u8,
    ) {
        let request = request(&fixed, max_message_size, dirty);
        let mut scratch = Scratch::new();
        let request = Message::parse(&request, &mut scratch).unwrap();
        let mut octets = vec![dirty; 1_800];
        let mut taken = Octets::new();
        let mut writer = Writer::reply(&mut octets, &request);
        if let Some(relay) = &relay && writer.relay_information(relay).is_ok() {
            taken.insert(code::RELAY_AGENT_INFORMATION, relay.clone());
        }
        for (code, data) in &options {
            if writer.push(*code, data).is_ok() {
                taken.insert(*code, data.clone());
            }
        }
        writer.ciaddr(fixed.addresses[0].into());
        writer.yiaddr(fixed.addresses[1].into());
        writer.siaddr(fixed.addresses[2].into());
        let len = writer.finish();
        prop_assert!(len <= usize::from(max_message_size) - 28);
        octets.truncate(len);

        prop_assert_eq!(&read_all(&octets), &taken);
        prop_assert_eq!(&read_ours(&octets), &taken);
        let read = oracle::borrowed::Message::new(&octets).unwrap();
        prop_assert_eq!(read.opcode(), oracle::Opcode::BootReply);
        prop_assert_eq!((read.xid(), u16::from(read.flags())), (fixed.xid, fixed.flags));
        let addresses = [read.ciaddr(), read.yiaddr(), read.siaddr(), read.giaddr()];
        prop_assert_eq!(addresses.map(Ipv4Addr::to_bits), fixed.addresses);
        prop_assert_eq!(read.chaddr(), fixed.hardware);
    }

    #[test]
    fn every_field_that_the_oracle_writes_is_read(
        fixed in any_fixed(),
        mut options in any_options(700),
        sname in "[a-z]{1,63}",
        file in "[a-z/]{1,127}",
    ) {
        let [ciaddr, yiaddr, siaddr, giaddr] = fixed.addresses.map(Ipv4Addr::from_bits);
        let chaddr = &fixed.hardware;
        // It writes an empty option as none at all.
        options.retain(|_, data| !data.is_empty());
        let mut written =
            oracle::Message::new_with_id(fixed.xid, ciaddr, yiaddr, siaddr, giaddr, chaddr);
        written.set_flags(fixed.flags.into()).set_sname_str(&sname).set_fname_str(&file);
        for (code, data) in &options {
            let option = oracle::UnknownOption::new((*code).into(), data.clone());
            written.opts_mut().insert(oracle::DhcpOption::Unknown(option));
        }
        let octets = written.to_vec().unwrap();
        let mut scratch = Scratch::new();
        let read = Message::parse(&octets, &mut scratch).unwrap();
        prop_assert_eq!((read.xid(), read.flags()), (fixed.xid, fixed.flags));
        prop_assert_eq!([read.ciaddr(), read.yiaddr()], [ciaddr, yiaddr]);
        prop_assert_eq!([read.siaddr(), read.giaddr()], [siaddr, giaddr]);
        prop_assert_eq!(Some(read.hardware()), HardwareAddress::new(1, chaddr));
        prop_assert_eq!((read.sname(), read.file()), (sname.as_bytes(), file.as_bytes()));
        prop_assert_eq!(&read_ours(&octets), &options);
    }

    #[test]
    fn any_octets_are_a_message_or_refused(
        mut octets in prop::collection::vec(any::<u8>(), 200..700),
        has_cookie: bool,
        overload in prop::option::of(0..=4_u8),
    ) {
        if has_cookie && octets.len() >= field::OPTIONS + 3 {
            octets[field::COOKIE].copy_from_slice(&field::MAGIC_COOKIE);
            octets[field::HLEN] &= 0x0f;
            if let Some(value) = overload {
                octets[field::OPTIONS..][..3].copy_from_slice(&[code::OPTION_OVERLOAD, 1, value]);
            }
        }
        let mut scratch = Scratch::new();
        if let Ok(message) = Message::parse(&octets, &mut scratch) {
            let total: usize = message.options().map(|(_, data)| data.len()).sum();
            prop_assert!(total <= octets.len());
        }
    }
}

proptest! {
    /// The oracle's own writing of what it read is what we wrote.
    #[test]
    fn every_definition_encodes_what_the_oracle_reads(seed in 0..u32::MAX) {
        // Structures that are bytes to the configuration, and the oracle's slips.
        const OTHERWISE: [u8; 6] = [37, 81, 82, 93, 94, 150];
        for definition in u8::DEFINITIONS {
            let data = definition.encode(&any_value(definition.kind, seed)).unwrap();
            let octets = [&[definition.code, data.len() as u8], data.as_slice()].concat();
            if OTHERWISE.contains(&definition.code) {
                continue;
            }
            let read = oracle::DhcpOption::decode(&mut Decoder::new(&octets)).unwrap();
            if definition.kind != Kind::DomainList {
                prop_assert_eq!(read.to_vec().unwrap(), octets, "{}", definition.name);
            }
            if definition.code < 77 {
                let is_known = !matches!(read, oracle::DhcpOption::Unknown(_));
                prop_assert!(is_known, "{}", definition.name);
            }
        }
    }
}

/// Numbers, names and routes mean the same to both.
#[test]
fn values_mean_to_the_oracle_what_the_operator_wrote() {
    let read = |name: &str, seed: u32| {
        let definition = option::by_name::<u8>(name).unwrap();
        let data = definition.encode(&any_value(definition.kind, seed)).unwrap();
        let octets = [&[definition.code, data.len() as u8], data.as_slice()].concat();
        oracle::DhcpOption::decode(&mut Decoder::new(&octets)).unwrap()
    };
    let offset = read("time-offset", 0);
    assert_eq!(offset, oracle::DhcpOption::TimeOffset(-i32::MAX));
    let oracle::DhcpOption::DomainSearch(names) = read("domain-search", 2) else {
        panic!("option 119 is a list of names");
    };
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["example.net.", "lab.example.net.", "example.org."]);
    let oracle::DhcpOption::ClasslessStaticRoute(routes) = read("classless-routes", 3) else {
        panic!("option 121 is a list of routes");
    };
    let routes: Vec<_> = routes.iter().map(|(to, via)| format!("{to} {via}")).collect();
    let expected = [
        "0.0.0.0/0 192.0.2.1",
        "10.0.0.0/8 10.0.0.1",
        "10.16.0.0/13 10.0.0.2",
        "10.9.8.7/32 10.0.0.3",
    ];
    assert_eq!(routes, expected);
}
