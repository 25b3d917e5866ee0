//! What a server has acknowledged, kept by the clients' side: the record that it is held to.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use super::lease::Lease;

/// A client's hardware address.
pub type Mac = [u8; 6];

/// Every acknowledged lease that the client has not given back.
#[derive(Debug, Default)]
pub struct Ledger {
    held: HashMap<Mac, Held>,
    holder: HashMap<Ipv4Addr, Mac>,
}

/// One acknowledged lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// What the client got.
    pub(super) address: Ipv4Addr,
    /// The end that it was told, by the clock at the ACK's arrival.
    pub(super) ends: SystemTime,
}

impl Ledger {
    /// Enters an ACK that arrived at `now`.
    ///
    /// # Errors
    /// The other client that holds the address, if there is one: the fault that all this exists
    /// to prevent.
    pub fn acknowledge(
        &mut self,
        now: SystemTime,
        client: Mac,
        address: Ipv4Addr,
        lease: Duration,
    ) -> Result<(), String> {
        if let Some(other) = self.holder.get(&address).filter(|&&other| other != client)
            && let Some(held) = self.held.get(other)
            && held.ends > now
        {
            return Err(format!(
                "{address} is {other:02x?}'s until {:?} and went to {client:02x?}",
                held.ends
            ));
        }
        if let Some(before) = self.held.insert(client, Held { address, ends: now + lease }) {
            self.holder.remove(&before.address);
        }
        self.holder.insert(address, client);
        Ok(())
    }

    /// Enters a RELEASE as it leaves: from here on the server may do with the address what it likes.
    pub(super) fn release(&mut self, client: Mac) -> Option<Held> {
        let held = self.held.remove(&client)?;
        self.holder.remove(&held.address);
        Some(held)
    }

    /// What a client holds.
    #[must_use]
    pub(super) fn held(&self, client: Mac) -> Option<Held> {
        self.held.get(&client).copied()
    }

    /// How long each lease that has not ended still lasts at `now`, as its client was told.
    pub fn remaining(&self, now: SystemTime) -> impl Iterator<Item = Duration> {
        self.held.values().filter_map(move |held| held.ends.duration_since(now).ok())
    }

    /// How many leases it holds the server to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
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
        let mut listed: HashMap<Ipv4Addr, &Lease> = HashMap::new();
        for lease in leases {
            let twin = listed.insert(lease.address, lease);
            assert!(twin.is_none(), "listed twice: {twin:?} and {lease:?}");
        }
        let held = self.held.iter().filter(|(_, held)| held.ends > now);
        let fault = held.map(|(client, held)| Fault {
            client: *client,
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
    pub address: Ipv4Addr,
    /// The end that it was told, in seconds since 1970.
    pub told: u64,
    /// What the server lists of the address.
    pub listed: Option<Lease>,
}

impl Fault {
    /// The ACK was under way for a moment, and both sides count whole seconds.
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

    #[test]
    fn an_address_acknowledged_to_two_clients_is_a_fault() {
        let mut ledger = Ledger::default();
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
        let address = Ipv4Addr::new(10, 0, 0, 1);
        ledger.acknowledge(now, [1; 6], address, hour).expect("the first client has it");
        assert!(ledger.acknowledge(now, [2; 6], address, hour).is_err());
        ledger
            .acknowledge(now + 2 * hour, [2; 6], address, hour)
            .expect("the first lease has ended");
    }

    #[test]
    fn a_lost_lease_is_a_fault() {
        let mut ledger = Ledger::default();
        let hour = Duration::from_secs(3_600);
        ledger
            .acknowledge(SystemTime::now(), [1; 6], Ipv4Addr::new(10, 0, 0, 1), hour)
            .expect("free");
        assert_eq!(ledger.check(SystemTime::now(), &[]).expect_err("it is not listed").len(), 1);
    }
}
