//! What taking an address costs in an empty pool and in an almost full one.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, Result};
use dhcp_user::lease::{
    Binding, BindingStatus, Layout, NetworkId, Owner, PoolId, Range, ResourceId, Table,
};
use dhcp_user::wire::Stamp;

use crate::figure::Figure;
use crate::state::{self, POOL};

/// The limit for the costs' ratio.
const LIMIT: f64 = 1.5;
/// Addresses of the pool.
const ADDRESSES: u32 = 1 << 20;
/// Of these one in a thousand is free in the full pool.
const FREE: u32 = ADDRESSES / 1000;
const NETWORK: NetworkId = NetworkId(ResourceId(0x0a00_0000));
const NOW: Stamp = Stamp(1_000_000);

/// Measures both and prints them.
pub(crate) fn measure(quick: bool) -> Result<()> {
    let repetitions = if quick { 5 } else { 31 };
    let (mut empty, mut full) = (Vec::new(), Vec::new());
    // Of both pools each address was leased before, so that neither has memory to make; they are free again
    // all over the pool, as leases end, and not in one place.
    let (roomy, crowded) = (table(), table());
    for (table, free) in [(&roomy, ADDRESSES), (&crowded, FREE)] {
        take(table, 0, ADDRESSES)?;
        give_back(table, (0..free).map(|n| n.wrapping_mul(2_654_435_761) % ADDRESSES))?;
    }
    for number in 0..repetitions {
        let first = ADDRESSES + number * FREE;
        // One of each, in turn: whatever else the machine does meets both.
        for (table, found) in [(&roomy, &mut empty), (&crowded, &mut full)] {
            found.push(timed(table, first)?);
            give_back(table, held_from(table, first).into_iter())?;
        }
    }
    let ratio: Vec<f64> = full.iter().zip(&empty).map(|(full, empty)| full / empty).collect();
    Figure::new("allocation, empty pool", "ns", empty).say();
    Figure::new("allocation, 99.9 % full pool", "ns", full).say();
    Figure::new("allocation, full / empty", "×", ratio).at_most(LIMIT).say();
    Ok(())
}

fn table() -> Table {
    let last = std::net::Ipv4Addr::from_bits(POOL.0.to_bits() + ADDRESSES - 1);
    let network = Range { first: NETWORK.0, last: ResourceId(0x0aff_ffff) };
    Table::new(Layout::new(vec![(network, NETWORK)], vec![Range::ipv4(POOL.0, last)], Vec::new()))
}

/// Nanoseconds for each of half of what is free in the full pool.
fn timed(table: &Table, first: u32) -> Result<f64> {
    let start = Instant::now();
    take(table, first, FREE / 2)?;
    Ok(start.elapsed().as_nanos() as f64 / f64::from(FREE / 2))
}

/// Leases an address to each of `count` clients from `first` on.
fn take(table: &Table, first: u32, count: u32) -> Result<()> {
    for number in first..first + count {
        let guard = table.pin();
        let free = table.take_free(PoolId(POOL.0.into()), Owner::Primary, NOW, &guard);
        let (address, seen) = free.context("an address is free")?;
        let lease = state::lease(number, NOW);
        black_box(table.replace(address, seen, lease, &guard).is_ok());
    }
    Ok(())
}

/// The pool's addresses, by number, that clients from `first` on hold.
fn held_from(table: &Table, first: u32) -> Vec<u32> {
    let guard = table.pin();
    let held = |number: u32| {
        let client = state::client(number);
        let found = table.of_client(NETWORK, client.key(), &guard).next();
        found.map(|(resource, _)| resource.0 - POOL.0.to_bits())
    };
    (first..first + FREE / 2).filter_map(held).collect()
}

/// Frees the pool's addresses with these numbers; who had them is remembered.
fn give_back(table: &Table, numbers: impl Iterator<Item = u32>) -> Result<()> {
    for number in numbers {
        let guard = table.pin();
        let address = state::address(number);
        let seen = table.seen(address, &guard).context("in the pool")?;
        let held = seen.binding().context("was leased")?;
        if held.status == BindingStatus::Active {
            let freed = Binding { status: BindingStatus::Free, starts: NOW, ..held.clone() };
            table.replace(address, seen, freed, &guard).ok().context("nobody else is here")?;
        }
    }
    Ok(())
}
