//! Files mapped for reading at start-up.
#![allow(unsafe_code, reason = "the octets of a mapping change if its file does")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a file of the journal, whole.
pub(super) fn file(file: &File) -> io::Result<Mmap> {
    // SAFETY: nobody changes the file while it is mapped. The caller holds the lock on the state
    // directory, so no other server does; this one maps at start-up only, and what it maps is the
    // snapshot and the segments from the snapshot's on, while it writes to new files and to segments
    // before that one, which the snapshot made superfluous. Whoever else may write there (mode 0700)
    // is the operator.
    let map = unsafe { Mmap::map(file) }?;
    map.advise(memmap2::Advice::Sequential)?;
    Ok(map)
}
