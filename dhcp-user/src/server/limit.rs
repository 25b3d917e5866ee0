//! Which subscribers a lease is counted for.
//!
//! A lease is counted while its binding is ACTIVE. Whoever wins the swap that makes it so keeps the
//! places that it reserved before; whoever wins the swap that ends it gives them back. Both find
//! the subscribers in what is stored with the binding, so they always agree.

use super::class::{Subject, classify};
use crate::config::model::{Class, Limit};
use crate::lease::{Limits, Reserved};

/// The configured limits.
#[derive(Debug)]
pub(super) struct LimitSet {
    limits: Vec<Limit>,
    /// The number that the first one is counted under.
    first: u32,
    /// Which of the sets that this process counted by.
    generation: u32,
}

/// One subscriber under one limit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Subscriber {
    /// The limit's place in the configuration.
    limit: u32,
    key: Vec<u8>,
    max: u32,
}

impl LimitSet {
    pub(super) fn new(limits: &[Limit], generation: u32) -> Self {
        Self { limits: limits.to_vec(), first: 0, generation }
    }

    /// Those of DHCPv6 are counted for themselves.
    pub(super) fn of_dhcpv6(self) -> Self {
        Self { first: 1 << 31, ..self }
    }

    pub(super) fn counting_as(self, generation: u32) -> Self {
        Self { generation, ..self }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Whom a lease of this client is counted for.
    pub(super) fn subscribers(&self, client: &impl Subject, members: &[usize]) -> Vec<Subscriber> {
        let applies = |limit: &Limit| limit.class.is_none_or(|class| members.contains(&class));
        (self.first..)
            .zip(&self.limits)
            .filter(|(_, limit)| applies(limit))
            .filter_map(|(index, limit)| {
                Some(Subscriber {
                    limit: index,
                    key: client.subscriber(limit.per)?,
                    max: limit.leases,
                })
            })
            .collect()
    }

    /// The same for a client that nobody has looked for in the classes yet, as it is stored.
    pub(super) fn stored(&self, classes: &[Class], client: &impl Subject) -> Vec<Subscriber> {
        let mut members = Vec::new();
        classify(classes, client, &mut members);
        self.subscribers(client, &members)
    }
}

impl Subscriber {
    /// Whether it has as many leases as it may.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        limits.held(self.limit, &self.key) >= self.max
    }

    /// A place for one more lease, if there is one.
    pub(super) fn reserve<'l>(&self, limits: &'l Limits) -> Option<Reserved<'l>> {
        limits.reserve(self.limit, &self.key, self.max)
    }

    /// Counts a lease that is there already.
    pub(super) fn count(&self, limits: &Limits) {
        limits.add(self.limit, &self.key);
    }

    /// A lease ended.
    pub(super) fn release(&self, limits: &Limits) {
        limits.release(self.limit, &self.key);
    }
}
