//! What a server has acknowledged, kept by the clients' side: the record that it is held to.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::lease::Lease;

/// A client's hardware address.
pub type Mac = [u8; 6];

/// Every acknowledged lease that the client has not given back.
#[derive(Debug, Default)]
pub struct Ledger {
    held: HashMap<Mac, Vec<Held>>,
    holder: HashMap<IpAddr, Mac>,
}

/// A lease in an answer.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// An address, or the first of a prefix.
    pub address: IpAddr,
    /// How long it lasts.
    pub lease: Duration,
}

/// One acknowledged lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// What the client got.
    pub(super) address: IpAddr,
    /// The end that it was told, by the clock at the answer's arrival.
    pub(super) ends: SystemTime,
}

impl Ledger {
    /// Enters an answer that arrived at `now`: from here on the client has these leases and no others.
    ///
    /// # Errors
    /// The other client that holds one of them, if there is one: the fault that all this exists to
    /// prevent.
    pub fn acknowledge(
        &mut self,
        now: SystemTime,
        client: Mac,
        grants: &[Grant],
    ) -> Result<(), String> {
        for Grant { address, .. } in grants {
            let Some(other) = self.holder.get(address).filter(|other| **other != client) else {
                continue;
            };
            let mut its = self.held(*other).iter();
            if let Some(held) = its.find(|held| held.address == *address && held.ends > now) {
                let ends = held.ends;
                return Err(format!(
                    "{address} is {other:02x?}'s until {ends:?} and went to {client:02x?}"
                ));
            }
        }
        self.release(client);
        let held = |grant: &Grant| Held { address: grant.address, ends: now + grant.lease };
        self.held.insert(client, grants.iter().map(held).collect());
        self.holder.extend(grants.iter().map(|grant| (grant.address, client)));
        Ok(())
    }

    /// Enters a release as it leaves: from here on the server may do with the leases what it likes.
    pub(super) fn release(&mut self, client: Mac) {
        for held in self.held.remove(&client).unwrap_or_default() {
            // Somebody else may have it since it ended.
            if self.holder.get(&held.address) == Some(&client) {
                self.holder.remove(&held.address);
            }
        }
    }

    /// What a client holds.
    #[must_use]
    pub(super) fn held(&self, client: Mac) -> &[Held] {
        self.held.get(&client).map_or(&[], Vec::as_slice)
    }

    /// How long each lease that has not ended still lasts at `now`, as its client was told.
    pub fn remaining(&self, now: SystemTime) -> impl Iterator<Item = Duration> {
        self.held.values().flatten().filter_map(move |held| held.ends.duration_since(now).ok())
    }

    /// How many leases it holds the server to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Holds a server's own list against what was acknowledged and has not ended by `now`: each lease
    /// must be there, active, its client's, and end no earlier than the client was told.
    ///
    /// # Errors
    /// Everything that is missing or different, in words.
    pub fn check(&self, now: SystemTime, leases: &[Lease]) -> Result<(), Vec<String>> {
        let faults: Vec<_> = self.faults(now, leases).iter().map(Fault::to_string).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The same, one by one.
    ///
    /// # Panics
    /// If an address is listed twice.
    #[must_use]
    pub fn faults(&self, now: SystemTime, leases: &[Lease]) -> Vec<Fault> {
        let mut listed: HashMap<IpAddr, &Lease> = HashMap::new();
        for lease in leases {
            let twin = listed.insert(lease.address, lease);
            assert!(twin.is_none(), "listed twice: {twin:?} and {lease:?}");
        }
        let all = self.held.iter();
        let all = all.flat_map(|(client, held)| held.iter().map(|held| (*client, *held)));
        let held = all.filter(|(_, held)| held.ends > now);
        let fault = held.map(|(client, held)| Fault {
            client,
            address: held.address,
            told: held.ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
            listed: listed.get(&held.address).map(|lease| (*lease).clone()),
        });
        fault.filter(|fault| !fault.is_none()).collect()
    }
}

/// A lease that was acknowledged, and what a server has in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Whose it is.
    pub client: Mac,
    /// What it was given.
    pub address: IpAddr,
    /// The end that it was told, in seconds since 1970.
    pub told: u64,
    /// What the server lists of the address.
    pub listed: Option<Lease>,
}

impl Fault {
    /// The answer was under way for a moment, and both sides count whole seconds.
    const ROUNDING_S: u64 = 2;

    /// Whether the server has the lease at all: active, its client's, though for a shorter time.
    #[must_use]
    pub fn is_only_shorter(&self) -> bool {
        let hardware = self.client.map(|octet| format!("{octet:02x}")).join(":");
        let is_it = |lease: &Lease| lease.state == "active" && lease.hardware == hardware;
        self.listed.as_ref().is_some_and(is_it)
    }

    fn is_none(&self) -> bool {
        let ends = self.listed.as_ref().map_or(0, |lease| lease.ends);
        self.is_only_shorter() && ends + Self::ROUNDING_S >= self.told
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, address, told, listed } = self;
        write!(to, "{address} is {client:02x?}'s until {told}, and the server has {listed:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn grants(last: u8) -> [Grant; 1] {
        [Grant { address: [10, 0, 0, last].into(), lease: HOUR }]
    }

    #[test]
    fn an_address_acknowledged_to_two_clients_is_a_fault() {
        let mut ledger = Ledger::default();
        let now = SystemTime::now();
        ledger.acknowledge(now, [1; 6], &grants(1)).expect("the first client has it");
        assert!(ledger.acknowledge(now, [2; 6], &grants(1)).is_err());
        let later = now + 2 * HOUR;
        ledger.acknowledge(later, [2; 6], &grants(1)).expect("the first lease has ended");
        ledger.release([1; 6]);
        assert!(ledger.acknowledge(later, [3; 6], &grants(1)).is_err(), "it is the second's");
        ledger.acknowledge(later, [2; 6], &grants(2)).expect("it has another one in its place");
        ledger.acknowledge(later, [3; 6], &grants(1)).expect("nobody's");
    }

    #[test]
    fn a_lost_lease_is_a_fault() {
        let mut ledger = Ledger::default();
        let both = [grants(1)[0], grants(2)[0]];
        ledger.acknowledge(SystemTime::now(), [1; 6], &both).expect("free");
        assert_eq!(ledger.check(SystemTime::now(), &[]).expect_err("neither is listed").len(), 2);
        assert_eq!(ledger.len(), 2);
    }
}
