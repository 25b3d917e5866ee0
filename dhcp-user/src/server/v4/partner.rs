//! What a partner leaves us to do for a client: whom we answer, and for how long we may lease
//! (draft-12 §5.2.1, §9; load balancing by RFC 3074).
//!
//! In NORMAL both servers hear a client that has not chosen one, and the hash of its identity says
//! whose it is. Who has chosen, or has a lease to extend, is answered by whom it speaks to.

use std::net::Ipv4Addr;

use dhcp_ebpf::client_bucket;

use super::allocate::Candidate;
use super::exchange::Exchange;
use crate::lease::{Answers, Binding, Owner, Share, View};
use crate::server::DropReason;
use crate::server::network::Site;
use crate::server::options::Layers;
use crate::server::standing::Standing;
use crate::server::term::Term;
use crate::server::times::Times;
use crate::wire::BindingStatus;
use crate::wire::dhcpv4::{Message, MessageType};
use crate::wire::option::code;

/// Whom of two partners a message concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Occasion {
    /// Both hear it, and one is to answer: by load balancing.
    Open,
    /// It was sent to us, or names us.
    Ours,
    /// It names another server.
    Others,
    /// A client extends its lease by whoever hears it: RENEWING, REBINDING.
    Extension,
}

impl<'a> Exchange<'a> {
    /// What may be done with an address that lies there.
    pub(super) fn view(&self, site: Site<'_>) -> &'a View {
        self.views.of(site.subnet.relationship())
    }

    /// Whom of two partners this message concerns.
    pub(super) fn occasion(&self) -> Occasion {
        let named = match self.names_us() {
            Some(true) => Some(Occasion::Ours),
            Some(false) => Some(Occasion::Others),
            None => None,
        };
        match self.kind {
            Some(MessageType::Request) => named.unwrap_or_else(|| {
                let extends = self.client_address().is_some();
                if extends { Occasion::Extension } else { Occasion::Open }
            }),
            // Of a lease that the partner granted they may name the partner, and reach us all the same.
            Some(MessageType::Release | MessageType::Decline) if !self.came_by_unicast() => {
                named.unwrap_or(Occasion::Open)
            }
            Some(MessageType::Release | MessageType::Decline) => Occasion::Ours,
            Some(MessageType::Inform) if self.came_by_unicast() => Occasion::Ours,
            _ => Occasion::Open,
        }
    }

    /// Whether a message about this address that names another server is for us all the same: it came
    /// to us, and what the partner leased is ours to end.
    pub(super) fn speaks_for_the_partner(&self, address: Option<Ipv4Addr>) -> bool {
        let site = address.and_then(|address| self.site(address));
        self.came_by_unicast() && site.is_some_and(|site| self.view(site).mclt.is_some())
    }

    /// The view by which the client is answered at an address that lies there.
    ///
    /// # Errors
    /// Why it is not answered.
    pub(super) fn admit(&self, site: Site<'_>) -> Result<&'a View, DropReason> {
        let relationship = site.subnet.relationship();
        let view = self.views.of(relationship);
        self.admit_to(relationship, view).map(|()| view)
    }

    /// Whether the client is answered on its link at all, whatever its address.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn admit_to_link(&self) -> Result<(), DropReason> {
        let mut outcome = Ok(());
        for relationship in self.service.topology.relationships_at(self.place) {
            outcome = self.admit_to(relationship, self.views.of(relationship));
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    /// Whether the client is answered by this view, which is the relationship's.
    pub(super) fn admit_to(
        &self,
        relationship: Option<u16>,
        view: &View,
    ) -> Result<(), DropReason> {
        let share = match &view.answers {
            Answers::Everybody => return Ok(()),
            // `Named` is a secondary's of DHCPv6.
            Answers::Nobody | Answers::Named => return Err(DropReason::NotInService),
            Answers::Extensions if self.occasion() == Occasion::Extension => return Ok(()),
            Answers::Extensions => return Err(DropReason::NotInService),
            Answers::Shared(share) => share,
        };
        match self.occasion() {
            Occasion::Ours | Occasion::Extension => Ok(()),
            Occasion::Others => Err(DropReason::OtherServer),
            Occasion::Open if self.is_ours(share) => Ok(()),
            Occasion::Open if share.is_partner_starved => {
                let has_none = self.has_none_left(relationship, view.owner.other());
                if has_none { Ok(()) } else { Err(DropReason::PartnersClient) }
            }
            Occasion::Open => Err(DropReason::PartnersClient),
        }
    }

    fn is_ours(&self, share: &Share) -> bool {
        share.is_ours(bucket(&self.message), self.secs())
    }

    /// Whether the owner has nothing for this client: dhcpd then takes over, too.
    fn has_none_left(&self, relationship: Option<u16>, owner: Owner) -> bool {
        let topology = &self.service.topology;
        let pools = topology.pools_at(self.place).map(|index| topology.pool(index));
        let mut pools =
            pools.filter(|pool| pool.relationship() == relationship && pool.permits(self.members));
        pools.all(|pool| self.table.is_exhausted(pool.id(), owner))
    }

    /// How long the client may have the address now.
    pub(super) fn term(&self, candidate: &Candidate<'_>, layers: &Layers<'_>) -> Term {
        let desired = Times::desired(layers, self.asked_time());
        let view = self.view(candidate.site);
        let lease = view.lease_time(self.now, candidate.continued(), desired);
        Term { times: Times::of(layers, lease), desired }
    }
}

impl<'a> Candidate<'a> {
    /// The lease of this client's that the partner takes to be running, if granting the address goes
    /// on with it.
    pub(super) fn continued(&self) -> Option<&'a Binding> {
        let is_its = matches!(self.standing, Standing::Held | Standing::Past);
        self.seen.binding().filter(|binding| is_its && !binding.is_available())
    }

    /// Whether the client has the address, by our books still, and would only have it longer.
    pub(super) fn is_extension(&self) -> bool {
        self.continued().is_some_and(|binding| binding.status == BindingStatus::Active)
    }
}

/// The client's place among the 256 that load balancing shares out (RFC 3074 §6).
fn bucket(message: &Message<'_>) -> u8 {
    let hardware = message.hardware();
    let octets = hardware.octets();
    let mut chaddr = [0; 16];
    chaddr[..octets.len()].copy_from_slice(octets);
    client_bucket(message.option(code::CLIENT_IDENTIFIER), &chaddr, octets.len() as u8)
}
