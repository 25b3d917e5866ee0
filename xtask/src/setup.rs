//! `cargo xtask setup`: everything a fresh host lacks.

use crate::step::announce;
use crate::workspace::has_program;
use crate::{Outcome, ebpf, packages};

/// Packages that tests and the lab drive, and what each is for.
const PEERS: [(&str, &str); 20] = [
    ("isc-dhcp-client", "dhclient, a client"),
    ("udhcpc", "a client"),
    ("dhcpcd5", "a client"),
    ("systemd", "systemd-networkd, a client"),
    ("isc-dhcp-relay", "a relay agent"),
    ("isc-dhcp-server", "dhcpd, a server to compare with"),
    ("kea-dhcp4-server", "a server to compare with"),
    ("kea-dhcp6-server", "a server of DHCPv6 to compare with"),
    ("kea-admin", "perfdhcp, a load"),
    ("dnsmasq-base", "a server to compare with"),
    ("tshark", "a second opinion on what is on the wire"),
    ("valgrind", "instructions of each part, counted"),
    ("strace", "faults put below the server, at its system calls"),
    ("iproute2", "network namespaces"),
    ("procps", "sysctl, to set a namespace up"),
    ("iptables", "partitions"),
    ("ethtool", "queues and offloads"),
    ("bpftool", "a look at loaded programs"),
    ("zlib1g-dev", "building bpf-linker"),
    ("libzstd-dev", "building bpf-linker"),
];

/// Fetches the toolchain and the peers; what cannot be had is said and is no failure.
pub(crate) fn run() -> Outcome {
    peers();
    let _ = ebpf::try_build();
    Ok(())
}

/// Installs the missing peers if that can be done here.
pub(crate) fn peers() {
    if !has_program("dpkg-query") {
        eprintln!(
            "note: not a Debian: peers are not installed, and tests that drive a missing one fail"
        );
        return;
    }
    let missing = packages::missing(&PEERS.map(|(name, _)| name));
    if missing.is_empty() {
        return;
    }
    let names = missing.join(" ");
    if !packages::is_root() {
        eprintln!("note: not root: {names} not installed, and the lab is skipped");
        return;
    }
    let installed = announce(format_args!("installing {names}"), || {
        packages::install(&missing).or_else(|_| install_singly(&missing))
    });
    if let Err(error) = installed {
        eprintln!("note: {error:#}; tests that drive it fail");
    }
}

/// Installs what can be installed where not all of it can: no distribution has every peer.
fn install_singly(names: &[&str]) -> Outcome {
    let without: Vec<_> =
        names.iter().copied().filter(|name| packages::install(&[name]).is_err()).collect();
    anyhow::ensure!(without.is_empty(), "no {}", without.join(" "));
    Ok(())
}
