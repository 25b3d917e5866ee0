//! What the journal takes on disk, for status and metrics.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::disk::directory;
use super::{segment, snapshot};

/// What the journal takes on disk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Segments that a start would replay: those behind the newest snapshot, the one being written
    /// and the one prepared ahead included.
    pub segments: u64,
    /// Octets of those segments.
    pub segment_octets: u64,
    /// Octets of older segments, which are kept to be written over.
    pub kept_octets: u64,
    /// Octets of the newest snapshot.
    pub snapshot_octets: u64,
    /// When the newest snapshot was finished; `None` if there is none.
    pub snapshot_at: Option<SystemTime>,
}

impl Usage {
    /// Looks into the journal of `state_dir`, beside its threads: a file that goes away meanwhile is
    /// left out.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn of(state_dir: &Path) -> io::Result<Self> {
        let mut usage = Self::default();
        let mut newest = 0;
        let mut segments = Vec::new();
        for entry in fs::read_dir(directory(state_dir))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let Ok(metadata) = entry.metadata() else { continue };
            if let Some(number) = segment::number(name) {
                segments.push((number, metadata.len()));
            } else if let Some(number) = snapshot::number(name).filter(|&it| it >= newest) {
                newest = number;
                usage.snapshot_octets = metadata.len();
                usage.snapshot_at = metadata.modified().ok();
            }
        }
        // A snapshot is named after the first segment that follows it.
        for (number, octets) in segments {
            if number >= newest {
                usage.segments += 1;
                usage.segment_octets += octets;
            } else {
                usage.kept_octets += octets;
            }
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_behind_the_newest_snapshot_are_counted_and_those_before_it_apart() {
        let dir = tempfile::tempdir().unwrap();
        let journal = directory(dir.path());
        fs::create_dir(&journal).unwrap();
        for (name, len) in [
            (segment::name(3), 100),
            (segment::name(4), 20),
            (segment::name(5), 3),
            (snapshot::name(2), 7),
            (snapshot::name(4), 9),
            ("lost+found".to_owned(), 1),
        ] {
            fs::write(journal.join(name), vec![0; len]).unwrap();
        }
        let usage = Usage::of(dir.path()).unwrap();
        assert_eq!((usage.segments, usage.segment_octets, usage.kept_octets), (2, 23, 100));
        assert_eq!(usage.snapshot_octets, 9);
        assert!(usage.snapshot_at.is_some());
    }
}
