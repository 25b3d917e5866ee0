//! What may be said at every level from the document down to one reservation.

use super::model::{Parameters, Probe, Scope};
use super::notebook::Notebook;
use super::option::Definitions;
use super::reader::{Section, Value};
use super::times::{Times, some_time};
use crate::wire::Seconds;

/// Reads options and parameters off a section; `wider` are the times of the level around it.
/// Gives back the times that hold here, for the levels within.
pub(super) fn read(
    section: &mut Section<'_>,
    wider: &Times,
    definitions: &Definitions,
    notes: &Notebook,
) -> (Scope, Times) {
    let mut parameters = Parameters::default();
    let times = Times::read(section, wider, &mut parameters, notes);
    parameters.reuse_permille = section.take("reuse-permille").and_then(|v| v.integer(0..=900));
    parameters.min_secs = section.take("min-secs").and_then(|v| v.integer(0..=3600));
    parameters.decline_time = section.take("decline-time").and_then(some_time);
    parameters.offer_time = section.take("offer-time").and_then(offer_time);
    parameters.authoritative = section.take("authoritative").and_then(Value::flag);
    parameters.rapid_commit = section.take("rapid-commit").and_then(Value::flag);
    parameters.bootp = section.take("bootp").and_then(Value::flag);
    parameters.probe = section.take("probe").and_then(probe);
    parameters.next_server = section
        .take("next-server")
        .and_then(|v| v.parsed("write an IPv4 address", |text| text.parse().ok()));
    parameters.server_name = section.take("server-name").and_then(|v| header_text(v, SNAME_LEN));
    parameters.boot_file = section.take("boot-file").and_then(|v| header_text(v, FILE_LEN));
    let options =
        section.take("options").map(|value| definitions.options(value, notes)).unwrap_or_default();
    (Scope { options, parameters }, times)
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
