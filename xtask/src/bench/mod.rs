//! `cargo xtask bench`: the measurements, as a table and as JSON in `target/bench`.
//!
//! Nothing here fails for being slow: what a machine shared with others is fast at is for people to
//! judge. A limit that the median misses is marked.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, thread};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::step::{announce, output};
use crate::{Outcome, measurements, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One measurement alone
    #[arg(long, value_enum, value_name = "NAME")]
    only: Option<Subject>,
    /// Fewer repetitions of smaller things
    #[arg(long)]
    quick: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Subject {
    /// Packets a second, as a share of what a bare AF_XDP reflector does
    Throughput,
    /// Octets a lease
    Memory,
    /// From the start to the first answer
    Start,
    /// An address from an empty and from an almost full pool
    Allocation,
    /// Exchanges with a partner attached, updates to it, and how soon one server does the other's work
    Failover,
    /// Micro-benchmarks, and the client index against other maps
    Micro,
}

/// Builds, measures, prints and writes.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    measurements::build()?;
    let directory = workspace::root().join("target/bench");
    fs::create_dir_all(&directory)?;
    let mut figures = Vec::new();
    for subject in Subject::value_variants() {
        if arguments.only.is_some_and(|only| only != *subject) {
            continue;
        }
        for command in subject.commands(arguments.quick) {
            let said = announce(format!("measuring: {}", command.join(" ")), || {
                measure(&command, arguments.quick, &directory)
            });
            // One that cannot run here, for want of root or of XDP, leaves the others.
            match said {
                Ok(mut said) => figures.append(&mut said),
                Err(error) => eprintln!("note: {} is not measured: {error:#}", command.join(" ")),
            }
        }
    }
    let machine = machine();
    let table = render(&machine, &figures);
    println!("{table}");
    fs::write(directory.join("results.md"), &table)?;
    let results = json!({ "machine": machine, "quick": arguments.quick, "figures": figures });
    fs::write(directory.join("results.json"), serde_json::to_string_pretty(&results)?)?;
    eprintln!("    written to target/bench/results.md and results.json");
    Ok(())
}

impl Subject {
    /// The measurements of this subject, each a process of its own.
    fn commands(self, quick: bool) -> Vec<Vec<&'static str>> {
        const MILLION: &str = "1000000";
        const TEN_MILLION: &str = "10000000";
        match self {
            Self::Throughput => vec![vec!["throughput"]],
            Self::Memory if quick => vec![vec!["memory", "--leases", MILLION]],
            Self::Memory => {
                vec![vec!["memory", "--leases", MILLION], vec!["memory", "--leases", TEN_MILLION]]
            }
            Self::Start => vec![vec!["start", "--leases", TEN_MILLION]],
            Self::Allocation => vec![vec!["allocation"]],
            Self::Failover => {
                vec![vec!["attached"], vec!["updates"], vec!["resynchronisation"], vec!["takeover"]]
            }
            Self::Micro => vec![
                vec!["micro"],
                vec!["index", "index"],
                vec!["index", "papaya"],
                vec!["index", "dashmap"],
            ],
        }
    }
}

/// Runs one measurement; its figures are its lines of JSON.
fn measure(arguments: &[&str], quick: bool, directory: &Path) -> Result<Vec<Value>> {
    let mut command = measurements::command(directory);
    command.args(arguments).args(quick.then_some("--quick"));
    let said = output(&mut command)?;
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).context("a figure")).collect()
}

/// What the figures were taken on.
fn machine() -> Value {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "processor": model.map_or("unknown", |(_, name)| name),
        "cores": thread::available_parallelism().map_or(1, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
    })
}

/// The figures as Markdown.
fn render(machine: &Value, figures: &[Value]) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text = format!(
        "{}, {} cores, Linux {}; load at the end {}\n\n",
        word(&machine["processor"]),
        machine["cores"],
        word(&machine["kernel"]),
        word(&machine["load"]),
    );
    text.push_str("| what | median | spread | limit | |\n|---|---:|---:|---:|---|\n");
    for figure in figures {
        let values = figure["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut values: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
        values.sort_by(f64::total_cmp);
        let Some(median) = median(&values) else { continue };
        let spread = match values[..] {
            [least, .., most] => format!("{} to {}", number(least), number(most)),
            _ => "one run".to_owned(),
        };
        let limit = figure["limit"].as_f64().map_or_else(String::new, |limit| {
            let is_least = figure["least"] == true;
            let is_met = if is_least { median >= limit } else { median <= limit };
            let (sign, word) =
                (if is_least { "≥" } else { "≤" }, if is_met { "met" } else { "NOT MET" });
            format!("{sign} {} {word}", number(limit))
        });
        let (name, unit, note) = (&figure["name"], &figure["unit"], &figure["note"]);
        let (name, unit, note) = (word(name), word(unit), word(note));
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "| {name} | {} {unit} | {spread} | {limit} | {note} |", number(median));
    }
    text
}

/// Of sorted values, the one in the middle; of two in the middle, the lower.
fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_held_against_the_median_and_not_against_the_worst() {
        let figure = |values: [f64; 3]| json!({ "name": "a", "unit": "s", "values": values, "limit": 5.0, "note": "" });
        let table = render(&Value::Null, &[figure([9.0, 4.0, 3.0]), figure([6.0, 4.0, 7.0])]);
        let rows: Vec<_> = table.lines().rev().take(2).collect();
        assert_eq!(rows[1], "| a | 4.00 s | 3.00 to 9.00 | ≤ 5.00 met |  |");
        assert_eq!(rows[0], "| a | 6.00 s | 4.00 to 7.00 | ≤ 5.00 NOT MET |  |");
    }

    #[test]
    fn a_limit_may_be_the_least_that_is_enough() {
        let figure = |least: f64| json!({ "name": "a", "unit": "×", "values": [0.9], "limit": least, "least": true, "note": "" });
        let table = render(&Value::Null, &[figure(0.85), figure(0.95)]);
        let rows: Vec<_> = table.lines().rev().take(2).collect();
        assert_eq!(rows[1], "| a | 0.90 × | one run | ≥ 0.85 met |  |");
        assert_eq!(rows[0], "| a | 0.90 × | one run | ≥ 0.95 NOT MET |  |");
    }
}
