//! Bytes to typed views and back. Knows nobody, allocates nothing to parse, and cannot panic on
//! anything the network sends.

mod hardware;
mod time;

pub use hardware::HardwareAddress;
pub use time::{Seconds, Stamp};
