//! Clients' requests to a server without wire and disk, in either protocol, one after the other.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, Throughput};

use crate::load::{Access, Stage, Template};
use crate::rig::target;
use crate::state::{self, Protocol, STRANGERS};

/// What the server holds: enough that most looks miss every cache.
pub(super) const LEASES: u32 = 1 << 20;
/// Steps through the clients so that neighbours in time are none in memory.
const STRIDE: u32 = 611_953;

/// What is measured, as clients of each protocol call it, in packets: the first message of a client that
/// has a lease, that of one that has none, and a renewal. `gives` is the address in the reply to a frame.
pub(super) fn measure(
    criterion: &mut Criterion,
    (protocol, group): (Protocol, &str),
    [first, renewal]: [&str; 2],
    mut gives: impl FnMut(&[u8]) -> Option<IpAddr>,
) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    let mut holder = || {
        number = (number + STRIDE) % LEASES;
        number
    };
    let mut stranger = STRANGERS;
    let mut newcomer = || {
        stranger += 1;
        stranger
    };
    let template = |stage| Template::new(stage, Access::Direct, target(protocol));
    let [discover, renew] = [Stage::Discover, Stage::Renew].map(template);
    let mut frame = vec![0; 1514];
    let mut ask = |template: &Template, client: u32| {
        let len = template.fill(&mut frame, template.fields(client));
        black_box(gives(&frame[..len]))
    };
    group.bench_function(format!("{first}, holder of a lease"), |b| {
        b.iter(|| ask(&discover, holder()));
    });
    group.bench_function(format!("{first}, stranger"), |b| b.iter(|| ask(&discover, newcomer())));
    group.bench_function(renewal, |b| b.iter(|| ask(&renew, holder())));
    let given = ask(&renew, 0);
    assert_eq!(given, Some(state::address_of(protocol, 0)), "what was measured was answered");
    group.finish();
}
