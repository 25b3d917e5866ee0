//! The configuration once every check has passed: what the rest of the server is built from.
//!
//! Nothing here can be wrong any more: ranges lie in their subnets, do not overlap, options are
//! encoded, references are resolved to indexes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::wire::{HardwareAddress, Seconds};

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
    /// Shared networks; a `[[subnet4]]` that names none is a network of its own.
    pub networks: Vec<Network>,
    /// Classes in the file's order; a client may be in several, and the later one wins an option.
    pub classes: Vec<Class>,
    /// Addresses and options for single clients, from the file and from what it names.
    pub reservations: Vec<Reservation>,
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

/// `[[failover]]`: one relationship with one partner. Which subnets it serves, they say themselves:
/// [`Subnet::failover`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relationship {
    /// relationship-name, as the partner spells it; unique, 1 to 255 octets.
    pub name: String,
    /// Whether this server is the primary.
    pub is_primary: bool,
    /// Where we listen, and connect from.
    pub local: SocketAddr,
    /// Where the partner listens, and the only address that may connect; no two relationships have
    /// one partner address (dhcpd tells connections by address alone).
    pub peer: SocketAddr,
    /// MCLT (draft-12 §5.2). A secondary goes by it only until the primary has told its own.
    pub mclt: Seconds,
    /// receive-timer: after so long without a message the link is given up; at least 3 s.
    pub receive_timer: Seconds,
    /// max-unacked-bndupd: updates that we take before we answer; 1 to 1000.
    pub max_unacked: u32,
    /// Bit h set: the primary serves clients with hash h. Bit h is bit h % 64 of word h / 64. A
    /// secondary goes by what the primary tells.
    pub buckets: [u64; 4],
    /// Bit 1 of hash-bucket-assignment means that the primary serves, as dhcpd has it, and not the
    /// secondary, as draft-12 §12.11 has it.
    pub dhcpd_buckets: bool,
    /// A client that has asked for more seconds than this is anybody's; `None`: there is no load
    /// balancing at all, and in NORMAL both answer everybody, as with dhcpd's
    /// `load balance max seconds 0`.
    pub max_secs: Option<u16>,
    /// After so long in COMMUNICATIONS-INTERRUPTED the partner is taken to be down (draft-12 §10);
    /// `None`: never.
    pub safe_period: Option<Seconds>,
    /// How long STARTUP waits for the partner.
    pub startup: Seconds,
    /// How long after a failed or lost connection the next one is tried.
    pub reconnect: Seconds,
    /// max-lease-misbalance, in percent; 1 to 100.
    pub max_misbalance: u8,
    /// max-lease-ownership, in percent; 1 to 100.
    pub max_ownership: u8,
    /// min-balance: earliest next look at the balance.
    pub min_balance: Seconds,
    /// max-balance: latest next look; not less than `min_balance`.
    pub max_balance: Seconds,
    /// Start in PARTNER-DOWN if there is no record of a partner and it is not heard in STARTUP.
    pub starts_alone: bool,
    /// Shared secret of the message-digest (draft-12 §11.1).
    pub secret: Option<Secret>,
    /// TLS on the link (draft-12 §11.2).
    pub tls: Option<Tls>,
}

/// Octets that nobody is to see; at least 8. Debugging shows none of them.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(pub Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `tls` of `[[failover]]`. The files could be read when the configuration was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// Own certificate, and what leads from it to the authority; PEM.
    pub certificate: PathBuf,
    /// Its private key; PEM.
    pub key: PathBuf,
    /// Certificates of which one must have signed the partner's; PEM.
    pub authority: PathBuf,
    /// The name that the partner's certificate must have; `None`: the partner's address.
    pub peer_name: Option<String>,
    /// Whether a partner that does without TLS is refused.
    pub is_required: bool,
}

/// `[[interface]]`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// The kernel's name of it.
    pub name: String,
    /// How packets reach us.
    pub dataplane: Dataplane,
    /// Cores to pin workers to; empty is one for each core that the process may use.
    pub workers: Vec<usize>,
    /// Addresses to answer as, the first one being the server identifier; empty is the
    /// interface's own.
    pub addresses: Vec<Ipv4Addr>,
    /// Spin on the rings with `SO_PREFER_BUSY_POLL` in place of sleeping in `poll`.
    pub busy_poll: bool,
}

