//! The failover thread: all relationships of this server, each with its link and its endpoint.
//!
//! ```text
//!        link ──▶ inbox ──▶ endpoint ──▶ ledger ──▶ journal
//!         ▲                    │            │
//!         └── what is durable ◀┴────────────┴──▶ service views
//! ```
//!
//! One thread with a runtime of its own, beside the workers and below them in priority; each
//! relationship is a task on it. An endpoint decides, the ledger carries out: a change goes to the
//! journal at once, and whatever leaves the server (a message, the end of the link, a new service
//! view, the answer to an operator) waits until all that was journalled before it is durable. Many
//! messages are taken, then the disk is waited for once, then all answers leave together.
//!
//! While the journal takes nothing the link is closed, and none is made: a partner that does not
//! hear us serves our clients too, which we cannot.

mod alarm;
mod bells;
mod desk;
mod face;
mod inbox;
mod ledger;
mod plan;
mod relationship;
#[cfg(test)]
mod tests;
mod thread;

pub use face::Partners;
pub use plan::{PlanError, check_tls};
pub use thread::{Parts, Prepared, Running, left};
