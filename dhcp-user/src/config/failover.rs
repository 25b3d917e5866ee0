//! `[[failover]]`: relationships with partners.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use super::model::Protocol::{self, Dhcpv4, Dhcpv6};
use super::model::{Relationship, Role, Terms};
use super::notebook::{Notebook, Span, quote};
use super::protection::{self, Files};
use super::reader::{Placed, Section, Value};
use super::subnet::Networks;
use super::{octets, shared_subnet as shared, times};
use crate::wire::Seconds;

/// Registered for failover (draft-12 §8.2).
const PORT: u16 = 647;
/// Half of the 256 hashes for each (dhcpd `split 128`).
const SPLIT: u16 = 128;
/// The longest relationship-name, in octets: short enough for any message and any line of a log.
const LONGEST_NAME: usize = 255;

/// The subnets of both families, which relationships share with partners.
pub(super) struct Subnets<'n> {
    pub(super) v4: &'n mut Networks<Ipv4Addr>,
    pub(super) v6: &'n mut Networks<Ipv6Addr>,
}

/// Reads all relationships, and marks the subnets that they serve.
pub(super) fn read(
    sections: Vec<Section<'_>>,
    subnets: Subnets<'_>,
    files: Files<'_>,
) -> Vec<Relationship> {
    let mut all = Relationships {
        list: Vec::new(),
        names: HashMap::new(),
        peers: HashMap::new(),
        callers: HashMap::new(),
        subnets: shared::Places::of(subnets),
    };
    for section in sections {
        all.read(section, files);
    }
    all.list
}

/// What was read so far, and where it stands.
struct Relationships<'n> {
    list: Vec<Relationship>,
    names: HashMap<String, Span>,
    /// Partners of DHCPv4.
    peers: HashMap<IpAddr, Span>,
    /// Primaries of DHCPv6, and where they come to.
    callers: HashMap<(SocketAddr, IpAddr), Span>,
    subnets: shared::Places<'n>,
}

impl Relationships<'_> {
    fn read(&mut self, mut section: Section<'_>, files: Files<'_>) {
        let notes = files.notes;
        let whole = section.span;
        let name = section.require("name", "name = \"metro\", as the partner has it");
        let name = name.and_then(|value| Some(value.placed(relationship_name(value)?)));
        let role = section.require("role", "role = \"primary\" or \"secondary\"");
        let roles = [Role::Primary, Role::Secondary].map(|role| (role.name(), role));
        let role = role.and_then(|value| value.choice(&roles));
        let local = section.require("local", "local = \"192.0.2.1\", an address of this server");
        let local = local.and_then(|value| Some(value.placed(socket(value)?)));
        let peer = section.require("peer", "peer = \"192.0.2.2\", the partner's address");
        let peer = peer.and_then(|value| Some(value.placed(socket(value)?)));
        let subnets = section.require("subnets", "subnets = [\"10.0.0.0/8\"]");
        // What the subnets are of, the other keys are for.
        section.protocol = subnets.and_then(|value| shared::protocol(value, notes));
        let buckets = buckets(&mut section, role, notes);
        let secret = protection::of_relationship(&mut section, files);
        let tls = protection::tls_of(&mut section, files);
        let reconnect = time(&mut section, None, "reconnect", 1..=HOUR, RECONNECT);
        let mut terms = terms(&mut section, notes);
        section.finish();

        if let (Some(local), Some(peer)) = (local, peer) {
            check_addresses(local, peer, terms.protocol, notes);
        }
        if let Some(name) = name {
            once(&mut self.names, name.value.to_owned(), name.span, notes, || {
                format!("relationship {} stands here twice", quote(name.value))
            });
            terms.name = name.value.to_owned();
        }
        if let Some(peer) = peer {
            // RFC 8156 §6.2: there, the name tells relationships with one partner apart.
            if terms.protocol == Protocol::Dhcpv4 {
                once(&mut self.peers, peer.value.ip(), peer.span, notes, || {
                    format!("two relationships with the partner at {}", peer.value.ip())
                });
            }
        }
        // Both listen there, and which one a caller is of cannot be told before it is greeted.
        if let (Protocol::Dhcpv6, Some(Role::Secondary), Some(local), Some(peer)) =
            (terms.protocol, role, local, peer)
        {
            let key = (local.value, peer.value.ip());
            once(&mut self.callers, key, peer.span, notes, || {
                let primary = peer.value.ip();
                format!(
                    "a second relationship of DHCPv6 in which {primary} is the primary, at one \
                     `local`: give it one of its own"
                )
            });
        }
        if let Some(subnets) = subnets {
            let place = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
            self.subnets.assign(subnets, place, notes);
        }
        if self.list.len() >= usize::from(u16::MAX) {
            notes.mistake(whole, "too many relationships", "65535 is the most");
            return;
        }
        terms.role = role.unwrap_or(terms.role);
        terms.buckets = buckets;
        let unset = SocketAddr::from(([0, 0, 0, 0], PORT));
        self.list.push(Relationship {
            terms,
            local: local.map_or(unset, |local| local.value),
            peer: peer.map_or(unset, |peer| peer.value),
            reconnect,
            secret,
            tls,
        });
    }
}

