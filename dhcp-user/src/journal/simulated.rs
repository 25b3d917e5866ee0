//! A disk that forgets: of what was not synced, a crash keeps any part, in sectors of 512 octets.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

use super::disk::{Disk, File, Octets};

const SECTOR: usize = 512;

/// A source of chances that a seed repeats: SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub(super) struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    names: BTreeMap<String, usize>,
    /// What a crash leaves of `names`, and what was done to them since, in order.
    durable_names: BTreeMap<String, usize>,
    renamings: Vec<Naming>,
    files: Vec<Content>,
    /// Changes that are still done; at the next the power fails, in the middle of it.
    fuel: Option<u64>,
    is_off: bool,
    /// Octets that files may have reserved altogether.
    pub(super) capacity: u64,
    /// The next sync fails, and what it was to keep is never written.
    sync_fails: bool,
    writes_fail: Option<Errno>,
}

#[derive(Clone)]
enum Naming {
    Is(String, usize),
    Gone(String),
    Renamed(String, String),
}

#[derive(Clone, Default)]
struct Content {
    /// As a reader sees it.
    octets: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that differ, or might.
    unsynced: BTreeSet<usize>,
}

impl SimulatedDisk {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renamings: Vec::new(),
            files: Vec::new(),
            fuel: None,
            is_off: false,
            capacity: u64::MAX,
            sync_fails: false,
            writes_fail: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets the power fail after `changes` more.
    pub(super) fn fail_power_after(&self, changes: u64) {
        self.state().fuel = Some(changes);
    }

    pub(super) fn is_off(&self) -> bool {
        self.state().is_off
    }

    pub(super) fn set_capacity(&self, octets: u64) {
        self.state().capacity = octets;
    }

    /// Octets that files have.
    pub(super) fn used(&self) -> u64 {
        self.state().used()
    }

    pub(super) fn fail_next_sync(&self) {
        self.state().sync_fails = true;
    }

    pub(super) fn fail_writes(&self, with: Option<Errno>) {
        self.state().writes_fail = with;
    }

    /// The same disk after the server was killed: all that it wrote can be read, durable or not.
    pub(super) fn killed(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            renamings: state.renamings.clone(),
            files: state.files.clone(),
            fuel: None,
            is_off: false,
            capacity: u64::MAX,
            sync_fails: false,
            writes_fail: None,
        })))
    }

    /// The same disk after a power failure: what was synced, and any part of the rest.
    pub(super) fn crashed(&self, chance: &mut Chance) -> Self {
        let disk = self.killed();
        let mut state = disk.state();
        let kept = chance.below(state.renamings.len() + 1);
        let mut names = state.durable_names.clone();
        for naming in &state.renamings[..kept] {
            naming.apply(&mut names);
        }
        state.names = names.clone();
        state.durable_names = names;
        state.renamings.clear();
        for file in &mut state.files {
            // All, none or some: the extremes are common and worth trying more often.
            let odds = chance.below(4);
            let unsynced = std::mem::take(&mut file.unsynced);
            for sector in unsynced {
                let is_kept = match odds {
                    0 => false,
                    1 => true,
                    _ => chance.next().is_multiple_of(2),
                };
                if is_kept {
                    file.keep(sector);
                }
            }
            file.octets = file.durable.clone();
        }
        drop(state);
        disk
    }

    pub(super) fn octets(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].octets.clone()
    }

    /// Puts a file there, durably.
    pub(super) fn put(&self, name: &str, octets: Vec<u8>) {
        let mut state = self.state();
        let index = state.files.len();
        let durable = octets.clone();
        state.files.push(Content { octets, durable, unsynced: BTreeSet::new() });
        state.names.insert(name.to_owned(), index);
        state.durable_names.insert(name.to_owned(), index);
    }
}

