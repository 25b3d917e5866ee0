//! The program as the kernel runs it: whole frames in, verdict, counter and frame out.
//!
//! Needs root and the object that `cargo xtask ebpf` builds; without them each test says what it
//! skipped, and fails where `TANDEM_PRIVILEGED` promises both.

mod frames;

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;
use std::{env, fs};

use aya::maps::{Array, HashMap, PerCpuArray, XskMap};
use aya::programs::{TestRun as _, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use dhcp_ebpf::packet::Cursor;
use dhcp_ebpf::steer::{duid_hash, peer_hash};
use dhcp_ebpf::verdict::Fate;
use dhcp_ebpf::{
    Arrival, Balance, Rate, Service, Settings, Verdict, bucket_of, client_hash, map, worker_of,
};
use frames::*;
use socket2::{Domain, Socket, Type};

const WORKERS: u32 = 4;
const SERVING: Settings = Settings {
    client_rate: Rate::OFF,
    port_rate: Rate::OFF,
    workers: WORKERS,
    v4: Service::SERVING,
    v6: Service::SERVING,
    reserved: 0,
    balance: Balance { theirs: [0; 4], max_secs: 0, reserved: 0 },
};
/// Three at once, then one an hour: no pause of the test's machine earns another.
const SLOWEST: Rate = Rate::every(Duration::from_secs(3_600), 3);

/// The program in the kernel, listening on [`SERVER`], with a socket for each worker on queue 0.
struct Program {
    ebpf: Ebpf,
    /// A socket leaves the map when it is closed.
    sockets: Vec<Socket>,
}

impl Program {
    /// `None` where the test can only be skipped.
    fn load() -> Option<Self> {
        let object = env::var("TANDEM_XDP_OBJECT").unwrap_or_else(|_| {
            concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bpf/tandem-xdp").to_owned()
        });
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let Some(octets) = fs::read(&object).ok().filter(|_| is_root) else {
            assert!(
                env::var_os("TANDEM_PRIVILEGED").is_none(),
                "not root, or there is no {object}"
            );
            eprintln!("skipped: needs root and {object}");
            return None;
        };
        let ebpf = EbpfLoader::new()
            .map_max_entries(map::SOCKETS, WORKERS)
            .load(&octets)
            .expect("the kernel makes the maps");
        let sockets = (0..WORKERS)
            .map(|_| Socket::new(Domain::from(44), Type::RAW, None).expect("AF_XDP is there"))
            .collect();
        let mut program = Self { ebpf, sockets };
        program.xdp().load().expect("the verifier takes the program");
        for worker in 0..WORKERS {
            program.connect(worker);
        }
        program
            .map::<HashMap<_, [u8; 4], u8>>(map::LISTEN_V4)
            .insert(SERVER, 0, 0)
            .expect("the map has room");
        program
            .map::<HashMap<_, [u8; 16], u8>>(map::LISTEN_V6)
            .insert(SERVER_V6, 0, 0)
            .expect("the map has room");
        program.set(SERVING);
        Some(program)
    }

    fn xdp(&mut self) -> &mut Xdp {
        let program = self.ebpf.program_mut(dhcp_ebpf::PROGRAM).expect("the object has it");
        program.try_into().expect("it is an XDP program")
    }

    fn map<'a, M: TryFrom<&'a mut aya::maps::Map, Error = aya::maps::MapError>>(
        &'a mut self,
        name: &str,
    ) -> M {
        M::try_from(self.ebpf.map_mut(name).expect("the object has it")).expect("it is of its kind")
    }

    fn set(&mut self, settings: Settings) {
        self.map::<Array<_, Settings>>(map::SETTINGS).set(0, settings, 0).expect("an entry");
    }

    fn connect(&mut self, worker: u32) {
        let socket = self.sockets[worker as usize].try_clone().expect("a descriptor is left");
        self.map::<XskMap<_>>(map::SOCKETS).set(worker, socket, 0).expect("a place");
    }

    fn disconnect(&mut self, worker: u32) {
        self.map::<XskMap<_>>(map::SOCKETS).unset(worker).expect("it was there");
    }

    fn count(&mut self, verdict: Verdict) -> u64 {
        let counters = self.map::<PerCpuArray<_, u64>>(map::VERDICTS);
        counters.get(&(verdict as u32), 0).expect("each verdict has one").iter().sum()
    }

    /// The verdict on `frame`, which is told by the one counter that moved and must agree with what
    /// the kernel was told; and the frame as it left, with what was written in front of it.
    fn run(&mut self, frame: &[u8]) -> (Verdict, Vec<u8>) {
        let before = Verdict::ALL.map(|verdict| self.count(verdict));
        let mut out = vec![0; frame.len() + 64];
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.data_out = Some(&mut out);
        let result = self.xdp().test_run(options).expect("the kernel runs it");
        out.truncate(result.data_size_out as usize);

        let moved: Vec<_> = Verdict::ALL
            .into_iter()
            .filter(|&verdict| self.count(verdict) != before[verdict as usize])
            .collect();
        let [verdict] = moved[..] else { panic!("one counter moves, not {moved:?}") };
        let action = match verdict.fate() {
            Fate::Dropped => 1,
            Fate::Passed => 2,
            Fate::Taken => 4,
        };
        assert_eq!(result.return_value, action, "{verdict:?}");
        (verdict, out)
    }

    fn verdict(&mut self, frame: &[u8]) -> Verdict {
        self.run(frame).0
    }
}

#[test]
fn each_kind_of_frame_gets_its_verdict() {
    let Some(mut program) = Program::load() else { return };
    let to =
        |destination, message: &[u8]| ethernet(&[], 0x0800, &ipv4(destination, &udp(67, message)));
    let v6 =
        |message: &[u8]| ethernet(&[], 0x86dd, &ipv6(LINK_LOCAL, ALL_RELAYS, &udp(547, message)));
    let tagged =
        |tags: &[u16]| ethernet(tags, 0x0800, &ipv4(BROADCAST, &udp(67, &request(&ALICE, [0; 4]))));
    let direct = request(&ALICE, [0; 4]);
    let relay = request(&ALICE, RELAY);
    let v6_to = |destination, message: &[u8]| {
        ethernet(&[], 0x86dd, &ipv6(RELAY_V6, destination, &udp(547, message)))
    };
    let all_servers = [0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3];
    for (name, frame, verdict) in [
        ("broadcast", discover(), Verdict::Taken),
        ("one tag", tagged(&[7]), Verdict::Taken),
        ("two tags", tagged(&[7, 8]), Verdict::Taken),
        ("three tags", tagged(&[7, 8, 9]), Verdict::Other),
        ("relayed to us", to(SERVER, &relay), Verdict::Taken),
        ("renewal at us", to(SERVER, &direct), Verdict::Taken),
        ("to another server", to([192, 0, 2, 2], &relay), Verdict::Elsewhere),
        ("reply", to(SERVER, &with(relay.clone(), 0, 2)), Verdict::NotRequest),
        ("fragment", with(discover(), 14 + 6, 0x20), Verdict::Fragment),
        ("IP options", with(discover(), 14, 0x46), Verdict::Options),
        ("cut off", to(SERVER, &direct[..43]), Verdict::Short),
        ("ARP", ethernet(&[], 0x0806, &[0; 46]), Verdict::Other),
        ("to a client", ethernet(&[], 0x0800, &ipv4(BROADCAST, &udp(68, &direct))), Verdict::Other),
        ("solicit", v6(&solicit(&DUID)), Verdict::Taken),
        ("solicit with the longest DUID", v6(&solicit(&[5; 130])), Verdict::Taken),
        ("relayed twice", v6(&relayed_through(2, &DUID)), Verdict::Taken),
        ("relayed to our address", v6_to(SERVER_V6, &relayed_through(9, &DUID)), Verdict::Taken),
        ("relayed to all servers", v6_to(all_servers, &relayed_through(1, &DUID)), Verdict::Taken),
        ("renewal at our address", v6_to(SERVER_V6, &solicit(&DUID)), Verdict::Taken),
        ("to another address", v6_to(RELAY_V6, &relayed_through(1, &DUID)), Verdict::Elsewhere),
        ("IPv6 fragment", with(v6(&solicit(&DUID)), 14 + 6, 44), Verdict::Fragment),
        ("IPv6 extension", with(v6(&solicit(&DUID)), 14 + 6, 60), Verdict::Options),
        ("cut off in its relay", v6(&relayed_through(1, &DUID)[..33]), Verdict::Short),
        ("advertise", v6(&with(solicit(&DUID), 0, 2)), Verdict::NotRequest),
    ] {
        assert_eq!(program.verdict(&frame), verdict, "{name}");
    }
}

#[test]
fn the_frame_is_handed_over_whole_behind_its_arrival_time() {
    let Some(mut program) = Program::load() else { return };
    let (verdict, out) = program.run(&discover());
    assert_eq!(verdict, Verdict::Taken);
    let (before, frame) = out.split_first_chunk::<{ Arrival::LEN }>().expect("there is metadata");
    let first = Arrival::take(&mut before.clone()).expect("the time is in it");
    assert_eq!(frame, discover());

    let (_, out) = program.run(&discover());
    let second = out.first_chunk().and_then(|before| Arrival::take(&mut { *before }));
    assert!(second > Some(first), "{second:?} is not after {first}");
}

#[test]
fn a_passed_frame_is_left_as_it_came() {
    let Some(mut program) = Program::load() else { return };
    let frame = with(discover(), 14 + 6, 0x20);
    assert_eq!(program.run(&frame), (Verdict::Fragment, frame));
}

#[test]
fn a_client_goes_to_the_worker_that_user_space_computes_and_no_other() {
    let Some(mut program) = Program::load() else { return };
    for client in 0..32 {
        let mac = [2, 0, 0, 0, 1, client];
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&mac);
        let owner = worker_of(client_hash(&chaddr, 6), WORKERS);
        let frame = ethernet(&[], 0x0800, &ipv4(BROADCAST, &udp(67, &request(&mac, [0; 4]))));
        assert_eq!(program.verdict(&frame), Verdict::Taken);
        program.disconnect(owner);
        assert_eq!(program.verdict(&frame), Verdict::NoSocket, "worker {owner} is not the owner");
        program.connect(owner);
    }
}

