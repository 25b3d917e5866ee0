//! A server as far as the journal sees one: it changes bindings, writes notes, and remembers what it
//! told others of them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use super::super::commit::Round;
use super::super::simulated::{Chance, SimulatedDisk};
use super::super::*;
use crate::lease::{Binding, BindingStatus, Client, ClientKey, ItemKind, Resource, Spread};
use crate::wire::{Ipv6Prefix, Stamp};

pub(super) const NOW: Stamp = Stamp(1_800_000_000);

pub(super) const SETTINGS: model::Journal =
    model::Journal { segment_len: 0, snapshot_after: 60_000, durable: true };

/// A table of no more than what the journal asks of one.
#[derive(Default)]
pub(super) struct Bindings(Mutex<BTreeMap<Resource, Binding>>);

impl Bindings {
    pub(super) fn get(&self, resource: Resource) -> Option<Binding> {
        self.0.lock().unwrap().get(&resource).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Store for Bindings {
    fn restore(&self, read: &mut dyn Iterator<Item = (Resource, Binding)>) -> Result<(), Resource> {
        let mut bindings = self.0.lock().unwrap();
        for (resource, binding) in read {
            match bindings.get(&resource) {
                Some(newer) if newer.version >= binding.version => {}
                _ => drop(bindings.insert(resource, binding)),
            }
        }
        Ok(())
    }

    fn finish(&self, _: Spread<'_>) {}
}

impl Source for Bindings {
    fn walk(
        &self,
        from: Cursor,
        limit: usize,
        each: &mut dyn FnMut(Resource, &Binding),
    ) -> Option<Cursor> {
        let bindings = self.0.lock().unwrap();
        // Few at a time, so that snapshots have several chunks and the traffic gets in between. Nothing
        // is ever taken out, so that a place counted from the first is passed by none.
        let count = limit.min(7);
        let mut rest = bindings.iter().skip(from.0 as usize);
        rest.by_ref().take(count).for_each(|(resource, binding)| each(*resource, binding));
        rest.next().map(|_| Cursor(from.0 + count as u64))
    }
}

/// The next binding of an address; what is in it follows from the version and `filler`.
pub(super) fn next(seen: Option<&Binding>, filler: usize) -> Binding {
    let version = seen.map_or(0, |seen| seen.version) + 1;
    let mut binding = Binding::new(BindingStatus::Active, Stamp(version));
    binding.version = version;
    let key = ClientKey { kind: ItemKind::Hardware, octets: &version.to_le_bytes() };
    binding.client =
        Some(Client::builder(key).with(ItemKind::HostName, &vec![filler as u8; filler]).build());
    binding
}

pub(super) const NAMES: [&str; 3] = ["failover/north", "failover/south", ""];

/// A note says which of its name it is.
pub(super) fn octets(count: u64, filler: usize) -> Vec<u8> {
    let mut octets = count.to_le_bytes().to_vec();
    octets.resize(8 + filler, count as u8);
    octets
}

fn count(octets: &[u8]) -> u64 {
    u64::from_le_bytes(*octets.first_chunk().expect("what `octets` made"))
}

/// A running server, as far as the journal sees one.
pub(super) struct Server {
    pub(super) disk: SimulatedDisk,
    pub(super) table: Bindings,
    pub(super) journal: Journal,
    /// What was appended, by appender, and not seen durable.
    waiting: Vec<Vec<(Sequence, Resource, Binding)>>,
    /// What was seen durable: of each address the newest.
    pub(super) told: BTreeMap<Resource, Binding>,
    notes: Vec<Vec<(Sequence, &'static str, Vec<u8>)>>,
    /// How many notes of each name there were.
    counts: BTreeMap<&'static str, u64>,
    pub(super) told_notes: BTreeMap<String, Vec<u8>>,
}

impl Server {
    pub(super) fn start(disk: &SimulatedDisk) -> Result<(Self, Recovered), OpenError> {
        Self::start_with(disk, SETTINGS)
    }

    pub(super) fn start_with(
        disk: &SimulatedDisk,
        settings: model::Journal,
    ) -> Result<(Self, Recovered), OpenError> {
        let table = Bindings::default();
        let recovery = Journal::open_on(Arc::new(disk.clone()), &settings, 2);
        let (journal, recovered) = recovery.load(&table, 2)?;
        let waiting = vec![Vec::new(), Vec::new()];
        let server = Self {
            disk: disk.clone(),
            table,
            journal,
            waiting,
            told: BTreeMap::new(),
            notes: vec![Vec::new(), Vec::new()],
            counts: NAMES
                .into_iter()
                .map(|name| (name, recovered.notes.get(name).map_or(0, |octets| count(octets))))
                .collect(),
            told_notes: BTreeMap::new(),
        };
        Ok((server, recovered))
    }

    pub(super) fn change(&mut self, appender: usize, resource: impl Into<Resource>, filler: usize) {
        let resource = resource.into();
        let binding = next(self.table.get(resource).as_ref(), filler);
        assert!(self.journal.appenders[appender].room() > 0, "the rings are never full here");
        self.table.0.lock().unwrap().insert(resource, binding.clone());
        let sequence = self.journal.appenders[appender].append(resource, &binding).unwrap();
        self.waiting[appender].push((sequence, resource, binding));
    }

    pub(super) fn note(&mut self, appender: usize, name: &'static str, filler: usize) {
        let count = self.counts.entry(name).or_default();
        *count += 1;
        let octets = octets(*count, filler);
        let sequence = self.journal.appenders[appender].note(name, &octets).unwrap();
        self.notes[appender].push((sequence, name, octets));
    }

    pub(super) fn commit(&mut self) -> Round {
        let round = self.journal.committer.round(NOW);
        self.hear();
        round
    }

    /// Tells the clients whose bindings are durable.
    fn hear(&mut self) {
        for (appender, waiting) in self.journal.appenders.iter().zip(&mut self.waiting) {
            let durable = appender.durable();
            waiting.retain(|(sequence, resource, binding)| {
                let is_durable = *sequence <= durable;
                if is_durable {
                    let told = self.told.entry(*resource).or_insert_with(|| binding.clone());
                    if told.version < binding.version {
                        *told = binding.clone();
                    }
                }
                !is_durable
            });
        }
        for (appender, waiting) in self.journal.appenders.iter().zip(&mut self.notes) {
            let durable = appender.durable();
            for (_, name, octets) in waiting.extract_if(.., |(at, ..)| *at <= durable) {
                let told = self.told_notes.entry(name.to_owned()).or_default();
                if told.is_empty() || count(told) < count(&octets) {
                    *told = octets;
                }
            }
        }
    }

    /// A step that a seed chooses. False when the power has failed.
    pub(super) fn step(&mut self, chance: &mut Chance) -> bool {
        match chance.below(10) {
            0 => {
                let name = NAMES[chance.below(NAMES.len())];
                self.note(chance.below(2), name, chance.below(200));
            }
            1..6 => {
                let resource = any_of(chance.below(40) as u32);
                let most = if chance.below(8) == 0 { 7_000 } else { 200 };
                let filler = chance.below(most);
                self.change(chance.below(2), resource, filler);
            }
            6..9 => {
                self.commit();
            }
            _ => {
                let _ = self.journal.snapshotter.tend(&self.table);
            }
        }
        !self.disk.is_off()
    }
}

/// Of every kind that there is, some.
fn any_of(number: u32) -> Resource {
    let address = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 64);
    match number % 3 {
        0 => Ipv4Addr::from_bits(0x0a00_0000 + number).into(),
        1 => address.into(),
        _ => Ipv6Prefix::containing(address, 64).into(),
    }
}

/// After a restart, all that clients were told holds: this version or one that followed it.
pub(super) fn assert_kept(told: &BTreeMap<Resource, Binding>, server: &Server, what: &str) {
    for (resource, told) in told {
        let found = server.table.get(*resource);
        let found = found.unwrap_or_else(|| panic!("{what}: {resource} is forgotten"));
        assert!(found.version >= told.version, "{what}: {resource} went back");
        if found.version == told.version {
            assert_eq!(&found, told, "{what}: {resource} changed");
        }
    }
}

/// Of a note too: this one or one that followed it.
pub(super) fn assert_noted(told: &BTreeMap<String, Vec<u8>>, recovered: &Recovered, what: &str) {
    for (name, told) in told {
        let found = recovered.notes.get(name);
        let found = found.unwrap_or_else(|| panic!("{what}: note {name:?} is forgotten"));
        assert!(count(found) >= count(told), "{what}: note {name:?} went back");
        if count(found) == count(told) {
            assert_eq!(found, told, "{what}: note {name:?} changed");
        }
    }
}
