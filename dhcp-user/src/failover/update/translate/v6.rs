//! What a BNDUPD of RFC 8156 says of a lease (§7.4), and what one means (§7.5.5).
//!
//! Departs from RFC 8156 §7.3 in what is kept of a lease. Of the last contact with the client the later
//! of the two servers' is, be it whose it may, and told as CLT_TIME. Preferred lifetime, T1 and T2 are
//! not: both servers have them from the configuration. The valid lifetime is told as what was left of
//! the lease when the client was last heard, the preferred one as the same, and T1 and T2 as 0.

use super::v6_client::{self, Association, Holder};
use super::{Received, Telling, Untellable, potential};
use crate::failover::Dialect;
use crate::lease::{Binding, Client, Resource};
use crate::wire::dhcpv6::{IaKind, Iaid};
use crate::wire::failover::{BindingStatus, IpFlags};
use crate::wire::failover6::{self, ClientBinding, Ia, Lease, ReconfigureData};
use crate::wire::{Seconds, Stamp};

/// Leases in one BNDUPD. One of as many is some kilobytes long, and a message holds 65,535 octets.
const LEASES_MAX: usize = 64;

/// One lease in a BNDUPD, and whose it is; a prefix that nobody has is nobody's.
#[derive(Clone, Debug)]
pub(in crate::failover::update) struct Said {
    pub(super) holder: Option<Association>,
    pub(super) relay_data: Option<Box<[u8]>>,
    pub(super) reconfigure: Option<ReconfigureData>,
    pub(super) lease: Lease,
}

/// A BNDUPD that is being made.
#[derive(Debug)]
pub(in crate::failover::update) struct Letter(failover6::Binding);

impl Telling<'_> {
    /// The binding in the words of RFC 8156.
    ///
    /// # Errors
    /// If no BNDUPD has words for it.
    pub(super) fn said(self, resource: Resource, binding: &Binding) -> Result<Said, Untellable> {
        use BindingStatus::{Abandoned, Active, Backup, Free};
        let wire = match resource {
            Resource::Ipv6(address) => failover6::Resource::Address(address),
            Resource::Prefix(prefix) => failover6::Resource::Prefix(prefix),
            Resource::Ipv4(_) => return Err("it is of another protocol"),
        };
        let is_ended = self.takes_back || binding.is_kept() && !self.is_reserved;
        let status = if is_ended { Free } else { binding.status };
        let heard = Some(binding.cltt).filter(|cltt| *cltt != Stamp::ZERO);
        let valid = match status {
            Active if binding.expires == Stamp::NEVER => Seconds::INFINITE,
            Active => binding.expires.since(heard.unwrap_or(binding.starts)),
            _ => Seconds(0),
        };
        let client = binding.client.as_ref().filter(|_| status != Abandoned);
        let mut lease = Lease::new(wire, valid, valid);
        lease.status = Some(status);
        lease.starts = Some(binding.starts);
        lease.last_heard = heard.filter(|_| status != Abandoned).map(|at| self.now.since(at));
        lease.fqdn = client.and_then(v6_client::fqdn);
        if matches!(status, Active | Abandoned) {
            lease.state_expires = Some(binding.expires);
            lease.expires = Some(binding.received_potential).filter(|at| *at != Stamp::ZERO);
        }
        if status == Active {
            lease.partner_lifetime = Some(potential(binding));
        }
        let association = client.and_then(v6_client::association);
        let is_bare = matches!(resource, Resource::Prefix(_))
            && (association.is_none() || matches!(status, Free | Backup));
        if is_bare {
            return Ok(Said {
                holder: None,
                relay_data: None,
                reconfigure: None,
                lease: Lease { last_heard: None, ..lease },
            });
        }
        // An address is told in the CLIENT_DATA of somebody.
        let holder = association.or_else(Association::nobodys);
        // Keys are as old as the lease with which the client was told its own.
        let reconfigure = client.zip(self.reconfigure).and_then(|(client, secret)| {
            let key = v6_client::reconfigure_key(client, secret)?;
            Some(ReconfigureData { since: binding.starts, key: key.0.into() })
        });
        let relay_data = client.and_then(v6_client::relay_data);
        Ok(Said { holder, relay_data, reconfigure, lease })
    }
}