#[test]
fn a_dhcpv6_client_goes_to_the_worker_that_user_space_computes_and_no_other() {
    let Some(mut program) = Program::load() else { return };
    for client in 0..16 {
        let duid = [0, 3, 0, 1, 2, 0, 0, 0, 1, client];
        let mut peer = LINK_LOCAL;
        peer[15] = client;
        let by_duid = duid_hash(&mut Cursor::of(&duid), 10).expect("it is a DUID");
        for (message, hash) in [
            (solicit(&duid), by_duid),
            (relayed(0, peer, &solicit(&duid)), peer_hash(&peer)),
            (relayed(1, RELAY_V6, &relayed(0, peer, &solicit(&duid))), peer_hash(&peer)),
        ] {
            let owner = worker_of(hash, WORKERS);
            let frame = ethernet(&[], 0x86dd, &ipv6(LINK_LOCAL, ALL_RELAYS, &udp(547, &message)));
            assert_eq!(program.verdict(&frame), Verdict::Taken);
            program.disconnect(owner);
            assert_eq!(program.verdict(&frame), Verdict::NoSocket, "{owner} is not the owner");
            program.connect(owner);
        }
    }
}

#[test]
fn a_silent_server_drops_and_an_absent_one_passes_what_it_would_take() {
    let Some(mut program) = Program::load() else { return };
    let elsewhere = ethernet(&[], 0x0800, &ipv4([192, 0, 2, 2], &udp(67, &request(&ALICE, RELAY))));
    let solicit = ethernet(&[], 0x86dd, &ipv6(LINK_LOCAL, ALL_RELAYS, &udp(547, &solicit(&DUID))));

    program.set(Settings { v4: Service::SILENT, v6: Service::ABSENT, ..SERVING });
    assert_eq!(program.verdict(&discover()), Verdict::Silenced);
    assert_eq!(program.verdict(&elsewhere), Verdict::Elsewhere);
    assert_eq!(program.verdict(&solicit), Verdict::NotServed);

    program.set(Settings { v4: Service::ABSENT, v6: Service::SILENT, ..SERVING });
    assert_eq!(program.verdict(&discover()), Verdict::NotServed);
    assert_eq!(program.verdict(&solicit), Verdict::Silenced);

    program.set(Settings::default());
    assert_eq!(program.verdict(&discover()), Verdict::NotServed);
    program.set(Settings { workers: 0, ..SERVING });
    assert_eq!(program.verdict(&discover()), Verdict::NotServed);
}

