//! What the server says of its partners: the objects behind `tandem failover status`.
//!
//! The keys are a contract with scripts, like those of [`Status`](super::Status). Counters count
//! from the start of the process; times are RFC 3339.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::rfc3339;
use crate::config::model::{self, Protocol};
use crate::failover;
use crate::failover::{Side, Status};
use crate::lease::Layout;
use crate::wire::Stamp;
use crate::wire::failover::State;

/// One relationship with one partner.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Relationship {
    /// relationship-name.
    pub name: String,
    /// Of this server: `primary` or `secondary`.
    pub role: String,
    /// `dhcpv4` or `dhcpv6`.
    pub protocol: String,
    /// This server's state, as draft-12 §9 calls it: `normal`, `partner-down` …
    pub state: String,
    /// Since when.
    pub since: String,
    /// Seconds since then.
    pub since_age_s: u64,
    /// The partner's address and port.
    pub partner: String,
    /// What the partner calls itself: its vendor-class-identifier.
    pub partner_software: Option<String>,
    /// The partner's state as it last told; nothing if it never did.
    pub partner_state: Option<String>,
    /// Since when.
    pub partner_since: Option<String>,
    /// `ok` if the partner is heard, else `interrupted`.
    pub communications: String,
    /// Last message from the partner.
    pub last_contact: Option<String>,
    /// Seconds since then.
    pub last_contact_age_s: Option<u64>,
    /// By how many seconds the partner's clock is ahead.
    pub skew_s: i64,
    /// Addresses of which the partner must still be told.
    pub queued: u64,
    /// Addresses of which it was told and has not answered.
    pub unacknowledged: u64,
    /// Our updates that the partner answered, those it refused included.
    pub acknowledged: u64,
    /// Our updates that the partner refused.
    pub refused: u64,
    /// The partner's updates that we took.
    pub taken: u64,
    /// The partner's updates that we refused.
    pub rejected: u64,
    /// The last time that one of the two refused what the other said: a greeting, the link, an update.
    pub last_refusal: Option<Refusal>,
    /// What became of connections and messages.
    pub connections: Connections,
    /// The last time the two had different ideas of one address.
    pub last_conflict: Option<Conflict>,
    /// When waiting ends: for the partner's addresses in `partner-down`, for service in
    /// `recover-wait`, for taking the partner to be down where a safe period is configured.
    pub waits_until: Option<String>,
    /// Seconds until then.
    pub waits_s: Option<u64>,
    /// MCLT in force, in seconds: the primary's.
    pub mclt_s: u64,
    /// After so many seconds without the partner it is taken to be down by itself.
    pub safe_period_s: Option<u64>,
    /// Pools by first address.
    pub pools: Vec<Pool>,
}

/// Two ideas of one address or prefix.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Conflict {
    /// When it was found.
    pub at: String,
    /// Where.
    pub address: String,
    /// In words.
    pub what: String,
}

/// What one of the two servers would not have.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Refusal {
    /// When.
    pub at: String,
    /// Who refused: `us` or `partner`.
    pub by: String,
    /// reject-reason (draft-12 §12.21), if one was said.
    pub reason: Option<u8>,
    /// In words.
    pub what: String,
}

/// What became of connections, and messages on the one that was the link.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Connections {
    /// From addresses that are no partner's: closed before anything was said.
    pub strangers: u64,
    /// Became the link.
    pub links: u64,
    /// Closed because another was the link already.
    pub duplicates: u64,
    /// Greetings that ended in a refusal, the partner's or this server's.
    pub refused: u64,
    /// Closed because what came was no message.
    pub malformed: u64,
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
}

/// How full one shared pool is, in addresses.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Pool {
    /// First address.
    pub first: String,
    /// Last address, itself included.
    pub last: String,
    /// The primary's to give; with `split` of both servers.
    pub free: u64,
    /// The secondary's to give.
    pub backup: u64,
    /// Leased.
    pub active: u64,
    /// The lease ran out, and the partner has not agreed yet.
    pub expired: u64,
    /// Given back, and the partner has not agreed yet.
    pub released: u64,
    /// Set aside: declined, or a probe was answered.
    pub abandoned: u64,
    /// Freed by an operator, and the partner has not agreed yet.
    pub reset: u64,
    /// Kept for single clients by reservations.
    pub reserved: u64,
    /// Addresses in the range, up to 2^64 − 1 of them; of one that is drawn from at random, what can be leased
    /// at a time.
    pub total: u64,
    /// Each server has half of the pool for ever, by the last bit of the address (RFC 8156 §4.2.1).
    pub split: bool,
}

