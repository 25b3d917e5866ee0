//! Reading a state directory into a table.

use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use dhcp_user::journal::Journal;
use dhcp_user::lease::{Layout, Table};

use crate::state;

/// Loads what `directory` holds as the server does, and prints how many seconds it took.
pub(crate) fn measure(directory: &Path) -> Result<()> {
    let config = state::config()?;
    let table = Table::new(Layout::of(&config));
    let threads = thread::available_parallelism()?.get();
    let start = Instant::now();
    let recovery = Journal::open(directory, &config.journal, 2).context("the state directory")?;
    let (journal, found) = recovery.load(&table, threads).context("the journal")?;
    let took = start.elapsed().as_secs_f64();
    ensure!(found.from_snapshot > 0, "the snapshot is empty");
    println!("{took}");
    drop(journal);
    Ok(())
}
