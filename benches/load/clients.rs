//! Who holds which address, or which prefix, of whom, as the clients know it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Range;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::plan::{Act, Wants};
use super::pool::{Block, Pool};
use crate::state::{self, NEWCOMER, Protocol, STRANGERS};

/// The clients of a run, and of those that follow it against the same server.
///
/// Whoever has something under way is in none of the queues, so that no client does two things at
/// once; whoever is done goes to the end of one.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Have never asked.
    fresh: Range<u32>,
    /// Hold nothing.
    idle: VecDeque<u32>,
    holding: VecDeque<(u32, Lease)>,
    /// Of addresses and of prefixes, as far as they ask for them.
    stocks: [Option<Stock>; 2],
    /// Servers that were heard, as they name themselves; the first is the rig's, heard or not.
    servers: Vec<Box<[u8]>>,
}

/// A lease as its client knows it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Lease {
    /// The address and the prefix, by their numbers in the pools; 0 of what its client does not ask for.
    pub(super) numbers: [u32; 2],
    /// Who granted it, by its number among the servers.
    pub(super) server: u16,
}

/// A pool, and who has what of it.
#[derive(Debug)]
struct Stock {
    pool: Pool,
    /// By number, the number after the holder's, or 0.
    holders: Vec<u32>,
    /// By number, the number after that of the client that it was offered to in this run and that did not
    /// go on, or 0.
    offered: Vec<u32>,
}

impl Stock {
    fn of(pool: Pool) -> Self {
        let holders = vec![0; pool.numbers()];
        Self { pool, holders, offered: Vec::new() }
    }

    /// Whether what has this number is no other client's.
    fn may_hold(&self, client: u32, number: u32) -> bool {
        is_free_for(client, self.holders.get(number as usize).copied().unwrap_or_default())
    }

    fn hold(&mut self, client: u32, number: u32) {
        *self.entry(number, |stock| &mut stock.holders) = client + 1;
    }

    /// Whether nobody else was offered it in this run.
    fn offer(&mut self, client: u32, number: u32) -> bool {
        let before = std::mem::replace(self.entry(number, |stock| &mut stock.offered), client + 1);
        is_free_for(client, before)
    }

    fn entry(&mut self, number: u32, list: fn(&mut Self) -> &mut Vec<u32>) -> &mut u32 {
        let numbers = self.pool.numbers();
        let list = list(self);
        if number as usize >= list.len() {
            list.resize(numbers, 0);
        }
        &mut list[number as usize]
    }
}

fn is_free_for(client: u32, entry: u32) -> bool {
    entry == 0 || entry == client + 1
}

impl Clients {
    /// These, who have nothing, and are given what is in the protocol's [pool](state::pool).
    pub(crate) fn new(protocol: Protocol, numbers: Range<u32>) -> Self {
        Self::of_pool(numbers, state::pool(protocol))
    }

    /// The same with another pool, of which this is the first and the last address.
    pub(crate) fn of_pool(numbers: Range<u32>, ends: (IpAddr, IpAddr)) -> Self {
        Self::of_pools(numbers, [Some(Pool::new(ends)), None])
    }

    /// The same with these pools, of addresses and of prefixes: one of them at the least.
    pub(crate) fn of_pools(numbers: Range<u32>, pools: [Option<Pool>; 2]) -> Self {
        let is_ipv4 = pools.iter().flatten().any(Pool::is_ipv4);
        let protocol = if is_ipv4 { Protocol::Dhcpv4 } else { Protocol::Dhcpv6 };
        Self {
            fresh: numbers,
            idle: VecDeque::new(),
            holding: VecDeque::new(),
            stocks: pools.map(|pool| pool.map(Stock::of)),
            servers: vec![state::identifier(protocol).into()],
        }
    }

    /// The first `count`, each of which holds what [`state::write`] wrote; they come in an order that
    /// is none of the addresses', the same each time.
    pub(crate) fn holding(protocol: Protocol, count: u32) -> Self {
        let mut clients = Self::new(protocol, 0..0);
        let held = |client| (client, Lease::of_address(client));
        let mut holding: Vec<(u32, Lease)> = (0..count).map(held).collect();
        holding.shuffle(&mut SmallRng::seed_from_u64(1));
        clients.holding = holding.into();
        for stock in clients.stocks.iter_mut().flatten() {
            (0..count).for_each(|client| stock.hold(client, client));
        }
        clients
    }

