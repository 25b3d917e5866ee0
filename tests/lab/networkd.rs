//! systemd-networkd as a client of DHCPv6, for an address and a prefix.
//!
//! It calls no script: what it got is read from the server and from the interface.

use std::fs;

use super::namespace::Namespace;
use super::process::Process;
use super::site::Site;

/// A host whose `eth0` is configured by a systemd-networkd of its own.
#[derive(Debug)]
pub struct Networkd {
    /// Where it lives.
    pub namespace: Namespace,
    process: Process,
}

impl Networkd {
    /// Starts it on a host plugged into the site's switch.
    ///
    /// # Panics
    /// If the kernel refuses, or it cannot be started.
    #[must_use]
    pub fn start(site: &Site, name: &str) -> Self {
        let namespace = Namespace::new(name);
        namespace.speak_ipv6();
        site.plug(&namespace, "eth0");
        let directory = site.directory().join(name);
        fs::create_dir_all(&directory).expect("a directory for the client");
        let network = directory.join("eth0.network");
        let text = "[Match]\nName=eth0\n\
                    [Network]\nDHCP=ipv6\nIPv6AcceptRA=no\nLinkLocalAddressing=ipv6\n\
                    [DHCPv6]\nWithoutRA=solicit\nPrefixDelegationHint=::/56\nUseDNS=no\n";
        fs::write(&network, text).expect("networkd's configuration");
        // It knows one place for its files; and where /sys can be written to it waits for udev, which
        // knows nothing of this host.
        let inside = "mount -t tmpfs none /run && mkdir -p /run/systemd/network \
                      /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp && \
                      cp \"$1\" /run/systemd/network/ && \
                      chown -R systemd-network: /run/systemd/netif && \
                      mount --bind /sys /sys && mount -o remount,bind,ro /sys && \
                      SYSTEMD_LOG_LEVEL=debug exec /lib/systemd/systemd-networkd";
        let mut command = namespace.command("unshare");
        command.args(["--mount", "sh", "-c", inside, "networkd"]).arg(&network);
        let process = Process::start(&mut command, &directory.join("log"));
        Self { namespace, process }
    }

    /// What it has said.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }
}
