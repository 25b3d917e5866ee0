//! Relay information, names and client FQDNs held against `dhcproto`, both ways.

use std::net::Ipv4Addr;

use dhcproto::v4::fqdn::{ClientFQDN, FqdnFlags};
use dhcproto::v4::relay::{RelayAgentInformation, RelayCode, RelayInfo, UnknownInfo};
use dhcproto::v4::{DhcpOption, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use proptest::prelude::*;

use super::dns::{Name, Names, compressed};
use super::fqdn::Fqdn;
use super::option::{Kind, Value, code};
use super::relay::RelayInformation;

/// Labels as host names have them: few, so that names share their ends.
fn any_name() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        2 => prop::sample::select(vec!["net", "example", "lab"]).prop_map(str::to_owned),
        1 => "[a-z0-9]{1,63}",
    ];
    prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."))
}

/// One option as the oracle reads it.
fn read(code: u8, data: &[u8]) -> DhcpOption {
    let octets: Vec<u8> =
        data.chunks(255).flat_map(|part| [&[code, part.len() as u8], part].concat()).collect();
    DhcpOption::decode(&mut Decoder::new(&octets)).expect("a sound option")
}

/// The data of one option as the oracle writes it, its parts joined.
fn written(option: &DhcpOption) -> Vec<u8> {
    let octets = option.to_vec().expect("a sound option");
    let mut rest = octets.as_slice();
    let mut data = Vec::new();
    while let [code, len, after @ ..] = rest {
        assert_eq!(*code, u8::from(OptionCode::from(option)));
        let (part, after) = after.split_at((*len).into());
        data.extend_from_slice(part);
        rest = after;
    }
    data
}

/// A value that suits the type, chosen by `seed`.
pub(super) fn any_value(kind: Kind, seed: u32) -> Value<'static> {
    const ADDRESSES: [&str; 3] = ["192.0.2.1", "198.51.100.7", "10.255.0.254"];
    const PAIRS: [&str; 2] = ["198.51.100.0 255.255.255.0", "10.0.0.0 10.0.0.1"];
    const ROUTES: [&str; 4] = [
        "default via 192.0.2.1",
        "10.0.0.0/8 10.0.0.1",
        "10.16.0.0/13 10.0.0.2",
        "10.9.8.7/32 10.0.0.3",
    ];
    const ADDRESSES_V6: [&str; 3] = ["2001:db8::1", "2001:db8:1::", "fe80::7"];
    const SERVERS: [&str; 3] = ["ntp.example.net", "2001:db8::1", "ff05::101"];
    const NAMES: [&str; 3] = ["example.net", "lab.example.net", "example.org"];
    let some = |texts: &[&'static str]| {
        let count = 1 + seed as usize % texts.len();
        Value::List(texts[..count].iter().map(|text| Value::Text(text)).collect())
    };
    let numbers =
        |max: u32| Value::List((0..1 + seed % 5).map(|n| Value::Int(i64::from(max - n))).collect());
    match kind {
        Kind::Flag => Value::Bool(seed.is_multiple_of(2)),
        Kind::Empty => Value::Bool(true),
        Kind::U8 => Value::Int(i64::from(seed % 255) + 1),
        Kind::U8List => numbers(200),
        Kind::U16 => Value::Int(i64::from(seed % 60_000) + 576),
        Kind::U16List => numbers(65_535),
        Kind::U32 => Value::Int(seed.into()),
        Kind::I32 => Value::Int(i64::from(seed) - i64::from(i32::MAX)),
        Kind::Ip => Value::Text(ADDRESSES[seed as usize % 3]),
        Kind::IpList => some(&ADDRESSES),
        Kind::IpPairList => some(&PAIRS),
        Kind::Text | Kind::DomainName => Value::Text(NAMES[seed as usize % 3]),
        Kind::Bytes => Value::Text("01:02:03:04:05"),
        Kind::DomainList => some(&NAMES),
        Kind::Routes => some(&ROUTES),
        Kind::Ip6 => Value::Text(ADDRESSES_V6[seed as usize % 3]),
        Kind::Ip6List => some(&ADDRESSES_V6),
        Kind::DomainNames | Kind::TextList => some(&NAMES),
        Kind::NtpServers => some(&SERVERS),
    }
}

