//! The index from clients to addresses against general concurrent maps.
//!
//! The maps hold the client's own octets, shared with its binding, as key. The index holds a hint of
//! eight octets and leaves the comparison to whoever finds it.

use std::net::Ipv4Addr;

use anyhow::Result;
use clap::ValueEnum;
use criterion::{BatchSize, Criterion, Throughput};
use dashmap::DashMap;
use dhcp_user::lease::{Client, Index, NetworkId, ResourceId};

use crate::figure::Figure;
use crate::resident::resident;
use crate::state;

/// Clients in each of them.
const CLIENTS: u32 = 1 << 20;
const NETWORK: NetworkId = NetworkId(ResourceId(0x0a00_0000));
/// Steps through the clients so that neighbours in time are none in memory.
const STRIDE: u32 = 611_953;

type Key = (NetworkId, Client);

/// What is compared.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Map {
    /// Our own.
    Index,
    /// Lock-free, general.
    Papaya,
    /// Shards with locks.
    Dashmap,
}

/// What all of them can do.
trait Clients {
    fn insert(&self, client: &Client, address: Ipv4Addr);
    fn find(&self, client: &Client) -> Option<Ipv4Addr>;
    fn remove(&self, client: &Client, address: Ipv4Addr);
}

impl Clients for Index {
    fn insert(&self, client: &Client, address: Ipv4Addr) {
        self.insert(self.fold(NETWORK, client.key()), address.into());
    }

    fn find(&self, client: &Client) -> Option<Ipv4Addr> {
        self.find(self.fold(NETWORK, client.key())).next().map(ResourceId::ipv4)
    }

    fn remove(&self, client: &Client, address: Ipv4Addr) {
        self.remove(self.fold(NETWORK, client.key()), address.into());
    }
}

impl Clients for papaya::HashMap<Key, Ipv4Addr> {
    fn insert(&self, client: &Client, address: Ipv4Addr) {
        self.pin().insert((NETWORK, client.clone()), address);
    }

    fn find(&self, client: &Client) -> Option<Ipv4Addr> {
        self.pin().get(&(NETWORK, client.clone())).copied()
    }

    fn remove(&self, client: &Client, _: Ipv4Addr) {
        self.pin().remove(&(NETWORK, client.clone()));
    }
}

impl Clients for DashMap<Key, Ipv4Addr> {
    fn insert(&self, client: &Client, address: Ipv4Addr) {
        self.insert((NETWORK, client.clone()), address);
    }

    fn find(&self, client: &Client) -> Option<Ipv4Addr> {
        self.get(&(NETWORK, client.clone())).map(|found| *found)
    }

    fn remove(&self, client: &Client, _: Ipv4Addr) {
        self.remove(&(NETWORK, client.clone()));
    }
}

/// `lease/index`, in bindings.
pub(super) fn benchmarks(criterion: &mut Criterion) {
    let known: Vec<Client> = (0..2 * CLIENTS).map(state::client).collect();
    for map in Map::value_variants() {
        let name =
            map.to_possible_value().map_or_else(String::new, |value| value.get_name().into());
        let clients = map.make();
        fill(&*clients, &known[..CLIENTS as usize]);
        let mut group = criterion.benchmark_group("lease/index");
        group.throughput(Throughput::Elements(1));
        let mut number = 0;
        let mut next = || {
            number = (number + STRIDE) % CLIENTS;
            number
        };
        group.bench_function(format!("find, {name}"), |b| {
            b.iter(|| clients.find(&known[next() as usize]));
        });
        group.bench_function(format!("insert and remove, {name}"), |b| {
            b.iter_batched(
                || (&known[(CLIENTS + next()) as usize], state::address(next())),
                |(client, address)| {
                    clients.insert(client, address);
                    clients.remove(client, address);
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

/// Octets that an entry takes in this map, beside the client's own: in a process of its own.
pub(crate) fn measure(map: Map) -> Result<()> {
    let known: Vec<Client> = (0..CLIENTS).map(state::client).collect();
    let clients = map.make();
    let before = resident()?;
    fill(&*clients, &known);
    let each = (resident()? - before) as f64 / f64::from(CLIENTS);
    let name = format!("lease/index/resident, {map:?}").to_lowercase();
    Figure::new(name, "octets/entry", vec![each]).say();
    Ok(())
}

impl Map {
    fn make(self) -> Box<dyn Clients> {
        match self {
            Self::Index => Box::new(Index::new(u64::from(CLIENTS))),
            Self::Papaya => Box::new(papaya::HashMap::<Key, Ipv4Addr>::new()),
            Self::Dashmap => Box::new(DashMap::<Key, Ipv4Addr>::new()),
        }
    }
}

fn fill(clients: &dyn Clients, known: &[Client]) {
    for (number, client) in (0..).zip(known) {
        clients.insert(client, state::address(number));
    }
}
