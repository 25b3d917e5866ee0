//! Hands the XDP object to the binary that embeds it, as `$OUT_DIR/tandem-xdp.o`.
//!
//! The object comes from `TANDEM_XDP_OBJECT`, or from where `cargo xtask ebpf` leaves it. Where there
//! is none the file is empty, and the server, built without XDP, serves over sockets.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TANDEM_XDP_OBJECT");
    let named = env::var_os("TANDEM_XDP_OBJECT").map(PathBuf::from);
    let object = named.clone().unwrap_or_else(left_by_xtask);
    let octets = match fs::read(&object) {
        Ok(octets) => octets,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(io::Error::new(error.kind(), format!("{}: {error}", object.display())));
        }
    };
    watch(&object);
    let out = env::var_os("OUT_DIR").expect("cargo sets it for build scripts");
    fs::write(Path::new(&out).join("tandem-xdp.o"), octets)
}

/// Not under `CARGO_TARGET_DIR`: all target folders of one checkout embed one object.
fn left_by_xtask() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    Path::new(&own).join("../target/bpf/tandem-xdp")
}

/// Asks cargo to look again when the object changes or appears. A watched file that does not exist
/// would make cargo build the crate anew each time, so then it is the folder that is watched.
fn watch(object: &Path) {
    let Some(folder) = object.parent() else { return };
    if object.exists() {
        println!("cargo::rerun-if-changed={}", object.display());
    } else if fs::create_dir_all(folder).is_ok() {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
}
