//! `cargo xtask pktgen`: the load generator by itself.

use std::ffi::OsString;
use std::fs;

use crate::measurements::{self, Build};
use crate::step::execute;
use crate::{Outcome, setup, workspace};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// What `--help` here says
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    load: Vec<OsString>,
}

/// Builds it and lets it send.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    // What is only to be explained sends nothing.
    if arguments.load.iter().any(|it| it == "--help" || it == "-h") {
        Build::Fast.make()?;
    } else {
        setup::peers();
        measurements::build()?;
    }
    let directory = workspace::root().join("target/bench");
    fs::create_dir_all(&directory)?;
    execute(measurements::command(Build::Fast, &directory).arg("pktgen").args(&arguments.load))
}