/// How packets reach us on one interface.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dataplane {
    /// The first of the three that works.
    #[default]
    Auto,
    /// XDP in the driver, AF_XDP rings.
    Xdp,
    /// XDP above the driver, AF_XDP rings with a copy.
    XdpGeneric,
    /// AF_PACKET sockets.
    Socket,
}

/// What may be said at every level from global down to one reservation; the nearest wins.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Options by code, already encoded (RFC 2132); longer than 255 octets is split when sent.
    pub options: BTreeMap<u8, Vec<u8>>,
    /// Parameters that are not options.
    pub parameters: Parameters,
}

/// Parameters of a [`Scope`]; `None` leaves it to the next wider level, and global to the default
/// named here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters {
    /// Lease time for who asks for none (24 h).
    pub lease_time: Option<Seconds>,
    /// Shortest lease time whatever is asked (60 s, or `lease_time` where that is shorter).
    pub min_lease_time: Option<Seconds>,
    /// Longest lease time whatever is asked (`lease_time`).
    pub max_lease_time: Option<Seconds>,
    /// T1 as a share of the lease in permille (500).
    pub renew_permille: Option<u16>,
    /// T2 as a share of the lease in permille (875).
    pub rebind_permille: Option<u16>,
    /// A renewal in this first share of a lease, in permille, is answered with what is left of the
    /// lease and writes nothing (0, which is off).
    pub reuse_permille: Option<u16>,
    /// A DISCOVER of a client that has asked for fewer seconds is left to other servers (0).
    pub min_secs: Option<u16>,
    /// How long a declined address is set aside (24 h).
    pub decline_time: Option<Seconds>,
    /// How long an offered address is kept for its client (60 s).
    pub offer_time: Option<Seconds>,
    /// Refuse with DHCPNAK addresses that are wrong for the network (true; RFC 2131 §4.3.2).
    pub authoritative: Option<bool>,
    /// Answer DISCOVER with option 80 by an ACK at once (false; RFC 4039).
    pub rapid_commit: Option<bool>,
    /// Answer BOOTP clients (false; RFC 1542).
    pub bootp: Option<bool>,
    /// Ask the wire before an OFFER whether the address is in use (none).
    pub probe: Option<Probe>,
    /// siaddr.
    pub next_server: Option<Ipv4Addr>,
    /// sname.
    pub server_name: Option<String>,
    /// file.
    pub boot_file: Option<String>,
}

impl Parameters {
    /// Lease time where no level names one.
    pub const LEASE_TIME: Seconds = Seconds(24 * 60 * 60);
    /// Shortest lease time where no level names one, and `lease_time` is not shorter still.
    pub const MIN_LEASE_TIME: Seconds = Seconds(60);
    /// T1 where no level names it (RFC 2131 §4.4.5).
    pub const RENEW_PERMILLE: u16 = 500;
    /// T2 where no level names it (RFC 2131 §4.4.5).
    pub const REBIND_PERMILLE: u16 = 875;
    /// How long a declined address is set aside where no level says so.
    pub const DECLINE_TIME: Seconds = Seconds(24 * 60 * 60);
    /// How long an offered address is kept where no level says so.
    pub const OFFER_TIME: Seconds = Seconds(60);
}

/// How an address is asked for before it is offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Not at all.
    None,
    /// ICMP echo (RFC 2131 §3.1 step 2), and how long to wait, in milliseconds.
    Icmp(u32),
    /// ARP request, only where the client is on our own link, and how long to wait, in milliseconds.
    Arp(u32),
}

/// Subnets on one link: an address of any of them suits a client there.
#[derive(Clone, Debug)]
pub struct Network {
    /// From the file, or the only subnet's prefix.
    pub name: String,
    /// Options and parameters of the shared network.
    pub scope: Scope,
    /// At least one.
    pub subnets: Vec<Subnet>,
    /// Interfaces, by name, whose direct clients are on this link beside what the interfaces' own
    /// addresses tell.
    pub interfaces: Vec<String>,
    /// Relay addresses (`giaddr`, RFC 3527 link selection) on this link beside those in its subnets.
    pub relays: Vec<Prefix>,
}

