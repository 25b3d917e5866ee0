//! The configuration of each server, as its file would have it: alike where the manual says so, and
//! otherwise where it may differ.

use std::io;
use std::path::Path;

use dhcp_user::config::Config;
use dhcp_user::config::model::Protocol;

use super::places::{DELEGATED, address, duid, hardware, prefix};
use super::plan6::Allocation;
use super::sabotage::Sabotage;
use super::scenario::{ClientPlan, Relationship, Scenario, Side};

/// The configuration of one server.
pub(super) fn configuration(scenario: &Scenario, side: Side, sabotage: Option<Sabotage>) -> Config {
    let lease_time = scenario.servers[side].lease_time;
    let networks = 0..scenario.pools.len();
    let subnets = networks.map(|network| subnet(scenario, network, lease_time));
    let reserved = scenario.clients.iter().filter_map(|client| reservation(scenario, client));
    let relationships = (0..scenario.relationships).map(|it| relationship(scenario, it, side));
    let toml = format!(
        "{INTERFACES}{SECRET}{}{}{}{}",
        scenario.limits.map(|limits| limits.toml(sabotage)).unwrap_or_default(),
        subnets.collect::<String>(),
        reserved.collect::<String>(),
        relationships.collect::<String>(),
    );
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    Config::parse(&toml, Path::new("simulated.toml"), &read)
        .unwrap_or_else(|mistakes| panic!("the simulation's own configuration: {mistakes}\n{toml}"))
}

/// One for each network: on it are clients without a relay.
const INTERFACES: &str = "[[interface]]\nname = \"eth0\"\n[[interface]]\nname = \"eth1\"\n";

/// By which hash pools give their addresses.
const SECRET: &str = "[dhcpv6]\nsecret = \"sixteen octets at the least\"\n";

fn subnet(scenario: &Scenario, network: usize, lease_time: u32) -> String {
    let protocol = scenario.protocols[network];
    let of_v6 = || {
        let bits = scenario.delegated[network];
        let dhcp_user::lease::Resource::Prefix(first) = prefix(network, 0) else { unreachable!() };
        format!(
            "interfaces = [\"eth{network}\"]\nrapid-commit = true\n\
             prefix-pools = [{{ prefix = \"{}/{}\", delegate = {DELEGATED} }}]\n",
            first.address(),
            DELEGATED - bits
        )
    };
    let (section, more) = match protocol {
        Protocol::Dhcpv4 => ("subnet4", String::new()),
        Protocol::Dhcpv6 => ("subnet6", of_v6()),
    };
    format!(
        "[[{section}]]\nsubnet = \"{}\"\npools = [{}]\nlease-time = \"{lease_time}s\"\n{more}",
        subnet_name(protocol, network),
        pool(scenario, network),
    )
}

/// The addresses of a network, and how they are chosen.
fn pool(scenario: &Scenario, network: usize) -> String {
    let protocol = scenario.protocols[network];
    let ends = [0, scenario.pools[network] - 1].map(|place| address(protocol, network, place));
    let [first, last] = ends;
    match (protocol, scenario.allocations[network]) {
        (Protocol::Dhcpv4, _) | (_, Allocation::Oldest) => format!("\"{first}-{last}\""),
        (_, Allocation::Random) => {
            format!("{{ range = \"{first}-{last}\", allocator = \"random\" }}")
        }
        (_, Allocation::Sparse) => format!("\"2001:db8:{network}:0:1::/80\""),
        (_, Allocation::Hash) => {
            format!("{{ range = \"2001:db8:{network}:0:1::/80\", allocator = \"hash\" }}")
        }
    }
}

fn subnet_name(protocol: Protocol, network: usize) -> String {
    match protocol {
        Protocol::Dhcpv4 => format!("10.{network}.0.0/24"),
        Protocol::Dhcpv6 => format!("2001:db8:{network}::/64"),
    }
}

fn reservation(scenario: &Scenario, client: &ClientPlan) -> Option<String> {
    let address = scenario.reserved_address(client)?;
    let number = client.number;
    Some(match scenario.protocols[client.network] {
        Protocol::Dhcpv4 => {
            let [a, b, c, d, e, f] = hardware(number);
            format!(
                "[[reservation4]]\n\
                 hw-address = \"{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\"\n\
                 address = \"{address}\"\n"
            )
        }
        Protocol::Dhcpv6 => {
            let duid: String = duid(number).iter().map(|octet| format!("{octet:02x}")).collect();
            format!("[[reservation6]]\nduid = \"0x{duid}\"\naddresses = [\"{address}\"]\n")
        }
    })
}

/// The section of one relationship in the file of this side.
fn relationship(scenario: &Scenario, relationship: Relationship, side: Side) -> String {
    let plan = &scenario.servers[side];
    let protocol = scenario.protocols[relationship];
    let networks = 0..scenario.pools.len();
    let shared = networks.filter(|network| scenario.relationship(*network) == relationship);
    let subnets: Vec<_> =
        shared.map(|network| format!("\"{}\"", subnet_name(protocol, network))).collect();
    let is_primary = side == relationship;
    let role = if is_primary { "primary" } else { "secondary" };
    let split = if is_primary { format!("split = {}\n", scenario.split) } else { String::new() };
    let safe = scenario.safe_period.map(|time| format!("safe-period = \"{time}s\"\n"));
    let of_protocol = match protocol {
        Protocol::Dhcpv4 => format!(
            "receive-timer = \"{}s\"\nload-balance-max-secs = {}\n{split}",
            scenario.receive_timer, scenario.max_secs
        ),
        Protocol::Dhcpv6 => {
            format!("keepalive = \"{}s\"\ninsecure = true\n", scenario.receive_timer)
        }
    };
    // A partner is known by its address: each relationship has a pair of its own.
    let address = |side: Side| match protocol {
        Protocol::Dhcpv4 => format!("10.{}.0.{}", 255 - relationship, 1 + side),
        Protocol::Dhcpv6 => format!("2001:db8:{:x}::{}", 0xffff - relationship, 1 + side),
    };
    format!(
        "[[failover]]\nname = \"pair{relationship}\"\nrole = \"{role}\"\n\
         local = \"{}\"\npeer = \"{}\"\nmclt = \"{}s\"\n\
         startup = \"{}s\"\nmax-unacked = {}\n{of_protocol}{}\
         subnets = [{}]\n",
        address(side),
        address(1 - side),
        if is_primary { scenario.mclt } else { plan.mclt },
        plan.startup,
        scenario.max_unacked,
        safe.unwrap_or_default(),
        subnets.join(", "),
    )
}
