//! Two servers' hosts for one network, and a wire of their own between them.
//!
//! ```text
//!  A ─ eth0 10.77.0.1/16 ──┐                 A ─ eth1 10.78.0.1/24 ── port ┐
//!                          ├ br0 ── clients                                ├ br1: failover
//!  B ─ eth0 10.77.0.2/16 ──┘                 B ─ eth1 10.78.0.2/24 ── port ┘
//! ```
//!
//! In IPv6 they are 2001:db8:77::1 and ::2, and 2001:db8:78::1 and ::2.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::namespace::Namespace;
use super::site::Site;

/// Which of the two hosts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Host {
    /// 10.77.0.1 and 10.78.0.1.
    A,
    /// 10.77.0.2 and 10.78.0.2.
    B,
}

/// Two hosts for servers on one switch.
#[derive(Debug)]
pub struct Pair {
    /// The clients' network; its `server` is host A.
    pub site: Site,
    b: Namespace,
    /// The switch's ports to `eth0` of A and B.
    client_ports: [String; 2],
}

impl Host {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        if self == Self::A { Self::B } else { Self::A }
    }

    /// Where clients find it.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, 1 + self as u8)
    }

    /// Where relays of DHCPv6 find it.
    #[must_use]
    pub fn ipv6(self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1 + self as u16)
    }

    /// Where its partner finds it in DHCPv6.
    #[must_use]
    pub fn failover_ipv6(self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0x78, 0, 0, 0, 0, 1 + self as u16)
    }

    /// Where its partner finds it.
    #[must_use]
    pub fn failover_address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 78, 0, 1 + self as u8)
    }
}

impl Pair {
    /// Builds the two networks.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let site = Site::new(name);
        let b = Namespace::new("server-b");
        let port_b = site.plug(&b, "eth0");
        b.ip(&["addr", "add", &format!("{}/16", Host::B.address()), "dev", "eth0"]);
        site.switch.ip(&["link", "add", "br1", "type", "bridge", "forward_delay", "0"]);
        site.switch.ip(&["link", "set", "br1", "up"]);
        // A's was the first that the site plugged.
        let pair = Self { site, b, client_ports: ["port0".to_owned(), port_b] };
        for host in Host::BOTH {
            let port = Self::failover_port(host);
            pair.site.switch.join(port, pair.host(host), "eth1");
            pair.site.switch.ip(&["link", "set", port, "master", "br1"]);
            let address = format!("{}/24", host.failover_address());
            pair.host(host).ip(&["addr", "add", &address, "dev", "eth1"]);
        }
        pair
    }

    /// Lets both hosts speak IPv6, too.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn speak_ipv6(&self) {
        for host in Host::BOTH {
            self.host(host).add_ipv6(host.ipv6(), "eth0");
            self.host(host).add_ipv6(host.failover_ipv6(), "eth1");
        }
    }

    /// A host's namespace.
    #[must_use]
    pub fn host(&self, host: Host) -> &Namespace {
        match host {
            Host::A => &self.site.server,
            Host::B => &self.b,
        }
    }

    /// A folder of its own for what runs on a host.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        self.site.directory().join(name)
    }

    /// Between the two hosts nothing passes any more; neither is told.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn cut(&self) {
        self.isolate("on");
    }

    /// They hear each other again.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn restore(&self) {
        self.isolate("off");
    }

    /// Takes a host off the clients' network, or plugs it in again.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn unplug(&self, host: Host, unplugged: bool) {
        let port = &self.client_ports[host as usize];
        self.site.switch.ip(&["link", "set", port, if unplugged { "down" } else { "up" }]);
    }

    fn isolate(&self, how: &str) {
        for host in Host::BOTH {
            let port = Self::failover_port(host);
            self.site.switch.ip(&["link", "set", port, "type", "bridge_slave", "isolated", how]);
        }
    }

    fn failover_port(host: Host) -> &'static str {
        match host {
            Host::A => "failover-a",
            Host::B => "failover-b",
        }
    }
}
