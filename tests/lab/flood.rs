//! Far more than a server is to take, for as long as it takes to show.

use std::time::{Duration, Instant};

use super::server::Server;

/// Packets between two looks. A veth's ring has room for 256 frames and loses the next without telling anybody.
const BURST: u32 = 100;
/// How long a flood may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has `send` send packets until the server's XDP program counts no fewer than `wanted` under this verdict: how many
/// were sent says little of how many it has seen, and on a slow machine less.
///
/// # Panics
/// If it does not count so many while a busy machine's patience lasts.
pub fn flood(server: &Server, verdict: &str, wanted: u64, mut send: impl FnMut()) {
    let end = Instant::now() + PATIENCE;
    let mut sent = 0;
    while server.verdict(verdict) < wanted {
        assert!(
            Instant::now() < end,
            "{sent} packets are not {wanted} of {verdict}: {}",
            server.status()["packets"]["verdicts"]
        );
        for _ in 0..BURST {
            send();
        }
        sent += BURST;
    }
}
