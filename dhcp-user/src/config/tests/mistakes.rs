//! Bad configurations and what is said of them.

use std::path::Path;

use super::{check_table, parse, told};
use crate::config::model::Prefix;
use crate::config::{Config, HostInterface, Surroundings};

/// Snippets, each with all that is said of it: `line:column message: help`, from its beginning.
/// What has no subnet gets one behind it.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str])] = &[
    // Syntax, keys and types.
    ("state-dir = ", &["1:13 this is not TOML: "]),
    ("state-dir = \"a\"\nstate-dir = \"b\"", &["2:1 this is not TOML: duplicate key"]),
    ("lease-tme = \"24h\"", &["1:1 unknown key `lease-tme`: did you mean `lease-time`?"]),
    ("colour = \"red\"", &["1:1 unknown key `colour`: no key that may stand here"]),
    ("default-lease-time = 600", &["1:1 unknown key `default-lease-time`: write `lease-time`"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\nrange = \"10.0.0.9\"", &["3:1 unknown key `range`: write `pools = "]),
    ("state-dir = 7", &["1:13 `state-dir` cannot be `7`: write text in double quotes"]),
    ("state-dir = \"\"", &["1:13 `state-dir` cannot be `\"\"`: write some printable text"]),
    ("bootp = \"yes\"", &["1:9 `bootp` cannot be `\"yes\"`: write true or false"]),
    ("journal = 1", &["1:11 `journal` cannot be `1`: write a table of keys and values"]),
    ("[subnet4]\nsubnet = \"10.0.0.0/8\"", &["1:1 `subnet4` cannot be a table: write [[subnet4]], with double brackets"]),
    ("identity = [\"clientid\"]", &["1:13 `identity` cannot be `\"clientid\"`: did you mean \"client-id\"?"]),
    ("identity = [\"hw-address\", \"client-id\"]", &["1:27 `identity` cannot be `\"client-id\"`: every client has a hardware address"]),
    ("identity = [\"remote-id\", \"remote-id\"]", &["1:26 `identity` cannot be `\"remote-id\"`: once is enough"]),
    // Times.
    ("lease-time = \"24x\"", &["1:14 `lease-time` cannot be `\"24x\"`: a length of time is like \"24h\""]),
    ("lease-time = 0", &["1:14 `lease-time` cannot be `0`: it must be at least one second"]),
    ("lease-time = -5", &["1:14 `lease-time` cannot be `-5`: a length of time"]),
    ("lease-time = 4294967296", &["1:14 `lease-time` cannot be `4294967296`: a length of time"]),
    ("offer-time = \"2h\"", &["1:14 `offer-time` cannot be `\"2h\"`: an offer is kept for at most an hour"]),
    ("min-lease-time = \"2h\"\nmax-lease-time = \"1h\"", &["1:18 `min-lease-time` of 7200s is longer than `max-lease-time` of 3600s: no lease can be both"]),
    ("lease-time = \"2h\"\nmax-lease-time = \"1h\"", &["1:14 `lease-time` is longer than `max-lease-time` of 3600s: lower it"]),
    ("lease-time = \"1h\"\nmin-lease-time = \"2h\"", &["1:14 `lease-time` of 3600s is shorter than `min-lease-time` of 7200s: raise"]),
    ("min-lease-time = \"2d\"", &["1:18 `lease-time` of 86400s is shorter than `min-lease-time` of 172800s: raise"]),
    ("renew-permille = 875", &["1:18 T1 at 875 permille of the lease is not before T2 at 875: `renew-permille` must be less"]),
    ("renew-permille = 0", &["1:18 `renew-permille` cannot be `0`: write a whole number from 1 to 1000"]),
    ("max-lease-time = \"1h\"\n[[subnet4]]\nsubnet = \"10.0.0.0/8\"\nmin-lease-time = \"2h\"", &["4:18 `min-lease-time` of 7200s is longer than `max-lease-time` of 3600s"]),
    ("rebind-permille = 700\n[[subnet4]]\nsubnet = \"10.0.0.0/8\"\npools = [{ range = \"10.0.0.1\", renew-permille = 800 }]", &["4:49 T1 at 800 permille of the lease is not before T2 at 700"]),
    // Other parameters.
    ("probe = \"ping\"", &["1:9 `probe` cannot be `\"ping\"`: write \"none\" or \"icmp\" or \"arp\""]),
    ("probe = { wait-ms = 5 }", &["1:9 `method` is missing: add method", "1:21 `wait-ms` cannot be `5`: write a whole number from 10 to 10000"]),
    ("next-server = \"boot\"", &["1:15 `next-server` cannot be `\"boot\"`: write an IPv4 address"]),
    ("server-name = \"0123456789012345678901234567890123456789012345678901234567890123\"", &["1:15 `server-name` cannot be `\"01234567890123456789012345678901234567890123456789012345678…`: it has at most 63 octets"]),
    // Options.
    ("options = { router = [\"10.0.0.1\"] }", &["1:13 unknown option `router`: did you mean `routers`?"]),
    ("options = { colour = 1 }", &["1:13 unknown option `colour`: write its number and hex octets"]),
    ("options = { routers = [\"10.0.0.1\", \"10.0.0\"] }", &["1:36 `routers` cannot be `\"10.0.0\"`: "]),
    ("options = { interface-mtu = 67 }", &["1:29 `interface-mtu` cannot be `67`: 67 is less than 68"]),
    ("options = { 226 = 5 }", &["1:19 `226` cannot be `5`: its type is not known"]),
    ("options = { 0 = \"0x00\" }", &["1:13 unknown option `0`: options have the numbers 1 to 254"]),
    ("options = { vendor-encapsulated-options = \"0x01\" }", &["1:13 unknown option `vendor-encapsulated-options`: did you mean `vendor-specific`?"]),
    ("options = { 3 = \"0x0a000001\", routers = [\"10.0.0.1\"] }", &["1:31 option 3 stands here twice: the other is at tandem.toml:1:13"]),
    ("options = { lease-time = 5 }", &["1:13 option `lease-time` cannot be set: write `lease-time`"]),
    ("options = { 53 = \"0x01\" }", &["1:13 option `53` cannot be set: the server works it out"]),
    ("options = { domain-name = 1.5 }", &["1:27 `domain-name` cannot be `1.5`: write text, a whole number"]),
    ("[[option-definition]]\ncode = 3\nname = \"x\"\ntype = \"u8\"", &["2:8 `code` cannot be `3`: option 3 is `routers` (RFC 2132 §3.5)"]),
    ("[[option-definition]]\ncode = 224\nname = \"routers\"\ntype = \"u8\"", &["3:8 `name` cannot be `\"routers\"`: that is option 3"]),
    ("[[option-definition]]\ncode = 224\nname = \"x\"\ntype = \"u9\"", &["4:8 `type` cannot be `\"u9\"`: did you mean \"u8\"?"]),
    ("[[option-definition]]\ncode = 224\nname = \"x\"\ntype = \"u8\"\n[[option-definition]]\ncode = 224\nname = \"y\"\ntype = \"u8\"", &["6:8 option 224 is defined twice: the first definition is at tandem.toml:2:8"]),
    // Interfaces.
    ("[[interface]]\ndataplane = \"xpd\"", &["1:1 `name` is missing: add name = \"eth0\"", "2:13 `dataplane` cannot be `\"xpd\"`: did you mean \"xdp\"?"]),
    ("[[interface]]\nname = \"a/b\"", &["2:8 `name` cannot be `\"a/b\"`: an interface's name has"]),
    ("[[interface]]\nname = \"eth0\"\n[[interface]]\nname = \"eth0\"", &["4:8 interface `eth0` stands here twice: the first one is at tandem.toml:2:8"]),
    ("[[interface]]\nname = \"eth0\"\nworkers = 2", &["3:11 `workers` cannot be `2`: write \"auto\", or a list of cores"]),
    ("[[interface]]\nname = \"eth0\"\nworkers = [0, 0, 4096]", &["3:15 `workers` cannot be `0`: each core has one worker", "3:18 `workers` cannot be `4096`: write a whole number from 0 to 1023"]),
    ("[[interface]]\nname = \"eth0\"\naddresses = [\"0.0.0.0\"]", &["3:14 `addresses` cannot be `\"0.0.0.0\"`: write an IPv4 address of this server"]),
    // Subnets and pools.
    ("[[subnet4]]\npools = []", &["1:1 `subnet` is missing: add subnet = \"10.0.0.0/8\""]),
    ("[[subnet4]]\nsubnet = \"10.0.0.1/8\"", &["2:10 `subnet` cannot be `\"10.0.0.1/8\"`: did you mean \"10.0.0.0/8\"?"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0\"", &["2:10 `subnet` cannot be `\"10.0.0.0\"`: a prefix is like"]),
    ("[[subnet4]]\nsubnet = \"127.0.1.0/24\"", &["2:10 `subnet` cannot be `\"127.0.1.0/24\"`: hosts have no addresses in 127.0.0.0/8 (RFC 6890)"]),
    ("[[subnet4]]\nsubnet = \"0.0.0.0/0\"", &["2:10 `subnet` cannot be `\"0.0.0.0/0\"`: hosts have no addresses in 0.0.0.0/8"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/8\"\n[[subnet4]]\nsubnet = \"10.1.0.0/16\"", &["4:10 subnet 10.1.0.0/16 overlaps 10.0.0.0/8: subnets lie apart; the other is at tandem.toml:2:10"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [\"10.0.0.10-10.0.1.20\"]", &["3:10 pool 10.0.0.10-10.0.1.20 is not inside its subnet 10.0.0.0/24: 10.0.0.0/24 is 10.0.0.0-10.0.0.255"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [\"10.0.0.1-10.0.0.255\"]", &["3:10 pool 10.0.0.1-10.0.0.255 holds 10.0.0.255, the broadcast address of 10.0.0.0/24: hosts have 10.0.0.1-10.0.0.254"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [\"10.0.0.0/24\"]", &["3:10 pool 10.0.0.0-10.0.0.255 holds 10.0.0.0, the network address of 10.0.0.0/24"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/31\"\npools = [\"10.0.0.0/31\"]", &[]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [\"10.0.0.1-10.0.0.99\", \"10.0.0.20-10.0.0.30\", \"10.0.0.50\"]", &["3:32 pool 10.0.0.20-10.0.0.30 overlaps pool 10.0.0.1-10.0.0.99: pools lie apart; the other is at tandem.toml:3:10", "3:55 pool 10.0.0.50-10.0.0.50 overlaps pool 10.0.0.1-10.0.0.99"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = \"10.0.0.1-10.0.0.99\"", &["3:9 `pools` cannot be `\"10.0.0.1-10.0.0.99\"`: write a list such as"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [\"10.0.0.9-10.0.0.1\", 7, {}]", &["3:10 `pools` cannot be `\"10.0.0.9-10.0.0.1\"`: a range is like", "3:31 `pools` cannot be `7`: a range is like", "3:34 `range` is missing: add range"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [{ range = \"10.0.0.1\", alow = [\"x\"] }]", &["3:32 unknown key `alow`: did you mean `allow`?"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\nshared-network = \"metro\"", &["3:18 `shared-network` cannot be `\"metro\"`: there is no such network: add a [[shared-network]]"]),
    ("[[shared-network]]\nname = \"metro\"\n[[subnet4]]\nsubnet = \"10.0.0.0/24\"\nshared-network = \"mtero\"", &["5:18 `shared-network` cannot be `\"mtero\"`: there is no such network; did you mean \"metro\"?"]),
    ("[[shared-network]]\nname = \"metro\"", &["2:8 shared network `metro` has no subnet: add shared-network = \"metro\""]),
    ("[[shared-network]]\nname = \"a\"\n[[shared-network]]\nname = \"a\"", &["4:8 shared network `a` stands here twice: the first one is at tandem.toml:2:8"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\nrelays = [\"192.0.2.1\"]\n[[subnet4]]\nsubnet = \"10.0.1.0/24\"\nrelays = [\"192.0.2.1/32\", \"192.0.2.0/24\"]", &["6:11 relay `192.0.2.1/32` leads to two networks: it can lead to one; the other is at tandem.toml:3:11"]),
    ("[[interface]]\nname = \"eth0\"\n[[subnet4]]\nsubnet = \"10.0.0.0/24\"\ninterfaces = [\"eth1\"]", &["5:15 interface `eth1` is not served: did you mean `eth0`?"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/24\"\ninterfaces = [\"eth0\"]\n[[subnet4]]\nsubnet = \"10.0.1.0/24\"\ninterfaces = [\"eth0\"]", &["6:15 interface `eth0` leads to two networks: it can lead to one; the other is at tandem.toml:3:15"]),
    // Classes.
    ("[[class]]\nname = \"a\"", &["1:1 `match` is missing: add match"]),
    ("[[class]]\nname = \"a\"\nmatch = {}", &["3:9 `match` cannot be a table: it needs a test"]),
    ("[[class]]\nname = \"a\"\nmatch = []", &["3:9 `match` cannot be a list: a class without a test has no clients"]),
    ("[[class]]\nname = \"a\"\nmatch = { circuit-id = \"0x123\" }", &["3:24 `circuit-id` cannot be `\"0x123\"`: write text, hex octets"]),
    ("[[class]]\nname = \"a\"\nmatch = { circuit-id = { begin = \"x\" } }", &["3:24 `circuit-id` cannot be a table: write one of is, begins", "3:26 unknown key `begin`: did you mean `begins`?"]),
    ("[[class]]\nname = \"a\"\nmatch = { hw-prefix = \"0:0:5e\" }", &["3:23 `hw-prefix` cannot be `\"0:0:5e\"`: write the first octets"]),
    ("[[class]]\nname = \"a\"\nmatch = { relay = \"10.0.0.1\" }", &["3:19 `relay` cannot be `\"10.0.0.1\"`: a prefix is like"]),
    ("[[class]]\nname = \"a\"\nmatch = { remote-id = \"x\" }\n[[class]]\nname = \"a\"\nmatch = { remote-id = \"y\" }", &["5:8 class `a` stands here twice: the first one is at tandem.toml:2:8"]),
    ("[[class]]\nname = \"modems\"\nmatch = { remote-id = \"x\" }\n[[subnet4]]\nsubnet = \"10.0.0.0/24\"\npools = [{ range = \"10.0.0.1\", allow = [\"modem\"], deny = [] }]", &["6:41 `allow` cannot be `\"modem\"`: there is no such class; did you mean \"modems\"?", "6:58 `deny` cannot be a list: name a class"]),
    // Reservations.
    ("[[reservation4]]\naddress = \"10.0.0.1\"", &["1:1 a reservation without a client: give one of hw-address"]),
    ("[[reservation4]]\nhw-address = \"00:00:5e:00:53:01\"\nremote-id = \"x\"", &["3:1 a reservation with two clients: give one of hw-address"]),
    ("[[reservation4]]\nhw-address = \"00:00:5e:00:53\"", &["2:14 `hw-address` cannot be `\"00:00:5e:00:53\"`: a hardware address is like"]),
    ("[[reservation4]]\nremote-id = \"x\"\naddress = \"10.0.0\"\nhost-name = \"a b\"", &["3:11 `address` cannot be `\"10.0.0\"`: write an IPv4 address", "4:13 `host-name` cannot be `\"a b\"`: a host name has"]),
    ("[[reservation4]]\nremote-id = \"x\"\naddress = \"192.0.2.1\"", &["2:13 reserved address 192.0.2.1 is in no subnet: add its [[subnet4]]"]),
    ("[[subnet4]]\nsubnet = \"10.0.0.0/33\"\n[[reservation4]]\nremote-id = \"x\"\naddress = \"10.0.0.9\"", &["2:10 `subnet` cannot be `\"10.0.0.0/33\"`: a prefix is like"]),
    ("[[reservation4]]\nremote-id = \"x\"\naddress = \"10.0.0.0\"", &["2:13 reserved address 10.0.0.0 is the network address of 10.0.0.0/8"]),
    ("[[reservation4]]\nremote-id = \"x\"\n[[reservation4]]\nremote-id = \"x\"", &["4:13 two reservations for one client on one network: the other is at tandem.toml:2:13"]),
    // The rest.
    ("[[limit]]\nper = \"class\"\nleases = 0", &["1:1 `name` is missing", "1:1 a limit per class does not say which class: add class", "3:10 `leases` cannot be `0`: write a whole number from 1 to 4294967295"]),
    ("[[limit]]\nname = \"a\"\nper = \"port\"\nleases = 1\nclass = \"b\"", &["3:7 `per` cannot be `\"port\"`: write \"circuit-id\" or", "5:9 `class` cannot be `\"b\"`: there is no such class: add"]),
    ("[guard]\nclient-burst = 5", &["2:1 `client-burst` without `client-rate` has no effect"]),
    ("[guard]\nrelay-rate = 5\nrelay-burst = 0", &["3:15 `relay-burst` cannot be `0`: a bucket that holds nothing"]),
    ("[journal]\nsegment-len = \"64MB\"", &["2:15 `segment-len` cannot be `\"64MB\"`: a size is like \"64MiB\", from 1MiB to 4096MiB"]),
    ("[journal]\nsegment-len = 1048577", &["2:15 `segment-len` cannot be `1048577`: a segment is a multiple of 4KiB long"]),
    ("[journal]\nsegment-len = \"64MiB\"\nsnapshot-after = \"32MiB\"", &["3:18 `snapshot-after` cannot be `\"32MiB\"`: it is at least one segment"]),
    ("[metrics]\nlisten = \"127.0.0.1:9167\"\npath = \"/\"", &["3:1 unknown key `path`: known here: listen"]),
    ("[metrics]\nlisten = \"127.0.0.1\"", &["2:10 `listen` cannot be `\"127.0.0.1\"`: write an address and a port"]),
    ("[leniency]\nswapped-sec = true", &["2:1 unknown key `swapped-sec`: did you mean `swapped-secs`?"]),
];

#[test]
fn each_mistake_is_told_with_its_place_its_value_and_what_would_be_right() {
    check_table(TABLE, |snippet| {
        let subnet = "[[subnet4]]\nsubnet = \"10.0.0.0/8\"\n";
        let has_one = snippet.contains("[subnet4]]") || snippet.contains("[subnet4]");
        parse(&if has_one { snippet.to_owned() } else { format!("{snippet}\n{subnet}") })
    });
}

#[test]
fn nothing_at_all_lacks_a_subnet() {
    assert_eq!(
        told(parse("")),
        [
            "tandem.toml: the configuration has no subnet: add a [[subnet4]] or [[subnet6]] with subnet = \"…\" and pools = [\"…\"]"
        ]
    );
}

#[test]
fn mistakes_of_all_kinds_are_told_in_one_go_and_in_order() {
    let text = r#"
stat-dir = "/var/lib/tandem"
lease-time = "1y"

[[interface]]
name = "eth9"
worker = "auto"

[[subnet4]]
subnet = "10.0.0.0/24"
pools = ["10.0.0.10-10.0.0.99", "10.0.0.90-10.0.0.120", "10.0.7.1-10.0.7.9"]
options = { routers = "gateway" }

[[subnet6]]
subnet = "2001:db8::/129"
"#;
    let present = [HostInterface {
        name: "eth0".into(),
        networks: vec![Prefix { address: [10, 0, 0, 0].into(), len: 24 }],
        networks6: Vec::new(),
    }];
    let around = Surroundings {
        read: &|_| unreachable!(),
        is_private: &|_| unreachable!(),
        interfaces: Some(&present),
    };
    let mistakes = Config::check(text, Path::new("tandem.toml"), around).unwrap_err();
    let places: Vec<_> =
        mistakes.iter().filter_map(|mistake| mistake.place).map(|p| (p.line, p.column)).collect();
    assert_eq!(
        places,
        [(2, 1), (3, 14), (6, 8), (7, 1), (11, 33), (11, 57), (12, 23), (15, 10)],
        "{mistakes}"
    );
    assert_eq!(mistakes.len(), 8);
    let shown = mistakes.to_string();
    assert!(shown.contains("there is no interface `eth9` on this host"), "{shown}");
    assert!(shown.contains("did you mean `eth0`?"), "{shown}");
    assert!(shown.ends_with("8 mistakes in the configuration"), "{shown}");
}

#[test]
fn a_mistake_in_syntax_hides_no_mistake_in_meaning() {
    let text = "lease-time = \"1y\"\nbootp = \n[[subnet4]]\nsubnet = \"10.0.0.0/8\"\n";
    let told = told(parse(text));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("1:14 `lease-time`"), "{told:#?}");
    assert!(told[1].starts_with("2:9 this is not TOML"), "{told:#?}");
}
