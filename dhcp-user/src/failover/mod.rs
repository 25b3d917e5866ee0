//! What a partner is told, and what it is believed: in DHCPv4 by draft-ietf-dhc-failover-12, as ISC
//! dhcpd speaks it, in DHCPv6 by RFC 8156. One endpoint serves both: what is said goes through
//! `speech`, and where the states follow each other otherwise `state` says by whose rules.
//!
//! [`Endpoint::handle`] takes one event and says what is to be done about it; it has seen no socket,
//! no clock and no thread. The link underneath does TCP and TLS and knows nothing of leases.

mod awake;
mod balance;
#[cfg(test)]
mod captured_tests;
#[cfg(test)]
mod change_tests;
mod dhcpd;
#[cfg(test)]
mod dhcpd_tests;
mod endpoint;
mod event;
mod greeting;
#[cfg(not(loom))]
pub mod link;
mod mclt;
mod moment;
#[cfg(test)]
mod operator_tests;
#[cfg(test)]
mod pair_tests;
mod partner;
#[cfg(test)]
mod recovery_tests;
mod refusal;
mod restart;
#[cfg(test)]
mod rfc8156_beside_tests;
#[cfg(test)]
mod rfc8156_lease_tests;
#[cfg(test)]
mod rfc8156_tests;
#[cfg(test)]
mod rfc8156_walk_tests;
mod saved;
mod session;
mod settings;
mod skew;
mod speech;
mod state;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing6;
mod timer;
mod transition;
mod update;
mod view;

pub use endpoint::Endpoint;
pub use event::{Action, Alarm, Command, Event, Lost, Refusals};
pub use greeting::{Greeted, Greeting, Greeting6, Said, Tls};
pub use saved::Saved;
#[cfg(not(loom))]
pub(crate) use settings::shared;
pub use settings::{Dialect, Role, Settings, Terms};
pub use status::{Conflict, Connections, PoolStatus, Refusal, Side, Status};
