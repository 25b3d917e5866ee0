//! `cargo xtask bench`: the measurements, as a table, as JSON and as plots in `target/bench`.
//!
//! Nothing here fails for being slow: what a machine shared with others is fast at is for people to
//! judge. A limit that the median misses is marked.

mod publish;
mod subject;
mod table;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::ValueEnum as _;
use serde_json::{Value, json};

use self::subject::Subject;
use crate::measurements::{self, Build};
use crate::step::{announce, execute, output};
use crate::{Outcome, setup, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// These measurements alone
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Subject>,
    /// Fewer repetitions of smaller things
    #[arg(long)]
    quick: bool,
    /// Begin no measurement after so long; the table says which were not begun
    #[arg(long, value_name = "MINUTES")]
    within: Option<u64>,
    /// Put the figures and plots, of all measurements, where README shows them
    #[arg(long, conflicts_with_all = ["quick", "only", "within"])]
    publish: bool,
}

/// Builds, measures, prints, writes and draws.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    setup::peers();
    measurements::build()?;
    let directory = workspace::root().join("target/bench");
    fs::create_dir_all(&directory)?;
    let within = arguments.within.map(|minutes| Duration::from_secs(minutes * 60));
    let (mut said, mut took, begin) = (Vec::new(), Vec::new(), Instant::now());
    for subject in Subject::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(subject) {
            continue;
        }
        for command in subject.commands(arguments.quick) {
            let (name, start) = (command.join(" "), Instant::now());
            let measured = if within.is_some_and(|within| begin.elapsed() >= within) {
                Err(anyhow!("not begun: the time was over"))
            } else {
                announce(format!("measuring: {name}"), || {
                    measure(&command, arguments.quick, &directory, &mut said)
                })
            };
            // One that cannot run here, for want of root or of XDP, leaves the others, and a row.
            if let Err(error) = measured {
                let note = format!("{error:#}");
                said.push(json!({ "name": name, "values": [], "failed": true, "note": note }));
            }
            took.push((name, start.elapsed().as_secs_f64()));
        }
    }
    let (figures, points): (Vec<&Value>, Vec<&Value>) =
        said.iter().partition(|line| line["plot"].is_null());
    let machine = machine(&directory);
    let table = table::render(&machine, &figures);
    println!("{table}\n{}", table::times(&took));
    fs::write(directory.join("results.md"), &table)?;
    let quick = arguments.quick;
    let results =
        json!({ "machine": machine, "quick": quick, "figures": figures, "points": points });
    fs::write(directory.join("results.json"), serde_json::to_string_pretty(&results)?)?;
    publish::remove_plots(&directory)?;
    execute(measurements::command(Build::Fast, &directory).arg("plot"))?;
    eprintln!("    written to target/bench: results.md, results.json, plots");
    if arguments.publish {
        publish::publish(&directory, &machine, &figures)?;
    }
    let failed = figures.iter().filter(|figure| figure["failed"] == true).count();
    ensure!(failed == 0, "{failed} measurements could not be taken: the table says which");
    Ok(())
}

/// Runs one measurement, and adds to `said` its figures and points, which are its lines of JSON: also of
/// one that fails later.
fn measure(arguments: &[&str], quick: bool, directory: &Path, said: &mut Vec<Value>) -> Result<()> {
    let build = if arguments == ["allocations"] { Build::Counted } else { Build::Fast };
    if build == Build::Counted {
        build.make()?;
    }
    let mut command = measurements::command(build, directory);
    command.args(arguments).args(quick.then_some("--quick"));
    // What it remarks is shown as it comes.
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|line| line.starts_with('{')) {
        said.push(serde_json::from_str(line).context("a figure")?);
    }
    ensure!(output.status.success(), "it ended with {}", output.status);
    Ok(())
}

/// What the figures were taken on, and of what; they and their plots are written after that.
fn machine(directory: &Path) -> Value {
    let ask = |program: &str, arguments: &[&str]| {
        let said = output(Command::new(program).args(arguments).current_dir(workspace::root()));
        said.unwrap_or_default().trim().to_owned()
    };
    let changed = ask("git", &["status", "--porcelain"]);
    let directory = directory.display().to_string();
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "processor": model.map_or("unknown", |(_, name)| name),
        "revision": ask("git", &["rev-parse", "--short=12", "HEAD"]),
        "changed": !changed.is_empty(),
        "date": ask("date", &["-u", "+%F"]),
        "memory": read("/proc/meminfo").lines().next().and_then(gibibytes),
        "file-system": ask("stat", &["-f", "-c", "%T", &directory]),
        "cores": thread::available_parallelism().map_or(1, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
    })
}

/// Of the line `MemTotal:       24567890 kB`.
fn gibibytes(line: &str) -> Option<u64> {
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes.div_ceil(1 << 20))
}
