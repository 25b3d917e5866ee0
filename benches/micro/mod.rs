//! Micro-benchmarks, a file a subject.

mod index;
mod journal;
mod lease;
mod requests;
mod server;
mod server_v6;
mod wire;
mod wire_v6;
mod work;

pub(crate) use index::{Map, measure as measure_index};
pub(crate) use server::Server;
pub(crate) use server_v6::ServerV6;
pub(crate) use work::{Part, count as count_instructions, work};

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use criterion::Criterion;
use serde::Deserialize;

use crate::Arguments;
use crate::figure::Figure;

/// Runs all of them and prints their figures.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let directory = arguments.directory.join("criterion");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let (samples, warm_up_ms, measured_ms) =
        if arguments.quick { (10, 50, 150) } else { (20, 200, 600) };
    let mut criterion = Criterion::default()
        .output_directory(&directory)
        .without_plots()
        .sample_size(samples)
        .warm_up_time(Duration::from_millis(warm_up_ms))
        .measurement_time(Duration::from_millis(measured_ms));
    wire::benchmarks(&mut criterion);
    wire_v6::benchmarks(&mut criterion);
    lease::benchmarks(&mut criterion);
    index::benchmarks(&mut criterion);
    journal::benchmarks(&mut criterion, &arguments.directory)?;
    server::benchmarks(&mut criterion);
    server_v6::benchmarks(&mut criterion);
    say(&directory)
}

/// What criterion leaves of a benchmark: its name,
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// and how long so many iterations took, in nanoseconds.
#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Prints a figure for each benchmark in `directory` and below.
fn say(directory: &Path) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries.iter().filter(|entry| entry.path().is_dir()) {
        let results = entry.path().join("new");
        if !results.exists() {
            say(&entry.path())?;
            continue;
        }
        let read = |name| fs::read_to_string(results.join(name)).context("criterion's results");
        let benchmark: Benchmark = serde_json::from_str(&read("benchmark.json")?)?;
        let sample: Sample = serde_json::from_str(&read("sample.json")?)?;
        let each = sample.times.iter().zip(&sample.iters).map(|(time, count)| time / count);
        Figure::new(benchmark.full_id, "ns", each).say();
    }
    Ok(())
}
