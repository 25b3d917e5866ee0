//! A network in one machine: namespaces joined by veth, the server and real clients in them.
//!
//! Everything that a lab makes has the lab's process number in its name and goes when its value is
//! dropped; what a killed run left behind is swept by the next one. Every child dies with the
//! thread that started it.

mod buffers;
mod capture;
#[cfg(feature = "load")]
mod census;
mod client;
mod client6;
mod dhcpd;
mod flood;
mod frame;
#[cfg(feature = "load")]
mod hand;
mod lease;
#[cfg(feature = "load")]
mod ledger;
#[cfg(feature = "load")]
mod load;
mod losses;
mod namespace;
mod networkd;
mod pair;
#[cfg(feature = "codec")]
mod partner;
mod peer;
mod perfdhcp;
mod process;
#[cfg(feature = "load")]
mod raw;
mod relationship;
mod relay;
pub mod relayed;
mod server;
mod site;
mod wait;
mod wiretap;
#[cfg(feature = "load")]
mod witness;
mod workplace;

pub use buffers::LargeBuffers;
pub use capture::Capture;
#[cfg(feature = "load")]
pub use census::Census;
pub use client::{Client, Event, Kind};
pub use client6::{Client6, Event6, Kind6};
pub use dhcpd::{Dhcpd, LeaseRecord};
pub use flood::flood;
pub use frame::Headers;
#[cfg(feature = "load")]
pub use hand::Hand;
pub use lease::Lease;
#[cfg(feature = "load")]
pub use ledger::{Fault, Grant, Ledger, Mac};
#[cfg(feature = "load")]
pub use load::{Load, Mix, Tally, mac};
pub use losses::lost_on_the_way;
pub use namespace::Namespace;
pub use networkd::Networkd;
pub use pair::{Host, Pair};
#[cfg(feature = "codec")]
pub use partner::Partner;
pub use peer::{Make, Peer};
pub use perfdhcp::{Perfdhcp, Report, RunningPerfdhcp};
pub use process::Process;
#[cfg(feature = "load")]
pub use raw::RawPort;
pub use relationship::{Protocol, Relationship};
pub use relay::Relay;
pub use server::{Server, Settings};
pub use site::Site;
pub use wait::{until, until_some};
pub use wiretap::{Overheard, Wiretap};
#[cfg(feature = "load")]
pub use witness::Witness;

/// Whether this process may build a lab. Without root it says loudly what is skipped; where nothing
/// may be, in CI and where `TANDEM_PRIVILEGED` promises root, it panics.
#[must_use]
pub fn available(what: &str) -> bool {
    if Namespace::permitted() {
        return true;
    }
    let must = ["CI", "TANDEM_PRIVILEGED"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!must, "{what}: the lab needs root, and nothing may be skipped here");
    eprintln!("SKIPPED, NOT PASSED: {what}: the lab needs root to make network namespaces");
    false
}

/// The seed of this run, printed: `TANDEM_SEED` replays one.
#[must_use]
pub fn seed() -> u64 {
    let given = std::env::var("TANDEM_SEED").ok().and_then(|text| text.parse().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = given.unwrap_or_else(|| now.map_or(0, |time| u64::from(time.subsec_nanos())));
    eprintln!("TANDEM_SEED={seed}");
    seed
}
