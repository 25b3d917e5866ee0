//! The connection to one partner: TCP, and TLS where it is agreed on, with whole messages going in
//! and coming out. Knows nothing of leases.
//!
//! Both servers listen and both connect (draft-12 §8.2; spec §1.2); in DHCPv6 the secondary listens
//! and the primary connects (RFC 8156 §6.1). On every connection, whoever
//! opened it, a [`Greeting`](super::Greeting) runs; the first that is done makes its connection the
//! link, and the others are closed without a word:
//!
//! ```text
//!   listener ──┐ accepted, from the partner's address alone
//!              ├─▶ greetings, 15 s each ─▶ the link ─▶ lost ─▶ wait, and again
//!   dialler  ──┘
//! ```
//!
//! While there is a link nobody is dialled, and whoever comes is closed. A task for each
//! relationship does all this; [`Link`] is the driver's end of it. Reading goes on while writing is
//! stuck; what waits to be written is bounded, and a partner that does not read loses the link.

mod claim;
mod codec;
mod conversation;
mod dial;
mod door;
#[cfg(test)]
mod fixture;
mod frame;
mod greet;
mod keeper;
mod outbox;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_v6;
mod tls;

pub use codec::{Arrived, Opening, Spoken};
pub use keeper::{Link, LinkEvent};
pub use settings::{Clock, Counts, Settings};
pub use tls::{Tls, TlsError};
