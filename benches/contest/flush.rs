//! What the disk takes for the least that a durable answer needs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;

/// Octets of one write.
const BLOCK: usize = 4096;
/// Blocks of the file, written to in turn: they are there before the clock runs, as the journal's are.
const BLOCKS: u64 = 256;
/// Flushes.
const COUNT: u64 = 2_000;

/// The 99th percentile of `fdatasync` after 4 KiB, in microseconds.
pub(super) fn p99_us(directory: &Path) -> Result<f64> {
    let path = directory.join("flush");
    let file = File::create(&path)?;
    file.write_all_at(&vec![0; BLOCK * BLOCKS as usize], 0)?;
    file.sync_all()?;
    let mut times: Histogram<u64> = Histogram::new(3)?;
    for number in 0..COUNT {
        file.write_all_at(&[number as u8; BLOCK], number % BLOCKS * BLOCK as u64)?;
        let start = Instant::now();
        file.sync_data()?;
        times.record(start.elapsed().as_nanos() as u64)?;
    }
    fs::remove_file(path)?;
    Ok(times.value_at_quantile(0.99) as f64 / 1e3)
}
