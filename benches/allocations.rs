//! Heap allocations for each packet once everything is warm: in a build of its own, whose allocator
//! counts.

use std::fs;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use dhcp_user::journal::Journal;
use dhcp_user::lease::{Layout, Table};

use crate::Arguments;
use crate::figure::Figure;
use crate::load::{Access, Fields, Stage, Template};
use crate::micro::Server;
use crate::rig::TARGET;
use crate::state;

const LEASES: u32 = 100_000;
/// Packets that warm up, and that are counted.
const PACKETS: u32 = 200_000;
/// Records that wait for one flush.
const BATCH: u32 = 256;
const LIMIT: f64 = 0.0;

/// Counts with what the allocator says of all allocations so far, and prints it.
pub(crate) fn measure(arguments: &Arguments, allocations: fn() -> usize) -> Result<()> {
    let mut server = Server::new(LEASES);
    let mut frame = vec![0; 1514];
    for (stage, name) in
        [(Stage::Discover, "DISCOVER, holder of a lease"), (Stage::Renew, "REQUEST, renewing")]
    {
        let template = Template::new(stage, Access::Direct, TARGET);
        let mut counted = 0;
        for _ in 0..2 {
            let before = allocations();
            for number in 0..PACKETS {
                let len = template.fill(&mut frame, Fields::of(number % LEASES));
                ensure!(server.answers(&frame[..len]), "what is counted is answered");
            }
            counted = allocations() - before;
        }
        say(name, counted, "from a request's octets to the reply's");
    }
    say("a record, from the worker to the disk", journal(arguments, allocations)?, "both threads");
    Ok(())
}

fn say(name: &str, counted: usize, note: &str) {
    let each = counted as f64 / f64::from(PACKETS);
    Figure::new(format!("heap allocations: {name}"), "a packet", vec![each])
        .at_most(LIMIT)
        .note(note)
        .say();
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
