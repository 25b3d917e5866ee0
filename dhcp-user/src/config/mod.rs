//! The TOML file, its checks, and the model the rest of the server is built from.
//!
//! [`Config::load`] reads a file and everything that it names, and either gives a [`Config`] in
//! which nothing can be wrong any more, or every mistake at once. KEYS.md has all keys.

mod checks;
mod class;
mod dhcpd;
mod dhcpv6;
mod document;
mod duration;
mod failover;
mod family;
mod guard;
mod host;
mod interface;
mod journal;
mod leniency;
mod limit;
mod load;
mod mistake;
pub mod model;
mod notebook;
mod octets;
mod option;
mod pool;
mod pool_checks;
mod prefix;
mod protection;
mod reader;
mod reservation;
mod reservation6;
mod reservation_file;
mod scope;
mod shared_network;
mod shared_subnet;
mod subnet;
mod times;

pub use load::{HostInterface, Surroundings};
pub use mistake::{Mistake, Mistakes, Place};
pub use model::Config;

#[cfg(test)]
mod tests;
