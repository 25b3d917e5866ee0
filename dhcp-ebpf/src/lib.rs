//! What both sides of the kernel share, and every decision of the XDP program that can be taken
//! without a kernel, so that it is tested without one.
//!
//! - [`map`]: names of the program's maps
//! - [`verdict`]: what becomes of a packet, and its counter
//! - [`settings`]: what user space tells the program
//! - [`steer`]: which worker a client belongs to
//! - [`balance`]: which of two partners a client belongs to
//! - [`discover`]: requests that are left to the partner
//! - [`parse`]: from a frame to a request
//! - [`guard`]: the flood guard's buckets
//! - [`arrival`]: when a packet came in, written in front of it
//!
//! Each interface gets a program and maps of its own, so no key names an interface.
#![cfg_attr(not(test), no_std)]

pub mod arrival;
pub mod balance;
pub mod discover;
pub mod guard;
pub mod map;
pub mod packet;
pub mod parse;
pub mod settings;
pub mod steer;
pub mod verdict;

#[cfg(feature = "user")]
mod pod;

pub use arrival::Arrival;
pub use balance::{bucket_in, bucket_of, client_bucket};
pub use discover::Balance;
pub use guard::{Bucket, PortKey, Rate};
pub use settings::{Service, Settings};
pub use steer::{client_hash, socket_index, worker_of};
pub use verdict::Verdict;

/// The program's name in the object: the function user space loads and attaches.
pub const PROGRAM: &str = "tandem_xdp";

/// The name of the program that measurements load: it gives every packet of queue n to the socket at
/// n of [`map::SOCKETS`]. It has an object of its own, so the server does not carry it.
pub const DIVERT: &str = "tandem_divert";

/// The name of the program in the same object that sends every frame on: run on frames that the kernel makes, it
/// is a flood.
pub const FLOOD: &str = "tandem_flood";