    /// All that are numbered from [`state::STRANGERS`] on, who have nothing and come first, beside
    /// those of [`holding`](Self::holding).
    pub(crate) fn strangers(protocol: Protocol, holding: u32) -> Self {
        Self { fresh: STRANGERS..NEWCOMER, ..Self::holding(protocol, holding) }
    }

    /// How many have a lease, and nothing under way.
    pub(crate) fn count_holding(&self) -> usize {
        self.holding.len()
    }

    /// What they ask for.
    pub(super) fn wants(&self) -> Wants {
        let [addresses, prefixes] = &self.stocks;
        let prefixes = prefixes.as_ref().map(|stock| stock.pool.len());
        Wants { addresses: addresses.is_some(), prefixes }
    }

    /// The servers' names, by number.
    pub(super) fn servers(&self) -> &[Box<[u8]>] {
        &self.servers
    }

    /// A run begins: what was offered in the one before is forgotten.
    pub(super) fn begin_run(&mut self) {
        self.stocks.iter_mut().flatten().for_each(|stock| stock.offered.fill(0));
    }

    /// An address and a prefix of that server, if they are what is asked for, and the pools'.
    pub(super) fn lease(&mut self, given: [Option<Block>; 2], server: &[u8]) -> Option<Lease> {
        let mut numbers = [0; 2];
        for ((stock, given), number) in self.stocks.iter_mut().zip(given).zip(&mut numbers) {
            match (stock, given) {
                (Some(stock), Some(given)) => *number = stock.pool.number(given)?,
                (None, None) => {}
                _ => return None,
            }
        }
        let known = self.servers.iter().position(|known| **known == *server);
        let server = known.unwrap_or_else(|| {
            self.servers.push(server.into());
            self.servers.len() - 1
        });
        // More servers than that are on no link.
        Some(Lease { numbers, server: u16::try_from(server).ok()? })
    }

    /// The address and the prefix of a lease, where there is one of them.
    pub(super) fn addresses(&self, lease: Lease) -> [Option<IpAddr>; 2] {
        let [address, prefix] = &self.stocks;
        let first = |stock: &Option<Stock>, number| Some(stock.as_ref()?.pool.address(number));
        [first(address, lease.numbers[0]), first(prefix, lease.numbers[1])]
    }

    /// Whose turn it is to do this; with what it holds, if it holds something.
    pub(super) fn next(&mut self, act: Act) -> Option<(u32, Option<Lease>)> {
        let holder = |(client, lease)| (client, Some(lease));
        if matches!(act, Act::Renew | Act::Release) {
            return self.holding.pop_front().map(holder);
        }
        let without = self.fresh.next().or_else(|| self.idle.pop_front());
        without.map(|client| (client, None)).or_else(|| self.holding.pop_front().map(holder))
    }

    /// Whether the client was given this and nobody else has any of it: then it holds it now.
    pub(super) fn hold(&mut self, client: u32, lease: Lease) -> bool {
        if !self.may_hold(client, lease) {
            return false;
        }
        self.each_mut(lease).for_each(|(stock, number)| stock.hold(client, number));
        self.holding.push_back((client, lease));
        true
    }

    /// Whether nothing of it is another client's.
    pub(super) fn may_hold(&self, client: u32, lease: Lease) -> bool {
        let mut each = self.stocks.iter().zip(lease.numbers);
        each.all(|(stock, number)| stock.as_ref().is_none_or(|it| it.may_hold(client, number)))
    }

    /// Whether no other client has any of it, or was offered it in this run.
    pub(super) fn offer(&mut self, client: u32, lease: Lease) -> bool {
        let is_free = self.may_hold(client, lease);
        is_free && self.each_mut(lease).all(|(stock, number)| stock.offer(client, number))
    }

    fn each_mut(&mut self, lease: Lease) -> impl Iterator<Item = (&mut Stock, u32)> {
        let each = self.stocks.iter_mut().zip(lease.numbers);
        each.filter_map(|(stock, number)| Some((stock.as_mut()?, number)))
    }