impl Relationship {
    /// What `status` says, of a relationship that is `configured` so.
    #[must_use]
    pub fn new(
        now: Stamp,
        status: &Status,
        configured: &model::Relationship,
        layout: &Layout,
    ) -> Self {
        let age = |since: Stamp| u64::from(now.since(since).0);
        let heard = status.partner.is_some();
        Self {
            name: status.name.clone(),
            role: status.role.name().to_owned(),
            protocol: match configured.terms.protocol {
                Protocol::Dhcpv4 => "dhcpv4",
                Protocol::Dhcpv6 => "dhcpv6",
            }
            .to_owned(),
            state: status.state.name().to_owned(),
            since: rfc3339(status.since),
            since_age_s: age(status.since),
            partner: configured.peer.to_string(),
            partner_software: status.partner_vendor.clone().filter(|vendor| !vendor.is_empty()),
            partner_state: status.partner.map(|state| state.name().to_owned()),
            partner_since: heard.then(|| rfc3339(status.partner_since)),
            communications: if status.is_linked { "ok" } else { "interrupted" }.to_owned(),
            last_contact: status.last_contact.map(rfc3339),
            last_contact_age_s: status.last_contact.map(age),
            skew_s: status.ahead,
            queued: status.queued,
            unacknowledged: status.unacknowledged,
            acknowledged: status.acknowledged,
            refused: status.refused,
            taken: status.taken,
            rejected: status.rejected,
            last_refusal: status.refusal.as_ref().map(Refusal::from),
            connections: status.connections.into(),
            last_conflict: status.conflict.as_ref().map(Conflict::from),
            waits_until: status.waits_until.map(rfc3339),
            waits_s: status.waits_until.map(|until| u64::from(until.since(now).0)),
            mclt_s: status.mclt.0.into(),
            safe_period_s: configured.terms.safe_period.map(|period| period.0.into()),
            pools: status.pools.iter().map(|pool| Pool::new(pool, layout)).collect(),
        }
    }

    /// The state, if this version knows its name.
    #[must_use]
    pub fn known_state(&self) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == self.state)
    }

    /// Whether this server answers no client of the relationship, but perhaps renewals.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.known_state().is_some_and(|state| {
            matches!(
                state,
                State::Startup
                    | State::Recover
                    | State::RecoverWait
                    | State::RecoverDone
                    | State::PotentialConflict
                    | State::Paused
                    | State::Shutdown
            )
        })
    }

    /// Whether the partner is heard.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.communications == "ok"
    }

    /// What this server has to give to new clients without asking anybody.
    #[must_use]
    pub fn own_available(&self) -> u64 {
        let own = |pool: &Pool| match (pool.split, self.role == "primary") {
            // Nobody counts the halves: as if leases were of both alike.
            (true, _) => pool.free.div_ceil(2),
            (false, true) => pool.free,
            (false, false) => pool.backup,
        };
        self.pools.iter().map(own).fold(0, u64::saturating_add)
    }
}

impl Pool {
    /// The addresses that are no part of [`Status`](super::status::Pool), by what they are.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        [
            ("backup", self.backup),
            ("expired", self.expired),
            ("released", self.released),
            ("reset", self.reset),
        ]
        .into()
    }

    fn new(status: &failover::PoolStatus, layout: &Layout) -> Self {
        let split = layout.fixed_owner(status.pool.0).is_some();
        let counts = if split { status.counts.of_both() } else { status.counts };
        // A reload may have taken the pool away since.
        let [first, last] = layout.ends(status.pool).map_or_else(
            || ["gone".to_owned(), "gone".to_owned()],
            |ends| ends.map(|end| end.to_string()),
        );
        Self {
            first,
            last,
            free: counts.free,
            backup: counts.backup,
            active: counts.active,
            expired: counts.expired,
            released: counts.released,
            abandoned: counts.abandoned,
            reset: counts.reset,
            reserved: counts.reserved,
            total: counts.total,
            split,
        }
    }
}

impl From<&failover::Refusal> for Refusal {
    fn from(refusal: &failover::Refusal) -> Self {
        let by = match refusal.by {
            Side::Us => "us",
            Side::Partner => "partner",
        };
        Self {
            at: rfc3339(refusal.at),
            by: by.to_owned(),
            reason: refusal.reason.map(|reason| reason as u8),
            what: refusal.what.clone(),
        }
    }
}

impl From<failover::Connections> for Connections {
    fn from(of: failover::Connections) -> Self {
        Self {
            strangers: of.strangers,
            links: of.links,
            duplicates: of.duplicates,
            refused: of.refused,
            malformed: of.malformed,
            received: of.received,
            sent: of.sent,
        }
    }
}

impl From<&failover::Conflict> for Conflict {
    fn from(conflict: &failover::Conflict) -> Self {
        Self {
            at: rfc3339(conflict.at),
            address: conflict.resource.to_string(),
            what: conflict.what.clone(),
        }
    }
}
