//! The end of a scenario: nothing is wrong any more, and both servers must agree about everything.

use std::collections::{BTreeMap, BTreeSet};

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::{Binding, BindingStatus, Resource};

use super::clock::{HOUR, MINUTE, Millis, SECOND};
use super::observer::whose;
use super::places::{address, prefix};
use super::server::{Core, Server};
use super::words::binding;
use super::world::World;

/// How long updates may take once nobody changes anything.
const QUIET: Millis = 10 * MINUTE;
/// And how long until each has its share of what is free: the primary looks every hour.
const BALANCE: Millis = HOUR + QUIET;

impl World<'_> {
    pub(super) fn run_to_the_end(&mut self) {
        self.run(self.scenario.length);
        // What began before the end may last longer.
        let latest = self.scenario.length + 8 * HOUR;
        while !self.is_over() && self.now < latest && self.observer.failure.is_none() {
            self.run(self.now + MINUTE);
        }
        self.wait_for_normal();
        self.wait_for_agreement();
    }

    /// Whether nothing is wrong any more.
    fn is_over(&self) -> bool {
        let can_meet = self.link.is_whole() && !self.scenario.forbids_link(self.now, false);
        self.troubles.are_over() && can_meet
    }

    /// Without any help: back to NORMAL.
    fn wait_for_normal(&mut self) {
        let plans = &self.scenario.servers;
        let startup = u64::from(plans[0].startup.max(plans[1].startup));
        let longest = u64::from(self.scenario.mclt)
            + 3 * startup
            + 3 * u64::from(self.scenario.receive_timer)
            + 300;
        let latest = self.now + longest * SECOND;
        let are_normal = |world: &Self| world.servers.iter().all(Server::is_normal);
        while !are_normal(self) && self.observer.failure.is_none() {
            if self.now >= latest {
                let states = self.servers.each_ref().map(Server::states);
                let text = format!("after {longest} s without trouble the states are {states:?}");
                self.observer.fail("back to NORMAL", self.now, text);
                return;
            }
            self.run(self.now + SECOND);
        }
        self.run(self.now + MINUTE);
    }

    /// Nobody says anything: both say the same of every address.
    fn wait_for_agreement(&mut self) {
        self.is_quiet = true;
        let began = self.now;
        // Since when: leases end while one waits for the rest, and that is told then.
        let mut differ = BTreeMap::new();
        while self.observer.failure.is_none() {
            self.run(self.now + 5 * SECOND);
            let differences = self.differences();
            let unbalanced = self.unbalanced();
            if differences.is_empty() && unbalanced.is_none() {
                return;
            }
            differ.retain(|resource, _| differences.contains_key(resource));
            let promise = "both agree once quiet";
            for (resource, what) in differences {
                let since = *differ.entry(resource).or_insert(self.now);
                if self.now >= since + QUIET {
                    self.observer.fail_about(promise, self.now, (resource, None), what);
                }
            }
            if let Some(what) = unbalanced.filter(|_| self.now >= began + BALANCE) {
                self.observer.fail(promise, self.now, what);
            }
        }
    }

    /// What the servers do not agree about.
    fn differences(&self) -> BTreeMap<Resource, String> {
        let cores = self.servers.iter().filter_map(|server| server.core.as_ref());
        let resources: BTreeSet<_> = cores.flat_map(Core::resources).collect();
        let reserved = self.scenario.clients.iter();
        let reserved: BTreeSet<_> =
            reserved.filter_map(|it| self.scenario.reserved_address(it)).collect();
        let mut differences = BTreeMap::new();
        for resource in resources {
            let both = [0, 1].map(|side: usize| self.servers[side].binding(resource));
            // Either may give it to its one client, and each shows it as it likes.
            let is_available = |it: &Option<Binding>| it.as_ref().is_none_or(Binding::is_available);
            if reserved.contains(&resource) && both.iter().all(is_available) {
                continue;
            }
            if let Some(what) = self.differ(&both) {
                let [primary, secondary] = both.each_ref().map(|it| binding(it.as_ref()));
                let text =
                    format!("{resource}: {what}\n  primary   {primary}\n  secondary {secondary}");
                differences.insert(resource, text);
            }
        }
        differences
    }

    /// The first network whose free addresses are shared unevenly.
    fn unbalanced(&self) -> Option<String> {
        let networks = 0..self.scenario.pools.len();
        let unbalanced = |network| Some((network, self.is_unbalanced(network)?));
        let (network, what) = networks.into_iter().find_map(unbalanced)?;
        Some(format!("network {network}: {what}"))
    }

    fn differ(&self, both: &[Option<Binding>; 2]) -> Option<&'static str> {
        let status = |side: usize| both[side].as_ref().map_or(BindingStatus::Free, |it| it.status);
        if status(0) != status(1) {
            return Some("status");
        }
        if status(0) != BindingStatus::Active {
            return None;
        }
        let [Some(primary), Some(secondary)] = both else { return Some("unknown to one") };
        if whose(primary) != whose(secondary) {
            return Some("client");
        }
        if !is_alike(primary, secondary) {
            return Some("what the client and its relay said");
        }
        let clocks = self.servers.each_ref().map(|server| server.clock);
        let shown = clocks.map(|clock| i64::from(clock.at(self.now).0));
        let skew = shown[1] - shown[0];
        // What was told before a clock was set is as far off as it was set.
        let set = clocks.map(|clock| clock.step.map_or(0, |(_, by)| by.abs() / 1_000 + 1));
        let tolerance = 4 + set[0] + set[1];
        let apart = i64::from(secondary.expires.0) - i64::from(primary.expires.0) - skew;
        if apart.abs() > tolerance {
            return Some("end of the lease");
        }
        let heard = i64::from(secondary.cltt.0) - i64::from(primary.cltt.0) - skew;
        if heard.abs() > tolerance {
            return Some("when the client was last heard");
        }
        // What one relies on the other has promised to remember.
        let relies = |own: &Binding, other: &Binding, skew: i64| {
            let promised = other.received_potential.max(other.sent_potential).max(other.expires);
            i64::from(own.acked_potential.0) + skew <= i64::from(promised.0) + tolerance
                || own.acked_potential.0 == 0
        };
        if !relies(primary, secondary, skew) || !relies(secondary, primary, -skew) {
            return Some("acknowledged more than the other remembers");
        }
        None
    }

    /// In NORMAL neither server is left without what is shared out while the other has some: addresses
    /// in DHCPv4, prefixes in DHCPv6.
    fn is_unbalanced(&self, network: usize) -> Option<String> {
        let first = match self.scenario.protocols[network] {
            Protocol::Dhcpv4 => address(Protocol::Dhcpv4, network, 0),
            Protocol::Dhcpv6 => prefix(network, 0),
        };
        let counts = self.servers[0].core.as_ref()?.counts(first)?;
        let (free, backup) = (counts.free.cast_signed(), counts.backup.cast_signed());
        let all = free + backup;
        let percent = i64::from(self.servers[0].settings(0).terms.max_misbalance);
        let most = 2 * ((all * percent + 99) / 100).max(1) + 2;
        (free.abs_diff(backup) > most.unsigned_abs())
            .then(|| format!("{free} free, {backup} backup, {percent} percent allowed"))
    }
}

/// Whether both have all that classes, limits, names and leasequery go by, in whatever order.
fn is_alike(one: &Binding, other: &Binding) -> bool {
    let sorted = |binding: &Binding| {
        let client = binding.client.as_ref()?;
        let mut items: Vec<_> = client.items().map(|(kind, data)| (kind, data.to_vec())).collect();
        items.sort();
        Some((client.key().kind, items))
    };
    sorted(one) == sorted(other)
}
