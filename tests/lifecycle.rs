//! What a server leaves behind when it ends, however it ends, and who may hold a state directory.

use std::time::Duration;

use tandem_tests::lab::{self, Hand, Namespace, Server, Settings, Site};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn no_program_stays_attached_when_the_server_is_killed_or_stopped() {
    if !lab::available("XDP programs after the server") {
        return;
    }
    for dataplane in ["xdp", "xdp-generic"] {
        let site = Site::new(dataplane);
        let host = Namespace::new("host");
        site.plug(&host, "eth0");
        let mut hand = Hand::new(&host, "eth0", 1);
        let settings = settings(&site, dataplane);

        let server = Server::start(&site.server, settings.clone());
        assert!(has_program(&site), "nothing is attached in mode {dataplane}");
        let address = hand.lease(1, |_| {}).yiaddr();
        server.kill();
        // The kernel takes a dead process's program down on its own time.
        lab::until("the program goes with its process", PATIENCE, || !has_program(&site));

        let server = Server::start(&site.server, settings);
        assert_eq!(server.status()["interfaces"][0]["mode"], dataplane, "a restart attaches again");
        assert!(has_program(&site));
        assert_eq!(hand.lease(1, |_| {}).yiaddr(), address, "and serves");
        server.stop();
        assert!(!has_program(&site), "a stopped server has taken its program with it");
    }
}

fn has_program(site: &Site) -> bool {
    site.server.ip(&["-d", "link", "show", "dev", "eth0"]).contains("prog/xdp")
}

#[test]
fn a_second_server_on_a_state_directory_refuses_and_the_first_serves_on() {
    if !lab::available("two servers on one state directory") {
        return;
    }
    let site = Site::new("twins");
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let mut hand = Hand::new(&host, "eth0", 1);
    let settings = settings(&site, "xdp");
    let first = Server::start(&site.server, settings.clone());
    hand.lease(1, |_| {});

    let mut second = Server::launch(&site.server, settings);
    let status = second.process().finish(PATIENCE);
    let said = second.process().output();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&site.directory().join("state").display().to_string()), "{said}");

    assert!(has_program(&site), "the second one took down what the first attached");
    hand.lease(2, |_| {});
    assert_eq!(
        first.leases(&["--state", "active"]).len(),
        2,
        "its control socket is still its own"
    );
    first.stop();
}

fn settings(site: &Site, dataplane: &str) -> Settings {
    let configuration = format!(
        r#"
        [[interface]]
        name = "eth0"
        dataplane = "{dataplane}"

        [[subnet4]]
        subnet = "10.77.0.0/16"
        pools = ["10.77.1.1-10.77.1.250"]
        "#
    );
    Settings::new(site, configuration)
}
