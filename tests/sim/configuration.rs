//! The configuration of each server, as its file would have it: alike where the manual says so, and
//! otherwise where it may differ.

use std::io;
use std::path::Path;

use dhcp_user::config::Config;

use super::packet::hardware;
use super::sabotage::Sabotage;
use super::scenario::{Relationship, Scenario, Side, reserved_address};

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
    let relationships = (0..scenario.relationships).map(|it| relationship(scenario, it, side));
    let toml = format!(
        "[[interface]]\nname = \"eth0\"\n{}{}{}{}",
        scenario.limits.map(|limits| limits.toml(sabotage)).unwrap_or_default(),
        subnets.collect::<String>(),
        reserved.collect::<String>(),
        relationships.collect::<String>(),
    );
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    Config::parse(&toml, Path::new("simulated.toml"), &read)
        .unwrap_or_else(|mistakes| panic!("the simulation's own configuration: {mistakes}\n{toml}"))
}

/// The section of one relationship in the file of this side.
fn relationship(scenario: &Scenario, relationship: Relationship, side: Side) -> String {
    let plan = &scenario.servers[side];
    let networks = 0..scenario.pools.len();
    let shared = networks.filter(|network| scenario.relationship(*network) == relationship);
    let subnets: Vec<_> = shared.map(|network| format!("\"10.{network}.0.0/24\"")).collect();
    let is_primary = side == relationship;
    let role = if is_primary { "primary" } else { "secondary" };
    let split = if is_primary { format!("split = {}\n", scenario.split) } else { String::new() };
    let safe = scenario.safe_period.map(|time| format!("safe-period = \"{time}s\"\n"));
    // A partner is known by its address: each relationship has a pair of its own.
    let address = |side: Side| format!("10.{}.0.{}", 255 - relationship, 1 + side);
    format!(
        "[[failover]]\nname = \"pair{relationship}\"\nrole = \"{role}\"\n\
         local = \"{}\"\npeer = \"{}\"\nmclt = \"{}s\"\nreceive-timer = \"{}s\"\n\
         startup = \"{}s\"\nmax-unacked = {}\nload-balance-max-secs = {}\n{split}{}\
         subnets = [{}]\n",
        address(side),
        address(1 - side),
        if is_primary { scenario.mclt } else { plan.mclt },
        scenario.receive_timer,
        plan.startup,
        scenario.max_unacked,
        scenario.max_secs,
        safe.unwrap_or_default(),
        subnets.join(", "),
    )
}
