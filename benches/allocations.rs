//! Heap allocations for each packet once everything is warm: in a build of its own, whose allocator
//! counts.

use std::fs;
use std::net::IpAddr;
use std::thread;

use anyhow::{Context as _, Result};
use dhcp_user::journal::Journal;
use dhcp_user::lease::{Layout, Table};

use crate::Arguments;
use crate::figure::Figure;
use crate::load::{Access, Stage, Template};
use crate::micro::{Server, ServerV6};
use crate::rig::target;
use crate::state::{self, Protocol, STRANGERS};

const LEASES: u32 = 100_000;
/// Packets that warm up, and that are counted.
const PACKETS: u32 = 200_000;
/// Records that wait for one flush.
const BATCH: u32 = 256;
const LIMIT: f64 = 0.0;

/// Which messages of whom are counted.
struct Case<'c> {
    who: &'static str,
    limit: Option<f64>,
    access: Access,
    /// The client whose turn it is.
    client: &'c dyn Fn(u32) -> u32,
    /// In the order of an exchange.
    messages: &'c [(Stage, &'static str)],
}

/// Counts with what the allocator says of all allocations so far, and prints it.
pub(crate) fn measure(arguments: &Arguments, allocations: fn() -> usize) -> Result<()> {
    {
        let mut server = Server::new(LEASES);
        let gives = &mut |frame: &[u8]| server.gives(frame).map(IpAddr::V4);
        let names = ["DISCOVER", "REQUEST", "REQUEST"];
        messages(Protocol::Dhcpv4, names, gives, allocations)?;
    }
    {
        let mut server = ServerV6::new(LEASES);
        let gives = &mut |frame: &[u8]| server.gives(frame);
        messages(Protocol::Dhcpv6, ["Solicit", "Request", "Renew"], gives, allocations)?;
    }
    let counted = journal(arguments, allocations)?;
    say("a record, from the worker to the disk", counted, Some(LIMIT), "both threads");
    Ok(())
}

/// Of a protocol's messages: first, second, and for more time.
fn messages(
    protocol: Protocol,
    [first, second, renewal]: [&'static str; 3],
    gives: &mut dyn FnMut(&[u8]) -> Option<IpAddr>,
    allocations: fn() -> usize,
) -> Result<()> {
    let holder = |number| number % LEASES;
    let stranger = |number| STRANGERS + number;
    let relays = Access::Relays(16);
    let (asks, requests) = ((Stage::Discover, first), (Stage::Request, second));
    let (renews, limit) = ((Stage::Renew, renewal), Some(LIMIT));
    let case = |who, limit, access, client, messages| Case { who, limit, access, client, messages };
    for Case { who, limit, access, client, messages } in [
        case(
            "holder of a lease",
            limit,
            Access::Direct,
            &holder as &dyn Fn(u32) -> u32,
            &[asks][..],
        ),
        case("renewing", limit, Access::Direct, &holder, &[renews]),
        case("holder of a lease, behind a relay", limit, relays, &holder, &[asks, requests]),
        case("new client, behind a relay", None, relays, &stranger, &[asks, requests]),
    ] {
        let template = |(stage, _): &_| Template::new(*stage, access, target(protocol));
        let templates: Vec<_> = messages.iter().map(template).collect();
        let counted = count(gives, &templates, client, allocations)?;
        let note = if limit.is_none() {
            "both messages together: what the client said of itself, and its binding"
        } else {
            "from a request's octets to the reply's"
        };
        for ((_, message), counted) in messages.iter().zip(counted) {
            say(&format!("{message}, {who}"), counted, limit, note);
        }
    }
    Ok(())
}

fn say(name: &str, counted: usize, limit: Option<f64>, note: &str) {
    let each = counted as f64 / f64::from(PACKETS);
    let figure = Figure::new(format!("heap allocations: {name}"), "a packet", [each]).note(note);
    limit.into_iter().fold(figure, Figure::at_most).say();
}

/// Of each message of an exchange, with as many of them before to warm up.
fn count(
    gives: &mut dyn FnMut(&[u8]) -> Option<IpAddr>,
    templates: &[Template],
    client: &dyn Fn(u32) -> u32,
    allocations: fn() -> usize,
) -> Result<Vec<usize>> {
    let mut frame = vec![0; 1514];
    let mut counted = vec![0; templates.len()];
    for number in 0..2 * PACKETS {
        if number == PACKETS {
            counted.fill(0);
        }
        let mut fields = templates[0].fields(client(number));
        for (template, counted) in templates.iter().zip(&mut counted) {
            let before = allocations();
            let len = template.fill(&mut frame, fields);
            // An offer is what is requested next.
            let given = gives(&frame[..len]);
            fields.address = given.context("what is counted is answered")?;
            *counted += allocations() - before;
        }
    }
    Ok(counted)
}

/// Of as many records as there are packets, with the commit thread at work.
fn journal(arguments: &Arguments, allocations: fn() -> usize) -> Result<usize> {
    let directory = arguments.directory.join("allocations");
    fs::create_dir_all(&directory)?;
    let config = state::config()?;
    let recovery = Journal::open(&directory, &config.journal, 1).context("a journal")?;
    let nothing = Table::new(Layout::of(&config));
    let (Journal { mut appenders, committer, snapshotter, .. }, _) =
        recovery.load(&nothing, 1).context("an empty journal")?;
    let mut appender = appenders.pop().context("an appender")?;
    let commit = thread::spawn(move || committer.run(state::now));
    let lease = state::lease(0, state::now());
    let mut counted = 0;
    for _ in 0..2 {
        let before = allocations();
        for number in 0..PACKETS {
            let appended = appender.append(state::address(number), &lease);
            appended.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            while number % BATCH == 0 && appender.durable() < appender.sequence() {
                thread::yield_now();
            }
        }
        counted = allocations() - before;
    }
    drop((appender, snapshotter));
    commit.join().ok().context("the commit thread")?;
    fs::remove_dir_all(&directory)?;
    Ok(counted)
}
