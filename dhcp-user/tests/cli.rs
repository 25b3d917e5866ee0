//! The binary as scripts meet it: exit statuses, what is on which stream, no root needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dhcp_user::config::Config;
use dhcp_user::journal::Journal;

const RIGHT: &str = r#"
[[interface]]
name = "lo"
dataplane = "socket"

[[subnet4]]
subnet = "10.0.0.0/24"
pools = ["10.0.0.10-10.0.0.19"]
"#;

fn tandem(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tandem")).args(arguments).output().expect("the binary runs")
}

/// A directory with `tandem.toml` in it; the state directory is beside the file.
fn configured(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("tandem.toml");
    let text = format!("state-dir = {:?}\n{text}", dir.path().join("state"));
    fs::write(&file, text).expect("the file is written");
    let file = file.to_str().expect("a path of our own making").to_owned();
    (dir, file)
}

fn said(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn a_right_configuration_checks_with_status_0_and_nothing_is_touched() {
    let (dir, file) = configured(RIGHT);
    let output = tandem(&["check", "--config", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    assert!(said(&output.stdout).contains("1 subnets"));
    assert!(!dir.path().join("state").exists());
}

#[test]
fn every_mistake_is_said_at_once_with_its_line_and_status_2() {
    let (dir, file) = configured(
        "[[interface]]\nname = \"lo\"\n\
         [[subnet4]]\nsubnett = \"10.0.0.0/24\"\nsubnet = \"10.0.0.0/24\"\npools = [\"10.9.0.1-10.9.0.2\"]\n",
    );
    for command in ["check", "serve"] {
        let output = tandem(&[command, "--config", &file]);
        let stderr = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {stderr}");
        for part in ["subnett", "10.9.0.1", "tandem.toml:5:", "tandem.toml:7:"] {
            assert!(stderr.contains(part), "{command} does not say {part:?}:\n{stderr}");
        }
        assert!(!dir.path().join("state").exists(), "{command} touched something");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named_with_status_2() {
    let output = tandem(&["check", "--config", "/nowhere/tandem.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output.stderr).contains("/nowhere/tandem.toml"));
}

#[test]
fn asking_a_server_that_does_not_run_fails_in_one_line_with_status_1() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().to_str().unwrap();
    for command in ["status", "leases"] {
        let output = tandem(&[command, "--state-dir", state_dir, "--json"]);
        let stderr = said(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("tandem serve"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_server_is_found_one_way_only_and_filters_are_checked_before_it_is_asked() {
    let both = tandem(&["status", "--config", "a", "--state-dir", "b"]);
    assert_eq!(both.status.code(), Some(2));
    let subnet = tandem(&["leases", "--state-dir", "b", "--subnet", "10.0.0.0/99"]);
    assert_eq!(subnet.status.code(), Some(2));
    assert!(said(&subnet.stderr).contains("10.0.0.0/8"), "{}", said(&subnet.stderr));
}

/// Whoever holds the directory's lock is a server, in whatever process.
#[test]
fn a_second_server_on_one_state_directory_is_refused_before_it_touches_anything() {
    let (dir, file) = configured(RIGHT);
    let config = Config::load(Path::new(&file)).unwrap();
    let _first = Journal::open(&config.state_dir, &config.journal, 1).unwrap();
    let output = tandem(&["serve", "--config", &file]);
    let stderr = said(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(dir.path().to_str().unwrap()), "{stderr}");
    assert!(!dir.path().join("state/control.sock").exists());
}
