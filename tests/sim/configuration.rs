//! The configuration of each server, as its file would have it: alike where the manual says so, and
//! otherwise where it may differ.

use std::io;
use std::path::Path;

use dhcp_user::config::Config;

use super::packet::{hardware, server_address};
use super::sabotage::Sabotage;
use super::scenario::{Scenario, Side, reserved_address};

/// The configuration of one server.
pub(super) fn configuration(scenario: &Scenario, side: Side, sabotage: Option<Sabotage>) -> Config {
    let plan = &scenario.servers[side];
    let subnets = (0..scenario.pools.len()).map(|network| {
        let last = 9 + scenario.pools[network];
        format!(
            "[[subnet4]]\nsubnet = \"10.{network}.0.0/24\"\n\
             pools = [\"10.{network}.0.10-10.{network}.0.{last}\"]\n\
             lease-time = \"{}s\"\n",
            plan.lease_time
        )
    });
    let reserved = scenario.clients.iter().filter_map(|client| {
        let address = reserved_address(scenario, client)?;
        let [a, b, c, d, e, f] = hardware(client.number);
        Some(format!(
            "[[reservation4]]\nhw-address = \"{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\"\n\
             address = \"{address}\"\n"
        ))
    });
    let names: Vec<_> = (0..scenario.pools.len()).map(|n| format!("\"10.{n}.0.0/24\"")).collect();
    let role = if side == 0 { "primary" } else { "secondary" };
    let split = if side == 0 { format!("split = {}\n", scenario.split) } else { String::new() };
    let safe = scenario.safe_period.map(|time| format!("safe-period = \"{time}s\"\n"));
    let toml = format!(
        "[[interface]]\nname = \"eth0\"\n{}{}{}[[failover]]\nname = \"pair\"\nrole = \"{role}\"\n\
         local = \"{}\"\npeer = \"{}\"\nmclt = \"{}s\"\nreceive-timer = \"{}s\"\n\
         startup = \"{}s\"\nmax-unacked = {}\nload-balance-max-secs = {}\n{split}{}\
         subnets = [{}]\n",
        scenario.limits.map(|limits| limits.toml(sabotage)).unwrap_or_default(),
        subnets.collect::<String>(),
        reserved.collect::<String>(),
        server_address(side),
        server_address(1 - side),
        if side == 0 { scenario.mclt } else { plan.mclt },
        scenario.receive_timer,
        plan.startup,
        scenario.max_unacked,
        scenario.max_secs,
        safe.unwrap_or_default(),
        names.join(", "),
    );
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    Config::parse(&toml, Path::new("simulated.toml"), &read)
        .unwrap_or_else(|mistakes| panic!("the simulation's own configuration: {mistakes}\n{toml}"))
}
