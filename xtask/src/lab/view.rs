//! The lab as text: a picture for a terminal, a line for a log.

use std::fmt::Write as _;

use serde_json::Value;
use tandem_tests::lab::{Client, Kind};

use super::half::Look;

/// What the keys do.
const KEYS: &str = "1, 2: kill or start server A, B    c: cut the link between them    r: restore it\n\
                    p: partner-down on the survivor    q: quit\n";

/// One picture of the lab.
pub(super) fn picture(
    looks: &[Look; 2],
    clients: &[(String, Client)],
    is_cut: bool,
    said: &str,
) -> String {
    let mut text = String::new();
    let link = if is_cut { "CUT" } else { "whole" };
    let _ = writeln!(text, "A failover pair; the link between the servers is {link}\n");
    for look in looks {
        server(&mut text, look);
    }
    people(&mut text, looks, clients);
    let _ = write!(text, "\n{said}\n\n{KEYS}");
    text
}

/// The same in a line, but for what changes all the time.
pub(super) fn line(looks: &[Look; 2], clients: &[(String, Client)]) -> String {
    let mut text = String::new();
    for look in looks {
        let _ = write!(text, "{} {}; ", look.name, short(look));
    }
    let held = clients.iter().filter(|(_, client)| held(client).is_some()).count();
    let _ = write!(text, "{held} of {} clients have an address", clients.len());
    text
}

/// The client's usual name.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Dhclient => "dhclient",
        Kind::Udhcpc => "udhcpc",
        Kind::Dhcpcd => "dhcpcd",
    }
}

/// A server's states in a few words.
fn short(look: &Look) -> String {
    if !look.is_running {
        return "killed".to_owned();
    }
    let it = &look.failover;
    let Some(state) = it["state"].as_str() else { return "starting".to_owned() };
    let partner = it["partner-state"].as_str().unwrap_or("unknown");
    format!("{state} (partner {partner}, {})", word(&it["communications"]))
}

fn server(text: &mut String, look: &Look) {
    let (it, status) = (&look.failover, &look.status);
    let (name, address, role) = (look.name, &look.address, word(&it["role"]));
    let _ = writeln!(text, "server {name}  {address}  {role}: {}", short(look));
    if !look.is_running || it.is_null() {
        text.push('\n');
        return;
    }
    for pool in array(&it["pools"]) {
        let numbers = ["free", "backup", "active", "expired", "released", "abandoned", "total"]
            .map(|key| format!("{key} {}", pool[key]));
        let _ = writeln!(
            text,
            "  {}-{}  {}",
            word(&pool["first"]),
            word(&pool["last"]),
            numbers.join("  ")
        );
    }
    let _ = writeln!(
        text,
        "  updates: {} to be told, {} unanswered, {} answered, {} of the partner's taken",
        it["queued"], it["unacknowledged"], it["acknowledged"], it["taken"]
    );
    if let Some(until) = it["waits-until"].as_str() {
        let _ = writeln!(text, "  waits until {until}");
    }
    let interfaces = array(&status["interfaces"]).iter();
    let modes: Vec<_> =
        interfaces.map(|it| format!("{} {}", word(&it["name"]), word(&it["mode"]))).collect();
    let packets = &status["packets"];
    let _ = writeln!(
        text,
        "  {}: sent {}; p99 {} µs\n",
        modes.join(", "),
        counters(&packets["sent"]),
        status["latency"]["wire-to-wire"]["p99-us"]
    );
}

/// The clients, with what each of the servers has of their addresses.
fn people(text: &mut String, looks: &[Look; 2], clients: &[(String, Client)]) {
    let _ = writeln!(
        text,
        "{:<12}{:<14}{:<10}{:<4}{:<12}{:<12}expires",
        "client", "its address", "event", "by", "at A", "at B"
    );
    for (name, client) in clients {
        let events = client.events();
        let last = events.last();
        let address = held(client);
        let lease = |look: &Look| {
            let address = address?.to_string();
            look.leases.iter().find(|lease| lease["address"] == address).cloned()
        };
        let leases = looks.each_ref().map(lease);
        let state = |lease: &Option<Value>| {
            lease.as_ref().map_or_else(|| "-".to_owned(), |lease| word(&lease["state"]).to_owned())
        };
        let server = last.and_then(|event| event.server).map(|server| server.to_string());
        let by = looks.iter().find(|look| Some(&look.address) == server.as_ref());
        let expires = leases.iter().flatten().map(|lease| word(&lease["expires"])).max();
        let _ = writeln!(
            text,
            "{name:<12}{:<14}{:<10}{:<4}{:<12}{:<12}{}",
            address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
            last.map_or("-", |event| &event.reason),
            by.map_or("-", |look| look.name),
            state(&leases[0]),
            state(&leases[1]),
            expires.unwrap_or("-")
        );
    }
}

/// The address that the client has by its own word.
fn held(client: &Client) -> Option<std::net::Ipv4Addr> {
    client.events().last().and_then(|event| event.address)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// `name count` for every counter that has moved.
fn counters(value: &Value) -> String {
    let moved = value.as_object().into_iter().flatten().filter(|(_, count)| **count != 0);
    let words: Vec<String> = moved.map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { "-".to_owned() } else { words.join("   ") }
}
