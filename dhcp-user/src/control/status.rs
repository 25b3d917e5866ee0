//! What the server says of itself: the object behind `tandem status`, and the text of it.
//!
//! The keys are a contract with scripts: new ones may come, none changes its meaning. Everything
//! counts from the start of the process unless its doc says otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::relationship::Relationship;

/// One look at a running server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Status {
    /// Version of the binary.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// When the process began to answer clients, RFC 3339.
    pub started: String,
    /// Seconds since then.
    pub uptime_s: u64,
    /// Clients are answered; false while the journal cannot take a grant.
    pub serving: bool,
    /// Who the server is to clients of DHCPv6, in hex with colons; nothing where that is not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_duid: Option<String>,
    /// The configuration in force.
    pub configuration: Configuration,
    /// Interfaces in the file's order.
    pub interfaces: Vec<Interface>,
    /// Packets by where they went.
    pub packets: Packets,
    /// Pools by first address, those of IPv4 first.
    pub pools: Vec<Pool>,
    /// How long clients wait.
    pub latency: Latencies,
    /// Stable storage.
    pub journal: Journal,
    /// Limits on leases for each subscriber, in the file's order.
    pub limits: Vec<Limit>,
    /// Partners, in the file's order.
    pub failover: Vec<Relationship>,
    /// Clients that are told to come back; nothing where DHCPv6 is not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconfigure: Option<Reconfigure>,
}

/// Which file is in force, and what became of reloads.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Configuration {
    /// The file that `serve` was given.
    pub file: String,
    /// When it was last read and taken, RFC 3339.
    pub loaded: String,
    /// Reloads that took effect.
    pub reloads: u64,
    /// Reloads refused because of mistakes in the file.
    pub reloads_refused: u64,
}

/// One interface and how packets reach it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Interface {
    /// The kernel's name.
    pub name: String,
    /// `xdp`, `xdp-generic` or `socket`.
    pub mode: String,
    /// Why this mode and no faster one; empty if it is the one that was asked for.
    pub why: String,
    /// Receive queues served.
    pub queues: u32,
    /// Workers that serve it.
    pub workers: u32,
    /// Whether the driver puts packets into our memory itself.
    pub zero_copy: bool,
}

/// Packet counters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Packets {
    /// Requests that reached a worker, by path: `xdp` or `kernel`.
    pub received: BTreeMap<String, u64>,
    /// Replies sent, by DHCP message type in lower case.
    pub sent: BTreeMap<String, u64>,
    /// Requests left unanswered, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Those among them that were of DHCPv6 for certain.
    pub dropped_dhcpv6: BTreeMap<String, u64>,
    /// Requests that the kernel could not hand to a worker, by what there was no room in; a worker
    /// that is too slow shows here.
    pub lost: BTreeMap<String, u64>,
    /// Replies and requests that had to wait, by what for.
    pub waited: BTreeMap<String, u64>,
    /// What the XDP program did, by verdict, all interfaces together.
    pub verdicts: BTreeMap<String, u64>,
}

/// How full one pool is, in addresses or delegated prefixes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Pool {
    /// Shared network, or the subnet where it stands alone.
    pub network: String,
    /// First address.
    pub first: String,
    /// Last address, itself included.
    pub last: String,
    /// Length of the prefixes that it delegates; nothing of a pool of addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate: Option<u8>,
    /// Addresses in the range, up to 2^64 − 1 of them; of one that is drawn from at random, what can be leased
    /// at a time.
    pub total: u64,
    /// Leased.
    pub active: u64,
    /// To be had; of a pair, from the primary, and with `split` from both.
    pub free: u64,
    /// Of a pair: to be had from the secondary.
    pub backup: u64,
    /// Of a pair, each server has half of the pool for ever, by the last bit of the address (RFC 8156
    /// §4.2.1).
    pub split: bool,
    /// Set aside: declined, or a probe was answered.
    pub abandoned: u64,
    /// Leased share of the total, in permille.
    pub fill_permille: u64,
}

/// How long clients wait.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Latencies {
    /// From a request's arrival to its reply's departure.
    pub wire_to_wire: Latency,
    /// From a grant's journal record to its being durable.
    pub waiting_for_disk: Latency,
}

/// One distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Longest.
    pub max_us: f64,
}

/// Stable storage.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Journal {
    /// `good`, `full` or `failed`.
    pub health: String,
    /// What is wrong and since when; empty while `good`.
    pub detail: String,
    /// False if the configuration lets answers leave before the disk has the grant.
    pub durable: bool,
    /// Segments that a start would replay: those behind the newest snapshot.
    pub segments: u64,
    /// Octets of those segments.
    pub segment_octets: u64,
    /// Octets of older segments, which are kept to be written over.
    pub kept_octets: u64,
    /// Octets of the newest snapshot.
    pub snapshot_octets: u64,
    /// Seconds since the newest snapshot; nothing if there is none.
    pub snapshot_age_s: Option<u64>,
}

/// How it goes with clients that are told to come back (RFC 8415 §18.3.11).
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Reconfigure {
    /// Addresses whose clients' turn has not come, now.
    pub waiting: u64,
    /// Clients that were told and have not come, now.
    pub under_way: u64,
    /// Messages sent, repetitions included.
    pub sent: u64,
    /// Clients that came.
    pub answered: u64,
    /// Clients that did not, however often they were told.
    pub unanswered: u64,
    /// Clients that could not be told any more when their turn came.
    pub dropped: u64,
}

/// One limit on leases for each subscriber.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Limit {
    /// From the configuration.
    pub name: String,
    /// Leases that each subscriber may hold; refusals are counted under `dropped`.
    pub leases: u32,
}
