//! Configurations of DHCPv6: what comes of good ones, and what is said of bad ones.

use std::net::Ipv6Addr;
use std::path::Path;

use super::{WHOLE, check_table, parse, parse_with_rows};
use crate::config::model::{
    Access, Allocator, LimitPer, Parameters, Pattern, Prefix, ReservedFor, Secret, ServerDuid, Test,
};
use crate::config::{Config, HostInterface, Surroundings};
use crate::wire::Seconds;

/// Snippets, each with all that is said of it; as in the table of DHCPv4.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str])] = &[
    // Keys that one protocol has.
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\nbootp = true", &["3:1 `bootp` cannot stand here: this is for DHCPv6: take it out"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/8\"\npreferred-time = \"1h\"\nprefix-pools = []", &["3:1 `preferred-time` cannot stand here: this is for DHCPv4", "4:1 `prefix-pools` cannot stand here: this is for DHCPv4"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/8\"\npools = [{ range = \"10.0.0.1\", allocator = \"lru\" }]", &["3:32 `allocator` cannot stand here: this is for DHCPv4"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\noptions6 = {}", &["3:1 `options6` cannot stand here: this is for DHCPv6: write `options`"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\nrouters = []", &["3:1 unknown key `routers`"]),
    // Times.
    ("preferred-time = \"2d\"\n[[subnet6]]\nsubnet = \"2001:db8::/32\"", &["1:18 `preferred-time` is longer than `lease-time` of 86400s: lower it"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\nlease-time = \"1h\"\nmin-preferred-time = \"40m\"", &["4:22 `preferred-time` of 2250s is shorter than `min-preferred-time` of 2400s: raise `preferred-time`"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\nmin-preferred-time = \"2h\"\nmax-preferred-time = \"1h\"", &["3:22 `min-preferred-time` of 7200s is longer than `max-preferred-time` of 3600s"]),
    ("renew-permille = 850\n[[subnet6]]\nsubnet = \"2001:db8::/32\"", &["1:18 T1 at 850 permille of the lease is not before T2 at 800: `renew-permille` must be less than `rebind-permille` (RFC 8415"]),
    ("renew-permille = 850\n[[subnet4]]\nsubnet = \"10.0.0.0/8\"", &[]),
    ("preference = 256\n[[subnet6]]\nsubnet = \"2001:db8::/32\"", &["1:14 `preference` cannot be `256`: write a whole number from 0 to 255"]),
    // Options.
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\noptions = { domain-name-servers = [] }", &["3:13 unknown option `domain-name-servers`: did you mean `dns-servers`?"]),
    ("options6 = { \"dhcp6.name-servers\" = [] }\n[[subnet6]]\nsubnet = \"2001:db8::/32\"", &["1:14 unknown option `dhcp6.name-servers`: did you mean `dns-servers`?"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\noptions = { dns-servers = [\"192.0.2.1\"] }", &["3:28 `dns-servers` cannot be `\"192.0.2.1\"`: "]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\noptions = { preference = 7 }", &["3:13 option `preference` cannot be set: write `preference` beside `options`"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\noptions = { 65535 = \"0x00\" }", &["3:13 unknown option `65535`: options have the numbers 1 to 65534"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\noptions = { colour = 1 }", &["3:13 unknown option `colour`: write its number and hex octets, or add an [[option-definition6]]"]),
    ("[[option-definition6]]\ncode = 23\nname = \"x\"\ntype = \"u8\"\n[[subnet6]]\nsubnet = \"2001:db8::/32\"", &["2:8 `code` cannot be `23`: option 23 is `dns-servers` (RFC 3646 §3)"]),
    // Subnets and ways to them.
    ("[[subnet6]]\npools = []", &["1:1 `subnet` is missing: add subnet = \"2001:db8:1::/48\""]),
    ("[[subnet6]]\nsubnet = \"2001:db8::1/64\"", &["2:10 `subnet` cannot be `\"2001:db8::1/64\"`: did you mean \"2001:db8::/64\"?"]),
    ("[[subnet6]]\nsubnet = \"10.0.0.0/8\"", &["2:10 `subnet` cannot be `\"10.0.0.0/8\"`: a prefix is like \"2001:db8::/32\""]),
    ("[[subnet6]]\nsubnet = \"fe80::/64\"", &["2:10 `subnet` cannot be `\"fe80::/64\"`: hosts have no addresses in fe80::/10 (RFC 4291)"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\n[[subnet6]]\nsubnet = \"2001:db8:1::/48\"", &["4:10 subnet 2001:db8:1::/48 overlaps 2001:db8::/32: subnets lie apart; the other is at tandem.toml:2:10"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/32\"\nrelays = [\"192.0.2.1\"]", &["3:11 `relays` cannot be `\"192.0.2.1\"`: write a relay's address, or a prefix"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\ninterface-ids = [\"a\"]\n[[subnet6]]\nsubnet = \"2001:db8:2::/64\"\ninterface-ids = [\"0x61\"]", &["6:18 Interface-Id `a` leads to two networks: it can lead to one; the other is at tandem.toml:3:18"]),
    ("[[shared-network]]\nname = \"a\"\n[[subnet6]]\nsubnet = \"2001:db8::/32\"\nshared-network = \"a\"", &[]),
    // Pools.
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\npools = [\"2001:db8:0:1::/64\"]", &["3:10 pool 2001:db8:0:1::-2001:db8:0:1:ffff:ffff:ffff:ffff is not inside its subnet 2001:db8::/64"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\npools = [\"2001:db8::1-2001:db8::9\", \"2001:db8::9\"]", &["3:37 pool 2001:db8::9-2001:db8::9 overlaps pool 2001:db8::1-2001:db8::9: pools lie apart; the other is at tandem.toml:3:10"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nallocator = \"lru\"\npools = [\"2001:db8::/64\"]", &["4:10 `pools` cannot be `\"2001:db8::/64\"`: an \"lru\" pool holds at most 2^28 addresses"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\npools = [{ range = \"2001:db8::/64\", allocator = \"hsh\" }]", &["3:49 `allocator` cannot be `\"hsh\"`: did you mean \"hash\"?"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nallocator = \"hash\"\npools = [\"2001:db8::/64\"]", &["4:10 pool 2001:db8::-2001:db8::ffff:ffff:ffff:ffff goes by a hash, and there is no secret for it: add `secret-file` to [dhcpv6]"]),
    ("[dhcpv6]\nsecret = \"correct horse battery\"\n[[subnet6]]\nsubnet = \"2001:db8::/64\"\nallocator = \"hash\"\npools = [\"2001:db8::/96\"]", &["6:10 pool 2001:db8::-2001:db8::ffff:ffff is small for a hash without stored leases: two clients may get one address: take 2^48"]),
    // Prefix pools.
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [\"2001:db8:8000::/33\"]", &["3:17 `prefix-pools` cannot be `\"2001:db8:8000::/33\"`: write a table of keys and values"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ delegate = 56 }]", &["3:17 `prefix` is missing: add prefix = "]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 32 }]", &["3:61 `delegate` cannot be `32`: 2001:db8:8000::/33 is shorter: write 33 or more"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 129 }]", &["3:61 `delegate` cannot be `129`: write a whole number from 1 to 128"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 64 }]", &["3:28 `prefix` cannot be `\"2001:db8:8000::/33\"`: it holds 2^31 prefixes of that length, an \"lru\" pool at most 2^28"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56, allocator = \"hash\" }]", &["3:77 `allocator` cannot be `\"hash\"`: write \"lru\" or \"random\": nobody would notice"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56, exclude = \"::/56\" }]", &["3:75 `exclude` cannot be `\"::/56\"`: it is a part of each delegated prefix: longer than 56"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56, exclude = \"2001:db8:8000::/64\" }]", &["3:75 `exclude` cannot be `\"2001:db8:8000::/64\"`: write only what comes behind the 56 bits"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/48\"\npools = [\"2001:db8:0:1::/64\"]\nprefix-pools = [{ prefix = \"2001:db8::/56\", delegate = 60 }]", &["3:10 pool 2001:db8:0:1::-2001:db8:0:1:ffff:ffff:ffff:ffff overlaps prefix pool 2001:db8::/56: pools lie apart; the other is at tandem.toml:4:28"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/48\"\npools = [\"2001:db8:0:1::/64\"]\nprefix-pools = [{ prefix = \"2001:db8:0:100::/56\", delegate = 60 }]", &[]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/40\", delegate = 56 }, { prefix = \"2001:db8:8010::/48\", delegate = 60 }]", &["3:78 prefix pool 2001:db8:8010::/48 overlaps prefix pool 2001:db8:8000::/40"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"2001:db8::/33\", delegate = 56 }]", &["3:28 prefix pool 2001:db8::/33 holds the whole subnet 2001:db8::/64: what is on a link is delegated to nobody; the subnet is at tandem.toml:2:10"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\nprefix-pools = [{ prefix = \"fe80::/33\", delegate = 56 }]", &["3:28 `prefix` cannot be `\"fe80::/33\"`: hosts have no addresses in fe80::/10"]),
    // Reservations, from line 5 on.
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\naddresses = [\"2001:db8:1::7\"]", &["4:1 a reservation without a client: give one of duid, hw-address"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x0001\"", &["5:8 `duid` cannot be `\"0x0001\"`: a DUID has 3 to 130 octets"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\nremote-id = \"a\"", &["6:1 a reservation with two clients"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\naddresses = [\"2001:db8:2::7\", \"2001:db8:1::\"]", &["6:14 reserved address 2001:db8:2::7 is in no subnet: add its [[subnet6]]", "6:31 reserved address 2001:db8:1:: is the anycast address of the routers"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\nprefixes = [\"2001:db8:8000::/60\"]", &["6:13 reserved prefix 2001:db8:8000::/60 overlaps prefix pool 2001:db8:8000::/33: that one delegates /56"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\nprefixes = [\"2001:db9::/56\"]", &["6:13 reserved prefix 2001:db9::/56 is on no network: give an address beside it"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\nprefixes = [\"2001:db9::/56\"]\naddresses = [\"2001:db8:1::7\"]", &[]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\naddresses = [\"2001:db8:1::7\"]\n[[reservation6]]\nduid = \"00:01:02\"\naddresses = [\"2001:db8:1::7\"]", &["8:8 two reservations for one client on one network: the other is at tandem.toml:5:8", "9:14 2001:db8:1::7/128 is reserved twice: it is also reserved at tandem.toml:6:14"]),
    ("[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\nprefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n[[reservation6]]\nduid = \"0x000102\"\nprefixes = [\"2001:db9::/48\", \"2001:db9:0:1::/64\"]\naddresses = [\"2001:db8:1::7\"]", &["6:30 2001:db9:0:1::/64 is reserved twice: it is also reserved at tandem.toml:6:13"]),
    // The protocol as a whole.
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\n[dhcpv6]\nhop-limit = 33\nduid = \"0x0001\"\nsecret = \"short\"", &["4:13 `hop-limit` cannot be `33`: write a whole number from 1 to 32", "5:8 `duid` cannot be `\"0x0001\"`: write \"llt\", \"ll\" or \"uuid\"", "6:10 `secret` cannot be `\"short\"`: a secret has at least 16 octets"]),
    ("[[subnet6]]\nsubnet = \"2001:db8::/64\"\noptions = { dns = \"::1\", 0 = \"0x00\", 82 = 59 }", &["3:13 unknown option `dns`", "3:26 unknown option `0`", "3:43 `82` cannot be `59`: 59 is less than 60"]),
];

fn prefix(text: &str) -> Prefix<Ipv6Addr> {
    let (address, len) = text.split_once('/').unwrap();
    Prefix { address: address.parse().unwrap(), len: len.parse().unwrap() }
}

fn whole() -> Config {
    match parse_with_rows(WHOLE, "hw-address\n") {
        Ok(config) => config,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn each_mistake_is_told_with_its_place_its_value_and_what_would_be_right() {
    check_table(TABLE, parse);
}

#[test]
fn a_subnet_of_ipv6_is_all_a_configuration_needs() {
    let config = parse("[[subnet6]]\nsubnet = \"2001:db8::/32\"\n").unwrap();
    assert!(config.networks.is_empty());
    assert_eq!(config.networks6[0].name, "2001:db8::/32");
    assert_eq!(config.dhcpv6.hop_limit, 8);
    assert_eq!(config.dhcpv6.duid, ServerDuid::LinkLayerTime);
    assert!(config.dhcpv6.adopt_unknown && !config.dhcpv6.answer_unicast);
}

#[test]
fn the_pools_of_a_subnet_are_read_with_their_allocators() {
    let config = whole();
    let subnet = &config.networks6[0].subnets[0];
    let (large, small) = (&subnet.pools[0], &subnet.pools[1]);
    assert_eq!((large.allocator, small.allocator), (Allocator::Hash, Allocator::Hash));
    assert_eq!(small.last, "2001:db8:1:2::1fff".parse::<Ipv6Addr>().unwrap());
    assert_eq!(small.access.deny, [2]);
    let delegated = &subnet.prefix_pools[0];
    assert_eq!((delegated.prefix, delegated.delegate), (prefix("2001:db8:8000::/33"), 56));
    assert_eq!(delegated.exclude, Some(prefix("::/64")));
    assert_eq!(delegated.allocator, Allocator::Random);
    assert_eq!(delegated.access.allow, [2]);
    assert_eq!(delegated.scope.parameters.preferred_time, Some(Seconds(1_800)));
    let others = &config.networks6[1].subnets[0].pools;
    let by_size = others.iter().map(|pool| pool.allocator).collect::<Vec<_>>();
    assert_eq!(by_size, [Allocator::Lru, Allocator::Lru], "2^16 addresses, and by name");
    let sparse = parse("[[subnet6]]\nsubnet = \"2001:db8::/64\"\npools = [\"2001:db8::/64\"]");
    assert_eq!(sparse.unwrap().networks6[0].subnets[0].pools[0].allocator, Allocator::Random);
}

#[test]
fn a_shared_network_is_one_link_for_both_families() {
    let config = whole();
    let (network, network6) = (&config.networks[0], &config.networks6[0]);
    assert_eq!((network.name.as_str(), network6.name.as_str()), ("metro", "metro"));
    assert_eq!((network.subnets.len(), network6.subnets.len()), (2, 1));
    assert_eq!(network6.relays, [prefix("2001:db8:ffff::1/128")]);
    assert_eq!(network6.interfaces, ["eth0"]);
    let ids: Vec<&[u8]> = network6.interface_ids.iter().map(|id| &**id).collect();
    assert_eq!(ids, [&b"ge-0/0/0:7"[..], &[1, 2]]);
    assert!(network.interface_ids.is_empty());
    assert_eq!(config.networks6[1].name, "2001:db8:2::/64");
}

#[test]
fn what_holds_for_both_protocols_keeps_their_options_apart() {
    let config = whole();
    let Parameters { preferred_time, preference, .. } = config.global.parameters;
    assert_eq!((preferred_time, preference), (Some(Seconds(21_600)), Some(7)));
    assert_eq!(config.global.options6[&23].len(), 16);
    assert_eq!(config.global.options6[&4_660], b"metro");
    assert_eq!(config.global.options6[&4_661], [0xde, 0xad, 0xbe, 0xef]);
    assert!(!config.global.options.contains_key(&23));
    let pool = &config.networks6[1].subnets[0].pools[1];
    assert_eq!(pool.scope.options6[&23][15], 0x54);
    assert!(pool.scope.options.is_empty());
    assert_eq!(
        config.classes[2].alternatives,
        [[
            Test::LinkAddress(prefix("2001:db8::/32")),
            Test::InterfaceId(Pattern::Begins(b"ge-".to_vec())),
            Test::Duid(Pattern::Begins(vec![0, 3])),
        ]]
    );
}

#[test]
fn the_section_of_the_protocol_is_read() {
    let dhcpv6 = whole().dhcpv6;
    assert_eq!((dhcpv6.duid, dhcpv6.hop_limit), (ServerDuid::Uuid, 32));
    assert_eq!(dhcpv6.secret, Some(Secret((*b"correct horse battery").into())));
    assert!(dhcpv6.reconfigure && dhcpv6.answer_unicast && !dhcpv6.adopt_unknown);
    assert_eq!(*dhcpv6.relay_supplied, [103, 65]);
    let text = "[dhcpv6]\nduid = \"0x00030001020000000001\"\n[[subnet6]]\nsubnet = \"2001:db8::/32\"\n\
                [[limit]]\nname = \"a\"\nper = \"duid\"\nleases = 2\n";
    let config = parse(text).unwrap();
    let octets = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    assert_eq!(config.dhcpv6.duid, ServerDuid::Given(octets.into()));
    assert_eq!(config.limits[0].per, LimitPer::Duid);
}

#[test]
fn an_interface_on_a_subnet_of_ipv6_is_served() {
    let on = |name: &str, text: &str| HostInterface {
        name: name.into(),
        networks: Vec::new(),
        networks6: vec![prefix(text)],
    };
    let present = [on("eth0", "2001:db8:1::/64"), on("eth1", "2001:db8:2::/64")];
    let around = Surroundings {
        read: &|_| unreachable!(),
        is_private: &|_| unreachable!(),
        interfaces: Some(&present),
    };
    let text = "[[subnet6]]\nsubnet = \"2001:db8:2::/48\"\n";
    let config = Config::check(text, Path::new("tandem.toml"), around).unwrap();
    let names: Vec<_> = config.interfaces.iter().map(|interface| &interface.name).collect();
    assert_eq!(names, ["eth1"]);
}

#[test]
fn classes_let_clients_into_a_pool_and_keep_them_out() {
    let access = Access { allow: vec![1, 2], deny: vec![3] };
    assert!(access.permits(&[0, 2]));
    assert!(!access.permits(&[0]) && !access.permits(&[1, 3]));
    assert!(Access::default().permits(&[]));
}

#[test]
fn reservations_know_their_clients_in_four_ways() {
    let reservations = whole().reservations6;
    let duid = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    assert_eq!(reservations[0].client, ReservedFor::Identifier(duid.into()));
    assert_eq!(reservations[0].addresses, ["2001:db8:1:1::7".parse::<Ipv6Addr>().unwrap()]);
    assert_eq!(reservations[0].prefixes, [prefix("2001:db8:8000:100::/56")]);
    assert_eq!(reservations[0].host_name.as_deref(), Some("six"));
    assert!(matches!(reservations[1].client, ReservedFor::Hardware(_)));
    assert_eq!(reservations[2].client, ReservedFor::RemoteId((*b"modem-6").into()));
    assert_eq!(reservations[3].client, ReservedFor::CircuitId((*b"ge-0/0/2").into()));
    assert!(reservations[0].scope.is_none() && reservations[3].scope.is_some());
    let row = reservations.last().unwrap();
    assert_eq!(
        row.addresses,
        ["2001:db8:1:1::98", "2001:db8:1:1::99"].map(|a| a.parse::<Ipv6Addr>().unwrap())
    );
    assert_eq!(row.prefixes, [prefix("2001:db8:8000:9900::/56")]);
}
