//! From the start of the server, with a large snapshot, to its first answer.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{Advice, fadvise};

use crate::Arguments;
use crate::at_hand;
use crate::contestant::worn;
use crate::figure::Figure;
use crate::load::{Access, Act};
use crate::rig::Rig;
use crate::state::{Protocol, STRANGERS};

/// The limit with 10 million leases.
const LIMIT_S: f64 = 3.0;

/// Measures and prints it, and the part of it that is loading.
pub(crate) fn measure(arguments: &Arguments, leases: u32) -> Result<()> {
    let repetitions = if arguments.quick { 1 } else { 3 };
    let settings = worn(arguments, Protocol::Dhcpv4, "start", leases)?;
    let rig = Rig::new(Protocol::Dhcpv4, arguments.divert.clone());
    let mut generator = rig.generator()?;
    for cache in [Cache::Cold, Cache::Warm] {
        let (mut offered, mut acknowledged) = (Vec::new(), Vec::new());
        for number in 0..repetitions {
            cache.prepare(&settings.state_dir())?;
            at_hand::fetch(leases)?;
            let start = Instant::now();
            let server = rig.launch(settings.clone());
            let mut first = |act, client| {
                let took = generator.first_answer(act, Access::Direct, client, start);
                took.map(|took| took.as_secs_f64())
            };
            // A stranger needs an address found; who comes back needs its lease found.
            offered.push(first(Act::Discover, STRANGERS + number)?);
            acknowledged.push(first(Act::Renew, number)?);
            server.stop();
        }
        let say = |what: &str, values| {
            let name = format!("start to first {what}, {leases} leases");
            Figure::new(name, "s", values).at_most(LIMIT_S).note(cache.note()).say();
        };
        say("OFFER", offered);
        say("durable ACK", acknowledged);
        let mut loaded = Vec::new();
        for _ in 0..repetitions {
            cache.prepare(&settings.state_dir())?;
            loaded.push(load(&settings.state_dir())?);
        }
        let name = format!("load into the table, {leases} leases");
        Figure::new(name, "s", loaded).note(cache.note()).say();
    }
    fs::remove_dir_all(&settings.directory)?;
    Ok(())
}

/// Seconds that loading takes, in a process of its own, as in the server's.
fn load(state: &Path) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    let loading = command.arg("loading").arg("--directory").arg(state).stderr(Stdio::inherit());
    let said = loading.output()?;
    ensure!(said.status.success(), "loading ended with {}", said.status);
    String::from_utf8_lossy(&said.stdout).trim().parse().context("seconds")
}

/// Where the snapshot is when the server starts.
#[derive(Clone, Copy, Debug)]
enum Cache {
    /// On the disk alone, as after the machine's own start.
    Cold,
    /// In memory, as after the server's crash.
    Warm,
}

impl Cache {
    fn prepare(self, state: &Path) -> Result<()> {
        match self {
            Self::Cold => forget(state),
            Self::Warm => Ok(()),
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Cold => "snapshot not in the page cache, memory at hand",
            Self::Warm => "snapshot in the page cache, memory at hand",
        }
    }
}

/// Drops the journal's files from the page cache.
fn forget(state: &Path) -> Result<()> {
    for entry in fs::read_dir(state.join("journal"))? {
        let file = File::open(entry?.path())?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}
