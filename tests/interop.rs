//! Failover with ISC dhcpd 4.4.3: it takes us for one of its own.

use std::time::Duration;

use tandem_tests::lab::{self, Dhcpd, Host, Pair, Relationship, Wiretap};

const PATIENCE: Duration = Duration::from_secs(60);

/// The lab itself: two dhcpd find each other over it, and miss each other when it is cut.
#[test]
fn two_dhcpd_find_miss_and_find_each_other() {
    if !lab::available("two dhcpd") {
        return;
    }
    let pair = Pair::new("two-dhcpd");
    let relationship = Relationship::default();
    let mut servers = Host::BOTH.map(|host| {
        let configuration = relationship.dhcpd(host);
        Dhcpd::new(pair.host(host), pair.directory(&format!("dhcpd-{host:?}")), &configuration)
    });
    let wire = Wiretap::start(&pair);
    for (host, server) in Host::BOTH.into_iter().zip(&mut servers) {
        server.start(pair.host(host));
    }
    for server in &mut servers {
        server.expect_state(&["normal"], PATIENCE);
    }
    pair.cut();
    for server in &mut servers {
        server.expect_state(&["communications-interrupted"], PATIENCE);
    }
    pair.restore();
    for server in &mut servers {
        server.expect_state(&["normal"], PATIENCE);
    }
    // To share the pool out takes its time after that.
    lab::until("half the pool is the secondary's", PATIENCE, || servers[0].count("backup") > 200);
    lab::until("all of that on the wire", PATIENCE, || {
        let overheard = wire.overheard().expect("failover messages");
        overheard.iter().any(|it| it.kind == 5) && overheard.len() > 500
    });
}
