//! The program that measures, built and given what it needs.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::step::{announce, execute};
use crate::{ebpf, workspace};

/// Builds the server, the XDP objects where that can be, and what measures them.
pub(crate) fn build() -> Result<()> {
    ebpf::try_build();
    announce("building the server and the measurements", || {
        execute(&mut workspace::cargo(["build", "--release", "--package", "dhcp-user"]))?;
        Build::Fast.make()
    })
}

/// Which of its builds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Build {
    /// With the server's allocator.
    Fast,
    /// With one that counts.
    Counted,
}

impl Build {
    fn binary(self) -> &'static str {
        match self {
            Self::Fast => "tandem-bench",
            Self::Counted => "tandem-bench-counted",
        }
    }

    /// Builds it alone: linking takes longer than most measurements.
    pub(crate) fn make(self) -> Result<()> {
        let arguments = ["build", "--release", "--package", "tandem-benches", "--bin"];
        execute(workspace::cargo(arguments).arg(self.binary()))
    }
}

/// A command of it, whose state and logs go to `directory`.
pub(crate) fn command(build: Build, directory: &Path) -> Command {
    let release = workspace::root().join("target/release");
    let mut command = workspace::command(release.join(build.binary()));
    command.arg("--server").arg(release.join("tandem"));
    command.arg("--divert").arg(workspace::divert());
    command.arg("--directory").arg(directory);
    command
}
