//! What must survive: random histories on a disk that forgets, cut anywhere, and damage found.

mod notes;
mod server;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use rustix::io::Errno;

use self::server::{NAMES, NOW, SETTINGS, Server, assert_kept, assert_noted, next};
use super::batch::BLOCK;
use super::commit::Round;
use super::simulated::{Chance, SimulatedDisk};
use super::*;

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
    let mut used = 0;
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
            used += usize::from(in_used_room(&disk).is_some());
        }
    }
    assert!(used > 400, "only {used} of the lives left a segment where an older one was");
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
    let kept = after.iter().filter_map(|name| segment::number(name)).count();
    assert_eq!(kept, 3, "one segment, and two whose room the next ones take: {after:?}");
    assert_eq!(after.len(), kept + 1, "and the snapshot: {after:?}");
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

/// The newest segment whose room was an older one's.
fn in_used_room(disk: &SimulatedDisk) -> Option<String> {
    disk.list().unwrap().into_iter().rfind(|name| {
        let header = |number| segment::read_header(&disk.octets(name), number);
        matches!(segment::number(name).and_then(header), Some((segment::Room::Used, _)))
    })
}

/// A server whose journal goes on where an older segment was, with the name of that segment.
fn in_a_used_room() -> (SimulatedDisk, Server, String) {
    let disk = SimulatedDisk::new();
    let (mut server, _) = Server::start(&disk).unwrap();
    let name = (0..1_000).find_map(|round| {
        server.change(0, Ipv4Addr::from_bits(0x0a00_0000 + round % 5), 3_000);
        assert_eq!(server.commit(), Round::Committed);
        server.journal.snapshotter.tend(&server.table).unwrap();
        in_used_room(&disk)
    });
    let name = name.expect("a snapshot frees a segment, and it is used again");
    // What was prepared ahead is begun once the one before it is full.
    while !batch::is_begun(&disk.octets(&name)[BLOCK..], segment::number(&name).unwrap()) {
        server.change(0, Ipv4Addr::new(10, 0, 0, 1), 3_000);
        assert_eq!(server.commit(), Round::Committed);
    }
    (disk, server, name)
}

#[test]
fn what_an_older_segment_left_is_neither_read_nor_called_torn() {
    let (disk, server, name) = in_a_used_room();
    let octets = disk.octets(&name);
    assert!(octets[2 * BLOCK..].iter().any(|octet| *octet != 0), "it left something");
    let (again, recovered) = Server::start(&disk.killed()).unwrap();
    assert_kept(&server.told, &again, "in a used room");
    assert_eq!(recovered.torn, []);
}

#[test]
fn a_torn_write_and_damage_are_told_apart_in_a_used_room_too() {
    let (disk, mut server, name) = in_a_used_room();
    for filler in [100, 200] {
        server.change(0, Ipv4Addr::new(10, 0, 0, 1), filler);
        assert_eq!(server.commit(), Round::Committed);
    }
    let whole = disk.octets(&name);
    let with_a_flipped_bit = |offset: usize| {
        let mut octets = whole.clone();
        octets[offset] ^= 1;
        let disk = disk.killed();
        disk.put(&name, octets);
        Server::start(&disk).map(|(_, recovered)| recovered)
    };
    let begins = (BLOCK..whole.len()).step_by(BLOCK);
    let number = segment::number(&name).unwrap();
    let begins: Vec<_> = begins.filter(|at| batch::is_begun(&whole[*at..], number)).collect();
    let [first, .., last] = begins[..] else { panic!("three batches, not {begins:?}") };
    for octet in 0..100 {
        let torn = with_a_flipped_bit(last + octet).unwrap().torn;
        // What does not begin as a batch of this segment might be the older one's.
        if matches!(octet, 0..4 | 16..24) {
            assert_eq!(torn, [], "octet {octet}");
        } else {
            let [torn] = &torn[..] else { panic!("octet {octet}: {torn:?}") };
            assert!(torn.path.ends_with(&name) && torn.offset == last as u64, "{torn:?}");
        }
        let text = with_a_flipped_bit(first + octet).expect_err("later ones are whole").to_string();
        assert!(text.contains(&format!("{name} is damaged at offset {first}")), "{octet}: {text}");
    }
}

/// A snapshot can be read before its name outlives a power failure, and what it makes superfluous is written over.
#[test]
fn a_start_after_a_kill_rests_on_no_name_that_a_power_failure_takes_back() {
    let (mut cut, mut tried) = (0, 0);
    loop {
        let mut chance = Chance(3);
        let disk = SimulatedDisk::new();
        disk.fail_power_after(cut);
        let Ok((mut server, _)) = Server::start(&disk) else {
            cut += 1;
            continue;
        };
        let ran_out = !(0..300).any(|_| !server.step(&mut chance));
        let killed = disk.killed();
        let most = if has_superfluous(&killed) { 12 } else { 0 };
        for changes in 0..most {
            let disk = killed.killed();
            disk.fail_power_after(changes);
            drop(Server::start(&disk));
            for seed in 0..8 {
                let what =
                    format!("killed at change {cut}, cut at {changes} of the start, seed {seed}");
                let crashed = disk.crashed(&mut Chance(seed));
                let (again, recovered) =
                    Server::start(&crashed).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_kept(&server.told, &again, &what);
                assert_noted(&server.told_notes, &recovered, &what);
                tried += 1;
            }
        }
        if ran_out {
            break;
        }
        cut += 1;
    }
    assert!(tried > 1_000, "{tried} starts had a segment to write over");
}

/// Whether a segment is there that a snapshot makes superfluous.
fn has_superfluous(disk: &SimulatedDisk) -> bool {
    let names = disk.list().unwrap();
    let newest = names.iter().filter_map(|name| snapshot::number(name)).max();
    names.iter().filter_map(|name| segment::number(name)).any(|number| Some(number) < newest)
}

#[test]
fn what_is_kept_to_be_used_again_gives_way_to_a_snapshot_that_has_no_room() {
    let (disk, mut server, _) = in_a_used_room();
    server.journal.snapshotter.write(&server.table).unwrap();
    assert!(has_superfluous(&disk), "{:?}", disk.list());
    disk.fail_writes(Some(Errno::NOSPC));
    server.journal.snapshotter.write(&server.table).unwrap_err();
    assert!(!has_superfluous(&disk), "{:?}", disk.list());
    disk.fail_writes(None);
    let (again, _) = Server::start(&disk.killed()).unwrap();
    assert_kept(&server.told, &again, "without what was kept");
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