    /// It holds what it has as before.
    pub(super) fn keep(&mut self, client: u32, lease: Lease) {
        self.holding.push_back((client, lease));
    }

    /// It has given this back, or was told to.
    pub(super) fn give_back(&mut self, lease: Lease) {
        for (stock, number) in self.each_mut(lease) {
            if let Some(holder) = stock.holders.get_mut(number as usize) {
                *holder = 0;
            }
        }
    }

    /// It has nothing, and its turn comes again.
    pub(super) fn rest(&mut self, client: u32) {
        self.idle.push_back(client);
    }
}

impl Lease {
    /// Of the address with this number, by the rig's server.
    pub(super) fn of_address(number: u32) -> Self {
        Self { numbers: [number, 0], server: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> [Option<Block>; 2] {
        [Some(text.parse::<IpAddr>().unwrap().into()), None]
    }

    #[test]
    fn an_address_is_held_by_one_client_until_that_gives_it_back() {
        let large = ["2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"].map(|it| it.parse().unwrap());
        for (first, last) in
            [state::pool(Protocol::Dhcpv4), state::pool(Protocol::Dhcpv6), large.into()]
        {
            let mut clients = Clients::of_pool(0..2, (first, last));
            let lease = clients.lease([Some(last.into()), None], b"server").unwrap();
            assert!(clients.hold(0, lease));
            assert!(!clients.hold(1, lease));
            assert!(clients.hold(0, lease), "told again");
            assert!(!clients.may_hold(1, lease), "nor may it be offered");
            clients.give_back(lease);
            assert!(clients.hold(1, lease));
        }
    }

    #[test]
    fn an_address_and_a_prefix_are_held_together_or_not_at_all() {
        let ends = ["2001:db8::1", "2001:db8::9"].map(|it| it.parse().unwrap());
        let prefixes = Pool::of_prefixes("2001:db8:8000::/48".parse().unwrap(), 56);
        let mut clients = Clients::of_pools(0..2, [Some(Pool::new(ends.into())), Some(prefixes)]);
        let mut lease = |host: &str, third: &str| {
            let prefix = format!("2001:db8:8000:{third}::").parse().unwrap();
            let [address, _] = address(&format!("2001:db8::{host}"));
            clients.lease([address, Some(Block { first: prefix, len: 56 })], b"server").unwrap()
        };
        let [one, other, both] = [lease("1", "100"), lease("2", "100"), lease("2", "200")];
        assert!(clients.hold(0, one));
        assert!(!clients.offer(1, other) && !clients.hold(1, other), "the prefix is the first's");
        assert!(clients.offer(1, both) && clients.hold(1, both), "nothing of it is anybody's");
        assert_eq!(clients.lease(address("2001:db8::3"), b"server"), None, "it has no prefix");
    }

    #[test]
    fn what_the_snapshot_gave_is_nobody_elses() {
        let clients = Clients::strangers(Protocol::Dhcpv4, 2);
        assert!(clients.may_hold(1, Lease::of_address(1)));
        assert!(!clients.may_hold(STRANGERS, Lease::of_address(1)));
        assert!(clients.may_hold(STRANGERS, Lease::of_address(2)));
    }

    #[test]
    fn what_was_offered_in_one_run_may_be_offered_in_the_next() {
        let mut clients = Clients::new(Protocol::Dhcpv4, 0..2);
        let lease = Lease::of_address(5);
        assert!(clients.offer(0, lease) && clients.offer(0, lease));
        assert!(!clients.offer(1, lease));
        clients.begin_run();
        assert!(clients.offer(1, lease));
    }

    #[test]
    fn an_address_outside_the_pool_is_nobodys() {
        let mut clients = Clients::new(Protocol::Dhcpv4, 0..1);
        assert_eq!(clients.lease(address("192.0.2.1"), b"server"), None);
    }

    #[test]
    fn a_server_is_known_by_its_name() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..1);
        let first = [Some(state::pool(Protocol::Dhcpv6).0.into()), None];
        assert_eq!(clients.lease(first, &state::v6::DUID), Some(Lease::default()));
        let other = clients.lease(first, b"other").unwrap();
        assert_eq!(&*clients.servers()[usize::from(other.server)], b"other");
        assert_eq!(clients.lease(first, b"other"), Some(other));
    }
}
