//! The lease table with a million leases.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use dhcp_user::lease::{Layout, NetworkId, Owner, PoolId, Table, in_turn};

use crate::state::{self, POOL};

/// Enough that most looks miss every cache.
const LEASES: u32 = 1 << 20;
/// Steps through the clients so that neighbours in time are none in memory.
const STRIDE: u32 = 611_953;

/// `lease/table`, in bindings.
pub(super) fn benchmarks(criterion: &mut Criterion) {
    let config = state::config().expect("our own configuration");
    let network = NetworkId::of(&config.networks[0]);
    let table = Table::new(Layout::of(&config));
    let now = state::now();
    for number in 0..LEASES {
        table.restore(state::address(number), state::lease(number, now));
    }
    table.finish_restore(&in_turn);

    let mut group = criterion.benchmark_group("lease/table");
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    let mut next = move || {
        number = (number + STRIDE) % LEASES;
        number
    };
    group.bench_function("look at an address", |b| {
        b.iter(|| {
            let guard = table.pin();
            let seen = table.seen(state::address(next()), &guard);
            seen.and_then(|seen| seen.binding().map(|binding| binding.expires))
        });
    });
    group.bench_function("find a client", |b| {
        b.iter(|| {
            let guard = table.pin();
            let client = state::client(next());
            black_box(table.of_client(network, client.key(), &guard).next().is_some())
        });
    });
    group.bench_function("renew", |b| {
        b.iter(|| {
            let guard = table.pin();
            let address = state::address(next());
            let seen = table.seen(address, &guard).expect("in the pool");
            let mut renewed = seen.binding().expect("leased").clone();
            renewed.cltt = now;
            black_box(table.replace(address, seen, renewed, &guard).is_ok())
        });
    });
    let mut stranger = LEASES;
    group.bench_function("allocate", |b| {
        b.iter(|| {
            let guard = table.pin();
            stranger += 1;
            let free = table.take_free(PoolId(POOL.0.into()), Owner::Primary, now, &guard);
            let (address, seen) = free.expect("the pool is larger");
            black_box(table.replace(address, seen, state::lease(stranger, now), &guard).is_ok())
        });
    });
    group.finish();
}
