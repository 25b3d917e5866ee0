//! One failover relationship as both kinds of server are told of it.

use std::net::{IpAddr, Ipv4Addr};

use super::pair::Host;

/// What is failed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// draft-ietf-dhc-failover.
    Dhcpv4,
    /// RFC 8156: addresses, and as many prefixes.
    Dhcpv6,
}

/// What a Tandem serves, and a journal that is quickly made and quickly read: servers of a pair start often.
const SERVER: &str = r#"
[journal]
segment-len = "4MiB"

[[interface]]
name = "eth0"
"#;

/// One relationship over the pair's network.
#[derive(Clone, Copy, Debug)]
pub struct Relationship {
    /// Of which protocol.
    pub protocol: Protocol,
    /// relationship-name.
    pub name: &'static str,
    /// Which host is the primary.
    pub primary: Host,
    /// First address of the pool; in DHCPv6 it is another that has as many.
    pub first: Ipv4Addr,
    /// Last address of the pool. In DHCPv6 there are a power of two.
    pub last: Ipv4Addr,
    /// Lease time, in seconds.
    pub lease_s: u32,
    /// MCLT, in seconds.
    pub mclt_s: u32,
    /// After so many seconds of silence the link is given up.
    pub receive_timer_s: u32,
    /// max-unacked-bndupd of both.
    pub max_unacked: u32,
    /// Clients whose hash is below this are the primary's; of DHCPv4, as the next one.
    pub split: u32,
    /// A client that has asked for more seconds than this is anybody's.
    pub max_secs: u32,
}

impl Default for Relationship {
    /// A pool of 512 addresses, and times short enough for a test.
    fn default() -> Self {
        Self {
            protocol: Protocol::Dhcpv4,
            name: "lab",
            primary: Host::A,
            first: Ipv4Addr::new(10, 77, 4, 0),
            last: Ipv4Addr::new(10, 77, 5, 255),
            lease_s: 120,
            mclt_s: 20,
            receive_timer_s: 6,
            max_unacked: 10,
            split: 128,
            max_secs: 3,
        }
    }
}

impl Relationship {
    /// Where the relay of its clients is.
    #[must_use]
    pub fn relay(&self) -> IpAddr {
        match self.protocol {
            Protocol::Dhcpv4 => [10, 77, 0, 9].into(),
            Protocol::Dhcpv6 => [0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 9].into(),
        }
    }

    /// Where that relay finds a server.
    #[must_use]
    pub fn server(&self, host: Host) -> IpAddr {
        match self.protocol {
            Protocol::Dhcpv4 => host.address().into(),
            Protocol::Dhcpv6 => host.ipv6().into(),
        }
    }

    /// The configuration of a dhcpd on `host`.
    #[must_use]
    pub fn dhcpd(&self, host: Host) -> String {
        let Self { name, first, last, lease_s, max_unacked, max_secs, .. } = *self;
        let (address, peer) = (host.failover_address(), host.other().failover_address());
        let role = if host == self.primary {
            format!("primary; mclt {}; split {};", self.mclt_s, self.split)
        } else {
            "secondary;".to_owned()
        };
        format!(
            r#"authoritative;
ddns-update-style none;
default-lease-time {lease_s};
max-lease-time {lease_s};
min-lease-time {lease_s};
ping-check false;
dhcp-cache-threshold 0;
omapi-port 7911;
failover peer "{name}" {{
  {role}
  address {address};
  port 647;
  peer address {peer};
  peer port 647;
  max-response-delay {};
  max-unacked-updates {max_unacked};
  load balance max seconds {max_secs};
}}
subnet 10.77.0.0 netmask 255.255.0.0 {{
  pool {{
    failover peer "{name}";
    range {first} {last};
  }}
}}
"#,
            self.receive_timer_s
        )
    }

    /// The configuration of a Tandem on `host`, but for its state directory.
    #[must_use]
    pub fn tandem(&self, host: Host) -> String {
        SERVER.to_owned() + &self.beside(host)
    }

    /// The same of a relationship that is a server's second one, of the other protocol.
    #[must_use]
    pub fn beside(&self, host: Host) -> String {
        match self.protocol {
            Protocol::Dhcpv4 => self.tandem_v4(host),
            Protocol::Dhcpv6 => self.tandem_v6(host),
        }
    }

    fn tandem_v6(&self, host: Host) -> String {
        let Self { name, lease_s, mclt_s, receive_timer_s, max_unacked, .. } = *self;
        let (address, peer) = (host.failover_ipv6(), host.other().failover_ipv6());
        let role = if host == self.primary { "primary" } else { "secondary" };
        let last = self.last.to_bits() - self.first.to_bits();
        let prefix_len = 56 - (last + 1).ilog2();
        format!(
            r#"
[[subnet6]]
subnet = "2001:db8:77::/64"
pools = ["2001:db8:77::1:0-2001:db8:77::1:{last:x}"]
prefix-pools = [{{ prefix = "2001:db8:8000::/{prefix_len}", delegate = 56 }}]
lease-time = "{lease_s}s"

[[failover]]
name = "{name}"
role = "{role}"
local = "[{address}]:647"
peer = "[{peer}]:647"
mclt = "{mclt_s}s"
keepalive = "{receive_timer_s}s"
max-unacked = {max_unacked}
subnets = ["2001:db8:77::/64"]
insecure = true
"#
        )
    }

    fn tandem_v4(&self, host: Host) -> String {
        let Self { name, first, last, lease_s, mclt_s, max_unacked, max_secs, .. } = *self;
        let (address, peer) = (host.failover_address(), host.other().failover_address());
        let role = if host == self.primary {
            format!("role = \"primary\"\nsplit = {}", self.split)
        } else {
            "role = \"secondary\"".to_owned()
        };
        format!(
            r#"
[[subnet4]]
subnet = "10.77.0.0/16"
pools = ["{first}-{last}"]
lease-time = "{lease_s}s"

[[failover]]
name = "{name}"
{role}
local = "{address}:647"
peer = "{peer}:647"
mclt = "{mclt_s}s"
receive-timer = "{}s"
max-unacked = {max_unacked}
load-balance-max-secs = {max_secs}
subnets = ["10.77.0.0/16"]
"#,
            self.receive_timer_s
        )
    }
}
