//! Handing records to the journal, and having them on disk.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use criterion::{Criterion, Throughput};
use dhcp_user::journal::{Appender, Journal};
use dhcp_user::lease::{Layout, Table};
use dhcp_user::wire::Stamp;

use crate::state;

/// Records at a time: what a busy worker may have waiting for one flush.
const BATCH: u32 = 256;

/// `journal/append`, in bindings.
pub(super) fn benchmarks(criterion: &mut Criterion, directory: &Path) -> Result<()> {
    let directory = directory.join("append");
    fs::create_dir_all(&directory)?;
    let config = state::config()?;
    let recovery = Journal::open(&directory, &config.journal, 1).context("a journal")?;
    let nothing = Table::new(Layout::of(&config));
    let (Journal { mut appenders, committer, snapshotter, .. }, _) =
        recovery.load(&nothing, 1).context("an empty journal")?;
    let mut appender = appenders.pop().context("an appender")?;
    let commit = thread::spawn(move || committer.run(state::now));
    let mut group = criterion.benchmark_group("journal/append");
    group.throughput(Throughput::Elements(1));
    group.bench_function("hand over", |b| {
        b.iter_custom(|count| batches(&mut appender, count, Part::HandOver));
    });
    group.throughput(Throughput::Elements(u64::from(BATCH)));
    group.bench_function(format!("{BATCH} at once, durable"), |b| {
        b.iter_custom(|count| batches(&mut appender, count * u64::from(BATCH), Part::All));
    });
    group.finish();
    drop((appender, snapshotter));
    let ended = commit.join();
    fs::remove_dir_all(&directory)?;
    ended.ok().context("the commit thread")?;
    Ok(())
}

/// What of a batch is timed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// Until the last record is handed over.
    HandOver,
    /// Until it is durable.
    All,
}

/// Appends `count` records in batches, each of which is durable before the next begins.
fn batches(appender: &mut Appender, count: u64, part: Part) -> Duration {
    let lease = state::lease(0, Stamp(1_000_000));
    let (mut left, mut timed) = (count, Duration::ZERO);
    while left > 0 {
        let batch = left.min(u64::from(BATCH)) as u32;
        let start = Instant::now();
        for number in 0..batch {
            appender.append(state::address(number), &lease).expect("a batch fits in the ring");
        }
        let handed_over = start.elapsed();
        let last = appender.sequence();
        while appender.durable() < last {
            thread::yield_now();
        }
        timed += if part == Part::All { start.elapsed() } else { handed_over };
        left -= u64::from(batch);
    }
    timed
}
