//! Who holds which address of whom, as the clients know it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Range;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::plan::Act;
use super::pool::Pool;
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
    /// For each address, by number, the number after its holder's, or 0.
    holders: Vec<u32>,
    pool: Pool,
    /// Servers that were heard, as they name themselves; the first is the rig's, heard or not.
    servers: Vec<Box<[u8]>>,
}

/// A lease as its client knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lease {
    /// The address, by its number in the pool.
    pub(super) address: u32,
    /// Who granted it, by its number among the servers.
    pub(super) server: u16,
}

impl Clients {
    /// These, who have nothing, and are given what is in the protocol's [pool](state::pool).
    pub(crate) fn new(protocol: Protocol, numbers: Range<u32>) -> Self {
        Self::of_pool(numbers, state::pool(protocol))
    }

    /// The same with another pool, of which this is the first and the last address.
    pub(crate) fn of_pool(numbers: Range<u32>, ends: (IpAddr, IpAddr)) -> Self {
        let pool = Pool::new(ends);
        let protocol = if ends.0.is_ipv4() { Protocol::Dhcpv4 } else { Protocol::Dhcpv6 };
        Self {
            fresh: numbers,
            idle: VecDeque::new(),
            holding: VecDeque::new(),
            holders: vec![0; pool.numbers()],
            pool,
            servers: vec![state::identifier(protocol).into()],
        }
    }

    /// The first `count`, each of which holds what [`state::write`] wrote; they come in an order that
    /// is none of the addresses', the same each time.
    pub(crate) fn holding(protocol: Protocol, count: u32) -> Self {
        let mut clients = Self::new(protocol, 0..0);
        let held = |client| (client, Lease { address: client, server: 0 });
        let mut holding: Vec<(u32, Lease)> = (0..count).map(held).collect();
        holding.shuffle(&mut SmallRng::seed_from_u64(1));
        clients.holding = holding.into();
        for (holder, client) in clients.holders.iter_mut().zip(0..count) {
            *holder = client + 1;
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

    /// The addresses that they are given.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The servers' names, by number.
    pub(super) fn servers(&self) -> &[Box<[u8]>] {
        &self.servers
    }

    /// This address of that server, if it is one of the pool's.
    pub(super) fn lease(&mut self, address: IpAddr, server: &[u8]) -> Option<Lease> {
        let address = self.pool.number(address)?;
        let known = self.servers.iter().position(|known| **known == *server);
        let server = known.unwrap_or_else(|| {
            self.servers.push(server.into());
            self.servers.len() - 1
        });
        // More servers than that are on no link.
        Some(Lease { address, server: u16::try_from(server).ok()? })
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

    /// Whether the client was given this address and nobody else has it: then it holds it now.
    pub(super) fn hold(&mut self, client: u32, lease: Lease) -> bool {
        if !self.may_hold(client, lease.address) {
            return false;
        }
        let place = lease.address as usize;
        if place >= self.holders.len() {
            self.holders.resize(self.pool.numbers(), 0);
        }
        self.holders[place] = client + 1;
        self.holding.push_back((client, lease));
        true
    }

    /// Whether the address with this number is no other client's.
    pub(super) fn may_hold(&self, client: u32, address: u32) -> bool {
        let holder = self.holders.get(address as usize).copied().unwrap_or_default();
        holder == 0 || holder == client + 1
    }

    /// It holds its address as before.
    pub(super) fn keep(&mut self, client: u32, lease: Lease) {
        self.holding.push_back((client, lease));
    }

    /// It has given its address back, or was told to.
    pub(super) fn give_back(&mut self, lease: Lease) {
        if let Some(holder) = self.holders.get_mut(lease.address as usize) {
            *holder = 0;
        }
    }

    /// It has nothing, and its turn comes again.
    pub(super) fn rest(&mut self, client: u32) {
        self.idle.push_back(client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Lease = Lease { address: 0, server: 0 };

    #[test]
    fn an_address_is_held_by_one_client_until_that_gives_it_back() {
        let large = ["2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"].map(|it| it.parse().unwrap());
        for (first, last) in
            [state::pool(Protocol::Dhcpv4), state::pool(Protocol::Dhcpv6), large.into()]
        {
            let mut clients = Clients::of_pool(0..2, (first, last));
            let lease = clients.lease(last, b"server").unwrap();
            assert!(clients.hold(0, lease));
            assert!(!clients.hold(1, lease));
            assert!(clients.hold(0, lease), "told again");
            assert!(!clients.may_hold(1, lease.address), "nor may it be offered");
            clients.give_back(lease);
            assert!(clients.hold(1, lease));
        }
    }

    #[test]
    fn what_the_snapshot_gave_is_nobody_elses() {
        let clients = Clients::strangers(Protocol::Dhcpv4, 2);
        assert!(clients.may_hold(1, 1));
        assert!(!clients.may_hold(STRANGERS, 1));
        assert!(clients.may_hold(STRANGERS, 2));
    }

    #[test]
    fn an_address_outside_the_pool_is_nobodys() {
        let mut clients = Clients::new(Protocol::Dhcpv4, 0..1);
        assert_eq!(clients.lease("192.0.2.1".parse().unwrap(), b"server"), None);
    }

    #[test]
    fn a_server_is_known_by_its_name() {
        let mut clients = Clients::new(Protocol::Dhcpv6, 0..1);
        let first = state::pool(Protocol::Dhcpv6).0;
        assert_eq!(clients.lease(first, &state::v6::DUID), Some(FIRST));
        let other = clients.lease(first, b"other").unwrap();
        assert_eq!(&*clients.servers()[usize::from(other.server)], b"other");
        assert_eq!(clients.lease(first, b"other"), Some(other));
    }
}