impl Letter {
    pub(super) fn of(now: Stamp, said: Said) -> Self {
        let Said { holder, relay_data, reconfigure, lease } = said;
        Self(match holder {
            Some(Association { kind, iaid, duid }) => failover6::Binding::Client(ClientBinding {
                client: Some(duid),
                base: Some(now),
                vpn: None,
                reconfigure,
                relay_data,
                ias: vec![ia(kind, iaid, lease)],
                temporary: Vec::new(),
            }),
            None => failover6::Binding::Prefix { vpn: None, base: Some(now), lease },
        })
    }

    /// False if it must go into another one.
    pub(super) fn add(&mut self, said: Said) -> bool {
        let is_whole = self.is_whole();
        let failover6::Binding::Client(client) = &mut self.0 else { return false };
        // LQ_RELAY_DATA stands there once, for all of them.
        let is_alike = client.relay_data == said.relay_data;
        match said.holder {
            Some(Association { kind, iaid, duid })
                if client.client == Some(duid) && is_alike && !is_whole =>
            {
                client.reconfigure = client.reconfigure.take().or(said.reconfigure);
                let its = client.ias.iter_mut().find(|ia| (ia.kind, ia.iaid) == (kind, iaid));
                match its {
                    Some(its) => its.leases.push(said.lease),
                    None => client.ias.push(ia(kind, iaid, said.lease)),
                }
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_for(&self, binding: Option<&Binding>) -> bool {
        let failover6::Binding::Client(client) = &self.0 else { return false };
        let Some(its) = binding.and_then(|binding| binding.client.as_ref()) else { return false };
        let duid = v6_client::duid(its);
        duid.is_some() && duid == client.client && v6_client::relay_data(its) == client.relay_data
    }

    pub(super) fn is_whole(&self) -> bool {
        match &self.0 {
            failover6::Binding::Client(client) => {
                client.ias.iter().map(|ia| ia.leases.len()).sum::<usize>() >= LEASES_MAX
            }
            _ => true,
        }
    }

    pub(super) fn into_binding(self) -> failover6::Binding {
        self.0
    }
}

fn ia(kind: IaKind, iaid: Iaid, lease: Lease) -> Ia<Lease> {
    let leases = vec![lease];
    Ia { kind, iaid, t1: Seconds(0), t2: Seconds(0), refusal: None, leases }
}

impl Received {
    /// What a BNDUPD of that `base` says of a lease that is or was `holder`'s.
    ///
    /// # Errors
    /// What must be there and is not (RFC 8156 §7.4).
    pub(in crate::failover::update) fn of_lease(
        base: Stamp,
        holder: Option<Holder<'_>>,
        lease: &Lease,
    ) -> Result<Self, &'static str> {
        use BindingStatus::{Abandoned, Active, Expired, Released};
        let status = lease.status.ok_or("F_BINDING_STATUS is missing")?;
        let starts = lease.starts.ok_or("F_START_TIME_OF_STATE is missing")?;
        let is_leased = matches!(status, Active | Expired | Released);
        let is_somebody = |it: &Holder<'_>| Some(it.association) != Association::nobodys();
        let holder = holder.filter(|it| is_leased || is_somebody(it));
        if is_leased && holder.is_none() {
            return Err("the client is missing");
        }
        if status == Active && lease.state_expires.is_none() {
            return Err("F_STATE_EXPIRATION_TIME is missing");
        }
        let heard = lease.last_heard.map(|ago| base.before(ago)).max(lease.partner_raw_cltt);
        let client = |holder| -> Client { v6_client::client_of(&holder, lease.fqdn.as_deref()) };
        Ok(Self {
            // Whoever speaks RFC 8156 decides by times, as we do.
            dialect: Dialect::Tandem,
            status,
            flags: IpFlags::default(),
            client: holder.filter(|_| status != Abandoned).map(client),
            expires: lease.state_expires,
            potential: lease.partner_lifetime,
            starts: Some(starts),
            cltt: heard.filter(|cltt| *cltt != Stamp::ZERO),
            agreed: lease.expires,
        })
    }
}
