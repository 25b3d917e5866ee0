//! From the start of the server, with a large snapshot, to its first answer.

use std::fs::{self, File};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use rustix::fs::{Advice, fadvise};

use crate::Arguments;
use crate::figure::Figure;
use crate::rig::{Expect, Rig, Template};
use crate::state::STRANGERS;
use crate::throughput::fresh;

/// The limit with 10 million leases.
const LIMIT_S: f64 = 5.0;

/// Measures and prints it, and the part of it that is loading.
pub(crate) fn measure(arguments: &Arguments, leases: u32) -> Result<()> {
    let repetitions = if arguments.quick { 1 } else { 3 };
    let settings = fresh(arguments, "start", leases)?;
    let rig = Rig::new(arguments.divert.clone());
    let mut generator = rig.generator(1)?;
    let (mut offered, mut acknowledged) = (Vec::new(), Vec::new());
    for number in 0..repetitions {
        forget(&settings.state_dir())?;
        let start = Instant::now();
        let server = rig.launch(settings.clone());
        // A stranger needs an address found; who comes back needs its lease found.
        let stranger = STRANGERS + number;
        let took = generator.first_answer(&Template::discover(), Expect::Offer, stranger, start);
        offered.push(took.as_secs_f64());
        let took = generator.first_answer(&Template::renewal(), Expect::Ack, number, start);
        acknowledged.push(took.as_secs_f64());
        server.stop();
    }
    let name = |what: &str| format!("{what}, {leases} leases");
    Figure::new(name("start to first OFFER"), "s", offered)
        .at_most(LIMIT_S)
        .note("snapshot not in the page cache")
        .say();
    Figure::new(name("start to first durable ACK"), "s", acknowledged).at_most(LIMIT_S).say();
    for _ in 0..repetitions {
        forget(&settings.state_dir())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("loading").arg("--directory").arg(settings.state_dir());
        ensure!(command.status()?.success(), "loading failed");
    }
    fs::remove_dir_all(&settings.directory)?;
    Ok(())
}

/// Drops the journal's files from the page cache, as after the machine's own start.
fn forget(state: &std::path::Path) -> Result<()> {
    for entry in fs::read_dir(state.join("journal"))? {
        let file = File::open(entry?.path())?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}