/// Notes `message` if `key` was there before.
pub(super) fn once<K: Hash + Eq>(
    seen: &mut HashMap<K, Span>,
    key: K,
    span: Span,
    notes: &Notebook,
    message: impl FnOnce() -> String,
) {
    let first = *seen.entry(key).or_insert(span);
    if first != span {
        notes.clash(span, first, message(), "the other is at");
    }
}

/// The keys that are numbers and switches, over their defaults; the rest of what is given back is
/// filled in by the caller.
fn terms(section: &mut Section<'_>, notes: &Notebook) -> Terms {
    let protocol = section.protocol.unwrap_or(Dhcpv4);
    let default = Terms::of(protocol);
    // A lease that lasts the MCLT must last until it can be renewed (RFC 8156 §1).
    let least_mclt = if protocol == Dhcpv6 { 60 } else { 1 };
    let mclt = time(section, None, "mclt", least_mclt..=DAY, default.mclt);
    // dhcpd sends CONTACT without pause to whoever says less (spec §9.1).
    let receive_timer =
        time(section, Some(Dhcpv4), "receive-timer", 3..=HOUR, default.receive_timer);
    let keepalive = time(section, Some(Dhcpv6), "keepalive", 4..=HOUR, default.receive_timer);
    let startup = time(section, None, "startup", 1..=HOUR, default.startup);
    let (min_balance, least_at) =
        placed_time(section, None, "min-balance", 1..=DAY, default.min_balance);
    let (max_balance, most_at) =
        placed_time(section, None, "max-balance", 1..=DAY, default.max_balance);
    if let Some(span) = least_at.or(most_at)
        && min_balance > max_balance
    {
        let message =
            format!("`min-balance` of {min_balance} is longer than `max-balance` of {max_balance}");
        notes.mistake(span, message, "the earliest look at the balance is not after the latest");
    }
    let safe_period = section.take("safe-period").and_then(times::some_time);
    let max_unacked = section.take("max-unacked").and_then(|value| value.integer(1..=1_000));
    let mut percent = |key, default| {
        section.take(key).and_then(|value| value.integer(1..=100)).unwrap_or(default)
    };
    let max_misbalance = percent("max-lease-misbalance", default.max_misbalance);
    let max_ownership = percent("max-lease-ownership", default.max_ownership);
    let share = section.take_of(Dhcpv6, "share").and_then(|value| value.integer(1..=99));
    let max_secs = section.take_of(Dhcpv4, "load-balance-max-secs");
    let max_secs = max_secs.and_then(|value| value.integer(0..=u16::MAX)).or(default.max_secs);
    let sense = section.take_of(Dhcpv4, "bucket-sense");
    let sense = sense.and_then(|value| value.choice(&[("dhcpd", true), ("draft", false)]));
    let starts_alone = section.take("start-alone").and_then(Value::flag);
    Terms {
        mclt,
        receive_timer: if protocol == Dhcpv6 { keepalive } else { receive_timer },
        max_unacked: max_unacked.unwrap_or(default.max_unacked),
        dhcpd_buckets: sense.unwrap_or(default.dhcpd_buckets),
        max_secs: max_secs.filter(|secs| *secs > 0),
        safe_period: safe_period.filter(|period| *period != Seconds::INFINITE),
        startup,
        share: share.unwrap_or(default.share),
        max_misbalance,
        max_ownership,
        min_balance,
        max_balance,
        starts_alone: starts_alone.unwrap_or(default.starts_alone),
        ..default
    }
}

fn time(
    section: &mut Section<'_>,
    of: Option<Protocol>,
    key: &'static str,
    range: RangeInclusive<u32>,
    default: Seconds,
) -> Seconds {
    placed_time(section, of, key, range, default).0
}

/// A length of time, and where it stands if the file says it.
fn placed_time(
    section: &mut Section<'_>,
    of: Option<Protocol>,
    key: &'static str,
    range: RangeInclusive<u32>,
    default: Seconds,
) -> (Seconds, Option<Span>) {
    let value = match of {
        Some(protocol) => section.take_of(protocol, key),
        None => section.take(key),
    };
    let (least, most) = (Seconds(*range.start()), Seconds(*range.end()));
    let time = value.and_then(|value| bounded(value, least, most));
    (time.unwrap_or(default), value.map(|value| value.span))
}

/// How long after a lost connection the next is tried, as dhcpd.
const RECONNECT: Seconds = Seconds(5);
const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;

fn bounded(value: Value<'_>, least: Seconds, most: Seconds) -> Option<Seconds> {
    let time = value.duration()?;
    if (least..=most).contains(&time) {
        return Some(time);
    }
    value.wrong(format!("it is at least {least} and at most {most}"))
}

