//! The systemd unit's few capabilities are enough, and its hardening is what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use tandem_tests::lab::{self, Hand, Namespace, Server, Settings, Site};

/// Any user but root.
const USER: &str = "65534";

/// What the unit grants, and no more.
#[test]
fn a_user_with_the_units_capabilities_serves_in_native_xdp() {
    if !lab::available("the unit's capabilities") {
        return;
    }
    let site = Site::new("privileges");
    site.server.speak_ipv6();
    let host = Namespace::new("host");
    site.plug(&host, "eth0");
    let settings = Settings::new(&site, CONFIGURATION);
    // Its own copy: the one that was built may be where only its builder can look.
    let binary = site.directory().join("tandem");
    fs::copy(&settings.binary, &binary).expect("the binary is copied");
    fs::create_dir(settings.state_dir()).expect("the state directory");
    let state = settings.state_dir().display().to_string();
    site.server.run("chown", &[USER, &state]);
    site.server.run("chmod", &["700", &state]);
    let granted = capabilities();
    let (bounds, grants) =
        (granted.join(",").replace("cap_", "+"), granted.join(",").replace("cap_", "+"));
    let text = format!(
        "#!/bin/sh\nexec setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs \
         --inh-caps -all,{grants} --ambient-caps -all,{grants} --bounding-set -all,{bounds} \
         {} \"$@\"\n",
        binary.display()
    );
    let wrapper = site.directory().join("as-the-unit");
    fs::write(&wrapper, text).expect("the wrapper is written");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("and executable");

    let mut server = Server::start(&site.server, Settings { binary: wrapper, ..settings });
    let status = process_status(server.process().pid());
    let uid = status.lines().find(|line| line.starts_with("Uid:")).expect("its user");
    assert!(uid.split_whitespace().skip(1).all(|id| id == USER), "{uid}");
    let interface = &server.status()["interfaces"][0];
    assert_eq!(interface["mode"], "xdp", "{interface}\n{}", server.process().output());
    let log = server.process().output();
    assert!(!log.contains("WARN"), "something was refused:\n{log}");
    assert!(server.status()["server-duid"].is_string(), "{}", server.status());
    let groups = site.server.ip(&["-6", "maddr", "show", "dev", "eth0"]);
    assert!(groups.contains("ff02::1:2") && groups.contains("ff05::1:3"), "{groups}");
    let mut hand = Hand::new(&host, "eth0", 1);
    hand.lease(1, |_| {});
    server.stop();
    let link = site.server.ip(&["-d", "link", "show", "dev", "eth0"]);
    assert!(!link.contains("prog/xdp"), "{link}");
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let Ok(found) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("SKIPPED, NOT PASSED: the systemd unit: systemd-analyze is not installed");
        return;
    };
    assert!(found.status.success());
    // What the unit names need not be installed here: the unit is looked at with this very file in
    // the server's place.
    let text = fs::read_to_string(unit()).expect("the unit");
    let here = std::env::current_exe().expect("a test knows its own file");
    let directory = std::env::temp_dir().join(format!("tandem-unit-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the unit");
    let file = directory.join("tandem.service");
    let text = text.replace("/usr/bin/tandem", &here.display().to_string());
    fs::write(&file, text).expect("the unit is written");
    let analyze = |arguments: &[&str]| {
        let output =
            Command::new("systemd-analyze").args(arguments).arg(&file).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (verified, complaints) = analyze(&["verify", "--man=no"]);
    // On the scale of 0 (best) to 100; what is left are the capabilities that it serves with.
    let (hardened, report) =
        analyze(&["security", "--offline=true", "--no-pager", "--threshold=30"]);
    let _ = fs::remove_dir_all(&directory);
    assert!(verified && !complaints.contains("tandem.service"), "{complaints}");
    assert!(hardened, "{report}");
}

/// The names in the unit's `AmbientCapabilities`, in lower case.
fn capabilities() -> Vec<String> {
    let text = fs::read_to_string(unit()).expect("the unit");
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
    let granted = line("AmbientCapabilities=");
    assert_eq!(granted, line("CapabilityBoundingSet="));
    granted.split_whitespace().map(str::to_ascii_lowercase).collect()
}

fn unit() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging/tandem.service")
}

fn process_status(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs")
}

const CONFIGURATION: &str = r#"
[[interface]]
name = "eth0"

[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["10.77.1.1-10.77.1.250"]

[[subnet6]]
subnet = "2001:db8:77::/64"
interfaces = ["eth0"]
pools = ["2001:db8:77::1:0/112"]
"#;
