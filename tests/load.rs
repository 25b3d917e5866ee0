//! perfdhcp at ten thousand exchanges a second, or as many as its host has room for.

use tandem_tests::lab::{self, Perfdhcp, Server, Settings, Site};

#[test]
fn perfdhcp_at_up_to_ten_thousand_exchanges_a_second_loses_none_and_finds_no_address_twice() {
    if !lab::available("perfdhcp at 10,000 exchanges a second") {
        return;
    }
    let site = Site::new("perfdhcp");
    let host = site.host("perfdhcp", "10.77.0.9");
    let settings = Settings::new(&site, CONFIGURATION);
    let server = Server::start(&site.server, settings);
    let run = Perfdhcp {
        namespace: &host,
        protocol: &["-4"],
        relay: "10.77.0.9",
        server: Site::SERVER,
        rate: 10_000,
        // More than it will send: a client that came twice would rightly get its address twice,
        // and `-u` would count that.
        clients: 1_000_000,
    };
    let (report, text) =
        run.run(SECONDS, || lab::lost_on_the_way(&server, &[&site.server, &site.switch, &host]));
    let counters = &server.status()["packets"];
    let said = format!("{text}\n{counters}\n{}", host.run("cat", &["/proc/net/snmp"]));
    assert_eq!((report.drops, report.not_unique), (0, 0), "{said}");
    assert_eq!(report.received, report.sent, "{said}");
    server.stop();
}

/// So much of the rate is asked for.
const SECONDS: u32 = 10;

const CONFIGURATION: &str = r#"
[[interface]]
name = "eth0"

# perfdhcp plays a relay of this prefix.
[[subnet4]]
subnet = "10.76.0.0/15"
pools = ["10.76.0.1-10.76.255.254", "10.77.16.0-10.77.255.254"]
"#;
