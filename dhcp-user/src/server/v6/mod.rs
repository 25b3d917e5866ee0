//! DHCPv6: one file a message (RFC 8415 §18.3, as RFC 9915 revised it).

mod candidate;
mod confirm;
mod exchange;
mod extend;
mod foresee;
mod give_back;
mod grant;
mod hash;
mod identity;
mod information;
mod offer;
mod own;
#[cfg(test)]
mod partner_tests;
mod reconfigure;
mod reply;
mod reservation;
mod room;
mod service;
#[cfg(test)]
mod testing;
mod topology;
mod world;

pub use reconfigure::{Campaign, Order, Progress, Reconfigure, Replay, SECRET_LEN, Unwilling, Way};
pub use service::Service;
pub use world::{Arrival, Reply, World};
