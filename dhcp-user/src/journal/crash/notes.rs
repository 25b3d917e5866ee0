//! What must survive of notes, besides what random histories try.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::super::commit::Round;
use super::super::simulated::{Chance, SimulatedDisk};
use super::super::*;
use super::server::{NAMES, Server, octets};

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
