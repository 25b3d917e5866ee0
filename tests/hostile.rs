//! Input that nobody should send: dropped, counted by reason, and no harm to anybody else.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use dhcproto::Encodable as _;
use dhcproto::v4::{DhcpOption, Message, MessageType};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tandem_tests::lab::{
    self, Client, Headers, Kind, Load, Mix, Namespace, RawPort, Server, Settings, Site,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Broken frames thrown at each mode.
const FRAMES: usize = 20_000;

#[test]
fn broken_frames_are_counted_and_harm_nobody_in_native_xdp() {
    survive_broken_frames("xdp");
}

#[test]
fn broken_frames_are_counted_and_harm_nobody_over_plain_sockets() {
    survive_broken_frames("socket");
}

fn survive_broken_frames(dataplane: &str) {
    if !lab::available("broken frames") {
        return;
    }
    let site = Site::new("broken");
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let mut server = serve(&site, &format!("dataplane = \"{dataplane}\""), "");
    let mut port = RawPort::open(&host, "eth0");
    let mut random = StdRng::seed_from_u64(lab::seed());
    for _ in 0..FRAMES {
        port.send(&broken(&mut random));
    }
    let mut client = Client::new(&site, Kind::Udhcpc, "udhcpc");
    client.start();
    client.expect_lease(PATIENCE);
    assert!(server.process().is_running());
    let dropped = &server.status()["packets"]["dropped"];
    let reasons = dropped.as_object().expect("counters by reason");
    let moved = reasons.values().filter(|count| count.as_u64() > Some(0)).count();
    assert!(moved >= 3, "many ways to be broken have many reasons: {dropped}");
    server.stop();
}

/// A sound DISCOVER with something broken in it: octets changed, an end cut off, options that lie.
fn broken(random: &mut StdRng) -> Vec<u8> {
    let client = [2, 0, 0, 1, random.random(), random.random()];
    let unset = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(random.random(), unset, unset, unset, unset, &client);
    message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
    let mut message = message.to_vec().expect("a request encodes");
    match random.random_range(0..5) {
        0 => message.truncate(random.random_range(0..message.len())),
        1 => {
            for _ in 0..8 {
                let at = random.random_range(0..message.len());
                message[at] = random.random();
            }
        }
        // Overload that points at fields full of overload.
        2 => {
            message[44..236].fill(52);
            message.extend([52, 1, 3, 255]);
        }
        // Option 82 inside itself, each longer than what is left.
        3 => {
            message.truncate(240);
            message.extend([53, 1, 1]);
            message.extend((0..40).flat_map(|_| [82, 200]));
        }
        _ => {
            message.truncate(240);
            message.extend((0..600).map(|_| random.random::<u8>()));
        }
    }
    let mut frame = Headers::broadcast(client).frame(&message);
    if random.random_range(0..4) == 0 {
        let at = random.random_range(12..frame.len());
        frame[at] ^= 1 << random.random_range(0..8);
    }
    frame
}

/// The flood guard: one source far over its share gets its share, and costs the others nothing.
#[test]
fn a_flood_from_one_client_is_dropped_in_the_xdp_program_and_others_are_served() {
    /// Packets that one client may send in a second.
    const RATE: u32 = 5;
    /// The same at once.
    const BURST: u32 = 10;
    if !lab::available("the flood guard") {
        return;
    }
    let site = Site::new("flood");
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let others = site.host("others", "10.77.0.9");
    let guard = format!("[guard]\nclient-rate = {RATE}\nclient-burst = {BURST}\n");
    let server = serve(&site, "dataplane = \"xdp\"", &guard);

    let client = [2, 0, 0, 0, 0, 66];
    let unset = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(66, unset, unset, unset, unset, &client);
    message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
    let frame = Headers::broadcast(client).frame(&message.to_vec().expect("a request encodes"));
    let mut port = RawPort::open(&host, "eth0");
    let began = Instant::now();
    lab::flood(&server, "client-flood", 4_900, || port.send(&frame));
    let taken = server.verdict("taken");
    // Whole seconds, one of them begun.
    let share = u64::from(BURST) + u64::from(RATE) * (began.elapsed().as_secs() + 1);
    assert!(taken <= share, "{taken} got through, where {share} may");

    // So many that none comes so often that it is over its own share.
    let load = Load::new(&others, [10, 77, 0, 9].into(), &[Site::ADDRESS], 20_000, lab::seed());
    let end = Instant::now() + PATIENCE;
    let mix = Mix { renewals: 0, releases: 0 };
    let tally = load.patient().run(mix, 8, |tally| {
        assert!(Instant::now() < end, "the others are not served: {tally:?}");
        tally.acknowledged >= 400
    });
    let tally = tally.expect("no address twice");
    assert_eq!(tally.lost, 0, "{tally:?}");
    server.stop();
}

fn serve(site: &Site, interface: &str, more: &str) -> Server {
    let configuration = format!(
        r#"
        [[interface]]
        name = "eth0"
        {interface}

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.16.0-10.77.255.254"]

        {more}
        "#
    );
    Server::start(&site.server, Settings::new(site, configuration))
}