/// An IPv4 prefix; the address has no bit set past the length.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    /// First address.
    pub address: Ipv4Addr,
    /// 0..=32.
    pub len: u8,
}

/// `[[subnet4]]`
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Where it lies; subnets never overlap.
    pub prefix: Prefix,
    /// Options and parameters.
    pub scope: Scope,
    /// Dynamic ranges, ascending, never overlapping.
    pub pools: Vec<Pool>,
    /// The relationship, by index, that serves it with a partner.
    pub failover: Option<u16>,
}

/// One range of addresses to lease from.
#[derive(Clone, Debug)]
pub struct Pool {
    /// First address of the range.
    pub first: Ipv4Addr,
    /// Last address of the range, itself included.
    pub last: Ipv4Addr,
    /// Options and parameters.
    pub scope: Scope,
    /// Classes, by index, of which a client must be in one to get an address here; empty lets
    /// everybody in.
    pub allow: Vec<usize>,
    /// Classes, by index, whose clients get no address here.
    pub deny: Vec<usize>,
}

/// `[[class]]`: clients that have something in common.
#[derive(Clone, Debug)]
pub struct Class {
    /// Unique.
    pub name: String,
    /// A client is in the class if every test of one alternative holds.
    pub alternatives: Vec<Vec<Test>>,
    /// Options and parameters for its clients.
    pub scope: Scope,
}

/// One thing to ask about a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// Vendor class identifier, option 60.
    VendorClass(Pattern),
    /// Any of the user classes, option 77 (RFC 3004; also the bare text that many clients send).
    UserClass(Pattern),
    /// The hardware address begins with these octets.
    HardwarePrefix(Vec<u8>),
    /// `giaddr` lies in this prefix.
    Relay(Prefix),
    /// Agent circuit ID.
    CircuitId(Pattern),
    /// Agent remote ID.
    RemoteId(Pattern),
}

/// What octets are compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pattern {
    /// Exactly these.
    Is(Vec<u8>),
    /// These first.
    Begins(Vec<u8>),
    /// These somewhere.
    Contains(Vec<u8>),
}

/// `[[reservation4]]`, or a row of a reservation file.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Whom it is for.
    pub client: ReservedFor,
    /// What it gets; `None` reserves options only. Unique; may lie in a pool, and nobody else gets
    /// it then.
    pub address: Option<Ipv4Addr>,
    /// Host name, option 12, told to the client.
    pub host_name: Option<String>,
    /// Options and parameters; `None`, as in most of a million rows, costs nothing.
    pub scope: Option<Box<Scope>>,
}

/// How a reservation knows its client.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ReservedFor {
    /// `htype` and `chaddr`.
    Hardware(HardwareAddress),
    /// Client identifier, option 61, whole.
    Identifier(Box<[u8]>),
    /// Agent circuit ID.
    CircuitId(Box<[u8]>),
    /// Agent remote ID.
    RemoteId(Box<[u8]>),
}

/// `[[limit]]`: at most `leases` at a time for each value of `per`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// Shown in status.
    pub name: String,
    /// Whose leases are counted together.
    pub per: LimitPer,
    /// How many; at least 1.
    pub leases: u32,
    /// Only for clients of this class, by index.
    pub class: Option<usize>,
}

/// What makes two clients one subscriber.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LimitPer {
    /// The same agent circuit ID behind the same relay.
    CircuitId,
    /// The same agent remote ID.
    RemoteId,
    /// The same `giaddr`.
    Relay,
    /// The limit's class as a whole.
    Class,
}

/// What tells one client from another, tried in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// First that the request has names the client; the hardware address always closes the list.
    pub order: Vec<IdentityBy>,
}

/// One way to tell a client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IdentityBy {
    /// Option 61 (the default, with `Hardware` behind it; RFC 2131 §4.2).
    Identifier,
    /// Agent circuit ID: the port is the client.
    CircuitId,
    /// Agent remote ID: the modem is the client.
    RemoteId,
    /// `chaddr`.
    Hardware,
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
