//! Binding updates a second from one server to the other: durable there, acknowledged, and durable
//! here that they were.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dhcp_user::lease::Told;
use tandem_tests::lab::{Host, Pair, Server};

use super::duo::{self, Disk};
use crate::Arguments;
use crate::figure::Figure;
use crate::state::Protocol;

/// Updates a second.
const LIMIT: f64 = 100_000.0;
/// Between two looks at the status, which changes once a second.
const PAUSE: Duration = Duration::from_millis(20);

/// Measures and prints it: one server comes back with leases of which the other knows nothing.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, leases) = if arguments.quick { (1, 1_000_000) } else { (5, 2_000_000) };
    let pair = Pair::new("updates");
    let mut rates = Vec::new();
    for _ in 0..repetitions {
        let start = |host: Host, disk| -> Result<Server> {
            let configuration = duo::configuration(Protocol::Dhcpv4, "", leases, Some(host));
            let name = format!("updates-{host:?}");
            Ok(Server::start(
                pair.host(host),
                duo::settings(arguments, Protocol::Dhcpv4, &name, configuration, disk)?,
            ))
        };
        let partner = start(Host::B, Disk::InNormal(0, Told::Acknowledged))?;
        let server = start(Host::A, Disk::InNormal(leases, Told::Unsent))?;
        rates.push(rate(&server, u64::from(leases))?);
        server.kill();
        partner.kill();
    }
    Figure::new("binding updates to a partner", "updates/s", rates)
        .at_least(LIMIT)
        .note(format!("durable on both; {leases} leases, both servers on this machine"))
        .say();
    Ok(())
}

/// Answered updates a second, from the first time that the status shows some to the last before it
/// shows all.
fn rate(server: &Server, all: u64) -> Result<f64> {
    let mut seen: Vec<(Instant, u64)> = Vec::new();
    loop {
        let acknowledged = duo::number(&duo::relationship_of(server)?, "acknowledged");
        if acknowledged >= all {
            break;
        }
        if acknowledged > seen.last().map_or(0, |(_, last)| *last) {
            seen.push((Instant::now(), acknowledged));
        }
        sleep(PAUSE);
    }
    let (&first, &last) = seen.first().zip(seen.last()).context("too fast to be seen")?;
    anyhow::ensure!(last.1 > first.1, "too few leases to be seen on their way");
    Ok((last.1 - first.1) as f64 / (last.0 - first.0).as_secs_f64())
}
