//! `cargo xtask run`: a failover pair with real clients to watch and to break, or the server on this
//! host's own interfaces.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::{Outcome, ebpf, lab, server, setup};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End the lab by itself after so many seconds
    #[arg(long = "for", value_name = "SECONDS", conflicts_with = "serve")]
    seconds: Option<u64>,
    /// What `tandem serve` is given in place of a lab: `-- --config FILE`
    #[arg(last = true)]
    serve: Vec<OsString>,
}

/// Builds the server with its XDP object, then shows the lab, or becomes the server, so that signals
/// reach it directly.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.serve.is_empty() {
        setup::peers();
    }
    let _ = ebpf::try_build();
    let binary = server::build()?;
    if arguments.serve.is_empty() {
        return lab::show(&binary, arguments.seconds.map(Duration::from_secs));
    }
    let error = Command::new(&binary).arg("serve").args(&arguments.serve).exec();
    Err(error).context(binary.display().to_string())
}
