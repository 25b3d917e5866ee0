//! Any octets as a file of the journal.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dhcp_user::config::model;
use dhcp_user::journal::{
    Cursor, Disk, File, Journal, Octets, OpenError, Recovered, Source, Store,
};
use dhcp_user::lease::{Binding, Resource, Spread};

const SETTINGS: model::Journal =
    model::Journal { segment_len: 0, snapshot_after: 1 << 20, durable: true };
const SEGMENT: &str = "segment-0000000000000001";
const SNAPSHOT: &str = "snapshot-0000000000000001";
const BLOCK: usize = 4_096;
const SALT: u64 = 7;

/// A journal is read or refused; what was read and is written again reads the same. The first octet
/// says which file the others are, and whether they are put into it with checksums that are right,
/// so that what comes behind those is reached.
pub fn journal(octets: &[u8]) {
    let Some((kind, octets)) = octets.split_first() else { return };
    let disk = Memory::default();
    let (name, octets) = match kind % 4 {
        0 => (SEGMENT, octets.to_vec()),
        1 => (SNAPSHOT, octets.to_vec()),
        2 => (SEGMENT, segment(&sealed(octets))),
        _ => (SNAPSHOT, snapshot(&sealed(octets))),
    };
    if name == SNAPSHOT {
        disk.files().insert(SEGMENT.to_owned(), segment(&[]));
    }
    disk.files().insert(name.to_owned(), octets);

    let bindings = Bindings::default();
    let before = disk.files().clone();
    let Ok((mut journal, _)) = load(&disk, &bindings) else {
        assert_eq!(*disk.files(), before, "what is refused is left as it is");
        return;
    };
    journal.snapshotter.write(&bindings).expect("memory takes everything");
    drop(journal);
    let again = Bindings::default();
    load(&disk, &again).map(drop).expect("what was written is sound");
    assert_eq!(*again.all(), *bindings.all());
}

fn load(disk: &Memory, bindings: &Bindings) -> Result<(Journal, Recovered), OpenError> {
    Journal::open_on(Arc::new(disk.clone()), &SETTINGS, 0).load(bindings, 1)
}

/// Records with the lengths and checksums that they should have, and how many.
fn sealed(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = octets;
    while rest.len() >= 48 {
        let len = (usize::from(u16::from_le_bytes([rest[0], rest[1]])) & !7).clamp(48, rest.len());
        let (record, behind) = rest.split_at(len & !7);
        let mut record = record.to_vec();
        let len = record.len() as u32;
        record[..4].copy_from_slice(&len.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
        records.push(record);
        rest = behind;
    }
    records
}

fn segment(records: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = vec![0; BLOCK];
    octets[..8].copy_from_slice(b"TandemSg");
    octets[8] = 1;
    octets[16] = 1;
    octets[24..32].copy_from_slice(&SALT.to_le_bytes());
    let crc = crc32c::crc32c(&octets[..32]);
    octets[32..36].copy_from_slice(&crc.to_le_bytes());
    let body = records.concat();
    let mut header = [0; 32];
    header[..4].copy_from_slice(b"TdmB");
    header[4..8].copy_from_slice(&(body.len() as u32).to_le_bytes());
    (header[8], header[16]) = (1, 1);
    header[24..28].copy_from_slice(&(records.len() as u32).to_le_bytes());
    let crc = crc32c::crc32c(&SALT.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, &header[..28]), &body);
    header[28..].copy_from_slice(&crc.to_le_bytes());
    octets.extend_from_slice(&header);
    octets.extend_from_slice(&body);
    octets.resize(octets.len().next_multiple_of(BLOCK), 0);
    octets
}

fn snapshot(records: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = b"TandemSn\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    octets.extend_from_slice(&crc32c::crc32c(&octets).to_le_bytes());
    octets.extend_from_slice(&[0; 4]);
    let body = records.concat();
    let mut header = b"TdmC".to_vec();
    header.extend_from_slice(&(body.len() as u32).to_le_bytes());
    header.extend_from_slice(&(records.len() as u32).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header), &body);
    octets.extend_from_slice(&header);
    octets.extend_from_slice(&crc.to_le_bytes());
    octets.extend_from_slice(&body);
    let mut footer = b"TandemEn".to_vec();
    footer.extend_from_slice(&1_u64.to_le_bytes());
    footer.extend_from_slice(&(records.len() as u64).to_le_bytes());
    let crc = crc32c::crc32c(&footer);
    footer.extend_from_slice(&crc.to_le_bytes());
    footer.extend_from_slice(&[0; 4]);
    octets.extend_from_slice(&footer);
    octets
}

/// A table of no more than what the journal asks of one.
#[derive(Default)]
struct Bindings(Mutex<BTreeMap<Resource, Binding>>);

impl Bindings {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Resource, Binding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Bindings {
    fn restore(&self, read: &mut dyn Iterator<Item = (Resource, Binding)>) -> Result<(), Resource> {
        let mut all = self.all();
        for (resource, binding) in read {
            if all.get(&resource).is_none_or(|held| held.version < binding.version) {
                all.insert(resource, binding);
            }
        }
        Ok(())
    }

    fn finish(&self, _: Spread<'_>) {}
}

impl Source for Bindings {
    fn walk(
        &self,
        _: Cursor,
        _: usize,
        each: &mut dyn FnMut(Resource, &Binding),
    ) -> Option<Cursor> {
        self.all().iter().for_each(|(resource, binding)| each(*resource, binding));
        None
    }
}

/// A disk that is memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

/// A file of it, by its name when it was made: it is renamed before anything else is written.
struct Written {
    files: Memory,
    name: String,
}

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Memory {
    fn path(&self) -> &Path {
        Path::new("/memory")
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Octets> {
        let octets = self.files().get(name).cloned();
        octets.map(Octets::Owned).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.files().insert(name.to_owned(), Vec::new());
        Ok(Box::new(Written { files: self.clone(), name: name.to_owned() }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        if !self.files().contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(Written { files: self.clone(), name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let octets = self.files().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files().insert(to.to_owned(), octets);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for Written {
    fn allocate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let mut files = self.files.files();
        // A segment has its name by the time that batches are written to it.
        let whole = self.name.trim_end_matches(".new");
        let name = if files.contains_key(&self.name) { &self.name } else { whole };
        let file = files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        let (begin, end) = (offset as usize, offset as usize + octets.len());
        file.resize(file.len().max(end), 0);
        file[begin..end].copy_from_slice(octets);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
