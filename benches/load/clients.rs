//! Who holds which address, as the clients know it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::ops::Range;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::plan::Act;
use crate::state::{self, NEWCOMER, POOL, STRANGERS};

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
    holding: VecDeque<Held>,
    /// For each address of the pool the number after its holder's, or 0.
    holders: Vec<u32>,
    /// The pool's first address.
    first: Ipv4Addr,
}

/// A lease as its client knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) client: u32,
    pub(super) address: Ipv4Addr,
    /// Who granted it.
    pub(super) server: Ipv4Addr,
}

impl Clients {
    /// These, who have nothing, and are given what is in [`POOL`].
    pub(crate) fn new(numbers: Range<u32>) -> Self {
        Self::of_pool(numbers, POOL)
    }

    /// The same with another pool, of which this is the first and the last address.
    pub(crate) fn of_pool(numbers: Range<u32>, (first, last): (Ipv4Addr, Ipv4Addr)) -> Self {
        let pool = last.to_bits() - first.to_bits() + 1;
        Self {
            fresh: numbers,
            idle: VecDeque::new(),
            holding: VecDeque::new(),
            holders: vec![0; pool as usize],
            first,
        }
    }

    /// The first `count`, each of which holds what [`state::write`] wrote; they come in an order that
    /// is none of the addresses', the same each time.
    pub(crate) fn holding(count: u32) -> Self {
        let mut clients = Self::new(0..0);
        let server = state::SERVER;
        let held = |client| Held { client, address: state::address(client), server };
        let mut holding: Vec<Held> = (0..count).map(held).collect();
        holding.shuffle(&mut SmallRng::seed_from_u64(1));
        clients.holding = holding.into();
        for (holder, client) in clients.holders.iter_mut().zip(0..count) {
            *holder = client + 1;
        }
        clients
    }

    /// All that are numbered from [`state::STRANGERS`] on, who have nothing and come first, beside
    /// those of [`holding`](Self::holding).
    pub(crate) fn strangers(holding: u32) -> Self {
        Self { fresh: STRANGERS..NEWCOMER, ..Self::holding(holding) }
    }

    /// How many have a lease, and nothing under way.
    pub(crate) fn count_holding(&self) -> usize {
        self.holding.len()
    }

    /// How many addresses there are.
    pub(super) fn addresses(&self) -> usize {
        self.holders.len()
    }

    /// Which of them this is.
    pub(super) fn number(&self, address: Ipv4Addr) -> Option<usize> {
        let number = address.to_bits().wrapping_sub(self.first.to_bits()) as usize;
        (number < self.holders.len()).then_some(number)
    }

    /// Whose turn it is to do this; with what it holds, if that is what it needs.
    pub(super) fn next(&mut self, act: Act) -> Option<Held> {
        if matches!(act, Act::Renew | Act::Release) {
            return self.holding.pop_front();
        }
        let nobody = Ipv4Addr::UNSPECIFIED;
        let without = self.fresh.next().or_else(|| self.idle.pop_front());
        let without = without.map(|client| Held { client, address: nobody, server: nobody });
        without.or_else(|| self.holding.pop_front())
    }

    /// Whether the client was given this address and nobody else has it: then it holds it now.
    pub(super) fn hold(&mut self, held: Held) -> bool {
        if !self.may_hold(held.client, held.address) {
            return false;
        }
        if let Some(holder) = self.holder(held.address) {
            *holder = held.client + 1;
        }
        self.holding.push_back(held);
        true
    }

    /// Whether the address is one of the pool's, and no other client's.
    pub(super) fn may_hold(&self, client: u32, address: Ipv4Addr) -> bool {
        let holder = self.number(address).map(|number| self.holders[number]);
        holder.is_some_and(|holder| holder == 0 || holder == client + 1)
    }

    /// It holds its address as before.
    pub(super) fn keep(&mut self, held: Held) {
        self.holding.push_back(held);
    }

    /// It has given its address back, or was told to.
    pub(super) fn give_back(&mut self, held: Held) {
        if let Some(holder) = self.holder(held.address) {
            *holder = 0;
        }
        self.idle.push_back(held.client);
    }

    /// It has nothing, and nothing came of what it tried.
    pub(super) fn rest(&mut self, client: u32) {
        self.idle.push_back(client);
    }

    fn holder(&mut self, address: Ipv4Addr) -> Option<&mut u32> {
        let number = self.number(address)?;
        Some(&mut self.holders[number])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_held_by_one_client_until_that_gives_it_back() {
        let mut clients = Clients::new(0..2);
        let of = |client| Held { client, address: POOL.0, server: state::SERVER };
        assert!(clients.hold(of(0)));
        assert!(!clients.hold(of(1)));
        assert!(clients.hold(of(0)), "told again");
        assert!(!clients.may_hold(1, POOL.0), "nor may it be offered");
        clients.give_back(of(0));
        assert!(clients.hold(of(1)));
    }

    #[test]
    fn what_the_snapshot_gave_is_nobody_elses() {
        let clients = Clients::strangers(2);
        assert!(clients.may_hold(1, state::address(1)));
        assert!(!clients.may_hold(STRANGERS, state::address(1)));
        assert!(clients.may_hold(STRANGERS, state::address(2)));
    }

    #[test]
    fn an_address_outside_the_pool_is_nobodys() {
        let mut clients = Clients::new(0..1);
        let address = Ipv4Addr::new(192, 0, 2, 1);
        assert!(!clients.hold(Held { client: 0, address, server: state::SERVER }));
    }
}
