//! Heap allocations for each packet once everything is warm: in a build of its own, whose allocator
//! counts.

use std::fs;
use std::thread;

use anyhow::{Context as _, Result};
use dhcp_user::journal::Journal;
use dhcp_user::lease::{Layout, Table};

use crate::Arguments;
use crate::figure::Figure;
use crate::load::{Access, Fields, Stage, Template};
use crate::micro::Server;
use crate::rig::TARGET;
use crate::state::{self, STRANGERS};

const LEASES: u32 = 100_000;
/// Packets that warm up, and that are counted.
const PACKETS: u32 = 200_000;
/// Records that wait for one flush.
const BATCH: u32 = 256;
const LIMIT: f64 = 0.0;

/// Counts with what the allocator says of all allocations so far, and prints it.
pub(crate) fn measure(arguments: &Arguments, allocations: fn() -> usize) -> Result<()> {
    let mut server = Server::new(LEASES);
    let discover = (Stage::Discover, "DISCOVER");
    let request = (Stage::Request, "REQUEST");
    let steady = (Some(LIMIT), "from a request's octets to the reply's");
    let new = (None, "both messages together: what the client said of itself, and its binding");
    let holder = |number| number % LEASES;
    let relays = Access::Relays(16);
    for (who, (limit, note), access, client, stages) in [
        (
            "holder of a lease",
            steady,
            Access::Direct,
            &holder as &dyn Fn(u32) -> u32,
            &[discover][..],
        ),
        ("renewing", steady, Access::Direct, &holder, &[(Stage::Renew, "REQUEST")]),
        ("holder of a lease, behind a relay", steady, relays, &holder, &[discover, request]),
        (
            "new client, behind a relay",
            new,
            relays,
            &|number| STRANGERS + number,
            &[discover, request],
        ),
    ] {
        let templates = stages.iter().map(|(stage, _)| Template::new(*stage, access, TARGET));
        let counted = count(&mut server, &templates.collect::<Vec<_>>(), client, allocations)?;
        for ((_, message), counted) in stages.iter().zip(counted) {
            say(&format!("{message}, {who}"), counted, limit, note);
        }
    }
    let counted = journal(arguments, allocations)?;
    say("a record, from the worker to the disk", counted, Some(LIMIT), "both threads");
    Ok(())
}

fn say(name: &str, counted: usize, limit: Option<f64>, note: &str) {
    let each = counted as f64 / f64::from(PACKETS);
    let figure = Figure::new(format!("heap allocations: {name}"), "a packet", [each]).note(note);
    limit.into_iter().fold(figure, Figure::at_most).say();
}

/// Of each message of an exchange, with as many of them before to warm up.
fn count(
    server: &mut Server,
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
        let mut fields = Fields::of(client(number));
        for (template, counted) in templates.iter().zip(&mut counted) {
            let before = allocations();
            let len = template.fill(&mut frame, fields);
            // An offer is what is requested next.
            let given = server.gives(&frame[..len]);
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
