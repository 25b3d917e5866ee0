//! The failover thread: all relationships of this server, each with its link and its endpoint.

mod face;

pub use face::Partners;
