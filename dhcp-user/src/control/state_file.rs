//! Small files in the state directory that are written once.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Only the server's user may read them.
const MODE: u32 = 0o600;

/// Keeps one line under this name: whole or not at all, whatever happens meanwhile, and durable.
///
/// # Errors
/// It cannot be written.
pub(super) fn keep(state_dir: &Path, name: &str, line: &str) -> io::Result<()> {
    let unfinished = state_dir.join(format!("{name}.new"));
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&unfinished)?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, state_dir.join(name))?;
    File::open(state_dir)?.sync_all()
}

/// Octets that nobody can foresee.
///
/// # Errors
/// There is no `/dev/urandom`.
pub(super) fn random<const LEN: usize>() -> io::Result<[u8; LEN]> {
    let mut octets = [0; LEN];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(octets)
}
