//! `cargo xtask simulate`: a pair of servers through days of trouble, as many seeds as one likes.

use crate::Outcome;
use crate::step::execute;
use crate::workspace::cargo;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Simulated hours of each
    #[arg(long, default_value_t = 24)]
    hours: u32,
    /// Break this on purpose; `help` names what can be broken
    #[arg(long, value_name = "FAULT")]
    sabotage: Option<String>,
    /// Shrink the first failures and show how they come about
    #[arg(long)]
    explain: bool,
    /// Show everything that happens under the first seed
    #[arg(long)]
    trace: bool,
}

/// Builds the simulation and runs it.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut command = cargo(["run", "--quiet", "--package", "tandem-tests", "--bin", "simulate"]);
    command.arg("--");
    let Arguments { seeds, from, hours, sabotage, explain, trace } = arguments;
    command.args(["--seeds", &seeds.to_string(), "--from", &from.to_string()]);
    command.args(["--hours", &hours.to_string()]);
    if let Some(fault) = sabotage {
        command.args(["--sabotage", fault]);
    }
    if *explain {
        command.arg("--explain");
    }
    if *trace {
        command.arg("--trace");
    }
    execute(&mut command)
}
