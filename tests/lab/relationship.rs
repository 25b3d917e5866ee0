//! One failover relationship as both kinds of server are told of it.

use std::net::Ipv4Addr;

use super::pair::Host;

/// One relationship over the pair's network.
#[derive(Clone, Copy, Debug)]
pub struct Relationship {
    /// relationship-name.
    pub name: &'static str,
    /// Which host is the primary.
    pub primary: Host,
    /// First address of the pool.
    pub first: Ipv4Addr,
    /// Last address of the pool.
    pub last: Ipv4Addr,
    /// Lease time, in seconds.
    pub lease_s: u32,
    /// MCLT, in seconds.
    pub mclt_s: u32,
    /// After so many seconds of silence the link is given up.
    pub receive_timer_s: u32,
    /// max-unacked-bndupd of both.
    pub max_unacked: u32,
    /// Clients whose hash is below this are the primary's.
    pub split: u32,
    /// A client that has asked for more seconds than this is anybody's.
    pub max_secs: u32,
}

impl Default for Relationship {
    /// A pool of 512 addresses, and times short enough for a test.
    fn default() -> Self {
        Self {
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
        let Self { name, first, last, lease_s, mclt_s, max_unacked, max_secs, .. } = *self;
        let (address, peer) = (host.failover_address(), host.other().failover_address());
        let role = if host == self.primary {
            format!("role = \"primary\"\nsplit = {}", self.split)
        } else {
            "role = \"secondary\"".to_owned()
        };
        format!(
            r#"
[[interface]]
name = "eth0"

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
