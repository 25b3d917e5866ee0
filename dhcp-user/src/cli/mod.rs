//! The command line: one file for each subcommand.

mod amount;
mod check;
mod columns;
mod failover;
mod leases;
mod locate;
mod reconfigure;
mod serve;
mod status;

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::control::partners::check_tls;

/// What the command line said.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, about = "A DHCP server for carriers")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer clients, in the foreground; SIGTERM stops cleanly, SIGHUP reloads the configuration
    Serve(serve::Serve),
    /// Say every mistake in a configuration, and touch nothing
    Check(check::Check),
    /// Say how a running server is doing
    Status(status::StatusCommand),
    /// List the leases of a running server
    Leases(leases::LeasesCommand),
    /// Have clients of DHCPv6 come back before their time
    Reconfigure(reconfigure::ReconfigureCommand),
    /// Say how a running server and its partners are, or what has become of a partner
    Failover(failover::FailoverCommand),
}

impl Arguments {
    /// Does what was asked. Exit status: 0, 2 for a wrong configuration, 1 for any other failure.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Check(check) => check.run(),
            Command::Status(status) => status.run(),
            Command::Leases(leases) => leases.run(),
            Command::Reconfigure(reconfigure) => reconfigure.run(),
            Command::Failover(failover) => failover.run(),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                // Nobody is left to tell if standard error is gone.
                let _ = writeln!(io::stderr(), "{failure}");
                failure.exit_code()
            }
        }
    }
}

/// The configuration in this file, of which all that can be known to be wrong before a start is known.
fn configuration(file: &Path) -> Result<Config, Failure> {
    let config =
        Config::load(file).map_err(|mistakes| Failure::Configuration(mistakes.to_string()))?;
    check_tls(&config).map_err(|error| Failure::Configuration(error.to_string()))?;
    Ok(config)
}

/// Why a command failed, in words for its user.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong; every mistake, a line or more each.
    Configuration(String),
    /// Anything else, in one line that says what to do.
    Other(String),
}

impl Failure {
    /// Any failure but a wrong configuration.
    pub(crate) fn other(text: impl fmt::Display) -> Self {
        Self::Other(text.to_string())
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(mistakes) => f.write_str(mistakes.trim_end()),
            Self::Other(text) => write!(f, "tandem: {text}"),
        }
    }
}
