//! `cargo xtask ebpf`: the XDP objects: the server's, and the one that measurements use.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::Outcome;
use crate::step::{announce, execute};
use crate::toolchain::Toolchain;
use crate::workspace;

/// Builds the object, or fails with what is missing.
pub(crate) fn run() -> Outcome {
    build(&Toolchain::prepare()?)
}

/// Builds the object if it can be built, or says in one line what then still works.
pub(crate) fn try_build() -> Option<Toolchain> {
    let built = Toolchain::prepare().and_then(|toolchain| build(&toolchain).map(|()| toolchain));
    built
        .inspect_err(|error| {
            eprintln!("note: no XDP object ({error:#}); the server works over plain sockets");
        })
        .ok()
}

/// Arguments that choose the program and a folder of its own for what its build leaves.
pub(crate) const PROGRAM: [&str; 8] = [
    "--release",
    "--package",
    "dhcp-ebpf",
    "--features",
    "kernel",
    "--bins",
    "--target-dir",
    "target/bpf-build",
];

fn build(toolchain: &Toolchain) -> Result<()> {
    announce("building the XDP program", || {
        execute(toolchain.cargo("build")?.args(PROGRAM))?;
        for (name, kept) in
            [("tandem-xdp", workspace::object()), ("tandem-divert", workspace::divert())]
        {
            let folder = workspace::root().join("target/bpf-build/bpfel-unknown-none/release");
            keep(&folder.join(name), &kept)?;
        }
        Ok(())
    })
}

/// Copies an object to where it is looked for. Untouched if nothing changed, so that the server is
/// not built anew.
fn keep(built: &Path, kept: &Path) -> Result<()> {
    let octets = fs::read(built).with_context(|| built.display().to_string())?;
    if !fs::read(kept).is_ok_and(|old| old == octets) {
        fs::create_dir_all(kept.parent().context("the object has a folder")?)?;
        fs::write(kept, &octets)?;
    }
    eprintln!("    {} octets in {}", octets.len(), kept.display());
    Ok(())
}
