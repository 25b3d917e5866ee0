//! Updates on their way: sent, and not yet answered (draft-12 §7.2, §8.4).
//!
//! Never two for one address: an answer names the address alone, and dhcpd knows of each address only
//! the last update.

use std::collections::{BTreeMap, VecDeque};

use super::duel::Outstanding;
use super::merge;
use crate::lease::{Binding, ResourceId};
use crate::wire::Stamp;

/// Updates on their way.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Flight {
    /// By address. At most the window times what one message holds.
    sent: BTreeMap<ResourceId, Sent>,
    /// Oldest first.
    messages: VecDeque<Message>,
}

/// What goes with an update, and is not in the binding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// See [`Sent::potential`].
    pub(super) potential: Stamp,
    /// See [`Sent::cancels`].
    pub(super) cancels: bool,
}

/// One address's update.
#[derive(Clone, Debug, Hash)]
pub(super) struct Sent {
    xid: u32,
    /// What was told.
    pub(super) binding: Binding,
    /// It was told as nobody's, which it becomes with the answer: it is free of a reservation that the
    /// binding still has, or is asked back.
    pub(super) cancels: bool,
    /// potential-expiration-time that went with it.
    pub(super) potential: Stamp,
    /// It lost a duel: its answer says nothing any more (spec §6.3).
    pub(super) is_forgotten: bool,
    /// What was told holds no longer, and the partner must be told again after its answer.
    pub(super) is_stale: bool,
}

#[derive(Clone, Debug, Hash)]
struct Message {
    xid: u32,
    at: Stamp,
    /// Addresses that are not answered yet.
    left: usize,
    /// Whether an UPDDONE waits for the answer.
    is_owed: bool,
}

impl Flight {
    /// Messages that are not answered in full.
    pub(super) fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Addresses that are not answered.
    pub(super) fn addresses(&self) -> impl Iterator<Item = ResourceId> {
        self.sent.keys().copied()
    }

    /// When the oldest message that is not answered in full was sent.
    pub(super) fn oldest(&self) -> Option<Stamp> {
        self.messages.front().map(|message| message.at)
    }

    /// The update of this address.
    pub(super) fn get_mut(&mut self, id: ResourceId) -> Option<&mut Sent> {
        self.sent.get_mut(&id)
    }

    /// One more update of the message that is being made.
    pub(super) fn add(
        &mut self,
        now: Stamp,
        xid: u32,
        id: ResourceId,
        terms: Terms,
        binding: Binding,
    ) {
        match self.messages.back_mut().filter(|message| message.xid == xid) {
            Some(message) => message.left += 1,
            None => self.messages.push_back(Message { xid, at: now, left: 1, is_owed: false }),
        }
        let Terms { potential, cancels } = terms;
        let sent = Sent { xid, binding, cancels, potential, is_forgotten: false, is_stale: false };
        self.sent.insert(id, sent);
    }

    /// The partner answers for one address of that message; `None` if nothing of the kind is
    /// awaited.
    pub(super) fn answered(&mut self, xid: u32, id: ResourceId) -> Option<Sent> {
        if self.sent.get(&id)?.xid != xid {
            return None;
        }
        let place = self.messages.iter().position(|message| message.xid == xid)?;
        let message = &mut self.messages[place];
        message.left -= 1; // `sent` holds as many of it
        if message.left == 0 {
            self.messages.remove(place);
        }
        self.sent.remove(&id)
    }

    /// What the partner has been told and could still take, of an address.
    pub(super) fn outstanding(&self, id: ResourceId) -> Option<Outstanding> {
        let sent = self.sent.get(&id).filter(|sent| !sent.is_forgotten)?;
        Some(Outstanding { status: sent.binding.status, cltt: sent.binding.cltt })
    }

    /// The partner's word about the address holds: what it was told itself counts no more. Until it
    /// answers it is told nothing else.
    pub(super) fn forget(&mut self, id: ResourceId) {
        if let Some(sent) = self.sent.get_mut(&id) {
            sent.is_forgotten = true;
        }
    }

    /// From now on an UPDDONE waits for everything that is on its way.
    pub(super) fn owe(&mut self) {
        self.messages.iter_mut().for_each(|message| message.is_owed = true);
    }

    /// Whether an UPDDONE has to wait on.
    pub(super) fn owes(&self) -> bool {
        self.messages.iter().any(|message| message.is_owed)
    }

    /// Whether an address on its way has to be told again.
    pub(super) fn is_stale(&self) -> bool {
        self.sent.values().any(|sent| sent.is_stale)
    }
}

impl Sent {
    /// The address holds this now, and the partner must be told it, but for what it is being told.
    pub(super) fn compare(&mut self, binding: &Binding) {
        self.is_stale = self.is_forgotten || !merge::tells_alike(&self.binding, binding);
    }
}
