//! Tandem: a DHCP server pair for carriers. The floors, each using only those above it:
//!
//! - [`wire`]: bytes to typed views and back
//! - [`config`]: the TOML model and its checks
//! - [`lease`]: bindings, the table, its indexes, the pools
//! - [`journal`]: stable storage
//! - [`server`]: what a client is told
//! - [`failover`]: what a partner is told
//! - [`dataplane`]: XDP, AF_XDP rings, the worker loop
//! - [`control`]: the control thread
//! - [`cli`]: a file for each subcommand

#[cfg(not(loom))]
pub mod cli;
pub mod config;
#[cfg(not(loom))]
pub mod control;
pub mod dataplane;
pub mod failover;
#[cfg(all(test, loom))]
mod interleavings;
pub mod journal;
pub mod lease;
pub mod server;
pub mod wire;
