//! Wrong relationships and what is said of them.

use std::io;
use std::path::Path;

use super::{check_table, told};
use crate::config::model::Protocol;
use crate::config::{Config, Mistakes, Surroundings};
use crate::wire::Seconds;

/// What stands around the keys of the table: line 1 to 6, and the keys in question from line 7 on.
const AROUND: &str = "[[failover]]\nname = \"a\"\nrole = \"primary\"\nlocal = \"192.0.2.1\"\n\
    peer = \"192.0.2.2\"\nsubnets = [\"10.0.0.0/8\"]\n";

/// And behind them.
const SUBNETS: &str = "\n[[subnet4]]\nsubnet = \"10.0.0.0/8\"\npools = [\"10.0.0.1-10.0.0.9\"]\n\
    [[subnet4]]\nsubnet = \"11.0.0.0/8\"\npools = [\"11.0.0.1-11.0.0.9\"]\n\
    [[subnet4]]\nsubnet = \"12.0.0.0/8\"\n";

/// Keys beside those of [`AROUND`], or what is put in the place of one of them, and all that is said.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str])] = &[
    ("", &[]),
    ("mclt = \"2d\"", &["7:8 `mclt` cannot be `\"2d\"`: it is at least 1s and at most 86400s"]),
    ("mclt = 0", &["7:8 `mclt` cannot be `0`: it is at least 1s"]),
    ("receive-timer = 2", &["7:17 `receive-timer` cannot be `2`: it is at least 3s"]),
    ("max-unacked = 0", &["7:15 `max-unacked` cannot be `0`: write a whole number from 1 to 1000"]),
    ("split = 257", &["7:9 `split` cannot be `257`: write a whole number from 0 to 256"]),
    ("hash-buckets = \"ff\"", &["7:16 `hash-buckets` cannot be `\"ff\"`: write 64 hex digits"]),
    ("split = 1\nhash-buckets = \"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"", &["8:1 `split` and `hash-buckets` both say who serves whom: keep one; `split` is at /etc/tandem.toml:7:1"]),
    ("bucket-sense = \"isc\"", &["7:16 `bucket-sense` cannot be `\"isc\"`: write \"dhcpd\" or \"draft\""]),
    ("load-balance-max-secs = 65536", &["7:25 `load-balance-max-secs` cannot be `65536`"]),
    ("safe-period = 0", &["7:15 `safe-period` cannot be `0`: it must be at least one second"]),
    ("max-lease-misbalance = 0", &["7:24 `max-lease-misbalance` cannot be `0`: write a whole number from 1 to 100"]),
    ("min-balance = \"2h\"", &["7:15 `min-balance` of 7200s is longer than `max-balance` of 3600s"]),
    ("max-balance = \"10s\"", &["7:15 `min-balance` of 60s is longer than `max-balance` of 10s"]),
    ("max-response-delay = 30", &["7:1 unknown key `max-response-delay`: write `receive-timer`"]),
    ("address = \"192.0.2.1\"", &["7:1 unknown key `address`: write `local` for this server's address, and `peer` for the partner's"]),
    ("port = 647\nprimary = true", &["7:1 unknown key `port`: write the port in `local`, behind a colon", "8:1 unknown key `primary`: write role = \"primary\""]),
    ("role=primry", &["3:8 `role` cannot be `\"primry\"`: did you mean \"primary\"?"]),
    ("role=secondary\nsplit = 128", &["7:1 `split` is the primary's to say: take it out: the primary tells us"]),
    ("role=secondary\nmclt = \"2h\"", &[]),
    ("local=0.0.0.0", &["4:9 `local` cannot be `\"0.0.0.0\"`: write an address, with its port"]),
    ("local=tandem-a", &["4:9 `local` cannot be `\"tandem-a\"`: write an address, with its port"]),
    ("peer=192.0.2.2:0", &["5:8 `peer` cannot be `\"192.0.2.2:0\"`: write an address"]),
    ("peer=192.0.2.1:700", &["5:8 `peer` is 192.0.2.1, like `local`: a partner is another host; `local` is at /etc/tandem.toml:4:9"]),
    ("peer=2001:db8::1", &["5:8 `local` and `peer` are of two address families: one connection has one; `local` is at /etc/tandem.toml:4:9"]),
    ("subnets=10.0.0.0/9", &["6:12 `subnets` cannot be `\"10.0.0.0/9\"`: there is no such [[subnet4]]; did you mean \"10.0.0.0/8\"?"]),
    ("subnets=192.168.0.0/16", &["6:12 `subnets` cannot be `\"192.168.0.0/16\"`: there is no such [[subnet4]]: whole subnets are shared"]),
    ("subnets=12.0.0.0/8", &["6:11 the subnets of this relationship have no pool: add `pools` to one of them"]),
    ("subnets=10.0.0.0/8\", \"10.0.0.0/8", &["6:26 subnet 10.0.0.0/8 is in two relationships, or twice in one: the other is at /etc/tandem.toml:6:12"]),
    ("secret = \"short\"", &["7:10 `secret` cannot be `\"short\"`: a secret has at least 8 octets"]),
    ("secret = \"correct horse\"\nsecret-file = \"good\"", &["8:1 `secret` and `secret-file` both give the secret: keep one; `secret` is at /etc/tandem.toml:7:1"]),
    ("secret-file = \"absent\"", &["7:15 `/etc/absent` cannot be read: entity not found: relative paths begin at"]),
    ("secret-file = \"open\"", &["7:15 `/etc/open` can be read or written by everybody: chmod o-rw it"]),
    ("secret-file = \"good\"", &[]),
    ("tls = { certificate = \"good\", key = \"open\" }", &["7:7 `authority` is missing: add authority = \"ca.pem\"", "7:37 `/etc/open` can be read or written by everybody"]),
    ("tls = { certificate = \"good\", key = \"good\", authority = \"absent\" }", &["7:57 `/etc/absent` cannot be read"]),
    ("tls = { certificate = \"open\", key = \"good\", authority = \"open\" }", &[]),
    ("[[failover]]\nname = \"b\"", &["7:1 `role` is missing", "7:1 `local` is missing", "7:1 `peer` is missing", "7:1 `subnets` is missing: add subnets = [\"10.0.0.0/8\"]"]),
    ("[[failover]]\nname = \"a\"\nrole = \"secondary\"\nlocal = \"192.0.2.1:700\"\npeer = \"192.0.2.2:700\"\nsubnets = [\"11.0.0.0/8\", \"10.0.0.0/8\"]", &[
        "8:8 relationship `a` stands here twice: the other is at /etc/tandem.toml:2:8",
        "11:8 two relationships with the partner at 192.0.2.2: the other is at /etc/tandem.toml:5:8",
        "12:26 subnet 10.0.0.0/8 is in two relationships, or twice in one: the other is at /etc/tandem.toml:6:12",
    ]),
];

