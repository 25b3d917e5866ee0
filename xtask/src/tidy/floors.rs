//! Who may import whom, and what the pure core never sees.

use super::{Finding, Source};

/// Each floor of `dhcp-user/src` with those it may use.
const FLOORS: [(&str, &[&str]); 9] = [
    ("wire", &[]),
    ("config", &["wire"]),
    ("lease", &["wire", "config"]),
    ("journal", &["wire", "config", "lease"]),
    ("server", &["wire", "config", "lease"]),
    ("failover", &["wire", "config", "lease"]),
    ("dataplane", &["wire", "config", "lease", "journal", "server", "failover"]),
    ("control", &["wire", "config", "lease", "journal", "server", "failover", "dataplane"]),
    ("cli", &["wire", "config", "lease", "journal", "server", "failover", "dataplane", "control"]),
];

/// Floors without I/O, clocks and threads: effects go out as values, time comes in as an argument.
const PURE: [&str; 4] = ["wire", "lease", "server", "failover"];
/// Folders of a pure floor that are not: what carries the floor's values out.
const IMPURE_FOLDERS: [&str; 1] = ["dhcp-user/src/failover/link/"];

/// What the pure core does not name, after `std::`.
const IMPURE_STD: [&str; 9] = [
    "env",
    "fs",
    "os",
    "process",
    "thread",
    "net::Tcp",
    "net::Udp",
    "time::Instant",
    "time::SystemTime",
];
/// What the pure core does not name, however it was imported.
const IMPURE_NAMES: [&str; 6] =
    ["Instant", "SystemTime", "TcpStream", "TcpListener", "UdpSocket", "tokio"];

/// Imports that point the wrong way, and impurities in the pure core. Tests are free.
pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let Some((floor, allowed)) = floor_of(&source.path) else { return };
    for (line, path) in source.paths_from("crate").into_iter().chain(source.paths_from("dhcp_user"))
    {
        let target = path.split("::").next().unwrap_or_default();
        let is_floor = FLOORS.iter().any(|(name, _)| *name == target);
        if is_floor && target != floor && !allowed.contains(&target) {
            findings.push(Finding::new(source, line, format!("`{floor}` must not use `{target}`")));
        }
    }
    let is_inside = |folder: &&str| source.path.starts_with(*folder);
    if !PURE.contains(&floor) || IMPURE_FOLDERS.iter().any(is_inside) {
        return;
    }
    for (line, path) in source.paths_from("std") {
        if IMPURE_STD.iter().any(|impure| begins_with_path(&path, impure)) {
            findings.push(Finding::new(source, line, format!("`{floor}` is pure: no std::{path}")));
        }
    }
    for name in IMPURE_NAMES {
        for line in Source::lines_with(&source.product, name) {
            findings.push(Finding::new(source, line, format!("`{floor}` is pure: no {name}")));
        }
    }
}

fn floor_of(path: &str) -> Option<(&'static str, &'static [&'static str])> {
    let inside = path.strip_prefix("dhcp-user/src/")?;
    let name = inside.split(['/', '.']).next()?;
    FLOORS.into_iter().find(|(floor, _)| *floor == name)
}

/// Whether `path` is `start` or leads into it; `net::Tcp` stands for all names that begin so.
fn begins_with_path(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || start.contains("net::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_in;

    #[test]
    fn a_floor_may_use_those_above_it_and_itself() {
        let text = "use crate::wire::Frame;\nuse crate::lease::Table;\nuse super::other;\n";
        assert_eq!(findings_in("dhcp-user/src/lease/table.rs", text, check), [""; 0]);
    }

    #[test]
    fn an_import_from_below_is_caught_wherever_it_stands() {
        for text in [
            "use crate::server::Service;",
            "use crate::{wire::Frame, server::Service};",
            "fn f() { crate::server::answer() }",
        ] {
            let found = findings_in("dhcp-user/src/lease/table.rs", text, check);
            assert_eq!(found, ["1: `lease` must not use `server`"], "{text}");
        }
    }

    #[test]
    fn server_and_failover_do_not_know_each_other() {
        let text = "use crate::failover::View;";
        assert_eq!(findings_in("dhcp-user/src/server/v4.rs", text, check).len(), 1);
        let text = "use crate::server::Service;";
        assert_eq!(findings_in("dhcp-user/src/failover/link.rs", text, check).len(), 1);
    }

    #[test]
    fn the_pure_core_sees_no_file_clock_thread_or_socket() {
        for text in [
            "use std::fs;",
            "use std::{fmt, thread};",
            "use std::net::UdpSocket;",
            "fn now() -> std::time::Instant { todo() }",
            "use std::time::{Duration, SystemTime};",
            "async fn f() { tokio::spawn(g()) }",
        ] {
            assert!(!findings_in("dhcp-user/src/server/v4.rs", text, check).is_empty(), "{text}");
            assert!(
                findings_in("dhcp-user/src/dataplane/mod.rs", text, check).is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn failover_is_pure_but_for_its_link() {
        let text = "use tokio::net::TcpStream;";
        assert!(!findings_in("dhcp-user/src/failover/endpoint.rs", text, check).is_empty());
        assert!(!findings_in("dhcp-user/src/failover/link.rs", text, check).is_empty());
        assert_eq!(findings_in("dhcp-user/src/failover/link/dial.rs", text, check), [""; 0]);
        let text = "use crate::journal::Appender;";
        assert_eq!(findings_in("dhcp-user/src/failover/link/dial.rs", text, check).len(), 1);
    }

    #[test]
    fn addresses_and_durations_are_values_and_pure() {
        let text = "use std::net::{IpAddr, Ipv4Addr};\nuse std::time::Duration;\nuse std::fmt;";
        assert_eq!(findings_in("dhcp-user/src/wire/frame.rs", text, check), [""; 0]);
    }

    #[test]
    fn tests_and_comments_are_free() {
        let text =
            "// use std::fs;\n#[cfg(test)]\nmod tests { use std::fs; use crate::server::S; }";
        assert_eq!(findings_in("dhcp-user/src/wire/frame.rs", text, check), [""; 0]);
    }
}
