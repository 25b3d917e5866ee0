//! Where things are: the checkout, and what is kept for all checkouts of a user.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};

/// The top folder of this checkout: the one that `cargo xtask` was called in, and not the one that this program
/// was built in, whose target folder may have been copied.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let built_in = || env!("CARGO_MANIFEST_DIR").into();
        let own = env::var_os("CARGO_MANIFEST_DIR").map_or_else(built_in, PathBuf::from);
        own.parent().expect("xtask is a folder of the workspace").to_owned()
    });
    &ROOT
}

/// Where the XDP object is left, and where `dhcp-user`'s build script looks for it.
pub(crate) fn object() -> PathBuf {
    root().join("target/bpf/tandem-xdp")
}

/// Where the object that measurements load is left.
pub(crate) fn divert() -> PathBuf {
    root().join("target/bpf/tandem-divert")
}

/// `$XDG_CACHE_HOME/tandem`: what is fetched or built once for all checkouts.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(".cache"))
    });
    Ok(base.context("neither HOME nor XDG_CACHE_HOME is set")?.join("tandem"))
}

/// `program` in the checkout's top folder.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Cargo on this checkout, of the toolchain that runs us.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Whether a command of this name can be started.
pub(crate) fn has_program(name: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(name).is_file())
}
