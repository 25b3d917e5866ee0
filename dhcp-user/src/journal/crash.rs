//! What must survive: random histories on a disk that forgets, cut anywhere, and damage found.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rustix::io::Errno;

use super::batch::BLOCK;
use super::commit::Round;
use super::simulated::{Chance, SimulatedDisk};
use super::*;
use crate::lease::{Binding, BindingStatus, Client, ClientKey, ItemKind, Spread};
use crate::wire::Stamp;

const NOW: Stamp = Stamp(1_800_000_000);

const SETTINGS: model::Journal =
    model::Journal { segment_len: 0, snapshot_after: 60_000, durable: true };

/// A table of no more than what the journal asks of one.
#[derive(Default)]
struct Bindings(Mutex<BTreeMap<Ipv4Addr, Binding>>);

impl Bindings {
    fn get(&self, address: Ipv4Addr) -> Option<Binding> {
        self.0.lock().unwrap().get(&address).cloned()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Store for Bindings {
    fn restore(&self, read: &mut dyn Iterator<Item = (Ipv4Addr, Binding)>) {
        let mut bindings = self.0.lock().unwrap();
        for (address, binding) in read {
            match bindings.get(&address) {
                Some(newer) if newer.version >= binding.version => {}
                _ => drop(bindings.insert(address, binding)),
            }
        }
    }

    fn finish(&self, _: Spread<'_>) {}
}

impl Source for Bindings {
    fn walk(
        &self,
        from: Ipv4Addr,
        limit: usize,
        each: &mut dyn FnMut(Ipv4Addr, &Binding),
    ) -> Option<Ipv4Addr> {
        let bindings = self.0.lock().unwrap();
        // Few at a time, so that snapshots have several chunks and the traffic gets in between.
        let mut rest = bindings.range(from..);
        rest.by_ref().take(limit.min(7)).for_each(|(address, binding)| each(*address, binding));
        rest.next().map(|(address, _)| *address)
    }
}

/// The next binding of an address; what is in it follows from the version and `filler`.
fn next(seen: Option<&Binding>, filler: usize) -> Binding {
    let version = seen.map_or(0, |seen| seen.version) + 1;
    let mut binding = Binding::new(BindingStatus::Active, Stamp(version));
    binding.version = version;
    let key = ClientKey { kind: ItemKind::Hardware, octets: &version.to_le_bytes() };
    binding.client =
        Some(Client::builder(key).with(ItemKind::HostName, &vec![filler as u8; filler]).build());
    binding
}

const NAMES: [&str; 3] = ["failover/north", "failover/south", ""];

/// A note says which of its name it is.
fn octets(count: u64, filler: usize) -> Vec<u8> {
    let mut octets = count.to_le_bytes().to_vec();
    octets.resize(8 + filler, count as u8);
    octets
}

fn count(octets: &[u8]) -> u64 {
    u64::from_le_bytes(*octets.first_chunk().expect("what `octets` made"))
}

/// A running server, as far as the journal sees one.
struct Server {
    disk: SimulatedDisk,
    table: Bindings,
    journal: Journal,
    /// What was appended, by appender, and not seen durable.
    waiting: Vec<Vec<(Sequence, Ipv4Addr, Binding)>>,
    /// What was seen durable: of each address the newest.
    told: BTreeMap<Ipv4Addr, Binding>,
    notes: Vec<Vec<(Sequence, &'static str, Vec<u8>)>>,
    /// How many notes of each name there were.
    counts: BTreeMap<&'static str, u64>,
    told_notes: BTreeMap<String, Vec<u8>>,
}

impl Server {
    fn start(disk: &SimulatedDisk) -> Result<(Self, Recovered), OpenError> {
        Self::start_with(disk, SETTINGS)
    }

    fn start_with(
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

    fn change(&mut self, appender: usize, address: Ipv4Addr, filler: usize) {
        let binding = next(self.table.get(address).as_ref(), filler);
        assert!(self.journal.appenders[appender].room() > 0, "the rings are never full here");
        self.table.0.lock().unwrap().insert(address, binding.clone());
        let sequence = self.journal.appenders[appender].append(address, &binding).unwrap();
        self.waiting[appender].push((sequence, address, binding));
    }

    fn note(&mut self, appender: usize, name: &'static str, filler: usize) {
        let count = self.counts.entry(name).or_default();
        *count += 1;
        let octets = octets(*count, filler);
        let sequence = self.journal.appenders[appender].note(name, &octets).unwrap();
        self.notes[appender].push((sequence, name, octets));
    }

    fn commit(&mut self) -> Round {
        let round = self.journal.committer.round(NOW);
        self.hear();
        round
    }

    /// Tells the clients whose bindings are durable.
    fn hear(&mut self) {
        for (appender, waiting) in self.journal.appenders.iter().zip(&mut self.waiting) {
            let durable = appender.durable();
            waiting.retain(|(sequence, address, binding)| {
                let is_durable = *sequence <= durable;
                if is_durable {
                    let told = self.told.entry(*address).or_insert_with(|| binding.clone());
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
    fn step(&mut self, chance: &mut Chance) -> bool {
        match chance.below(10) {
            0 => {
                let name = NAMES[chance.below(NAMES.len())];
                self.note(chance.below(2), name, chance.below(200));
            }
            1..6 => {
                let address = Ipv4Addr::from_bits(0x0a00_0000 + chance.below(40) as u32);
                let most = if chance.below(8) == 0 { 7_000 } else { 200 };
                let filler = chance.below(most);
                self.change(chance.below(2), address, filler);
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

/// After a restart, all that clients were told holds: this version or one that followed it.
fn assert_kept(told: &BTreeMap<Ipv4Addr, Binding>, server: &Server, what: &str) {
    for (address, told) in told {
        let found = server.table.get(*address);
        let found = found.unwrap_or_else(|| panic!("{what}: {address} is forgotten"));
        assert!(found.version >= told.version, "{what}: {address} went back");
        if found.version == told.version {
            assert_eq!(&found, told, "{what}: {address} changed");
        }
    }
}

/// Of a note too: this one or one that followed it.
fn assert_noted(told: &BTreeMap<String, Vec<u8>>, recovered: &Recovered, what: &str) {
    for (name, told) in told {
        let found = recovered.notes.get(name);
        let found = found.unwrap_or_else(|| panic!("{what}: note {name:?} is forgotten"));
        assert!(count(found) >= count(told), "{what}: note {name:?} went back");
        if count(found) == count(told) {
            assert_eq!(found, told, "{what}: note {name:?} changed");
        }
    }
}

#[test]
fn whatever_was_told_survives_power_failures_at_every_write() {
    for seed in 0..20 {
        let mut cut = 0;
        loop {
            let mut chance = Chance(seed);
            let disk = SimulatedDisk::new();
            disk.fail_power_after(cut);
            let (mut told, mut told_notes) = (BTreeMap::new(), BTreeMap::new());
            let mut ran_out = false;
            if let Ok((mut server, _)) = Server::start(&disk) {
                ran_out = !(0..300).any(|_| !server.step(&mut chance));
                (told, told_notes) = (server.told, server.told_notes);
            }
            let mut chance = Chance(seed ^ cut << 8);
            let what = format!("seed {seed}, cut at change {cut}");
            let (server, recovered) = Server::start(&disk.crashed(&mut chance))
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_kept(&told, &server, &what);
            assert_noted(&told_notes, &recovered, &what);
            if ran_out {
                assert!(cut > 100, "a history has many changes, not {cut}");
                break;
            }
            cut += 1;
        }
    }
}

#[test]
fn kills_and_power_failures_one_after_another_lose_nothing() {
    for seed in 0..400 {
        let mut chance = Chance(seed);
        let mut disk = SimulatedDisk::new();
        let (mut told, mut told_notes) = (BTreeMap::new(), BTreeMap::new());
        for life in 0..8 {
            let what = format!("seed {seed}, life {life}");
            disk.fail_power_after(chance.below(120) as u64);
            match Server::start(&disk) {
                Ok((mut server, recovered)) => {
                    assert_kept(&told, &server, &what);
                    assert_noted(&told_notes, &recovered, &what);
                    while server.step(&mut chance) {}
                    told.extend(server.told);
                    told_notes.extend(server.told_notes);
                }
                Err(OpenError::Io { .. }) => {}
                Err(error) => panic!("{what}: {error}"),
            }
            // A server that is killed leaves unsynced octets readable; the next one must not rest
            // on them when the power fails later.
            let is_killed = chance.below(2) == 0;
            disk = if is_killed { disk.killed() } else { disk.crashed(&mut chance) };
        }
    }
}

#[test]
fn a_restart_after_a_failed_flush_does_not_rest_on_what_only_the_kernel_remembers() {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    server.change(0, Ipv4Addr::new(10, 0, 0, 1), 10);
    assert_eq!(server.commit(), Round::Committed);
    server.change(0, Ipv4Addr::new(10, 0, 0, 2), 10);
    disk.fail_next_sync();
    assert_eq!(server.commit(), Round::Failed);
    assert_eq!(server.told.len(), 1, "nobody is told of what may not be there");
    assert_eq!(server.journal.health.get(), Health::Failed { since: NOW });
    assert!(server.journal.health.reason().unwrap().starts_with("flushing a batch: "));

    // The failed batch can still be read, and then the power fails.
    let disk = disk.killed();
    let (mut server, _) = Server::start(&disk).unwrap();
    assert_eq!(server.table.len(), 2);
    server.change(0, Ipv4Addr::new(10, 0, 0, 3), 10);
    assert_eq!(server.commit(), Round::Committed);
    let (again, _) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
    assert_eq!(again.table.len(), 3);
}

#[test]
fn a_full_disk_is_waited_for_and_then_takes_all_that_the_table_holds() {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    server.change(0, Ipv4Addr::new(10, 0, 0, 1), 10);
    assert_eq!(server.commit(), Round::Committed);
    let used = disk.used();
    disk.set_capacity(used);
    disk.fail_writes(Some(Errno::NOSPC));
    server.change(0, Ipv4Addr::new(10, 0, 0, 2), 10);
    server.change(1, Ipv4Addr::new(10, 0, 0, 3), 10);
    for _ in 0..3 {
        assert_eq!(server.commit(), Round::Full);
        assert_eq!(server.journal.health.get(), Health::Full { since: NOW });
        assert_eq!(disk.used(), used, "a retry leaves nothing behind");
    }
    // Room to make a segment, none to write the batch.
    disk.set_capacity(u64::MAX);
    assert_eq!(server.commit(), Round::Full);
    assert_eq!(server.told.len(), 1);
    assert_eq!(disk.used(), used);

    disk.fail_writes(None);
    assert_eq!(server.commit(), Round::Committed);
    assert_eq!(server.journal.health.get(), Health::Good);
    assert_eq!(server.told.len(), 3);
    let (again, _) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
    assert_kept(&server.told, &again, "after the disk was full");
}

#[test]
fn a_failing_write_is_the_end_until_a_restart() {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    // Of more than half a block, as half of it is written.
    server.change(0, Ipv4Addr::new(10, 0, 0, 1), 3_000);
    disk.fail_writes(Some(Errno::IO));
    assert_eq!(server.journal.committer.run(|| NOW), Health::Failed { since: NOW });
    assert_eq!(server.journal.appenders[0].durable(), Sequence::default());
    disk.fail_writes(None);
    let (_, recovered) = Server::start(&disk.killed()).unwrap();
    assert_eq!(recovered.from_segments, 0);
}

#[test]
fn a_snapshot_retires_what_is_before_it_and_holds_what_was_there() {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    for round in 0..400 {
        server.change(round % 2, Ipv4Addr::from_bits(0x0a00_0000 + round as u32 % 50), 3_000);
        assert_eq!(server.commit(), Round::Committed);
    }
    let before = disk.list().unwrap();
    assert!(before.len() > 2, "{before:?}");
    assert_eq!(server.journal.snapshotter.write(&server.table).unwrap(), 50);
    let after = disk.list().unwrap();
    assert_eq!(after.len(), 2, "one segment and the snapshot before it: {after:?}");
    let (again, recovered) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
    assert_eq!(recovered.from_snapshot, 50);
    assert_kept(&server.told, &again, "after a snapshot");
}

#[test]
fn snapshots_begin_by_themselves_once_enough_was_written() {
    let disk = SimulatedDisk::new();
    let settings = model::Journal { snapshot_after: 600_000, ..SETTINGS };
    let (mut server, _) = Server::start_with(&disk, settings).unwrap();
    let mut written = 0;
    for round in 0..1_500 {
        server.change(0, Ipv4Addr::from_bits(0x0a00_0000 + round % 50), 3_000);
        assert_eq!(server.commit(), Round::Committed);
        let tended = server.journal.snapshotter.tend(&server.table).unwrap();
        written += u32::from(matches!(tended, Tended::Written { .. }));
    }
    assert!((9..=12).contains(&written), "{written} snapshots of 6 MB, one after each 0.6 MB");
    assert!(disk.list().unwrap().len() <= 20, "{:?}", disk.list());
}

#[test]
fn of_the_notes_of_one_name_the_last_holds_whichever_ring_is_written_first() {
    for [first, second] in [[0, 1], [1, 0]] {
        let disk = SimulatedDisk::new();
        let (mut server, _) = Server::start(&disk).unwrap();
        // Both go in one batch, in the order of the rings; then in a batch each.
        server.note(first, NAMES[0], 10);
        server.note(second, NAMES[0], 10);
        assert_eq!(server.commit(), Round::Committed);
        server.note(second, NAMES[1], 0);
        assert_eq!(server.commit(), Round::Committed);
        server.note(first, NAMES[1], 5);
        assert_eq!(server.commit(), Round::Committed);
        let (_, recovered) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
        let expected = [(NAMES[0], octets(2, 10)), (NAMES[1], octets(2, 5))];
        let expected = expected.map(|(name, octets)| (name.to_owned(), octets));
        assert_eq!(recovered.notes, BTreeMap::from(expected));
    }
}

#[test]
fn notes_outlive_the_segments_they_were_written_in_and_restarts() {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    server.note(0, NAMES[0], 10);
    for round in 0..400 {
        server.change(round % 2, Ipv4Addr::from_bits(0x0a00_0000 + round as u32 % 50), 3_000);
        assert_eq!(server.commit(), Round::Committed);
    }
    assert_eq!(server.journal.snapshotter.write(&server.table).unwrap(), 50);
    let (mut server, recovered) = Server::start(&disk).unwrap();
    assert_eq!((recovered.from_snapshot, &recovered.notes[NAMES[0]]), (51, &octets(1, 10)));
    // What is written now is newer than what the snapshot has.
    server.note(1, NAMES[0], 3);
    assert_eq!(server.commit(), Round::Committed);
    let (mut server, recovered) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
    assert_eq!(recovered.notes[NAMES[0]], octets(2, 3));
    assert_eq!(server.journal.snapshotter.write(&server.table).unwrap(), 50);
    let (_, recovered) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
    assert_eq!(recovered.notes[NAMES[0]], octets(2, 3));
}

#[test]
fn a_note_that_does_not_fit_leaves_the_last_one() {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    server.note(0, NAMES[0], 10);
    let appender = &mut server.journal.appenders[0];
    assert_eq!(appender.note(NAMES[0], &vec![0; MAX_NOTE_LEN + 1]), Err(AppendError::TooLong));
    assert_eq!(appender.note(&"n".repeat(MAX_NAME_LEN + 1), &[]), Err(AppendError::TooLong));
    while appender.room() > 0 {
        appender.note("other", &[7; MAX_NOTE_LEN]).unwrap();
    }
    let refused = std::iter::from_fn(|| appender.note(NAMES[0], &[1; MAX_NOTE_LEN]).err()).next();
    assert_eq!(refused, Some(AppendError::NoRoom));
    assert_eq!(server.journal.snapshotter.write(&server.table).unwrap(), 0);
    let (_, recovered) = Server::start(&disk.killed()).unwrap();
    assert_eq!(recovered.notes[NAMES[0]], octets(1, 10));
}

/// A journal of three batches in one segment, with its name, the offsets at which they begin, and
/// where the last one ends.
fn three_batches() -> (SimulatedDisk, String, [usize; 3], usize) {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    for address in 1..=2 {
        server.change(0, Ipv4Addr::new(10, 0, 0, address), 100);
        server.note(1, NAMES[0], 20);
        assert_eq!(server.commit(), Round::Committed);
    }
    let name = segment::name(1);
    let octets = disk.octets(&name);
    let end = octets.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    (disk, name, [BLOCK, 2 * BLOCK, 3 * BLOCK], end)
}

#[test]
fn a_flipped_bit_before_the_last_batch_is_refused_by_file_and_offset() {
    let (disk, name, begins, _) = three_batches();
    let whole = disk.octets(&name);
    for begin in [0, begins[0], begins[1]] {
        for offset in begin..begin + BLOCK {
            let mut octets = whole.clone();
            octets[offset] ^= 1 << (offset % 8);
            disk.put(&name, octets.clone());
            let refused = Server::start(&disk).err().unwrap_or_else(|| panic!("{offset} is taken"));
            let text = refused.to_string();
            assert!(text.contains(&format!("{name} is damaged at offset {begin}")), "{text}");
            assert_eq!(disk.octets(&name), octets, "nothing is overwritten");
            assert_eq!(disk.list().unwrap(), std::slice::from_ref(&name), "and nothing added");
        }
    }
}

#[test]
fn a_flipped_bit_in_the_last_batch_is_a_torn_write_and_reported() {
    let (disk, name, begins, end) = three_batches();
    let whole = disk.octets(&name);
    for offset in begins[2]..end {
        let mut octets = whole.clone();
        octets[offset] ^= 1 << (offset % 8);
        let disk = disk.killed();
        disk.put(&name, octets.clone());
        let (server, recovered) = Server::start(&disk).unwrap();
        assert_eq!(server.table.len(), 1);
        let [torn] = &recovered.torn[..] else { panic!("{offset}: {recovered:?}") };
        assert!(torn.path.ends_with(&name) && torn.offset == begins[2] as u64);
        assert_eq!(disk.octets(&name), octets, "nothing is overwritten");
        // The torn end is passed over again by the next start, which has a segment behind it.
        drop(server);
        let (server, recovered) = Server::start(&disk).unwrap();
        assert_eq!((server.table.len(), recovered.torn.len()), (1, 1));
    }
}

#[test]
fn a_batch_missing_at_the_end_of_a_segment_is_damage_when_a_later_segment_goes_on() {
    let (disk, name, begins, end) = three_batches();
    let (mut server, _) = Server::start(&disk).unwrap();
    server.change(0, Ipv4Addr::new(10, 0, 0, 3), 100);
    assert_eq!(server.commit(), Round::Committed);
    // The last batch of the first segment is in the second one again; the one before is not.
    let mut octets = disk.octets(&name);
    octets[begins[1]..end].fill(0);
    disk.put(&name, octets);
    let text = Server::start(&disk).err().expect("a batch is missing").to_string();
    assert!(text.contains(&format!("{name} is damaged at offset {}", begins[1])), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let (disk, name, _, _) = three_batches();
    drop(Server::start(&disk).unwrap());
    disk.remove(&name).unwrap();
    let text = Server::start(&disk).err().expect("the first segment is gone").to_string();
    assert!(text.contains(&format!("{name} is missing")), "{text}");
}

#[test]
fn a_flipped_bit_anywhere_in_a_snapshot_is_refused_by_file_and_offset() {
    let (disk, _, _, _) = three_batches();
    let (mut server, _) = Server::start(&disk).unwrap();
    assert_eq!(server.journal.snapshotter.write(&server.table).unwrap(), 2);
    let name = disk.list().unwrap().into_iter().find(|name| name.starts_with("snap")).unwrap();
    let whole = disk.octets(&name);
    for offset in 0..whole.len() {
        let mut octets = whole.clone();
        octets[offset] ^= 1 << (offset % 8);
        disk.put(&name, octets);
        let refused = Server::start(&disk).err();
        let text = refused.unwrap_or_else(|| panic!("{offset} is taken")).to_string();
        assert!(text.contains(&format!("{name} is damaged at offset ")), "{offset}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_octets_for_segments_and_snapshots_never_panic(
        segment in prop::collection::vec(any::<u8>(), 0..3 * BLOCK),
        snapshot in prop::collection::vec(any::<u8>(), 0..300),
        is_headed in any::<bool>(),
        has_snapshot in any::<bool>(),
    ) {
        let (disk, name, begins, end) = three_batches();
        let mut octets = if is_headed { disk.octets(&name)[..begins[2]].to_vec() } else { Vec::new() };
        octets.extend_from_slice(&segment);
        prop_assert!(end > begins[2]);
        disk.put(&name, octets);
        if has_snapshot {
            let mut octets = snapshot::header(1, 1).to_vec();
            octets.extend_from_slice(&snapshot);
            let chunks = octets.len() as u64 % 2;
            octets.extend_from_slice(&snapshot::footer(chunks, 3));
            disk.put(&snapshot::name(1), octets);
        }
        drop(Server::start(&disk));
    }
}

#[test]
fn without_durability_a_grant_is_told_before_the_flush() {
    let disk = SimulatedDisk::new();
    let settings = model::Journal { durable: false, ..SETTINGS };
    let (mut server, _) = Server::start_with(&disk, settings).unwrap();
    server.change(0, Ipv4Addr::new(10, 0, 0, 1), 10);
    disk.fail_next_sync();
    assert_eq!(server.commit(), Round::Failed);
    assert_eq!(server.told.len(), 1);
}

#[test]
fn the_commit_thread_ends_with_the_last_appender_and_leaves_nothing_behind() {
    let disk = SimulatedDisk::new();
    let (server, _) = Server::start(&disk).unwrap();
    let Journal { mut appenders, committer, .. } = server.journal;
    let thread = std::thread::spawn(move || committer.run(|| NOW));
    let workers: Vec<_> = (0..2_u8)
        .map(|worker| (worker, appenders.pop().unwrap()))
        .map(|(worker, mut appender)| {
            std::thread::spawn(move || {
                for host in 0..100 {
                    let address = Ipv4Addr::new(10, 0, worker, host);
                    while appender.room() == 0 {
                        std::thread::yield_now();
                    }
                    appender.append(address, &next(None, 10)).unwrap();
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(thread.join().unwrap(), Health::Good);
    let (again, recovered) = Server::start(&disk.crashed(&mut Chance(1))).unwrap();
    assert_eq!((again.table.len(), recovered.from_segments), (200, 200));
}
