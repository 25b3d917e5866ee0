//! The configuration once every check has passed: what the rest of the server is built from.
//!
//! Nothing here can be wrong any more: ranges lie in their subnets, do not overlap, options are
//! encoded, references are resolved to indexes.

mod address;
mod client;
mod dhcpv6;
mod interface;
mod network;
mod relationship;
mod scope;

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

pub use address::{Address, Protocol};
pub use client::{
    Class, Identity, IdentityBy, Limit, LimitPer, Pattern, Reservation, Reservation6, ReservedFor,
    Test,
};
pub use dhcpv6::{Dhcpv6, ServerDuid};
pub use interface::{Dataplane, Interface};
pub use network::{Access, Allocator, Network, Pool, Prefix, PrefixPool, Subnet};
pub use relationship::{Relationship, Role, Secret, Terms, Tls};
pub use scope::{Parameters, Probe, Scope};

/// A whole checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the journal, the snapshots and the control socket live.
    pub state_dir: PathBuf,
    /// Interfaces to serve, in the file's order. [`Config::load`] fills in those of the host that are
    /// on a subnet if the file names none; [`Config::parse`] leaves it empty then.
    pub interfaces: Vec<Interface>,
    /// Option codes and parameters that apply everywhere unless something nearer says otherwise.
    pub global: Scope,
    /// Networks with DHCPv4 subnets: a `[[subnet4]]` that names no shared network is one of its own.
    pub networks: Vec<Network>,
    /// The same for DHCPv6; a shared network with subnets of both is in both lists.
    pub networks6: Vec<Network<Ipv6Addr>>,
    /// What concerns DHCPv6 as a whole.
    pub dhcpv6: Dhcpv6,
    /// Classes in the file's order; a client may be in several, and the later one wins an option.
    pub classes: Vec<Class>,
    /// Addresses and options for single clients, from the file and from what it names.
    pub reservations: Vec<Reservation>,
    /// The same for DHCPv6, from the file alone.
    pub reservations6: Vec<Reservation6>,
    /// Leases that one subscriber may hold at a time.
    pub limits: Vec<Limit>,
    /// How a client is told from another.
    pub identity: Identity,
    /// Ways in which real clients bend RFC 2131, and whether we bend with them.
    pub leniency: Leniency,
    /// The flood guard in the XDP program; `None` is off.
    pub guard: Option<Guard>,
    /// Stable storage.
    pub journal: Journal,
    /// Where Prometheus may scrape; `None` is off.
    pub metrics: Option<SocketAddr>,
    /// Partners, in the file's order.
    pub failover: Vec<Relationship>,
}

impl Config {
    /// Whether some BOOTP client may get an address of this pool: as its levels have it, or a class,
    /// which goes before them. What a reservation says is its client's alone.
    #[must_use]
    pub(crate) fn serves_bootp(&self, network: &Network, subnet: &Subnet, pool: &Pool) -> bool {
        let levels = [&pool.scope, &subnet.scope, &network.scope, &self.global];
        let by_level = levels.into_iter().find_map(|scope| scope.parameters.bootp);
        let by_class = || self.classes.iter().any(|it| it.scope.parameters.bootp == Some(true));
        by_level == Some(true) || by_class()
    }
}

/// Ways in which real clients bend RFC 2131. Defaults are dhcpd's behaviour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file")]
pub struct Leniency {
    /// A REQUEST with neither option 50 nor ciaddr is dropped unless this is set (off).
    pub request_without_address: bool,
    /// A RELEASE without option 54 is taken (on).
    pub release_without_server_id: bool,
    /// `secs` whose low octet alone is zero is read with its octets swapped (off); see
    /// [`Parameters::min_secs`].
    pub swapped_secs: bool,
    /// A REQUEST in SELECTING that names another server is answered all the same unless this is
    /// set (on here means: check the server identifier, as RFC 2131 §4.3.2 has it).
    pub check_server_id: bool,
    /// The client identifier is not echoed in the reply, for clients older than RFC 6842 (off).
    pub no_client_id_echo: bool,
    /// Replies go to the broadcast address whatever the flag says (off).
    pub always_broadcast: bool,
}

/// Token buckets in the XDP program; a zero rate leaves that bucket out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Guard {
    /// Packets a second from one client hash.
    pub client_rate: u32,
    /// Packets at once from one client hash.
    pub client_burst: u32,
    /// Packets a second through one relay, or one ingress port's direct clients.
    pub relay_rate: u32,
    /// Packets at once through one relay.
    pub relay_burst: u32,
}

/// `[journal]`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Journal {
    /// Size of one segment in octets.
    pub segment_len: u64,
    /// A snapshot is written when the segments behind the last one exceed this, in octets.
    pub snapshot_after: u64,
    /// False answers before the disk has the grant: for measuring only, and said at start.
    pub durable: bool,
}
