//! Two Tandem servers as benches start them.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use dhcp_user::lease::Told;
use serde_json::Value;
use tandem_tests::lab::{Host, Server, Settings};

use crate::Arguments;
use crate::contestant::emptied;
use crate::state::{self, Protocol};

/// relationship-name.
const NAME: &str = "bench";

/// Between two looks at a log or a status.
const PAUSE: Duration = Duration::from_millis(5);

/// A status is no older, if the server finds time for it.
const STATUS_AGE: Duration = Duration::from_millis(1_300);

/// Whatever is waited for has happened by then, or does not.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a server's disk holds when it starts first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Disk {
    /// Nothing: it was lost.
    Empty,
    /// It was in NORMAL with its partner, which knew of all leases of so many clients, or of none.
    InNormal(u32, Told),
}

/// The configuration of a server on `host`, or alone, with so many addresses in its pool. Where all are
/// leased there is nothing to balance, but each server then answers the other's clients too, which
/// could give them nothing.
pub(super) fn configuration(
    protocol: Protocol,
    interface: &str,
    addresses: u32,
    host: Option<Host>,
) -> String {
    let alone = state::configuration_with(protocol, interface, addresses);
    alone + &host.map(|host| relationship(protocol, host)).unwrap_or_default()
}

/// In DHCPv4 half of the clients are each server's; in DHCPv6 the primary alone answers while both are well.
fn relationship(protocol: Protocol, host: Host) -> String {
    let role = if host == Host::A { "primary" } else { "secondary" };
    let (ends, patience, rest): ([IpAddr; 2], _, _) = match protocol {
        Protocol::Dhcpv4 => (
            [host, host.other()].map(|host| host.failover_address().into()),
            "receive-timer",
            "subnets = [\"10.0.0.0/8\"]".to_owned(),
        ),
        Protocol::Dhcpv6 => (
            [host, host.other()].map(|host| host.failover_ipv6().into()),
            "keepalive",
            format!("subnets = [\"{}\"]\ninsecure = true", state::v6::LINK),
        ),
    };
    let [local, peer] = ends;
    format!(
        r#"
[[failover]]
name = "{NAME}"
role = "{role}"
local = "{local}"
peer = "{peer}"
{patience} = "{RECEIVE_TIMER_S}s"
reconnect = "1s"
{rest}
"#
    )
}

/// After so many seconds of silence a server gives the link up.
pub(super) const RECEIVE_TIMER_S: u32 = 5;

/// What a server is made from, in a directory of this name that holds nothing else.
pub(super) fn settings(
    arguments: &Arguments,
    protocol: Protocol,
    name: &str,
    configuration: String,
    disk: Disk,
) -> Result<Settings> {
    let directory = emptied(&arguments.directory, name)?;
    let settings = Settings { directory, configuration, binary: arguments.binary()? };
    if let Disk::InNormal(leases, told) = disk {
        state::write_with(&settings.state_dir(), protocol, leases, told, Some(NAME))?;
    }
    Ok(settings)
}

/// How the server's relationship is, a second ago at the most; null at its very start.
pub(super) fn relationship_of(server: &Server) -> Result<Value> {
    let said = server.tandem(&["failover", "status", "--json"]);
    let all: Vec<Value> = serde_json::from_str(&said)?;
    Ok(all.into_iter().next().unwrap_or_default())
}

/// A number of [`relationship_of`].
pub(super) fn number(relationship: &Value, key: &str) -> u64 {
    relationship[key].as_u64().unwrap_or_default()
}

/// Waits until the server says that it and its partner are in NORMAL.
pub(super) fn await_normal(server: &Server) -> Result<()> {
    let is_normal = |relationship: &Value| {
        relationship["state"] == "normal" && relationship["partner-state"] == "normal"
    };
    await_that("both in NORMAL", || Ok(is_normal(&relationship_of(server)?))).map(drop)
}

/// Waits until the server says that it does not hear its partner.
pub(super) fn await_interrupted(server: &Server) -> Result<()> {
    let is_interrupted = |relationship: Value| relationship["communications"] == "interrupted";
    await_that("the end of the link", || Ok(is_interrupted(relationship_of(server)?))).map(drop)
}

/// How much the partner is yet to be told, or to answer.
pub(super) fn left(relationship: &Value) -> u64 {
    number(relationship, "queued") + number(relationship, "unacknowledged")
}

/// Waits until nothing is left that the partner has yet to be told, or to answer, and says how long
/// that took.
pub(super) fn await_drained(server: &Server) -> Result<Duration> {
    let mut before = None;
    let start = Instant::now();
    await_that("nothing left to be told", || {
        let relationship = relationship_of(server)?;
        let counted = (left(&relationship), number(&relationship, "acknowledged"));
        // What was said before may be of a moment before.
        let is_new = *before.get_or_insert(counted) != counted || start.elapsed() > STATUS_AGE;
        Ok(is_new && counted.0 == 0)
    })
}

/// Waits until the log has one of these words, and says when it was there.
pub(super) fn await_log(output: impl Fn() -> String, words: &[&str]) -> Result<Instant> {
    await_that(&words.join(" or "), || {
        let said = output();
        Ok(words.iter().any(|word| said.contains(word)))
    })?;
    Ok(Instant::now())
}

/// Waits, and says how long.
pub(super) fn await_that(
    what: &str,
    mut happened: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    let start = Instant::now();
    while !happened()? {
        ensure!(start.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        sleep(PAUSE);
    }
    Ok(start.elapsed())
}
