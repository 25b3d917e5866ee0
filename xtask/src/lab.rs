//! `cargo xtask run`: a server in native XDP mode and real clients, to watch.
//!
//! ```text
//!  server ─ eth0 ── switch ┬─ dhclient
//!                          ├─ udhcpc
//!                          ├─ dhcpcd
//!                          └─ relay ── dhclient
//! ```

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use tandem_tests::lab::{Client, Kind, Namespace, Relay, Server, Settings, Site};

use crate::Outcome;

/// How often the view is drawn anew.
const TICK: Duration = Duration::from_secs(1);

/// Short leases, so that there is something to see.
const CONFIGURATION: &str = r#"
lease-time = "60s"
min-lease-time = "30s"

[[interface]]
name = "eth0"

[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.1.1-10.77.1.250"]

[[subnet4]]
subnet = "10.100.0.0/16"
pools = ["10.100.1.1-10.100.1.250"]
options = { routers = ["10.100.0.1"], domain-name-servers = ["10.100.0.53"] }
"#;

/// Builds the lab and shows it until Ctrl-C, or for `limit`; then takes everything down again.
///
/// # Errors
/// What is missing to build it, in one line.
pub(crate) fn show(binary: PathBuf, limit: Option<Duration>) -> Outcome {
    ensure!(
        Namespace::permitted(),
        "the lab needs root for its network namespaces; \
                    `cargo xtask run -- --config FILE` serves this host's own interfaces"
    );
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    ctrlc::set_handler(move || told.store(true, Relaxed))?;

    let site = Site::new("run");
    let mut relay = Relay::new(&site, 0);
    let (directory, configuration) = (site.directory().to_owned(), CONFIGURATION.to_owned());
    let settings = Settings { directory, configuration, binary };
    println!("starting the server in a lab of its own; its files: {}", site.directory().display());
    let server = Server::start(&site.server, settings);
    let mut clients: Vec<(String, Client)> = Kind::ALL
        .into_iter()
        .map(|kind| (name(kind).to_owned(), Client::new(&site, kind, name(kind))))
        .collect();
    let relayed = "dhclient, relayed";
    clients.push((relayed.to_owned(), relay.client(Kind::Dhclient, "relayed")));
    for (_, client) in &mut clients {
        client.start();
    }
    let start = Instant::now();
    while !over.load(Relaxed) && limit.is_none_or(|limit| start.elapsed() < limit) {
        draw(&view(&server.status(), &server.leases(&[]), &clients));
        let next = Instant::now() + TICK;
        while !over.load(Relaxed) && Instant::now() < next {
            sleep(Duration::from_millis(50));
        }
    }
    println!("ending the clients, the server and the lab");
    drop(clients);
    server.stop();
    Ok(())
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Dhclient => "dhclient",
        Kind::Udhcpc => "udhcpc",
        Kind::Dhcpcd => "dhcpcd",
    }
}

/// One picture of the lab as text.
fn view(status: &Value, leases: &[Value], clients: &[(String, Client)]) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{args}");
    };
    for interface in array(&status["interfaces"]) {
        let (name, mode) = (&interface["name"], &interface["mode"]);
        line(format_args!("{}: {} {}", word(name), word(mode), word(&interface["why"])));
    }
    line(format_args!(
        "\n{:<20}{:<18}{:<18}{:<10}{:<22}",
        "client", "its address", "last event", "state", "expires"
    ));
    for (name, client) in clients {
        let events = client.events();
        let last = events.last();
        let held = events.iter().rev().find_map(|event| event.address);
        let lease =
            leases.iter().find(|lease| held.is_some_and(|a| lease["address"] == a.to_string()));
        let address = held.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let event = last.map_or("-", |event| &event.reason);
        let (state, expires) =
            lease.map_or(("-", "-"), |lease| (word(&lease["state"]), word(&lease["expires"])));
        line(format_args!("{name:<20}{address:<18}{event:<18}{state:<10}{expires:<22}"));
    }
    let packets = &status["packets"];
    line(format_args!("\nreceived   {}", counters(&packets["received"])));
    line(format_args!("sent       {}", counters(&packets["sent"])));
    line(format_args!("dropped    {}", counters(&packets["dropped"])));
    line(format_args!("XDP        {}", counters(&packets["verdicts"])));
    for (name, key) in [("wire to wire", "wire-to-wire"), ("disk", "waiting-for-disk")] {
        let latency = &status["latency"][key];
        let (p50, p99) = (&latency["p50-us"], &latency["p99-us"]);
        line(format_args!("{name:<14} p50 {p50} µs, p99 {p99} µs"));
    }
    text
}

fn draw(view: &str) {
    let mut out = stdout().lock();
    let clear = if out.is_terminal() { "\x1b[H\x1b[2J" } else { "" };
    let hint = if out.is_terminal() { "\nCtrl-C ends it.\n" } else { "" };
    // A closed pipe is no reason to leave the lab standing.
    let _ = write!(out, "{clear}{view}{hint}");
    let _ = out.flush();
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
