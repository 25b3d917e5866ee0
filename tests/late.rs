//! What happened at a Tandem before its dhcpd leased the address again, and is told after: dhcpd compares no
//! times, so it must not be told, and the later lease is on both in the end.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dhcproto::v4::{DhcpOption, MessageType, OptionCode};
use tandem_tests::lab::{
    self, Hand, Host, Make, Namespace, Pair, Peer, Relationship, Wiretap, until, until_some,
};

const PATIENCE: Duration = Duration::from_secs(60);
const CLIENT: u16 = 1;
const MAKES: [[Make; 2]; 2] = [[Make::Tandem, Make::Dhcpd], [Make::Dhcpd, Make::Tandem]];
/// Longer than an end waits before it is told.
const RECEIVE_TIMER_S: u32 = 8;

/// A Tandem, a dhcpd, and a client that hears one of them at a time.
struct Scene {
    pair: Pair,
    peers: [Peer; 2],
    tandem: Host,
    hand: Hand,
    wire: Wiretap,
    _host: Namespace,
}

impl Scene {
    /// Both in NORMAL.
    fn new(name: &str, makes: [Make; 2]) -> Self {
        let pair = Pair::new(name);
        let wire = Wiretap::start(&pair);
        let peers = Host::BOTH.map(|host| {
            let make = makes[host as usize];
            // dhcpd never gives the link up by itself.
            let receive_timer_s = if make == Make::Tandem { RECEIVE_TIMER_S } else { 60 };
            let relationship = Relationship { receive_timer_s, ..Relationship::default() };
            let mut peer = Peer::new(&pair, host, make, &relationship);
            peer.start(&pair);
            peer
        });
        let tandem = if makes[0] == Make::Tandem { Host::A } else { Host::B };
        let host = Namespace::new("host");
        pair.site.plug(&host, "eth0");
        let hand = Hand::new(&host, "eth0", 1);
        let mut scene = Self { pair, peers, tandem, hand, wire, _host: host };
        scene.expect("normal");
        until("the secondary's share of the pool", PATIENCE, || {
            scene.peers.iter().all(|peer| peer.backups() > 200)
        });
        scene
    }

    fn peer(&mut self, host: Host) -> &mut Peer {
        &mut self.peers[host as usize]
    }

    fn dhcpd(&self) -> Host {
        self.tandem.other()
    }

    fn expect(&mut self, state: &str) {
        for peer in &mut self.peers {
            peer.expect_state(&[state], PATIENCE);
        }
    }

    /// The client hears this one alone meanwhile.
    fn beside<R>(&mut self, host: Host, act: impl FnOnce(&mut Hand) -> R) -> R {
        self.pair.unplug(host.other(), true);
        let outcome = act(&mut self.hand);
        self.pair.unplug(host.other(), false);
        outcome
    }

    /// The client gets a lease of this server, whose client it is or not; its address, and its end in seconds
    /// since 1970.
    fn lease(&mut self, host: Host) -> (Ipv4Addr, u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let ack = self.beside(host, |hand| {
            let mut discover = hand.message(CLIENT, MessageType::Discover);
            discover.set_secs(10);
            // What was plugged in just now may not hear the first.
            let offer = until_some("an offer", PATIENCE, || {
                hand.send(&discover);
                hand.next(Duration::from_secs(1)).filter(|offer| offer.xid() == discover.xid())
            });
            let request = hand.selecting(CLIENT, &offer);
            hand.ask(&request)
        });
        assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack), "{ack}");
        let time = ack.opts().get(OptionCode::AddressLeaseTime);
        let Some(DhcpOption::AddressLeaseTime(time)) = time else { panic!("no time in {ack}") };
        (ack.yiaddr(), now + u64::from(*time))
    }

    /// The client gets a lease of the dhcpd, and the Tandem is told.
    fn lease_known_to_both(&mut self) -> (Ipv4Addr, u64) {
        let lease = self.lease(self.dhcpd());
        self.both_know(lease);
        lease
    }

    /// The client gets its address of the dhcpd once more, which has not heard that it gave it back.
    fn lease_again(&mut self, address: Ipv4Addr) -> (Ipv4Addr, u64) {
        let lease = self.lease(self.dhcpd());
        assert_eq!(lease.0, address, "the dhcpd knows of no release");
        lease
    }

    /// Both find back to NORMAL, and the lease is on both.
    fn ends_well(&mut self, lease: (Ipv4Addr, u64)) {
        self.expect("normal");
        self.both_know(lease);
    }

    /// The client gives its lease back to the Tandem.
    fn release(&mut self, address: Ipv4Addr) {
        let tandem = self.tandem;
        self.beside(tandem, |hand| {
            let mut release = hand.message(CLIENT, MessageType::Release);
            release.set_ciaddr(address);
            release.opts_mut().insert(DhcpOption::ServerIdentifier(tandem.address()));
            hand.send(&release);
        });
        self.peer(tandem)
            .expect_lease("released", |it| it.address == address && it.state == "released");
    }

    /// Both have the address leased to the client, for no less than it was told.
    fn both_know(&self, (address, ends): (Ipv4Addr, u64)) {
        for peer in &self.peers {
            until(&format!("{:?} has {address} until {ends}", peer.host), PATIENCE, || {
                let leases = peer.leases();
                let it = leases.iter().find(|lease| lease.address == address);
                it.is_some_and(|it| it.state == "active" && it.ends + 2 >= ends)
            });
        }
    }

    fn finish(mut self) {
        self.peers.iter_mut().for_each(Peer::kill);
        self.wire.finish(self.tandem);
    }
}

