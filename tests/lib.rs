//! What the tests against whole servers share.
//!
//! - [`lab`]: network namespaces, veth, real clients and the server in them.
//! - [`sim`]: a pair of servers, their clients, disks and clocks in one thread under one seed.

pub mod lab;
#[cfg(feature = "simulation")]
pub mod sim;
