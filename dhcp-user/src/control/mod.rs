//! The control thread: what operators, scripts and the service manager see and ask. It never
//! touches a packet.

pub mod api;
pub mod client;
pub mod clock;
pub mod command;
pub mod escape;
pub mod filter;
pub mod instance;
pub mod leases;
pub mod listing;
pub mod logging;
pub mod maintenance;
pub mod metrics;
pub mod partners;
pub mod reconfigure;
pub mod reconfigure_secret;
pub mod relationship;
pub mod reload;
pub mod runtime;
pub mod server_duid;
pub mod signals;
pub mod socket;
mod state_file;
pub mod status;
mod visitors;

pub use client::{Client, ClientError};
pub use instance::{Instance, Loaded};
pub use logging::LogFormat;
pub use partners::Partners;
pub use reconfigure::Reconfigurer;
pub use relationship::Relationship;
pub use status::Status;

/// The control socket's name in the state directory.
pub const SOCKET_NAME: &str = "control.sock";