/// Either way round, beside each other: most of it is waiting.
fn each(name: &str, scenario: impl Fn(&mut Scene) + Sync) {
    if !lab::available(name) {
        return;
    }
    let run = &|makes: [Make; 2]| {
        eprintln!("-- {name}: primary {:?}, secondary {:?}", makes[0], makes[1]);
        let mut scene = Scene::new(name, makes);
        scenario(&mut scene);
        scene.finish();
    };
    thread::scope(|scope| {
        for makes in MAKES {
            let thread = thread::Builder::new().name(format!("{makes:?}"));
            let spawned = thread.spawn_scoped(scope, move || run(makes));
            spawned.expect("a thread for each pair");
        }
    });
}

/// The Tandem says it into a wire that is cut, and gives the link up: what it said must not arrive when the
/// wire is joined, or the dhcpd reads it after its own lease.
#[test]
fn a_release_that_was_under_way_when_the_wire_was_cut_ends_no_later_lease() {
    each("late-wire", |scene| {
        let (address, _) = scene.lease_known_to_both();
        // Before the release, which a slow host would have told otherwise.
        scene.pair.cut();
        scene.release(address);
        let second = scene.lease_again(address);
        scene.peer(scene.tandem).expect_state(&["communications-interrupted"], PATIENCE);
        scene.pair.restore();
        scene.ends_well(second);
    });
}

/// Each was told that the other is down, and the client left one and came to the other.
#[test]
fn a_release_before_a_conflict_ends_no_later_lease() {
    each("late-conflict", |scene| {
        let (address, _) = scene.lease_known_to_both();
        scene.pair.cut();
        scene.peer(scene.tandem).expect_state(&["communications-interrupted"], PATIENCE);
        for host in Host::BOTH {
            scene.peers[host as usize].partner_down(&scene.pair);
            scene.peer(host).expect_state(&["partner-down"], PATIENCE);
        }
        scene.release(address);
        let second = scene.lease_again(address);
        scene.pair.restore();
        scene.ends_well(second);
    });
}

/// The dhcpd was killed before it could tell of its lease, and asks for all that happened when it is back.
#[test]
fn a_release_that_a_dhcpd_asks_for_ends_no_later_lease() {
    each("late-recovery", |scene| {
        let (tandem, dhcpd) = (scene.tandem, scene.dhcpd());
        let (address, _) = scene.lease_known_to_both();
        scene.pair.cut();
        scene.release(address);
        let second = scene.lease_again(address);
        scene.peer(dhcpd).kill();
        scene.peer(tandem).expect_state(&["communications-interrupted"], PATIENCE);
        scene.peers[tandem as usize].partner_down(&scene.pair);
        scene.peer(tandem).expect_state(&["partner-down"], PATIENCE);
        scene.pair.restore();
        scene.peers[dhcpd as usize].start(&scene.pair);
        scene.ends_well(second);
    });
}
