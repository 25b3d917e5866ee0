//! What builds the XDP program: a compiler with its own library source, and `bpf-linker` with an LLVM
//! at least as new as the compiler's.
//!
//! The compiler is rustup's nightly where rustup can get it, else Debian's, unpacked and not installed.
//! All of it is kept in the user's cache folder, once for all checkouts: with rustup's nightly 80 MB
//! to download and 0.6 GB on disk, with Debian's compiler 190 MB and 1.4 GB. On two idle cores
//! fetching takes 15 s, the linker 40 s, the first build of the program 25 s and every later one 1 s;
//! the object has 23 KB.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::packages;
use crate::step::{announce, execute, output};
use crate::workspace::{self, has_program};

const LINKER_VERSION: &str = "0.13.0";
/// The LLVM that the linker is built with: the newest compiler it links for has the same.
const LLVM: u32 = 22;
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Everything that a build of the program needs, in place.
pub(crate) struct Toolchain {
    compiler: Compiler,
    /// Holds `bpf-linker`.
    linker_folder: PathBuf,
    /// Shared libraries that the linker and an unpacked compiler run with.
    libraries: Vec<PathBuf>,
}

/// Where the compiler comes from.
enum Compiler {
    /// rustup's nightly.
    Rustup,
    /// Debian's, of which this is the executable.
    Debian(PathBuf),
}

impl Toolchain {
    /// Fetches and builds what is missing; with everything there it takes a moment.
    ///
    /// # Errors
    /// Says what cannot be had, which is no reason not to build the rest: the server works without.
    pub(crate) fn prepare() -> Result<Self> {
        let cache = workspace::cache()?;
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        // Two checkouts may be set up at once: the second waits and finds everything there.
        let lock = File::create(cache.join("lock"))?;
        lock.lock()?;

        let llvm = llvm(&cache)?;
        let mut libraries = vec![llvm.libraries.clone()];
        let linker_folder = linker(&cache, &llvm)?;
        let compiler = match rustup_nightly() {
            Ok(()) => Compiler::Rustup,
            Err(error) => {
                eprintln!("    no nightly from rustup ({error:#}): taking Debian's compiler");
                let folder = debian_compiler(&cache)?;
                libraries.push(folder.join(LIBRARIES));
                Compiler::Debian(folder.join("usr/bin/rustc"))
            }
        };
        Ok(Self { compiler, linker_folder, libraries })
    }

    /// Cargo with this compiler and linker.
    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Command> {
        let mut command = workspace::command("cargo");
        let old_path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::iter::once(self.linker_folder.clone()).chain(std::env::split_paths(&old_path));
        command
            .env("PATH", std::env::join_paths(path)?)
            .env("LD_LIBRARY_PATH", std::env::join_paths(&self.libraries)?)
            // The kernel reads no debug sections, and the server carries the object whole.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC")
            .env_remove("RUSTDOC")
            .env_remove("CARGO");
        match &self.compiler {
            Compiler::Rustup => command.env("RUSTUP_TOOLCHAIN", "nightly"),
            Compiler::Debian(rustc) => command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1"),
        };
        command.args([subcommand, "-Z", "build-std=core", "--target", "bpfel-unknown-none"]);
        Ok(command)
    }

    /// Whether the compiler came with clippy.
    pub(crate) fn has_clippy(&self) -> bool {
        matches!(self.compiler, Compiler::Rustup)
            && output(Command::new("cargo").args(["+nightly", "clippy", "--version"])).is_ok()
    }
}

/// An LLVM to build the linker with and to run it.
struct Llvm {
    /// Has `include` and `lib`.
    prefix: PathBuf,
    libraries: PathBuf,
}

