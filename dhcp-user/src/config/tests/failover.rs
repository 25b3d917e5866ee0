//! Wrong relationships and what is said of them.

use std::io;
use std::path::Path;

use super::{check_table, told};
use crate::config::{Config, Mistakes, Surroundings};

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

/// The text around, with lines `key=value` put in its place and others behind it.
fn text(change: &str) -> String {
    let mut text = AROUND.to_owned();
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
    text + SUBNETS
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
    check_table(TABLE, |change| check(&text(change)));
}

#[test]
fn a_subnet_that_could_not_be_read_is_not_missing() {
    let text = text("").replace("subnet = \"10.0.0.0/8\"", "subnet = \"10.0.0.0/33\"");
    let told = told(check(&text));
    assert_eq!(told.len(), 1, "{told:#?}");
}
