//! A disk that fills, fails, tears or rots: no ACK leaves that is not safe, and the server says so.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use dhcproto::v4::DhcpOption;
use tandem_tests::lab::{self, Hand, Load, Mix, Namespace, Process, Server, Settings, Site, Tally};

const PATIENCE: Duration = Duration::from_secs(30);
const MIX: Mix = Mix { renewals: 45, releases: 15 };
/// The journal's block (`journal` in the crate's documentation).
const BLOCK: u64 = 4_096;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Octets of a batch before its records.
const BATCH_HEADER: usize = 32;
/// Leases of a first run: their batches are several, as no flush can be shared by more than are under way at a time,
/// and all in the first segment, which has room for a batch of each.
const FEW: u64 = 100;

/// A site with a server's settings and a host that makes load.
struct Rig {
    site: Site,
    load: Load,
    host: Namespace,
}

impl Rig {
    fn new(name: &str) -> Option<Self> {
        if !lab::available(name) {
            return None;
        }
        let site = Site::new(name);
        let host = site.host("load", "10.77.0.9");
        let load = Load::new(&host, [10, 77, 0, 9].into(), &[Site::ADDRESS], 2_000, lab::seed());
        Some(Self { site, load, host })
    }

    fn settings(&self) -> Settings {
        Settings::new(&self.site, CONFIGURATION)
    }

    fn start(&self) -> Server {
        Server::start(&self.site.server, self.settings())
    }

    /// Runs the load until so many more leases are acknowledged.
    fn acknowledge(&mut self, grants: u64) {
        let end = Instant::now() + PATIENCE;
        let tally = self.load.run(MIX, 32, |tally| {
            assert!(Instant::now() < end, "the server acknowledges nothing more: {tally:?}");
            tally.acknowledged >= grants
        });
        tally.expect("no address twice");
    }

    /// Runs the load for a while in which nothing may be acknowledged but what was under way.
    fn assert_silent(&mut self) {
        let tally = self.serve_for(Duration::from_millis(500), 32);
        assert_eq!(tally.acknowledged, 0, "acknowledged on a disk that keeps nothing");
    }

    /// Runs the load for so long, with so many exchanges under way.
    fn serve_for(&mut self, lasts: Duration, window: usize) -> Tally {
        let start = Instant::now();
        let over = |_: &_| start.elapsed() > lasts;
        self.load.run(MIX, window, over).expect("no address twice")
    }

    fn check(&self, server: &Server) {
        if let Err(faults) = self.load.ledger.check(SystemTime::now(), &server.listed()) {
            panic!("{} faults\n{}", faults.len(), faults.join("\n"));
        }
    }

    /// The newest segment of the journal.
    fn segment(&self) -> PathBuf {
        let journal = self.settings().state_dir().join("journal");
        let files = fs::read_dir(&journal).expect("the journal").filter_map(Result::ok);
        let mut segments: Vec<_> = files
            .filter(|file| file.file_name().to_string_lossy().starts_with("segment-"))
            .map(|file| file.path())
            .filter(|path| end_of_data(path) > BLOCK)
            .collect();
        segments.sort();
        segments.pop().expect("a segment with records")
    }
}

#[test]
fn a_torn_tail_is_cut_reported_and_costs_nothing_acknowledged() {
    let Some(mut rig) = Rig::new("torn") else { return };
    let server = rig.start();
    rig.acknowledge(FEW);
    // Whatever shares its flush: a batch with this one record is larger than a sector.
    Hand::new(&rig.host, "eth0", 1).lease(1, |message| {
        message.opts_mut().insert(DhcpOption::ClientIdentifier(vec![0; 200]));
        message.opts_mut().insert(DhcpOption::Hostname("x".repeat(250)));
    });
    server.kill();
    // What a power cut leaves of a write that was never acknowledged: the first part of a batch.
    let segment = rig.segment();
    let end = end_of_data(&segment);
    let file = OpenOptions::new().read(true).write(true).open(&segment).expect("the segment");
    let batches = (BLOCK..end).step_by(BLOCK as usize).map(|at| {
        let mut sector = vec![0; SECTOR];
        file.read_exact_at(&mut sector, at).expect("the segment's octets");
        sector
    });
    // How many octets of records it has stands at octet 4.
    let is_cut = |sector: &Vec<u8>| {
        let records = u32::from_le_bytes([sector[4], sector[5], sector[6], sector[7]]);
        sector.starts_with(b"TdmB") && BATCH_HEADER + records as usize > SECTOR
    };
    let part = batches.filter(is_cut).last().expect("a batch of more than a sector");
    file.write_all_at(&part, end).expect("part of a batch");
    drop(file);

    let mut server = rig.start();
    assert!(server.process().output().contains("torn"), "{}", server.process().output());
    rig.check(&server);
    rig.acknowledge(100);
    server.kill();
    rig.check(&rig.start());
}

