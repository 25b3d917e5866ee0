//! Sets up, builds, runs, tests and measures Tandem: `cargo xtask <command>`, one file for each.

mod bench;
mod ebpf;
mod lab;
mod measurements;
mod packages;
mod pktgen;
mod run;
mod server;
mod setup;
mod simulate;
mod step;
mod test;
mod tidy;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch the eBPF toolchain and install the peers that tests drive; `run` and `test` do it too
    Setup,
    /// Build the XDP object, which the server's build embeds
    Ebpf,
    /// Start a failover pair with real clients and show it; with `-- --config FILE`, serve on this host
    Run(run::Arguments),
    /// Check everything that CI checks
    Test(test::Arguments),
    /// Take the measurements, and write them to target/bench
    Bench(bench::Arguments),
    /// Put a load on a server, and say what came of it; `--help` for what it can be
    Pktgen(pktgen::Arguments),
    /// Run a simulated pair of servers under as many seeds as wanted, and explain what fails
    Simulate(simulate::Arguments),
    /// Check what no compiler does: who imports whom, where unsafe code lives, licenses
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Setup => setup::run(),
        Command::Ebpf => ebpf::run(),
        Command::Run(arguments) => run::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Pktgen(arguments) => pktgen::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Tidy => tidy::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What every command ends as.
type Outcome = Result<()>;