impl State {
    /// Whether a change is still done, whole; `Ok(false)` is the one during which the power fails.
    fn burn(&mut self) -> io::Result<bool> {
        match &mut self.fuel {
            _ if self.is_off => Err(Errno::IO.into()),
            Some(0) => {
                self.is_off = true;
                Ok(false)
            }
            Some(fuel) => {
                *fuel -= 1;
                Ok(true)
            }
            None => Ok(true),
        }
    }

    fn name(&mut self, naming: Naming) -> io::Result<()> {
        if !self.burn()? {
            return Err(Errno::IO.into());
        }
        naming.apply(&mut self.names);
        self.renamings.push(naming);
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|index| self.files[*index].octets.len() as u64).sum()
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Is(name, index) => {
                names.insert(name.clone(), *index);
            }
            Self::Gone(name) => {
                names.remove(name);
            }
            Self::Renamed(from, to) => {
                if let Some(index) = names.remove(from) {
                    names.insert(to.clone(), index);
                }
            }
        }
    }
}

impl Content {
    fn grow(&mut self, len: usize) {
        if self.octets.len() < len {
            self.octets.resize(len, 0);
        }
    }

    fn resize(&mut self, len: usize) {
        self.octets.resize(len, 0);
        self.durable.truncate(len);
        self.unsynced.retain(|sector| sector * SECTOR < len);
    }

    fn write(&mut self, octets: &[u8], offset: usize) {
        self.grow(offset + octets.len());
        self.octets[offset..offset + octets.len()].copy_from_slice(octets);
        self.unsynced.extend(offset / SECTOR..(offset + octets.len()).div_ceil(SECTOR));
    }

    fn keep(&mut self, sector: usize) {
        let begin = sector * SECTOR;
        let end = (begin + SECTOR).min(self.octets.len());
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[begin..end].copy_from_slice(&self.octets[begin..end]);
    }
}

impl Disk for SimulatedDisk {
    fn path(&self) -> &Path {
        Path::new("/simulated")
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Octets> {
        let state = self.state();
        let index = state.names.get(name).ok_or(Errno::NOENT)?;
        Ok(Octets::Owned(state.files[*index].octets.clone()))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        let index = state.files.len();
        state.name(Naming::Is(name.to_owned(), index))?;
        state.files.push(Content::default());
        Ok(Box::new(SimulatedFile { disk: self.clone(), index }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let index = *self.state().names.get(name).ok_or(Errno::NOENT)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), index }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().name(Naming::Renamed(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().name(Naming::Gone(name.to_owned()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        if !state.burn()? {
            return Err(Errno::IO.into());
        }
        state.durable_names = state.names.clone();
        state.renamings.clear();
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    index: usize,
}

impl File for SimulatedFile {
    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let before = state.files[self.index].octets.len() as u64;
        if state.used() - before + len > state.capacity {
            return Err(Errno::NOSPC.into());
        }
        if !state.burn()? {
            return Err(Errno::IO.into());
        }
        state.files[self.index].resize(len as usize);
        Ok(())
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if let Some(error) = state.writes_fail {
            // Some of it gets there, as a real short write would.
            state.files[self.index].write(&octets[..octets.len() / 2], offset as usize);
            return Err(error.into());
        }
        // At a power failure all of it may be there or any part: a crash decides.
        let is_whole = state.burn()?;
        state.files[self.index].write(octets, offset as usize);
        if is_whole { Ok(()) } else { Err(Errno::IO.into()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if std::mem::take(&mut state.sync_fails) {
            // As Linux does it: the pages count as clean, and the next sync says nothing of them.
            state.files[self.index].unsynced.clear();
            return Err(Errno::IO.into());
        }
        if !state.burn()? {
            return Err(Errno::IO.into());
        }
        let file = &mut state.files[self.index];
        for sector in std::mem::take(&mut file.unsynced) {
            file.keep(sector);
        }
        let len = file.octets.len();
        if file.durable.len() < len {
            file.durable.resize(len, 0);
        }
        Ok(())
    }
}