#[test]
fn a_discover_of_the_partners_client_ends_here_and_all_else_is_taken() {
    let Some(mut program) = Program::load() else { return };
    let of = |bucket: u8| {
        let mut words = [0; 4];
        words[usize::from(bucket / 64)] = 1 << (bucket % 64);
        words
    };
    let to_all =
        |tags: &[u16], message: &[u8]| ethernet(tags, 0x0800, &ipv4(BROADCAST, &udp(67, message)));
    let with_options = |options: &[u8]| {
        let mut message = request(&ALICE, [0; 4]);
        message.truncate(240);
        message.extend(options);
        message
    };
    let theirs = of(bucket_of(&ALICE));
    let balance = Balance { theirs, max_secs: 3, reserved: 0 };
    program.set(Settings { balance, ..SERVING });
    let discover = with_options(&[53, 1, 1, 255, 0]);
    for tags in [&[][..], &[7], &[7, 8]] {
        assert_eq!(program.verdict(&to_all(tags, &discover)), Verdict::PartnersClient, "{tags:?}");
    }
    let identifier: Vec<u8> = (0..64).collect();
    let identified =
        with_options(&[&[55, 2, 1, 3, 53, 1, 1, 61, 64][..], &identifier, &[255, 0]].concat());
    assert_eq!(program.verdict(&to_all(&[], &identified)), Verdict::Taken);
    let waiting = with(discover.clone(), 9, 4);
    assert_eq!(program.verdict(&to_all(&[], &waiting)), Verdict::Taken);
    let selecting = with_options(&[53, 1, 3, 255, 0]);
    assert_eq!(program.verdict(&to_all(&[], &selecting)), Verdict::Taken);

    let balance = Balance { theirs: of(bucket_of(&identifier)), ..balance };
    program.set(Settings { balance, ..SERVING });
    assert_eq!(program.verdict(&to_all(&[], &identified)), Verdict::PartnersClient);
    assert_eq!(program.verdict(&to_all(&[], &discover)), Verdict::Taken);
}

