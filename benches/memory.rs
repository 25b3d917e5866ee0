//! Octets a lease: what a process that holds the table has resident, and what the table counts.

use anyhow::{Context as _, Result};
use dhcp_user::lease::{Binding, Layout, Owner, PoolId, Table};

use crate::figure::Figure;
use crate::resident::resident;
use crate::state::{self, POOL};

/// The limit for a lease, all told.
const LIMIT: f64 = 200.0;

/// Fills a table as a server that grants `leases` does, on its link or behind relays, and prints the
/// figures.
pub(crate) fn measure(leases: u32, is_relayed: bool) -> Result<()> {
    let before = resident()?;
    let table = Table::new(Layout::of(&state::config()?));
    let now = state::now();
    for number in 0..leases {
        let guard = table.pin();
        let free = table.take_free(PoolId(POOL.0.into()), Owner::Primary, now, &guard);
        let (address, seen) = free.context("the pool is larger than this")?;
        let lease = state::lease(number, now);
        let lease = if is_relayed {
            Binding { client: Some(state::relayed_client(number)), ..lease }
        } else {
            lease
        };
        let granted = table.replace(address, seen, lease, &guard);
        granted.ok().context("nobody else is here")?;
    }
    let each = |octets: u64| vec![octets as f64 / f64::from(leases)];
    let whose = if is_relayed { " behind relays" } else { "" };
    let name = |what: &str| format!("{what}, {leases} leases{whose}");
    let filled = resident()? - before;
    Figure::new(name("resident"), "octets/lease", each(filled)).at_most(LIMIT).say();
    Figure::new(name("Table::bytes"), "octets/lease", each(table.bytes())).at_most(LIMIT).say();
    // What is granted anew leaves holes, which the allocator has to fill.
    for number in 0..leases {
        let guard = table.pin();
        let address = state::address(number);
        let seen = table.seen(address, &guard).context("granted above")?;
        let held = seen.binding().context("granted above")?;
        let mut renewed = held.clone();
        renewed.cltt = now;
        table.replace(address, seen, renewed, &guard).ok().context("nobody else is here")?;
    }
    let renewed = resident()? - before;
    Figure::new(name("resident, all renewed"), "octets/lease", each(renewed)).at_most(LIMIT).say();
    Ok(())
}