#[test]
fn a_flipped_bit_before_the_tail_stops_the_start_and_changes_nothing() {
    let Some(mut rig) = Rig::new("flipped") else { return };
    let server = rig.start();
    rig.acknowledge(FEW);
    server.kill();
    let segment = rig.segment();
    let at = BLOCK + 100;
    flip(&segment, at);
    let before = fs::read(&segment).expect("the segment");

    let mut refused = Server::launch(&rig.site.server, rig.settings());
    let status = refused.process().finish(PATIENCE);
    let said = refused.process().output();
    assert!(!status.success(), "{said}");
    assert!(said.contains(&segment.display().to_string()), "the file is named: {said}");
    assert!(said.contains(&BLOCK.to_string()), "the offset is named: {said}");
    assert_eq!(fs::read(&segment).expect("the segment"), before, "nothing is overwritten");

    flip(&segment, at);
    rig.check(&rig.start());
}

#[test]
fn a_full_disk_stops_acknowledging_until_there_is_room_again() {
    let Some(mut rig) = Rig::new("full") else { return };
    let state = rig.settings().state_dir();
    let disk = SmallDisk::mount(&state, "6m");
    let server = rig.start();
    rig.acknowledge(100);
    let filler = state.join("filler");
    fill(&filler);
    // What is preallocated still serves; past that nothing does.
    lab::until("the journal is full", Duration::from_secs(60), || {
        rig.serve_for(Duration::from_millis(200), 256);
        server.status()["journal"]["health"] == "full"
    });
    rig.assert_silent();
    fs::remove_file(&filler).expect("room again");
    lab::until("the journal is good again", PATIENCE, || {
        server.status()["journal"]["health"] == "good"
    });
    rig.acknowledge(100);
    rig.check(&server);
    server.kill();
    let server = rig.start();
    rig.check(&server);
    drop(server);
    drop(disk);
}

/// The design: if a flush fails nothing more is acknowledged, and it is never retried on the file.
#[test]
fn a_failed_flush_is_final_until_a_restart() {
    let Some(mut rig) = Rig::new("failing") else { return };
    let mut server = rig.start();
    rig.acknowledge(200);
    // The fault goes in below the journal, at the system call.
    let pid = server.process().pid().to_string();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-p", &pid, "-e", "trace=fdatasync"]);
    strace.args(["-e", "inject=fdatasync:error=EIO", "-o", "/dev/null"]);
    let tracer = Process::start(&mut strace, &rig.site.directory().join("strace.log"));
    lab::until("the fault is in place", PATIENCE, || tracer.output().contains("attached"));

    lab::until("the journal has failed", PATIENCE, || {
        rig.serve_for(Duration::from_millis(200), 32);
        server.status()["journal"]["health"] == "failed"
    });
    drop(tracer);
    rig.assert_silent();
    assert!(server.process().output().contains("flushing"), "{}", server.process().output());
    server.kill();

    let server = rig.start();
    rig.check(&server);
    rig.acknowledge(100);
}

/// A file system of a few megabytes over the state directory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Self {
        fs::create_dir_all(at).expect("a mount point");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "none"])
            .arg(at)
            .status();
        assert!(done.is_ok_and(|status| status.success()), "a tmpfs at {}", at.display());
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Writes until the disk has no room.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("the filler");
    let block = [0xff; 4_096];
    while file.write_all(&block).is_ok() {}
}

/// Where the last block that is not all zeros ends.
fn end_of_data(segment: &Path) -> u64 {
    let octets = fs::read(segment).expect("the segment");
    let used = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last as u64 + 1);
    used.next_multiple_of(BLOCK)
}

/// Turns one bit of a file over.
fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("the file");
    let mut octet = [0];
    file.read_exact_at(&mut octet, at).expect("the octet");
    octet[0] ^= 0x10;
    file.write_all_at(&octet, at).expect("the octet");
}

const CONFIGURATION: &str = r#"
lease-time = "2h"

[journal]
segment-len = "1MiB"
snapshot-after = "64MiB"

[[interface]]
name = "eth0"

[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.16.0-10.77.31.255"]
"#;
