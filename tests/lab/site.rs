//! The network that most tests use: a server and a switch.
//!
//! ```text
//!  server ─ eth0 10.77.0.1/16 ── port ┐
//!                                     ├ br0 (switch) ── clients, relays, load
//!                               port ─┘
//! ```

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{env, fs, process};

use super::namespace::Namespace;

/// A server's namespace and a switch with free ports.
#[derive(Debug)]
pub struct Site {
    /// Where the server runs; its interface is `eth0`.
    pub server: Namespace,
    /// The bridge `br0` lives here.
    pub switch: Namespace,
    directory: PathBuf,
    ports: AtomicU32,
}

impl Site {
    /// The server's own address.
    pub const SERVER: &str = "10.77.0.1";
    /// The same.
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    /// Builds server and switch.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let directory =
            env::temp_dir().join(format!("tandem-lab-{}-{count}-{name}", process::id()));
        fs::create_dir_all(&directory).expect("a directory for the lab");
        let site = Self {
            server: Namespace::new("server"),
            switch: Namespace::new("switch"),
            directory,
            ports: AtomicU32::new(0),
        };
        site.switch.ip(&["link", "add", "br0", "type", "bridge", "forward_delay", "0"]);
        site.switch.ip(&["link", "set", "br0", "up"]);
        site.plug(&site.server, "eth0");
        site.server.ip(&["addr", "add", &format!("{}/16", Self::SERVER), "dev", "eth0"]);
        site
    }

    /// Where the lab keeps files: configuration, state, logs, clients' leases.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A host on the switch whose `eth0` has this address in the server's prefix.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn host(&self, role: &str, address: &str) -> Namespace {
        let host = Namespace::new(role);
        self.plug(&host, "eth0");
        host.ip(&["addr", "add", &format!("{address}/16"), "dev", "eth0"]);
        host
    }

    /// Joins a namespace to the switch by an interface of this name. Returns the switch's port.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn plug(&self, namespace: &Namespace, interface: &str) -> String {
        let port = format!("port{}", self.ports.fetch_add(1, Relaxed));
        self.switch.join(&port, namespace, interface);
        self.switch.ip(&["link", "set", &port, "master", "br0"]);
        // A veth hands VLAN tags over beside the frame, where no XDP program sees them. On a wire
        // they are in it.
        self.switch
            .run("ethtool", &["-K", &port, "txvlan", "off", "tx-vlan-stag-hw-insert", "off"]);
        port
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A failed test leaves its files for whoever looks into it.
        if std::thread::panicking() {
            eprintln!("the lab's files: {}", self.directory.display());
        } else {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
