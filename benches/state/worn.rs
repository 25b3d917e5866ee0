//! A state directory as a server leaves it that has run for a while: a new one's first segments are slower to
//! flush, as their blocks were never written.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use dhcp_user::journal::Journal;

use super::{Nothing, Protocol, config, write};

/// Octets written at a time.
const PIECE: usize = 1 << 20;

/// Writes a snapshot with the leases of the first `count` clients into an empty directory, behind as many segments
/// as a server keeps to use them again, each of which was written to its end.
pub(crate) fn write_worn(directory: &Path, protocol: Protocol, count: u32) -> Result<()> {
    let settings = config()?.journal;
    // Each start begins a segment; the snapshot makes all but the last superfluous.
    for _ in 0..settings.snapshot_after / settings.segment_len {
        let recovery = Journal::open(directory, &settings, 1).context("the state directory")?;
        recovery.load(&Nothing, 1).context("a journal without leases")?;
    }
    write(directory, protocol, count)?;
    let files = fs::read_dir(directory.join("journal"))?.map(|entry| Ok(entry?.path()));
    let mut segments = files.collect::<Result<Vec<_>>>()?;
    segments.retain(|path| is_segment(path));
    segments.sort();
    segments.pop();
    let zeros = vec![0; PIECE];
    for path in segments {
        let file = fs::OpenOptions::new().write(true).open(path)?;
        for at in (0..settings.segment_len).step_by(PIECE) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
    }
    Ok(())
}

fn is_segment(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"segment-"))
}
