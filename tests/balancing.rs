//! Load balancing (RFC 3074): each client is one server's, and both agree which.

use std::time::Duration;

use tandem_tests::lab::{self, Census, Host, Make, Pair, Peer, Relationship, until};

const CLIENTS: u32 = 10_000;
const PATIENCE: Duration = Duration::from_secs(120);

fn each_client_has_one_server(makes: [Make; 2], split: u32) {
    let pair = Pair::new("balancing");
    let relationship = Relationship {
        first: [10, 77, 16, 0].into(),
        last: [10, 77, 99, 255].into(),
        max_unacked: 100,
        split,
        ..Relationship::default()
    };
    let mut peers = Host::BOTH.map(|host| {
        let mut peer = Peer::new(&pair, host, makes[host as usize], &relationship);
        peer.start(&pair);
        peer
    });
    for peer in &mut peers {
        peer.expect_state(&["normal"], PATIENCE);
    }
    until("the secondary has addresses to give", PATIENCE, || {
        // A long list to read.
        std::thread::sleep(Duration::from_millis(500));
        peers.iter().all(|peer| peer.backups() >= 10_200)
    });
    let relay = pair.site.host("relay", "10.77.0.9");
    let census = Census::new(&relay, [10, 77, 0, 9].into(), &Host::BOTH.map(Host::address));

    let answers = census.take(CLIENTS, 0, 1);
    let wrong: Vec<_> = answers.iter().enumerate().filter(|(_, by)| by.len() != 1).collect();
    assert!(
        wrong.is_empty(),
        "{} clients were not answered once: {:?}",
        wrong.len(),
        wrong.first()
    );
    let primarys = answers.iter().filter(|by| by[0] == Host::A.address()).count();
    let expected = CLIENTS as usize * split as usize / 256;
    assert!(primarys.abs_diff(expected) < 500, "{primarys} are the primary's, of {expected}");

    // Who has asked long enough is anybody's.
    let answers = census.take(200, 10, 2);
    assert!(answers.iter().all(|by| by.len() == 2), "both answer who has waited");

    peers[1].kill();
    peers[0].expect_state(&["communications-interrupted"], PATIENCE);
    let answers = census.take(CLIENTS, 0, 1);
    let left = answers.iter().filter(|by| *by != &[Host::A.address()]).count();
    assert_eq!(left, 0, "the survivor answers everybody");
}

#[test]
fn each_client_has_one_server_of_two_tandems() {
    if lab::available("load balancing") {
        each_client_has_one_server([Make::Tandem, Make::Tandem], 64);
    }
}

#[test]
fn dhcpd_and_tandem_agree_whose_each_client_is() {
    if lab::available("load balancing with dhcpd") {
        each_client_has_one_server([Make::Tandem, Make::Dhcpd], 128);
        each_client_has_one_server([Make::Dhcpd, Make::Tandem], 128);
    }
}
