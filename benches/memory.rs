//! Octets a lease: what a process that holds the table has resident, and what the table counts.

use anyhow::{Context as _, Result};
use dhcp_user::lease::{Layout, Owner, Table};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::figure::Figure;
use crate::resident::resident;
use crate::state::{self, Protocol};

/// The limit for a lease, all told.
const LIMIT: f64 = 200.0;
/// The same in DHCPv6.
const LIMIT_V6: f64 = 300.0;

/// Fills a table as a server that grants `leases` does, on its link or behind relays, and prints the
/// figures. In DHCPv6 the pool is all of a /64, whose addresses are drawn at random.
pub(crate) fn measure(protocol: Protocol, leases: u32, is_relayed: bool) -> Result<()> {
    let before = resident()?;
    let (layout, limit, of) = match protocol {
        Protocol::Dhcpv4 => (Layout::of(&state::config()?), LIMIT, ""),
        Protocol::Dhcpv6 => {
            let pool = format!("\"{}\"", state::v6::LINK);
            let config = state::read(&state::v6::configuration_of("", &pool))?;
            (Layout::of_ipv6(&config, None)?, LIMIT_V6, " of DHCPv6")
        }
    };
    let (pool, _) = layout.pools().next().context("a pool")?;
    let is_sparse = layout.is_sparse(pool);
    let table = Table::new(layout);
    let now = state::now();
    let mut random = SmallRng::seed_from_u64(1);
    let mut granted = Vec::with_capacity(leases as usize);
    for number in 0..leases {
        let guard = table.pin();
        let draw = &mut || random.random();
        let free = if is_sparse {
            table.take_random(pool, Owner::Primary, now, draw, &guard)
        } else {
            table.take_free(pool, Owner::Primary, now, &guard)
        };
        let (address, seen) = free.context("the pool is larger than this")?;
        let client = match (protocol, is_relayed) {
            (Protocol::Dhcpv4, false) => state::client(number),
            (Protocol::Dhcpv4, true) => state::relayed_client(number),
            (Protocol::Dhcpv6, false) => state::v6::client(number),
            (Protocol::Dhcpv6, true) => state::v6::relayed_client(number),
        };
        let replaced = table.replace(address, seen, state::lease_to(client, now), &guard);
        replaced.ok().context("nobody else is here")?;
        granted.push(address);
    }
    // What we note ourselves is no lease's.
    let before = before + size_of_val(&granted[..]) as u64;
    let each = |octets: u64| vec![octets as f64 / f64::from(leases)];
    let whose = if is_relayed { " behind relays" } else { "" };
    let name = |what: &str| format!("{what}, {leases} leases{of}{whose}");
    let filled = resident()? - before;
    Figure::new(name("resident"), "octets/lease", each(filled)).at_most(limit).say();
    Figure::new(name("Table::bytes"), "octets/lease", each(table.bytes())).at_most(limit).say();
    // What is granted anew leaves holes, which the allocator has to fill.
    for &address in &granted {
        let guard = table.pin();
        let seen = table.seen(address, &guard).context("granted above")?;
        let held = seen.binding().context("granted above")?;
        let mut renewed = held.clone();
        renewed.cltt = now;
        table.replace(address, seen, renewed, &guard).ok().context("nobody else is here")?;
    }
    let renewed = resident()? - before;
    Figure::new(name("resident, all renewed"), "octets/lease", each(renewed)).at_most(limit).say();
    Ok(())
}
