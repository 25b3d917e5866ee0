//! What may be said at every level from the document down to one reservation.

use std::collections::BTreeMap;

use super::model::Protocol::{Dhcpv4, Dhcpv6};
use super::model::{Parameters, Probe, Scope};
use super::notebook::Notebook;
use super::option::Definitions;
use super::reader::{Section, Value};
use super::times::{Times, some_time};
use crate::wire::Seconds;

/// Reads options and parameters off a section, those of its protocol if it is for one; `wider` are
/// the times of the level around it. Gives back the times that hold here, for the levels within.
pub(super) fn read(
    section: &mut Section<'_>,
    wider: &Times,
    definitions: &Definitions,
    notes: &Notebook,
) -> (Scope, Times) {
    let mut parameters = Parameters::default();
    let times = Times::read(section, wider, &mut parameters, notes);
    parameters.reuse_permille = section.take("reuse-permille").and_then(|v| v.integer(0..=900));
    parameters.decline_time = section.take("decline-time").and_then(some_time);
    parameters.offer_time = section.take("offer-time").and_then(offer_time);
    parameters.rapid_commit = section.take("rapid-commit").and_then(Value::flag);
    read_v4(section, &mut parameters);
    let preference = section.take_of(Dhcpv6, "preference");
    parameters.preference = preference.and_then(|value| value.integer(0..=u8::MAX));
    let (options, options6) = options(section, definitions, notes);
    (Scope { options, options6, parameters }, times)
}

fn read_v4(section: &mut Section<'_>, parameters: &mut Parameters) {
    let mut take = |key| section.take_of(Dhcpv4, key);
    parameters.min_secs = take("min-secs").and_then(|v| v.integer(0..=3600));
    parameters.authoritative = take("authoritative").and_then(Value::flag);
    parameters.bootp = take("bootp").and_then(Value::flag);
    parameters.probe = take("probe").and_then(probe);
    parameters.next_server = take("next-server")
        .and_then(|v| v.parsed("write an IPv4 address", |text| text.parse().ok()));
    parameters.server_name = take("server-name").and_then(|v| header_text(v, SNAME_LEN));
    parameters.boot_file = take("boot-file").and_then(|v| header_text(v, FILE_LEN));
}

type Options<Code> = BTreeMap<Code, Vec<u8>>;

/// The options of both protocols. In a section that is for one of them `options` are that one's;
/// where both may be meant, `options6` are DHCPv6's.
fn options(
    section: &mut Section<'_>,
    definitions: &Definitions,
    notes: &Notebook,
) -> (Options<u8>, Options<u16>) {
    let options = section.take("options");
    let options6 = match section.protocol {
        None => section.take("options6"),
        Some(protocol) => {
            section.refuse("options6", &format!("this is for {protocol}: write `options`"));
            None
        }
    };
    let (options, options6) = match section.protocol {
        Some(Dhcpv6) => (None, options),
        _ => (options, options6),
    };
    let options = options.map(|value| definitions.v4.options(value, notes));
    let options6 = options6.map(|value| definitions.v6.options(value, notes));
    (options.unwrap_or_default(), options6.unwrap_or_default())
}

/// Octets of sname and file; the last one is a zero (RFC 2131 §2).
const SNAME_LEN: usize = 64;
const FILE_LEN: usize = 128;

fn header_text(value: Value<'_>, field_len: usize) -> Option<String> {
    let text = value.name()?;
    if text.len() >= field_len {
        return value.wrong(format!("it has at most {} octets (RFC 2131 §2)", field_len - 1));
    }
    Some(text.to_owned())
}

/// An offer that is kept forever would take an address from everybody for one DISCOVER.
fn offer_time(value: Value<'_>) -> Option<Seconds> {
    let time = some_time(value)?;
    if time > Seconds(3_600) {
        return value.wrong("an offer is kept for at most an hour");
    }
    Some(time)
}

/// How long an answer is waited for where the file does not say, in milliseconds.
const ICMP_WAIT_MS: u32 = 500;
const ARP_WAIT_MS: u32 = 200;

/// `"icmp"`, or `{ method = "icmp", wait-ms = 500 }`.
fn probe(value: Value<'_>) -> Option<Probe> {
    const METHODS: [(&str, Probe); 3] = [
        ("none", Probe::None),
        ("icmp", Probe::Icmp(ICMP_WAIT_MS)),
        ("arp", Probe::Arp(ARP_WAIT_MS)),
    ];
    if !value.is_table() {
        return value.choice(&METHODS);
    }
    let mut section = value.section("probe")?;
    let method = section.require("method", "method = \"icmp\" or \"arp\"");
    let wait_ms = section.take("wait-ms").and_then(|value| value.integer(10..=10_000));
    section.finish();
    let probe = method?.choice(&METHODS)?;
    Some(match (probe, wait_ms) {
        (Probe::Icmp(_), Some(wait_ms)) => Probe::Icmp(wait_ms),
        (Probe::Arp(_), Some(wait_ms)) => Probe::Arp(wait_ms),
        (probe, _) => probe,
    })
}
