//! A state directory as a server leaves it that has run for a while: a new one's first segments are slower to
//! flush, as their blocks were never written.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use dhcp_user::journal::Journal;
use tandem_tests::lab::Settings;

use super::{Nothing, Protocol, config, write};

/// Octets written at a time.
const PIECE: usize = 1 << 20;

/// Writes the leases of the first `count` clients as a snapshot into the server's empty state directory, behind as
/// many segments as a server keeps to use them again, each of which was written to its end.
///
/// Those segments are written once, into a directory beside the server's, and given to one server after the other:
/// no two that were started so may run at once, as [`Alone`](crate::alone::Alone) sees to.
pub(crate) fn write_worn(settings: &Settings, protocol: Protocol, count: u32) -> Result<()> {
    let state = settings.state_dir();
    let journal = config()?.journal;
    // Each start begins a segment; the snapshot makes all but the last superfluous.
    for _ in 0..journal.snapshot_after / journal.segment_len {
        let recovery = Journal::open(&state, &journal, 1).context("the state directory")?;
        recovery.load(&Nothing, 1).context("a journal without leases")?;
    }
    write(&state, protocol, count)?;
    let files = fs::read_dir(state.join("journal"))?.map(|entry| Ok(entry?.path()));
    let mut segments = files.collect::<Result<Vec<_>>>()?;
    segments.retain(|path| is_segment(path));
    segments.sort();
    segments.pop();
    let worn = settings.directory.with_file_name("worn-segments");
    fs::create_dir_all(&worn)?;
    for (index, segment) in segments.iter().enumerate() {
        let path = worn.join(index.to_string());
        if !fs::metadata(&path).is_ok_and(|found| found.len() == journal.segment_len) {
            fill(&path, journal.segment_len)?;
        }
        fs::remove_file(segment)?;
        fs::hard_link(&path, segment)?;
    }
    Ok(())
}

/// Writes a file of `len` octets, all of them on disk.
fn fill(path: &Path, len: u64) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    let zeros = vec![0; PIECE];
    for _ in (0..len).step_by(PIECE) {
        file.write_all(&zeros)?;
    }
    file.sync_all()
}

fn is_segment(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"segment-"))
}