fn relationship_name<'a>(value: Value<'a>) -> Option<&'a str> {
    let name = value.name()?;
    if name.len() > LONGEST_NAME {
        return value.wrong(format!("it has at most {LONGEST_NAME} octets"));
    }
    Some(name)
}

fn socket(value: Value<'_>) -> Option<SocketAddr> {
    let read = |text: &str| {
        let socket = match text.parse() {
            Ok(address) => SocketAddr::new(address, PORT),
            Err(_) => text.parse().ok()?,
        };
        let address = socket.ip();
        let suits = !address.is_unspecified() && !address.is_multicast() && socket.port() != 0;
        suits.then_some(socket)
    };
    let expected = "write an address, with its port if that is not 647: \"192.0.2.1\" or \
                    \"192.0.2.1:6470\"";
    value.parsed(expected, read)
}

fn check_addresses(
    local: Placed<SocketAddr>,
    peer: Placed<SocketAddr>,
    protocol: Protocol,
    notes: &Notebook,
) {
    if protocol == Dhcpv6
        && let Some(wrong) = [local, peer].into_iter().find(|address| address.value.is_ipv4())
    {
        let message = format!("DHCPv6 failover cannot use {}", wrong.value.ip());
        notes.mistake(wrong.span, message, "write an IPv6 address (RFC 8156 §6.2)");
        return;
    }
    if local.value.is_ipv4() != peer.value.is_ipv4() {
        let message = "`local` and `peer` are of two address families";
        notes.clash(peer.span, local.span, message, "one connection has one; `local` is at");
    } else if local.value.ip() == peer.value.ip() {
        let message = format!("`peer` is {}, like `local`", peer.value.ip());
        notes.clash(peer.span, local.span, message, "a partner is another host; `local` is at");
    }
}

/// Who serves which hash: `split` or `hash-buckets`.
fn buckets(section: &mut Section<'_>, role: Option<Role>, notes: &Notebook) -> [u64; 4] {
    let split = section.take_of(Dhcpv4, "split");
    let hashes = section.take_of(Dhcpv4, "hash-buckets");
    if role == Some(Role::Secondary) {
        // As dhcpd's parser has it: two servers that disagree would leave clients to nobody.
        for value in [split, hashes].into_iter().flatten() {
            let message = format!("`{}` is the primary's to say", value.key);
            notes.mistake(value.key_span, message, "take it out: the primary tells us");
        }
    } else if let (Some(split), Some(hashes)) = (split, hashes) {
        let message = "`split` and `hash-buckets` both say who serves whom";
        notes.clash(hashes.key_span, split.key_span, message, "keep one; `split` is at");
    }
    let of_hashes = hashes.and_then(|value| {
        let expected = "write 64 hex digits: octet i, bit b (the lowest is 0) is set if the \
                        primary serves hash 8 i + b";
        value.parsed(expected, |text| parse_buckets(&text.replace(':', "")))
    });
    let split = split.and_then(|value| value.integer(0..=256_u16)).unwrap_or(SPLIT);
    of_hashes.unwrap_or_else(|| first_buckets(split))
}

fn parse_buckets(digits: &str) -> Option<[u64; 4]> {
    let octets: [u8; 32] = octets::parse_hex(digits)?.try_into().ok()?;
    let mut words = [0; 4];
    for (word, octets) in words.iter_mut().zip(octets.chunks_exact(8)) {
        *word = octets.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet));
    }
    Some(words)
}

/// The lowest `count` of the 256 hashes.
fn first_buckets(count: u16) -> [u64; 4] {
    std::array::from_fn(|word| {
        let in_word = usize::from(count).saturating_sub(word * 64).min(64);
        (0..in_word).fold(0, |bits, bit| bits | 1 << bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_gives_the_lowest_hashes_to_the_primary() {
        assert_eq!(first_buckets(0), [0; 4]);
        assert_eq!(first_buckets(1), [1, 0, 0, 0]);
        assert_eq!(first_buckets(128), [u64::MAX, u64::MAX, 0, 0]);
        assert_eq!(first_buckets(130), [u64::MAX, u64::MAX, 3, 0]);
        assert_eq!(first_buckets(256), [u64::MAX; 4]);
    }

    #[test]
    fn hash_buckets_are_read_as_dhcpd_reads_its_hba() {
        let half = format!("{}{}", "ff".repeat(16), "00".repeat(16));
        assert_eq!(parse_buckets(&half), Some(first_buckets(128)));
        assert_eq!(
            parse_buckets(&format!("0102{}80", "00".repeat(29))),
            Some([0x201, 0, 0, 1 << 63])
        );
        for wrong in ["ff", &half[1..], &format!("{half}00"), &half.replace('f', "g")] {
            assert_eq!(parse_buckets(wrong), None, "{wrong}");
        }
    }
}