/// A relationship of DHCPv6: line 1 to 6, and the keys in question from line 7 on.
const AROUND_V6: &str = "[[failover]]\nname = \"a\"\nrole = \"primary\"\n\
    local = \"2001:db8::1\"\npeer = \"2001:db8::2\"\nsubnets = [\"2001:db8:1::/64\"]\n";

const SUBNETS_V6: &str = "\n[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\n\
    prefix-pools = [{ prefix = \"2001:db8:8000::/33\", delegate = 56 }]\n\
    [[subnet6]]\nsubnet = \"2001:db8:2::/64\"\n\
    [[subnet4]]\nsubnet = \"10.0.0.0/8\"\npools = [\"10.0.0.1\"]\n";

/// As [`TABLE`].
#[rustfmt::skip]
const TABLE_V6: &[(&str, &[&str])] = &[
    ("insecure = true", &[]),
    ("tls = { certificate = \"good\", key = \"good\", authority = \"good\" }", &[]),
    ("", &["1:1 a relationship of DHCPv6 without `tls`: add `tls`, or insecure = true"]),
    ("insecure = false", &["1:1 a relationship of DHCPv6 without `tls`"]),
    ("insecure = true\ntls = { certificate = \"good\", key = \"good\", authority = \"good\" }", &["7:1 `insecure` goes without TLS, and there is `tls`: keep one; `tls` is at /etc/tandem.toml:8:1"]),
    ("tls = { certificate = \"good\", key = \"good\", authority = \"good\", require = false }", &["7:65 `require` cannot stand here: this is for DHCPv6"]),
    ("insecure = true\nsplit = 128\nhash-buckets = \"ff\"\nload-balance-max-secs = 3\nbucket-sense = \"dhcpd\"", &["8:1 `split` cannot stand here: this is for DHCPv6", "9:1 `hash-buckets` cannot stand here", "10:1 `load-balance-max-secs` cannot stand here", "11:1 `bucket-sense` cannot stand here"]),
    ("insecure = true\nreceive-timer = 20", &["8:1 `receive-timer` cannot stand here: this is for DHCPv6"]),
    ("insecure = true\nsecret = \"correct horse\"", &["8:1 `secret` cannot stand here: DHCPv6 failover is protected by `tls` alone (RFC 8156"]),
    ("insecure = true\nkeepalive = 3", &["8:13 `keepalive` cannot be `3`: it is at least 4s"]),
    ("insecure = true\nmclt = 59", &["8:8 `mclt` cannot be `59`: it is at least 60s"]),
    ("insecure = true\nshare = 100", &["8:9 `share` cannot be `100`: write a whole number from 1 to 99"]),
    ("local=192.0.2.1\ninsecure = true", &["4:9 DHCPv6 failover cannot use 192.0.2.1: write an IPv6 address"]),
    ("subnets=2001:db8:2::/64\ninsecure = true", &["6:11 the subnets of this relationship have no pool"]),
    ("subnets=2001:db8:1::/48\ninsecure = true", &["6:12 `subnets` cannot be `\"2001:db8:1::/48\"`: there is no such [[subnet6]]; did you mean \"2001:db8:1::/64\"?"]),
    ("subnets=2001:db8:1::/64\", \"10.0.0.0/8\ninsecure = true", &["6:31 subnets of DHCPv4 and of DHCPv6 in one relationship: make a [[failover]] for each, with names of their own; the other is at /etc/tandem.toml:6:12"]),
    // One partner, and two relationships told apart by their names.
    ("insecure = true\n[[failover]]\nname = \"b\"\nrole = \"secondary\"\nlocal = \"2001:db8::1\"\npeer = \"2001:db8::2\"\nsubnets = [\"2001:db8:2::/64\", \"2001:db8:1::/64\"]\ninsecure = true", &["13:31 subnet 2001:db8:1::/64 is in two relationships, or twice in one"]),
    ("role=secondary\ninsecure = true\n[[failover]]\nname = \"b\"\nrole = \"secondary\"\ninsecure = true\nlocal = \"2001:db8::1\"\npeer = \"2001:db8::2\"\nsubnets = [\"2001:db8:2::/64\"]", &[
        "13:8 a second relationship of DHCPv6 in which 2001:db8::2 is the primary, at one `local`: give it one of its own: the other is at /etc/tandem.toml:5:8",
    ]),
    ("role=secondary\ninsecure = true\n[[failover]]\nname = \"b\"\nrole = \"secondary\"\ninsecure = true\nlocal = \"2001:db8::3\"\npeer = \"2001:db8::2\"\nsubnets = [\"2001:db8:2::/64\"]", &["14:11 the subnets of this relationship have no pool"]),
    ("insecure = true\n[[failover]]\nname = \"b\"\nrole = \"secondary\"\ninsecure = true\nlocal = \"2001:db8::1\"\npeer = \"2001:db8::2\"\nsubnets = [\"2001:db8:2::/64\"]", &["14:11 the subnets of this relationship have no pool"]),
];

