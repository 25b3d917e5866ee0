//! Where deliberate faults take hold: what passes between a core and its driver, and the table behind
//! the core's back.

use dhcp_user::failover::link::Arrived;
use dhcp_user::lease::{Answers, Binding, BindingStatus, Owner, Resource, View};
use dhcp_user::wire::failover::Message;
use dhcp_user::wire::failover6;
use dhcp_user::wire::{Seconds, Stamp};

use super::leaving::Out;
use super::sabotage::Sabotage;
use super::scenario::Relationship;
use super::server::{Core, Server};
use super::telling::Telling;

impl Sabotage {
    /// Whether this leaves though what it rests on is not durable.
    pub(super) fn lets_go(self, out: &Out) -> bool {
        let Out::Send(_, message) = out else { return false };
        match self {
            Self::BindingAckBeforeFlush => matches!(Telling::of(message), Telling::Answers(_)),
            Self::StateBeforeFlush => matches!(Telling::of(message), Telling::State { .. }),
            _ => false,
        }
    }

    /// The service view as workers get it.
    pub(super) fn view(self, mut view: View, is_primary: bool) -> View {
        match self {
            Self::McltOffByOne => view.mclt = view.mclt.map(|mclt| Seconds(mclt.0 + 1)),
            Self::NoMclt => view.mclt = view.mclt.map(|_| Seconds(1_000_000)),
            Self::PrimaryGivesBackup if is_primary => view.owner = Owner::Secondary,
            Self::SecondaryGivesFree if !is_primary => view.owner = Owner::Primary,
            Self::TakenOverAtOnce => {
                if let Some(takeover) = &mut view.takeover {
                    takeover.since = Stamp(1);
                }
            }
            Self::NeverSilent if view.answers == Answers::Nobody => {
                view.answers = Answers::Everybody;
            }
            _ => {}
        }
        view
    }

    /// A binding as it is journalled.
    pub(super) fn record(self, mut binding: Binding) -> Binding {
        if self == Self::SentPotentialNotStored {
            binding.sent_potential = Stamp::ZERO;
        }
        binding
    }

    /// A message as the endpoint gets it at `now`.
    pub(super) fn received(self, now: Stamp, packet: &mut Arrived) {
        match packet {
            Arrived::V4(packet) => self.received_v4(&mut packet.message),
            Arrived::V6(packet) => {
                if self == Self::SkewUnnoticed {
                    packet.sent = Some(now);
                }
                self.received_v6(&mut packet.message);
            }
        }
    }

    fn received_v4(self, message: &mut Message) {
        let Message::BindingUpdate(updates) = message else { return };
        for update in updates {
            match self {
                Self::ReceivedPotentialInflated => inflate(update.potential.as_mut()),
                Self::SaidLost => update.request_options = None,
                _ => {}
            }
        }
    }

    fn received_v6(self, message: &mut failover6::Message) {
        let failover6::Message::BindingUpdate(binding) = message else { return };
        let failover6::Binding::Client(client) = &mut **binding else { return };
        if self == Self::SaidLost {
            client.relay_data = None;
        }
        for lease in client.ias.iter_mut().flat_map(|ia| &mut ia.leases) {
            if self == Self::ReceivedPotentialInflated {
                inflate(lease.partner_lifetime.as_mut());
            }
        }
    }
}

/// An hour more than the partner announced.
fn inflate(potential: Option<&mut Stamp>) {
    potential.into_iter().for_each(|time| *time = time.after(Seconds(3_600)));
}

impl Server {
    /// Rule 5 the wrong way round: what this server says of an address counts for nothing.
    pub(super) fn give_in(&self, relationship: Relationship, message: &Telling) {
        let (Telling::Updates(updates), Some(core)) = (message, &self.core) else { return };
        if self.side != relationship {
            return;
        }
        for update in updates.iter().filter(|update| update.status == BindingStatus::Active) {
            core.alter_if(
                update.resource,
                |binding| binding.status == BindingStatus::Active,
                |binding| {
                    binding.status = BindingStatus::Expired;
                    binding.cltt = Stamp::ZERO;
                },
            );
        }
        core.limits.recount(0, |limits| self.count_leases(limits, &core.tables));
    }
}

impl Core {
    /// As [`alter_if`](Self::alter_if), whatever the binding is.
    pub(super) fn alter(&self, resource: Resource, change: impl Fn(&mut Binding)) {
        self.alter_if(resource, |_| true, change);
    }

    /// Breaks a binding behind the core's back.
    pub(super) fn alter_if(
        &self,
        resource: Resource,
        is_meant: impl Fn(&Binding) -> bool,
        change: impl Fn(&mut Binding),
    ) {
        let table = self.table(resource);
        let guard = table.pin();
        let Some(id) = table.find(resource) else { return };
        let Some(seen) = table.seen(id, &guard) else { return };
        if let Some(binding) = seen.binding().filter(|binding| is_meant(binding)) {
            let mut broken = binding.clone();
            change(&mut broken);
            // One thread: nobody can have been faster.
            let _ = table.replace(id, seen, broken, &guard);
        }
    }

    /// The potential expirations that are told count as acknowledged.
    pub(super) fn acknowledge(&self, message: &Telling) {
        let Telling::Updates(updates) = message else { return };
        for update in updates {
            let potential = update.potential.unwrap_or(Stamp::ZERO);
            let raise = |binding: &mut Binding| {
                binding.acked_potential = binding.acked_potential.max(potential);
            };
            self.alter(update.resource, raise);
        }
    }
}