/// Other kernels' verifiers prune less than this one's, and give up at a million.
#[test]
fn the_verifier_is_done_with_the_program_long_before_it_gives_up() {
    let Some(mut program) = Program::load() else { return };
    let info = program.xdp().info().expect("the kernel knows it");
    let verified = info.verified_instruction_count().expect("since Linux 5.16");
    assert!(verified < 600_000, "{verified} instructions");
}

#[test]
fn a_flooding_client_is_dropped_and_its_neighbour_is_not() {
    let Some(mut program) = Program::load() else { return };
    program.set(Settings { client_rate: SLOWEST, ..SERVING });
    let verdicts: Vec<_> = (0..5).map(|_| program.verdict(&discover())).collect();
    let (taken, flood) = (Verdict::Taken, Verdict::ClientFlood);
    assert_eq!(verdicts, [taken, taken, taken, flood, flood]);

    let neighbour = request(&[2, 0, 0, 0, 0, 0xb0], [0; 4]);
    let frame = ethernet(&[], 0x0800, &ipv4(BROADCAST, &udp(67, &neighbour)));
    assert_eq!(program.verdict(&frame), Verdict::Taken);
}

#[test]
fn a_flooding_relay_is_dropped_and_other_ports_are_not() {
    let Some(mut program) = Program::load() else { return };
    program.set(Settings { port_rate: SLOWEST, ..SERVING });
    let mut through_relay = |client| {
        let message = request(&[2, 0, 0, 0, 0, client], RELAY);
        program.verdict(&ethernet(&[], 0x0800, &ipv4(SERVER, &udp(67, &message))))
    };
    let verdicts: Vec<_> = (0..5).map(&mut through_relay).collect();
    let (taken, flood) = (Verdict::Taken, Verdict::PortFlood);
    assert_eq!(verdicts, [taken, taken, taken, flood, flood]);
    assert_eq!(program.verdict(&discover()), Verdict::Taken);
}