fn llvm(cache: &Path) -> Result<Llvm> {
    let installed = PathBuf::from(format!("/usr/lib/llvm-{LLVM}"));
    if installed.join("include/llvm-c/Core.h").exists() {
        return Ok(Llvm { libraries: installed.join("lib"), prefix: installed });
    }
    let folder = cache.join(format!("llvm-{LLVM}"));
    if !folder.exists() {
        announce(format_args!("fetching LLVM {LLVM} (80 MB, once for all checkouts)"), || {
            ensure!(
                has_program("apt-get"),
                "LLVM {LLVM} is not installed, and there is no apt-get"
            );
            let [dev, library, polly] = [
                format!("llvm-{LLVM}-dev"),
                format!("libllvm{LLVM}"),
                format!("libpolly-{LLVM}-dev"),
            ];
            packages::unpack(&[&dev, &library, &polly], &folder)
        })?;
    }
    Ok(Llvm {
        prefix: folder.join(format!("usr/lib/llvm-{LLVM}")),
        libraries: folder.join(LIBRARIES),
    })
}

/// The folder with `bpf-linker` in it.
fn linker(cache: &Path, llvm: &Llvm) -> Result<PathBuf> {
    let root = cache.join(format!("bpf-linker-{LINKER_VERSION}-llvm-{LLVM}"));
    let folder = root.join("bin");
    if folder.join("bpf-linker").exists() {
        return Ok(folder);
    }
    announce(format_args!("building bpf-linker {LINKER_VERSION} (a minute, once)"), || {
        let absent = packages::missing(&["zlib1g-dev", "libzstd-dev"]);
        if !absent.is_empty() && packages::is_root() {
            packages::install(&absent)?;
        }
        execute(
            Command::new("cargo")
                .args(["install", "bpf-linker", "--locked", "--version", LINKER_VERSION])
                .args(["--no-default-features", "--features", &format!("llvm-{LLVM}"), "--root"])
                .arg(&root)
                .env("LLVM_PREFIX", &llvm.prefix)
                .env("LD_LIBRARY_PATH", &llvm.libraries)
                .env_remove("CARGO_TARGET_DIR"),
        )
        .context("bpf-linker needs zlib1g-dev and libzstd-dev to build")
    })?;
    Ok(folder)
}

/// Sees to it that rustup has a nightly with its library source, no newer than the linker's LLVM.
fn rustup_nightly() -> Result<()> {
    ensure!(has_program("rustup"), "there is no rustup");
    let components = ["component", "list", "--toolchain", "nightly", "--installed"];
    match output(Command::new("rustup").args(components)) {
        Ok(installed) if installed.lines().any(|line| line.starts_with("rust-src")) => {}
        Ok(_) => announce("adding rust-src to rustup's nightly", || {
            let add = ["component", "add", "rust-src", "--toolchain", "nightly"];
            output(Command::new("rustup").args(add)).map(drop)
        })?,
        Err(_) => announce("installing rustup's nightly with rust-src", || {
            let install =
                ["toolchain", "install", "nightly", "--profile", "minimal", "-c", "rust-src"];
            output(Command::new("rustup").args(install)).map(drop)
        })?,
    }
    let version = output(Command::new("rustc").args(["+nightly", "-vV"]))?;
    let llvm = llvm_of(&version).context("rustc does not say which LLVM it has")?;
    ensure!(llvm <= LLVM, "nightly has LLVM {llvm}, and the linker's is {LLVM}");
    Ok(())
}

/// The folder that Debian's compiler is unpacked in.
fn debian_compiler(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("debian-rust");
    if !folder.exists() {
        announce("fetching Debian's compiler (110 MB, once for all checkouts)", || {
            ensure!(has_program("apt-get"), "there is no apt-get either");
            // Named for its version: what the other three go with today.
            let library = packages::dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
            packages::unpack(
                &["rustc-web", "libstd-rust-web-dev", &library, "rust-web-src"],
                &folder,
            )
        })?;
    }
    Ok(folder)
}

/// The major version of the LLVM that `rustc -vV` tells of.
fn llvm_of(version: &str) -> Option<u32> {
    let line = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    line.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_llvm_is_read_off_its_version() {
        let version =
            "rustc 1.97.0-nightly\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.4\n";
        assert_eq!(llvm_of(version), Some(22));
        assert_eq!(llvm_of("rustc 1.97.0"), None);
    }
}
