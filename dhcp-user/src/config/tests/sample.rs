//! Good configurations and what comes of them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::{WHOLE, parse, parse_with_rows, told};
use crate::config::model::{
    Dataplane, IdentityBy, LimitPer, Pattern, Prefix, Probe, ReservedFor, Role, Test,
};
use crate::config::{Config, HostInterface, Surroundings};
use crate::wire::{HardwareAddress, Seconds};

fn whole() -> Config {
    match parse_with_rows(WHOLE, "hw-address,address\n00:00:5e:00:53:09,10.0.9.9\n") {
        Ok(config) => config,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn a_subnet_is_all_a_configuration_needs() {
    let config = parse("[[subnet4]]\nsubnet = \"10.0.0.0/8\"\n").unwrap();
    assert_eq!(config.state_dir, PathBuf::from("/var/lib/tandem"));
    assert_eq!(config.identity.order, [IdentityBy::Identifier, IdentityBy::Hardware]);
    assert_eq!(config.networks.len(), 1);
    assert_eq!(config.networks[0].name, "10.0.0.0/8");
    assert_eq!(config.networks[0].subnets[0].prefix.len, 8);
    assert!(config.leniency.release_without_server_id && config.leniency.check_server_id);
    assert!(config.journal.durable);
    assert_eq!((config.guard, config.metrics), (None, None));
    assert_eq!(config.global.parameters, Default::default());
}

#[test]
fn the_first_configuration_of_the_manual_is_good() {
    let config = parse(
        r#"
state-dir = "/var/lib/tandem"

[[interface]]
name = "eth0"
dataplane = "auto"
workers = "auto"

[[subnet4]]
subnet = "10.0.0.0/8"
pools = ["10.1.0.0-10.64.255.255"]
lease-time = "24h"
options = { routers = ["10.0.0.1"], domain-name-servers = ["10.0.0.53"] }
"#,
    )
    .unwrap();
    assert_eq!(config.interfaces[0].dataplane, Dataplane::Auto);
    assert_eq!(config.interfaces[0].workers, [0; 0]);
    let subnet = &config.networks[0].subnets[0];
    assert_eq!(subnet.scope.parameters.lease_time, Some(Seconds(86_400)));
    assert_eq!(subnet.scope.options[&3], [10, 0, 0, 1]);
    assert_eq!(subnet.scope.options[&6], [10, 0, 0, 53]);
    assert_eq!(subnet.pools[0].last, Ipv4Addr::new(10, 64, 255, 255));
}

#[test]
fn options_are_encoded_by_name_by_own_definition_and_by_number() {
    let options = whole().global.options;
    assert_eq!(options[&6], [192, 0, 2, 53, 198, 51, 100, 53]);
    assert_eq!(options[&15], b"example.net");
    assert_eq!(options[&224], 8_080_u16.to_be_bytes());
    assert_eq!(options[&225], [0xde, 0xad, 0xbe, 0xef]);
}

#[test]
fn global_parameters_are_all_read() {
    let parameters = whole().global.parameters;
    assert_eq!(parameters.lease_time, Some(Seconds(43_200)));
    assert_eq!(parameters.min_lease_time, Some(Seconds(300)));
    assert_eq!(parameters.max_lease_time, Some(Seconds(86_400)));
    assert_eq!((parameters.renew_permille, parameters.rebind_permille), (Some(400), Some(800)));
    assert_eq!((parameters.reuse_permille, parameters.min_secs), (Some(250), Some(2)));
    assert_eq!(parameters.decline_time, Some(Seconds(3_600)));
    assert_eq!(parameters.offer_time, Some(Seconds(120)));
    assert_eq!(parameters.authoritative, Some(false));
    assert_eq!((parameters.rapid_commit, parameters.bootp), (Some(true), Some(true)));
    assert_eq!(parameters.probe, Some(Probe::Icmp(250)));
    assert_eq!(parameters.next_server, Some(Ipv4Addr::new(192, 0, 2, 9)));
    assert_eq!(parameters.server_name.as_deref(), Some("boot.example.net"));
    assert_eq!(parameters.boot_file.as_deref(), Some("pxelinux.0"));
}

#[test]
fn subnets_of_a_shared_network_are_one_network() {
    let config = whole();
    let names: Vec<_> = config.networks.iter().map(|network| network.name.as_str()).collect();
    assert_eq!(names, ["metro", "172.16.0.0/12"]);
    let metro = &config.networks[0];
    assert_eq!(metro.subnets.len(), 2);
    assert_eq!(metro.interfaces, ["eth0", "eth1.100"]);
    let relay = |address: [u8; 4], len| Prefix { address: address.into(), len };
    assert_eq!(metro.relays, [relay([192, 0, 2, 1], 32), relay([198, 51, 100, 0], 24)]);
    let pools = &metro.subnets[0].pools;
    assert!(pools[0].first < pools[1].first, "pools ascend");
    assert_eq!(pools[0].access.allow, [0]);
    assert_eq!(config.networks[1].subnets[0].pools[0].access.deny, [0, 1]);
}

#[test]
fn classes_have_alternatives_of_tests() {
    let classes = whole().classes;
    assert_eq!(
        classes[0].alternatives,
        [
            vec![
                Test::VendorClass(Pattern::Begins(b"docsis".to_vec())),
                Test::Relay(Prefix { address: [10, 0, 0, 0].into(), len: 24 }),
            ],
            vec![
                Test::UserClass(Pattern::Contains(b"modem".to_vec())),
                Test::HardwarePrefix(vec![0, 0, 0x5e]),
                Test::CircuitId(Pattern::Is(vec![1, 2])),
            ],
        ]
    );
    assert_eq!(classes[1].alternatives, [[Test::RemoteId(Pattern::Is(vec![1, 7]))]]);
}

#[test]
fn reservations_come_inline_and_from_a_file() {
    let reservations = whole().reservations;
    let hardware = |last| HardwareAddress::new(1, &[0, 0, 0x5e, 0, 0x53, last]).unwrap();
    assert_eq!(reservations[0].client, ReservedFor::Hardware(hardware(1)));
    assert_eq!(reservations[0].host_name.as_deref(), Some("one"));
    assert!(reservations[0].scope.is_some() && reservations[1].scope.is_none());
    assert_eq!(reservations[1].client, ReservedFor::Identifier([1, 2, 3, 4].into()));
    assert_eq!(reservations[2].client, ReservedFor::CircuitId((*b"slot 1/7").into()));
    assert_eq!(reservations[3].client, ReservedFor::RemoteId((*b"modem-4").into()));
    assert_eq!(reservations[3].address, None);
    assert_eq!(reservations[4].client, ReservedFor::Hardware(hardware(9)));
    assert_eq!(reservations[4].address, Some(Ipv4Addr::new(10, 0, 9, 9)));
}

#[test]
fn the_smaller_sections_are_read() {
    let config = whole();
    let limit = &config.limits[0];
    assert_eq!((limit.per, limit.leases, limit.class), (LimitPer::CircuitId, 4, Some(0)));
    let guard = config.guard.unwrap();
    assert_eq!((guard.client_rate, guard.client_burst), (10, 20));
    assert_eq!((guard.relay_rate, guard.relay_burst), (5_000, 5_000));
    assert!(config.leniency.swapped_secs && !config.leniency.check_server_id);
    assert_eq!(config.journal.segment_len, 16 << 20);
    assert!(!config.journal.durable);
    assert_eq!(config.metrics.map(|socket| socket.port()), Some(9167));
    let identity = [IdentityBy::CircuitId, IdentityBy::Identifier, IdentityBy::Hardware];
    assert_eq!(config.identity.order, identity);
    assert_eq!(config.interfaces[0].workers, [0, 1]);
}

#[test]
fn relationships_have_partners_subnets_and_secrets() {
    let config = whole();
    let [metro, edge, _] = &config.failover[..] else { panic!("{:?}", config.failover) };
    assert_eq!((metro.terms.name.as_str(), metro.terms.role), ("metro", Role::Primary));
    assert_eq!(metro.local.to_string(), "192.0.2.1:647");
    assert_eq!(metro.peer.to_string(), "192.0.2.2:6470");
    assert_eq!((metro.terms.mclt, metro.terms.receive_timer), (Seconds(1_800), Seconds(30)));
    assert_eq!((metro.terms.max_unacked, metro.terms.buckets), (10, [u64::MAX, 0, 0, 0]));
    assert_eq!((metro.terms.dhcpd_buckets, metro.terms.max_secs), (false, None));
    assert_eq!(metro.terms.safe_period, Some(Seconds(172_800)));
    assert_eq!((metro.terms.startup, metro.reconnect), (Seconds(20), Seconds(2)));
    assert_eq!((metro.terms.max_misbalance, metro.terms.max_ownership), (20, 5));
    assert_eq!((metro.terms.min_balance, metro.terms.max_balance), (Seconds(20), Seconds(40)));
    assert!(metro.terms.starts_alone);
    let secret = metro.secret.as_ref().unwrap();
    assert_eq!(&*secret.0, b"hw-address,address\n00:00:5e:00:53:09,10.0.9.9", "line's end cut");
    assert!(!format!("{metro:?}").contains("5e"), "nobody sees a secret by chance");
    let tls = metro.tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/tandem/server.pem"));
    assert_eq!(tls.key, Path::new("/etc/tandem/server.key"));
    assert_eq!((tls.peer_name.as_deref(), tls.is_required), (Some("b.example.net"), false));
    assert_eq!(edge.local.to_string(), "[2001:db8::1]:700");
    assert_eq!(edge.peer.to_string(), "[2001:db8::2]:647");
    assert_eq!(edge.terms.buckets, [u64::MAX, u64::MAX, 0, 1 << 56]);
    let served: Vec<_> = config
        .networks
        .iter()
        .flat_map(|network| &network.subnets)
        .map(|subnet| (subnet.prefix.to_string(), subnet.failover))
        .collect();
    let expected = [("10.0.0.0/16", Some(0)), ("10.1.0.0/16", Some(0)), ("172.16.0.0/12", Some(1))];
    assert_eq!(served, expected.map(|(prefix, place)| (prefix.to_owned(), place)));
}

#[test]
fn a_relationship_needs_no_more_than_partner_and_subnets() {
    let config = parse(
        "[[subnet4]]\nsubnet = \"10.0.0.0/8\"\npools = [\"10.0.0.1\"]\n[[subnet4]]\n\
         subnet = \"11.0.0.0/8\"\npools = [\"11.0.0.1\"]\n[[failover]]\nname = \"a\"\n\
         role = \"secondary\"\nlocal = \"192.0.2.2\"\npeer = \"192.0.2.1\"\n\
         subnets = [\"11.0.0.0/8\"]\n",
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let only = &config.failover[0];
    assert!(
        only.terms.role == Role::Secondary && !only.terms.starts_alone && only.terms.dhcpd_buckets
    );
    assert_eq!((only.terms.mclt, only.terms.receive_timer), (Seconds(3_600), Seconds(20)));
    assert_eq!((only.terms.max_unacked, only.terms.max_secs), (100, Some(3)));
    assert_eq!((only.terms.safe_period, &only.secret, &only.tls), (None, &None, &None));
    let networks: Vec<_> = config.networks.iter().map(|n| n.subnets[0].failover).collect();
    assert_eq!(networks, [None, Some(0)]);
}

#[test]
fn without_interfaces_those_on_a_subnet_are_served() {
    let on = |name: &str, address: [u8; 4], len| HostInterface {
        name: name.into(),
        networks: vec![Prefix { address: address.into(), len }],
        networks6: Vec::new(),
    };
    let present = [on("lo", [127, 0, 0, 0], 8), on("eth0", [10, 7, 0, 0], 16)];
    let around = Surroundings {
        read: &|_| unreachable!(),
        is_private: &|_| unreachable!(),
        interfaces: Some(&present),
    };
    let check = |subnet: &str| {
        let text = format!("[[subnet4]]\nsubnet = \"{subnet}\"\n");
        Config::check(&text, Path::new("t.toml"), around)
    };
    let names: Vec<_> =
        check("10.0.0.0/8").unwrap().interfaces.into_iter().map(|i| i.name).collect();
    assert_eq!(names, ["eth0"]);
    let told = told(check("192.168.0.0/16"));
    assert!(told[0].starts_with("t.toml: no [[interface]]"), "{told:?}");
}

#[test]
fn a_file_that_is_not_there_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.toml");
    let mistakes = Config::load(&path).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes.to_string().contains("absent.toml"), "{mistakes}");
    assert!(mistakes.to_string().contains("cannot be read"), "{mistakes}");
}

#[test]
fn load_reads_from_disk_what_the_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.toml");
    let text = "reservation-file = \"r.csv\"\n[[interface]]\nname = \"lo\"\n\
                [[subnet4]]\nsubnet = \"10.0.0.0/8\"\n";
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("r.csv"), "remote-id,address\nm,10.0.0.7\n").unwrap();
    assert_eq!(Config::load(&path).unwrap().reservations.len(), 1);
}
