//! What a partner is told, and what it is believed (draft-ietf-dhc-failover-12, as ISC dhcpd speaks
//! it).
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
mod pair_tests;
mod partner;
mod refusal;
mod saved;
mod session;
mod settings;
mod skew;
mod state;
mod status;
#[cfg(test)]
mod testing;
mod timer;
mod transition;
mod update;
mod view;

pub use endpoint::Endpoint;
pub use event::{Action, Alarm, Command, Event, Lost, Refusals};
pub use greeting::{Greeted, Greeting, Said, Tls};
pub use saved::Saved;
pub use settings::{Dialect, Role, Settings, Terms};
pub use status::{Conflict, Connections, PoolStatus, Refusal, Side, Status};
