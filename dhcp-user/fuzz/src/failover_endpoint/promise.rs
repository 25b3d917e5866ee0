//! What must hold of leases after whatever happened.

use std::collections::BTreeMap;

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::Role;
use dhcp_user::lease::{Binding, BindingStatus, Owner, Resource};
use dhcp_user::wire::Seconds;

use super::server::{Said, Server};
use super::words::Told;

impl Server {
    /// What the last event may have done to leases, by what was said in it.
    pub(super) fn check(&self, before: &BTreeMap<Resource, Binding>, said: &Said) {
        let now = self.bindings();
        assert_eq!(now, self.journal, "what is journalled is what holds");
        for (resource, old) in before {
            let new = &now[resource];
            let told = said.told.iter().flatten().filter(|told| told.resource == *resource);
            let told: Vec<_> = told.copied().collect();
            let is_reset = said.reset == Some(*resource);
            self.check_lease(*resource, [old, new], &told, is_reset);
            if old.is_available() && old.status != new.status && told.is_empty() && !is_reset {
                let is_agreed = said.agreed.contains(&(*resource, new.status));
                let is_given = self.gives() == Some((old.status, new.status));
                assert!(is_agreed || is_given, "{resource}: only our own is ours to give");
            }
        }
        for (resource, binding) in now.iter().filter(|(_, binding)| binding.is_available()) {
            let table = self.table();
            let id = table.find(*resource).expect("what is bound has a number");
            let owner = match table.layout().fixed_owner(id) {
                None => continue,
                Some(Owner::Primary) => BindingStatus::Free,
                Some(Owner::Secondary) => BindingStatus::Backup,
            };
            assert_eq!(binding.status, owner, "{resource} is one server's for ever");
        }
    }

    /// Whether a lease that runs is still its client's.
    fn check_lease(
        &self,
        resource: Resource,
        [old, new]: [&Binding; 2],
        told: &[Told],
        is_reset: bool,
    ) {
        use BindingStatus::{Abandoned, Active, Expired, Released, Reset};
        // Two clocks are rounded: a lease may end that much too soon.
        if !old.is_held(self.now.after(Seconds(2))) {
            return;
        }
        let is_told = |status| told.iter().any(|it| it.status == Some(status));
        if new.status != Active {
            // A later lease of the client, over as well, of which we have not heard.
            let is_later = |it: &Told| it.status == Some(Expired) && it.cltt > Some(old.cltt);
            let may_end = is_reset
                || [Released, Reset, Abandoned].into_iter().any(is_told)
                || told.iter().any(is_later);
            assert!(may_end, "{resource} is taken from its client: {old:?}, {new:?}");
        } else if old.client != new.client {
            let both = old.client.as_ref().zip(new.client.as_ref());
            let is_same = both.is_some_and(|(one, other)| one.is_same(other));
            let is_open = self.link.as_ref().is_some_and(|link| link.awaits(resource));
            // RFC 8156 §7.5.4: the primary's client gives way to one that was heard since.
            let is_since = |it: &Told| {
                self.protocol() == Protocol::Dhcpv6
                    && it.cltt.is_some_and(|cltt| cltt > old.starts.after(Seconds(5)))
            };
            let is_taken = is_told(Active)
                && (is_open
                    || self.settings.terms.role == Role::Secondary
                    || told.iter().any(is_since));
            assert!(is_same || is_taken, "{resource} has two clients: {old:?}, {new:?}");
        }
    }

    /// What becomes of what this server gives the other unasked, from what it was.
    fn gives(&self) -> Option<(BindingStatus, BindingStatus)> {
        use BindingStatus::{Backup, Free};
        match (self.protocol(), self.settings.terms.role) {
            (_, Role::Primary) => Some((Free, Backup)),
            (Protocol::Dhcpv4, Role::Secondary) => Some((Backup, Free)),
            (Protocol::Dhcpv6, Role::Secondary) => None,
        }
    }
}
