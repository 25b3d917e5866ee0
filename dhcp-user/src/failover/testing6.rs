//! What a pair of DHCPv6 shares: sixteen addresses and sixteen prefixes, with leases as a worker grants
//! them.

use std::net::Ipv6Addr;
use std::path::Path;

use super::testing::{MCLT, Pair, Side};
use crate::config::Config;
use crate::lease::{
    Answers, Binding, BindingStatus, Client, ClientKey, ItemKind, Layout, PoolId, Resource, Table,
    Told, WriterId,
};
use crate::wire::{Ipv6Prefix, Seconds};

const SHARED: &str = r#"
    [[failover]]
    name = "fo6"
    role = "primary"
    local = "2001:db8:ffff::1"
    peer = "2001:db8:ffff::2"
    subnets = ["2001:db8:1::/64"]
    insecure = true
    [[subnet6]]
    subnet = "2001:db8:1::/64"
    pools = ["2001:db8:1::10-2001:db8:1::1f"]
    prefix-pools = [{ prefix = "2001:db8:8000::/52", delegate = 56 }]
    [[reservation6]]
    duid = "00:03:00:01:02:00:00:00:00:01"
    addresses = ["2001:db8:1::99"]
    [[subnet6]]
    subnet = "2001:db8:2::/64"
    pools = ["2001:db8:2::10-2001:db8:2::1f"]
"#;

/// Kept for the first client, and of no pool.
pub(super) const RESERVED6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x99);

/// What both have for the keys of clients.
pub(super) const SECRET: &[u8] = b"a secret of ours";

/// What a client gets if nothing bounds it.
pub(super) const DESIRED: Seconds = Seconds(600);

fn config() -> Config {
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    Config::parse(SHARED, Path::new("test.toml"), &read)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

pub(super) fn table6() -> Table {
    Table::new(Layout::of_ipv6(&config(), None).expect("there are numbers enough"))
}

/// First the addresses', then the prefixes'.
pub(super) fn pools6() -> Vec<PoolId> {
    let (config, table) = (config(), table6());
    let layout = table.layout();
    let subnets = config.networks6.iter().flat_map(|network| &network.subnets);
    let subnet = subnets.into_iter().find(|it| it.failover.is_some()).expect("it is shared");
    let addresses = subnet.pools.iter().filter_map(|pool| layout.pool_named(pool));
    let prefixes = subnet.prefix_pools.iter().filter_map(|pool| layout.prefix_pool_named(pool));
    addresses.chain(prefixes).collect()
}

/// An address of the pool, the primary's if the number is odd.
pub(super) fn ip6(number: u16) -> Resource {
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x10 + number).into()
}

/// A prefix of the pool.
pub(super) fn pd(number: u16) -> Resource {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0x8000, number << 8, 0, 0, 0, 0);
    Ipv6Prefix::containing(address, 56).into()
}

/// A client's association for what the resource is.
pub(super) fn holder(resource: Resource, who: u8) -> Client {
    let kind = match resource {
        Resource::Prefix(_) => ItemKind::IaPrefixes,
        _ => ItemKind::IaAddresses,
    };
    let octets = [0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, who];
    Client::builder(ClientKey { kind, octets: &octets }).build()
}

impl Side {
    pub(super) fn binding6(&self, resource: Resource) -> Option<Binding> {
        let id = self.table.find(resource)?;
        self.table.seen(id, &self.table.pin())?.binding().cloned()
    }

    /// Swaps in whatever `make` makes of what is there.
    pub(super) fn set6(&self, resource: Resource, make: impl FnOnce(Option<Binding>) -> Binding) {
        let id = self.table.place(resource).expect("of the pool");
        let guard = self.table.pin();
        let seen = self.table.seen(id, &guard).expect("of the pool");
        let new = make(seen.binding().cloned());
        self.table.replace(id, seen, new, &guard).expect("nobody else is there");
    }
}

impl Pair {
    pub(super) fn status6(&self, side: usize, resource: Resource) -> Option<BindingStatus> {
        self.sides[side].binding6(resource).map(|binding| binding.status)
    }

    /// A client asks a worker of one of them, which leases it or renews if it may; how long it has it.
    pub(super) fn lease6(&mut self, side: usize, resource: Resource, who: u8) -> Option<Seconds> {
        let now = self.now;
        let Side { view, table, .. } = &self.sides[side];
        let old = self.sides[side].binding6(resource);
        let client = holder(resource, who);
        let is_its = |it: &Binding| {
            it.status == BindingStatus::Active
                && it.client.as_ref().is_some_and(|its| its.is_same(&client))
        };
        let id = table.place(resource)?;
        let owner = table.layout().fixed_owner(id);
        let is_ours = owner.is_none_or(|owner| owner == view.owner);
        let may = old.as_ref().is_some_and(is_its)
            || is_ours
                && (owner.is_some() && old.as_ref().is_none_or(Binding::is_available)
                    || view.may_give(now, old.as_ref()));
        if !self.serves6(side) || !may {
            return None;
        }
        let kept = old.as_ref().filter(|it| is_its(it));
        let lasts = view.lease_time(now, kept, DESIRED);
        let new = Binding {
            expires: now.after(lasts),
            cltt: now,
            told: Told::Unsent,
            sent_potential: view.potential(now, Seconds(lasts.0 / 2), DESIRED),
            acked_potential: kept.map(|it| it.acked_potential).unwrap_or_default(),
            received_potential: kept.map(|it| it.received_potential).unwrap_or_default(),
            starts: kept.map_or(now, |it| it.starts),
            writer: Some(WriterId(1)),
            client: Some(client),
            ..Binding::new(BindingStatus::Active, now)
        };
        self.sides[side].set6(resource, |_| new);
        Some(lasts)
    }

    /// The client gives it up, or its time is over, as a worker and the sweep have it.
    pub(super) fn end6(&mut self, side: usize, resource: Resource, status: BindingStatus) {
        let now = self.now;
        self.sides[side].set6(resource, |old| Binding {
            status,
            starts: now,
            told: Told::Unsent,
            expires: now,
            writer: Some(WriterId(1)),
            ..old.expect("it is leased")
        });
    }

    /// Whether a server answers clients that name it.
    pub(super) fn serves6(&self, side: usize) -> bool {
        matches!(self.sides[side].view.answers, Answers::Everybody | Answers::Named)
    }

    /// A client has declined it.
    pub(super) fn set_aside6(&mut self, side: usize, resource: Resource) {
        let now = self.now;
        self.sides[side].set6(resource, |old| Binding {
            status: BindingStatus::Abandoned,
            starts: now,
            cltt: now,
            told: Told::Unsent,
            expires: now.after(Seconds(200)),
            client: None,
            writer: Some(WriterId(1)),
            ..old.expect("it is leased")
        });
    }

    /// What workers did is told, and all that follows.
    pub(super) fn tell6(&mut self) {
        self.pass(1);
        for side in [0, 1] {
            self.happens(side, super::Event::Tick);
            self.settle();
        }
    }
}

/// [`MCLT`] and what the partner knows: see [`crate::lease::View::lease_time`].
pub(super) const SHORT: Seconds = MCLT;
