//! What must hold of leases after whatever happened.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcp_user::failover::Role;
use dhcp_user::lease::{Binding, BindingStatus};
use dhcp_user::wire::Seconds;
use dhcp_user::wire::failover::Update;

use super::server::Server;

impl Server {
    /// What the last event may have done to leases.
    pub(super) fn check(
        &self,
        before: &BTreeMap<Ipv4Addr, Binding>,
        updates: &[Update],
        reset: Option<Ipv4Addr>,
    ) {
        use BindingStatus::{Abandoned, Active, Backup, Free, Released, Reset};
        // Two clocks are rounded: a lease may end that much too soon.
        let soon = self.now.after(Seconds(2));
        let now = self.bindings();
        assert_eq!(now, self.journal, "what is journalled is what holds");
        for (address, old) in before {
            let new = &now[address];
            let said = updates.iter().filter(|update| update.address == *address);
            let said: Vec<_> = said.map(|update| update.status).collect();
            if old.is_held(soon) && new.status != Active && reset != Some(*address) {
                // A later lease of the client, over as well, of which we have not heard.
                let is_later = |update: &Update| {
                    (update.address, update.status) == (*address, BindingStatus::Expired)
                        && update.cltt > Some(old.cltt)
                };
                let may_end = said.iter().any(|it| [Released, Reset, Abandoned].contains(it))
                    || updates.iter().any(is_later);
                assert!(may_end, "{address} is taken from its client: {old:?}, {new:?}");
            }
            if old.is_held(soon) && new.status == Active && old.client != new.client {
                let is_same = old.client.as_ref().zip(new.client.as_ref());
                let is_same = is_same.is_some_and(|(one, other)| one.is_same(other));
                let is_open = self.link.as_ref().is_some_and(|link| {
                    link.unanswered.values().any(|addresses| addresses.contains(address))
                });
                let is_taken = said.contains(&Active)
                    && (is_open || self.settings.terms.role == Role::Secondary);
                assert!(is_same || is_taken, "{address} has two clients: {old:?}, {new:?}");
            }
            let given = match self.settings.terms.role {
                Role::Primary => (Free, Backup),
                Role::Secondary => (Backup, Free),
            };
            let moved = (old.status, new.status);
            if old.is_available() && moved.0 != moved.1 && said.is_empty() && reset.is_none() {
                assert_eq!(moved, given, "{address}: only our own is ours to give");
            }
        }
    }
}
