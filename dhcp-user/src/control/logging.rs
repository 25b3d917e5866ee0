//! Where the log goes: standard error, as text or as one JSON object a line. Nothing is logged for
//! a packet; packets are counted.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Starts logging for the whole process; a second call changes nothing.
///
/// What is shown follows `TANDEM_LOG` in the syntax of `tracing`'s filters (`info`,
/// `dhcp_user::journal=debug`), and is `info` without it.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("TANDEM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    // Fails only if a subscriber stands already, which is then the one to keep.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().with_ansi(false).try_init(),
    };
}
