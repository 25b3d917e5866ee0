//! What leaves a server, and not before all that its writer appended ahead of it is durable: a worker's
//! replies, and of the endpoint's actions the messages, the end of the connection and the service view.

use dhcp_user::failover::link::Spoken;
use dhcp_user::failover::{Action, Alarm};
use dhcp_user::lease::{Binding, BindingStatus, Resource, View};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::failover::Rejection;

use super::clock::Millis;
use super::disk::{Record, Sequence};
use super::sabotage::Sabotage;
use super::scenario::Relationship;
use super::server::{FAILOVER, Server};
use super::telling::Telling;

/// A reply that the disk held back for longer is not sent any more.
const LONGEST_HELD: Millis = 10_000;

/// A reply that waits for the disk.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) rests_on: Sequence,
    pub(super) since: Millis,
    pub(super) reply: Reply,
}

/// A reply to a client.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) client: u16,
    pub(super) octets: Vec<u8>,
    /// When it was decided, by the server's clock.
    pub(super) decided: Stamp,
    /// What it tells of leases: each as it then stood.
    pub(super) leases: Vec<(Resource, Binding)>,
    /// PARTNER-DOWN.
    pub(super) is_alone: bool,
}

/// What waits for the disk behind the endpoint's records.
#[derive(Clone, Debug)]
pub(super) enum Out {
    Send(u32, Spoken),
    Close(Option<Rejection>),
    Publish(View),
}

/// What leaves a server.
#[derive(Debug)]
pub(super) enum Effect {
    Reply(Reply),
    Send(Relationship, u32, Spoken),
    Close(Relationship, Option<Rejection>),
    /// With its number.
    Published(Relationship, u64),
}

impl Server {
    /// What may leave now.
    pub(super) fn release(&mut self, time: Millis, effects: &mut Vec<Effect>) {
        let sabotage = self.sabotage;
        let side = self.side;
        let durable = self.disk.durable();
        let Some(core) = &mut self.core else { return };
        let eager = sabotage == Some(Sabotage::AckBeforeFlush);
        while let Some(held) = core.held.pop_front_if(|held| eager || held.rests_on <= durable) {
            if time - held.since <= LONGEST_HELD {
                effects.push(Effect::Reply(held.reply));
            }
        }
        while let Some((_, of, out)) = core.outbox.pop_front_if(|(rests_on, _, out)| {
            *rests_on <= durable || sabotage.is_some_and(|fault| fault.lets_go(out))
        }) {
            effects.push(match out {
                Out::Send(xid, message) => {
                    if sabotage == Some(Sabotage::AcknowledgedWhenSent) {
                        core.acknowledge(&Telling::of(&message));
                    }
                    Effect::Send(of, xid, message)
                }
                Out::Close(why) => Effect::Close(of, why),
                Out::Publish(view) => {
                    let view = match sabotage {
                        Some(fault) => fault.view(view, side == of),
                        None => view,
                    };
                    // A worker in the middle of its turn still takes what was the partner's.
                    let takeover = view.takeover.or(core.views.0[of].takeover);
                    core.views.0[of] = View { takeover, ..view.clone() };
                    core.published[of] = (core.published[of].0 + 1, view);
                    Effect::Published(of, core.published[of].0)
                }
            });
        }
    }

    /// Carries out what an endpoint wants, in order, as far as that is possible before the disk.
    pub(super) fn carry(
        &mut self,
        relationship: Relationship,
        alarms: &mut Vec<(Relationship, Alarm)>,
    ) {
        let Some(core) = &mut self.core else { return };
        let writer = usize::from(FAILOVER);
        for action in std::mem::take(&mut core.actions) {
            let out = match action {
                Action::Changed { resource, before, binding } => {
                    if self.sabotage != Some(Sabotage::PartnersUncounted) {
                        let is_lease = |it: &&Binding| it.status == BindingStatus::Active;
                        if let Some(before) = before.as_ref().filter(is_lease) {
                            self.services.uncount_lease(&core.limits, resource, before);
                        }
                        self.services.count_lease(&core.limits, resource, &binding);
                    }
                    let record = Record::Binding(resource, recorded(self.sabotage, &binding));
                    core.appended[writer] = self.disk.append(FAILOVER, record);
                    continue;
                }
                Action::Save(saved) => {
                    let record = Record::Saved(relationship, saved);
                    core.appended[writer] = self.disk.append(FAILOVER, record);
                    continue;
                }
                Action::Alarm(alarm) => {
                    alarms.push((relationship, alarm));
                    continue;
                }
                Action::Send(xid, message) => Out::Send(xid, message.into()),
                Action::Send6(xid, message) => Out::Send(xid, message.into()),
                Action::Close(why) => Out::Close(why),
                Action::Publish(view) => Out::Publish(view),
            };
            core.outbox.push_back((core.appended[writer], relationship, out));
        }
    }
}

/// A binding as the journal gets it.
pub(super) fn recorded(sabotage: Option<Sabotage>, binding: &Binding) -> Binding {
    match sabotage {
        Some(fault) => fault.record(binding.clone()),
        None => binding.clone(),
    }
}
