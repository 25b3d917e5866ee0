//! What a client is told.
//!
//! [`World::answer`] takes the octets of one request and says what is to be done about them. It
//! has seen no socket, no clock and no thread: time comes in, and what is to be sent, journalled or
//! asked of the wire goes out as an [`Answer`] and as the changes in the [`Workspace`].

mod account;
mod answer;
mod arrival;
mod class;
mod gate;
mod identity;
mod limit;
mod network;
mod options;
mod prefix;
mod reservation;
mod service;
mod services;
mod standing;
mod term;
mod times;
mod v4;
pub mod v6;
mod verdict;
mod workspace;
mod world;

pub use answer::{Answer, Destination, Probe, ProbeOutcome, Reply};
pub use arrival::{Arrival, InterfaceAddress, InterfaceAddresses, InterfaceIndex};
pub use gate::{Gate, Gates};
pub use service::Service;
pub use services::Services;
pub use verdict::DropReason;
pub use workspace::{Change, Workspace};
pub use world::{World, Worlds};
