//! SIGHUP under load: no packet lost, and a wrong file changes nothing.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use tandem_tests::lab::{self, Load, Mix, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(30);
const MIX: Mix = Mix { renewals: 50, releases: 10 };

#[test]
fn a_reload_loses_no_packet_and_a_wrong_file_is_refused_while_the_old_one_serves_on() {
    if !lab::available("reloading under load") {
        return;
    }
    let site = Site::new("reload");
    let host = site.host("load", "10.77.0.9");
    let load = Load::new(&host, [10, 77, 0, 9].into(), &[Site::ADDRESS], 3_000, lab::seed());
    let mut load = load.patient();
    let settings = Settings::new(&site, configuration("2h", "10.77.31.255"));
    let mut server = Server::start(&site.server, settings.clone());

    // Pools grow and shrink by turns; what was leased stays its client's.
    for round in 0..10_u64 {
        let last = if round % 2 == 0 { "10.77.63.255" } else { "10.77.31.255" };
        write(&settings, &configuration("3h", last));
        server.process().signal("HUP");
        let end = Instant::now() + PATIENCE;
        let mut looked = Instant::now();
        let tally = load.run(MIX, 16, |tally| {
            assert!(Instant::now() < end, "reload {round} does not happen: {tally:?}");
            let due = looked.elapsed() > Duration::from_millis(100);
            if due {
                looked = Instant::now();
            }
            due && server.status()["configuration"]["reloads"] == round + 1
        });
        let tally = tally.expect("no address twice");
        assert_eq!((tally.lost, tally.refused), (0, 0), "round {round}: {tally:?}");
    }

    write(&settings, &configuration("soon", "10.77.31.255"));
    server.process().signal("HUP");
    lab::until("the wrong file is refused", PATIENCE, || {
        server.status()["configuration"]["reloads-refused"] == 1
    });
    lab::until("the log says why", PATIENCE, || server.process().output().contains("soon"));
    let tally = load.run(MIX, 16, |tally| tally.acknowledged >= 200).expect("no address twice");
    assert_eq!(tally.lost, 0, "{tally:?}");
    if let Err(faults) = load.ledger.check(SystemTime::now(), &server.listed()) {
        panic!("{} faults\n{}", faults.len(), faults.join("\n"));
    }
    server.stop();
}

fn write(settings: &Settings, configuration: &str) {
    let whole = format!("state-dir = {:?}\n{configuration}", settings.state_dir());
    // In one step, as an operator's tool does: the server must not read half a file.
    let new = settings.directory.join("tandem.toml.new");
    fs::write(&new, whole).expect("the configuration is written");
    fs::rename(new, settings.config_file()).expect("and moved in place");
}

fn configuration(lease_time: &str, last: &str) -> String {
    format!(
        r#"
        lease-time = "{lease_time}"

        [[interface]]
        name = "eth0"

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.16.0-{last}"]
        "#
    )
}