proptest! {
    #[test]
    fn relay_information_means_the_same_to_both(
        circuit in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
        remote in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
        subscriber in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
        link in prop::option::of(any::<u32>().prop_map(Ipv4Addr::from_bits)),
        server in prop::option::of(any::<u32>().prop_map(Ipv4Addr::from_bits)),
        has_source_port: bool,
    ) {
        let source_port = has_source_port.then(|| UnknownInfo::new(19.into(), Vec::new()));
        let mut theirs = RelayAgentInformation::default();
        for info in [
            circuit.clone().map(RelayInfo::AgentCircuitId),
            remote.clone().map(RelayInfo::AgentRemoteId),
            subscriber.clone().map(RelayInfo::SubscriberId),
            link.map(RelayInfo::LinkSelection),
            server.map(RelayInfo::ServerIdentifierOverride),
            source_port.map(RelayInfo::Unknown),
        ].into_iter().flatten() {
            theirs.insert(info);
        }
        let data = written(&DhcpOption::RelayAgentInformation(theirs.clone()));
        let ours = RelayInformation::parse(&data).unwrap();
        prop_assert_eq!(ours.circuit_id(), circuit.as_deref());
        prop_assert_eq!(ours.remote_id(), remote.as_deref());
        prop_assert_eq!(ours.subscriber_id(), subscriber.as_deref());
        prop_assert_eq!((ours.link_selection(), ours.server_id_override()), (link, server));
        prop_assert_eq!(ours.has_source_port(), has_source_port);

        let mut echoed = RelayAgentInformation::decode(&mut Decoder::new(ours.octets())).unwrap();
        prop_assert_eq!(&echoed, &theirs);
        for (number, _) in ours.iter() {
            prop_assert!(echoed.remove(RelayCode::from(number)).is_some());
        }
        prop_assert!(echoed.is_empty());
    }

    #[test]
    fn a_search_list_means_the_same_to_both(names in prop::collection::vec(any_name(), 1..10)) {
        let ours: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
        let DhcpOption::DomainSearch(theirs) = read(code::DOMAIN_SEARCH, &compressed(&ours)) else {
            panic!("option 119 is a list of names");
        };
        let absolute: Vec<_> = names.iter().map(|name| format!("{name}.")).collect();
        prop_assert_eq!(theirs.iter().map(|name| name.to_ascii()).collect::<Vec<_>>(), absolute);

        let data = written(&DhcpOption::DomainSearch(theirs));
        prop_assert_eq!(Names::new(&data).collect::<Result<Vec<_>, _>>(), Ok(ours));
    }

    #[test]
    fn a_client_fqdn_means_the_same_to_both(name in any_name(), updates: bool, none: bool) {
        // RFC 4702 §2.1: S and N are never both set.
        let updates = updates && !none;
        let flags = FqdnFlags::default().set_e(true).set_s(updates).set_n(none);
        let domain = format!("{name}.").parse().unwrap();
        let data = written(&DhcpOption::ClientFQDN(ClientFQDN::new(flags, domain)));
        let fqdn = Fqdn::parse(&data).unwrap();
        prop_assert_eq!((fqdn.name.to_string(), fqdn.is_complete), (name, true));
        prop_assert_eq!((fqdn.wants_server_update(), fqdn.wants_no_update()), (updates, none));

        let answer = fqdn.answer(None);
        let DhcpOption::ClientFQDN(answer) = read(code::CLIENT_FQDN, answer.octets()) else {
            panic!("option 81 is a client FQDN");
        };
        let flags = answer.flags();
        prop_assert_eq!((flags.n(), flags.e(), flags.o(), flags.s()), (true, true, updates, false));
        prop_assert_eq!((answer.r1(), answer.r2()), (255, 255));
        prop_assert_eq!(answer.domain().to_ascii(), format!("{}.", fqdn.name));
    }
}