/// The text around, with lines `key=value` put in its place and others behind it.
fn text(around: &str, change: &str, subnets: &str) -> String {
    let mut text = around.to_owned();
    for line in change.lines() {
        let replaced = line.split_once('=').filter(|(key, _)| !key.ends_with(' '));
        match replaced {
            Some((key, value)) => {
                let from = text.find(&format!("\n{key} =")).unwrap() + 1;
                let to = from + text[from..].find('\n').unwrap();
                let quoted = format!("\"{value}\"");
                let value = if key == "subnets" { format!("[{quoted}]") } else { quoted };
                text.replace_range(from..to, &format!("{key} = {value}"));
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text + subnets
}

fn check(text: &str) -> Result<Config, Mistakes> {
    let around = Surroundings {
        read: &|path| match path.to_str() {
            Some("/etc/good" | "/etc/open") => Ok("correct horse\n".into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
        is_private: &|path| path.ends_with("good"),
        interfaces: None,
    };
    Config::check(text, Path::new("/etc/tandem.toml"), around)
}

#[test]
fn each_mistake_in_a_relationship_is_told_with_its_place() {
    check_table(TABLE, |change| check(&text(AROUND, change, SUBNETS)));
    check_table(TABLE_V6, |change| check(&text(AROUND_V6, change, SUBNETS_V6)));
}

#[test]
fn a_subnet_that_could_not_be_read_is_not_missing() {
    let text =
        text(AROUND, "", SUBNETS).replace("subnet = \"10.0.0.0/8\"", "subnet = \"10.0.0.0/33\"");
    let told = told(check(&text));
    assert_eq!(told.len(), 1, "{told:#?}");
}

/// RFC 8156 §1: what a client gets must last until it can be renewed.
#[test]
fn leases_of_a_pair_are_not_too_short_wherever_their_time_is_said() {
    let text = text(AROUND_V6, "insecure = true", SUBNETS_V6);
    assert!(told(check(&text)).is_empty());
    let told = told(check(&format!("lease-time = 59\n{text}")));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].starts_with("1:14 leases of 59s are too short for a pair of servers"),
        "{told:#?}"
    );
}

#[test]
fn a_relationship_of_ipv6_marks_its_subnets() {
    let config = check(&text(AROUND_V6, "insecure = true\nkeepalive = 40", SUBNETS_V6)).unwrap();
    let relationship = &config.failover[0];
    assert_eq!(relationship.terms.protocol, Protocol::Dhcpv6);
    assert_eq!((relationship.terms.receive_timer, relationship.terms.share), (Seconds(40), 50));
    let of = |network: usize| config.networks6[network].subnets[0].failover;
    assert_eq!((of(0), of(1)), (Some(0), None));
}
