//! AF_XDP over libc: memory shared with the kernel, four rings, a socket
//! (Linux `networking/af_xdp.rst`).
//!
//! A [`Frame`] is the right to one frame's octets, and whoever gives it to a ring gives the right
//! away. That is the whole safety argument: the kernel hands an address back only once it is done
//! with it, and only then is there a `Frame` for it again.

mod error;
mod index;
mod ring;
mod socket;
mod umem;

pub use error::XskError;
pub use ring::{Packet, RING_LEN};
pub use socket::{Bound, Queue, Socket};
pub use umem::{Frame, Umem};
