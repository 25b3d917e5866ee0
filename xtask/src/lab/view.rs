//! The lab as text: a picture for a terminal, a line for a log.

use std::fmt::Write as _;

use serde_json::Value;
use tandem_tests::lab::{Client, Client6, Kind};

use super::People;
use super::half::Look;

/// What the keys do.
const KEYS: &str = "1, 2: kill or start server A, B    c: cut the link between them    r: restore it\n\
                    p: partner-down on the survivor    q: quit\n";

/// One picture of the lab.
pub(super) fn picture(looks: &[Look; 2], people: &People, is_cut: bool, said: &str) -> String {
    let mut text = String::new();
    let link = if is_cut { "CUT" } else { "whole" };
    let _ = writeln!(text, "A failover pair; the link between the servers is {link}\n");
    for look in looks {
        server(&mut text, look);
    }
    let rows = Row::all(people);
    table(&mut text, looks, &rows);
    let _ = write!(text, "\n{said}\n\n{KEYS}");
    text
}

/// The same in a line, but for what changes all the time.
pub(super) fn line(looks: &[Look; 2], people: &People) -> String {
    let mut text = String::new();
    for look in looks {
        let _ = write!(text, "{} {}; ", look.name, short(look));
    }
    let People { clients, clients6 } = people;
    let of_v4 = clients.iter().filter(|(_, client)| held(client).is_some()).count();
    let has_both = |client: &Client6| matches!(held6(client), [Some(_), Some(_)]);
    let of_v6 = clients6.iter().filter(|(_, client)| has_both(client)).count();
    let _ = write!(
        text,
        "{of_v4} of {} clients have an address, {of_v6} of {} one of IPv6 and a prefix",
        clients.len(),
        clients6.len()
    );
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
    if look.failover.is_empty() {
        return "starting".to_owned();
    }
    let of = |it: &Value| {
        let partner = it["partner-state"].as_str().unwrap_or("unknown");
        let [name, state, link] = ["name", "state", "communications"].map(|key| word(&it[key]));
        format!("{name} {state} (partner {partner}, {link})")
    };
    look.failover.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn server(text: &mut String, look: &Look) {
    let (name, address, status) = (look.name, &look.address, &look.status);
    let _ = writeln!(text, "server {name}  {address}  {}", short(look));
    look.failover.iter().for_each(|it| relationship(text, it));
    if look.failover.is_empty() {
        text.push('\n');
        return;
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

fn relationship(text: &mut String, it: &Value) {
    let _ = writeln!(text, "  {}, {}", word(&it["name"]), word(&it["role"]));
    for pool in array(&it["pools"]) {
        let numbers = ["free", "backup", "active", "expired", "released", "abandoned", "total"]
            .map(|key| format!("{key} {}", pool[key]));
        let _ = writeln!(
            text,
            "    {}-{}  {}",
            word(&pool["first"]),
            word(&pool["last"]),
            numbers.join("  ")
        );
    }
    let _ = writeln!(
        text,
        "    updates: {} to be told, {} unanswered, {} answered, {} of the partner's taken",
        it["queued"], it["unacknowledged"], it["acknowledged"], it["taken"]
    );
    if let Some(until) = it["waits-until"].as_str() {
        let _ = writeln!(text, "    waits until {until}");
    }
}

/// What one client has, or waits for.
struct Row {
    client: String,
    /// An address or a prefix.
    held: Option<String>,
    event: String,
    /// The server's address, where the client says it.
    server: Option<String>,
}

impl Row {
    fn all(people: &People) -> Vec<Self> {
        let mut rows = Vec::new();
        for (name, client) in &people.clients {
            let last = client.events().pop();
            rows.push(Self {
                client: name.clone(),
                held: held(client).map(|address| address.to_string()),
                server: last.as_ref().and_then(|event| event.server).map(|it| it.to_string()),
                event: last.map_or_else(|| "-".to_owned(), |event| event.reason),
            });
        }
        for (name, client) in &people.clients6 {
            let event = client.events().pop().map_or_else(|| "-".to_owned(), |event| event.reason);
            rows.extend(held6(client).map(|held| Self {
                client: name.clone(),
                held,
                event: event.clone(),
                server: None,
            }));
        }
        rows
    }
}

/// The clients, with what each of the servers has of what is theirs.
fn table(text: &mut String, looks: &[Look; 2], rows: &[Row]) {
    let _ = writeln!(
        text,
        "{:<12}{:<26}{:<10}{:<4}{:<12}{:<12}expires",
        "client", "what it has", "event", "by", "at A", "at B"
    );
    for Row { client, held, event, server } in rows {
        let lease = |look: &Look| {
            let is_it = |lease: &&Value| {
                let held = held.as_deref();
                held.is_some()
                    && [&lease["address"], &lease["prefix"]].iter().any(|it| it.as_str() == held)
            };
            look.leases.iter().find(is_it).cloned()
        };
        let leases = looks.each_ref().map(lease);
        let state = |lease: &Option<Value>| {
            lease.as_ref().map_or_else(|| "-".to_owned(), |lease| word(&lease["state"]).to_owned())
        };
        let by = looks.iter().find(|look| Some(&look.address) == server.as_ref());
        let expires = leases.iter().flatten().map(|lease| word(&lease["expires"])).max();
        let _ = writeln!(
            text,
            "{client:<12}{:<26}{event:<10}{:<4}{:<12}{:<12}{}",
            held.as_deref().unwrap_or("-"),
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

/// The address and the prefix that the client has by its own word.
fn held6(client: &Client6) -> [Option<String>; 2] {
    let mut held = [None, None];
    for event in client.events() {
        match event.reason.as_str() {
            "EXPIRE6" | "RELEASE6" | "STOP6" => held = [None, None],
            _ => {
                let [address, prefix] = held;
                let new = event.address.map(|address| address.to_string());
                held = [new.or(address), event.prefix.or(prefix)];
            }
        }
    }
    held
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
