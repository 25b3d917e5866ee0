//! A disk: what is appended is durable once the flush that takes it up has come back.

use std::collections::BTreeMap;

use dhcp_user::failover::Saved;
use dhcp_user::lease::{Binding, BindingStatus, Resource};
use dhcp_user::wire::failover::State;

use super::random::Random;
use super::scenario::Relationship;

/// Number of a record: all that have a lower one were appended before it.
pub(super) type Sequence = u64;

/// One server's journal, as the driver sees it.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// What a restart finds.
    pub(super) bindings: BTreeMap<Resource, Binding>,
    /// The endpoints' own states, by relationship.
    pub(super) saved: [Option<Saved>; 2],
    /// All that it was since the last restart: one flush may take up several.
    pub(super) states: [Vec<State>; 2],
    /// What the last flush has taken up, be it that a later record of the same flush says otherwise.
    pub(super) last: Vec<(Resource, BindingStatus)>,
    /// Given to the operating system, and not yet known to be durable.
    flushing: Vec<(u16, Record)>,
    /// In the writers' rings.
    waiting: Vec<(u16, Record)>,
    appended: Sequence,
    flushing_to: Sequence,
    durable: Sequence,
}

#[derive(Clone, Debug)]
pub(super) enum Record {
    Binding(Resource, Binding),
    Saved(Relationship, Saved),
}

impl Disk {
    /// Takes a record of one writer.
    pub(super) fn append(&mut self, writer: u16, record: Record) -> Sequence {
        self.waiting.push((writer, record));
        self.appended += 1;
        self.appended
    }

    /// All that came before is durable.
    pub(super) fn durable(&self) -> Sequence {
        self.durable
    }

    /// Begins a flush of all that waits, unless one is under way or nothing waits.
    pub(super) fn begin_flush(&mut self) -> bool {
        if !self.flushing.is_empty() || self.waiting.is_empty() {
            return false;
        }
        self.flushing = std::mem::take(&mut self.waiting);
        // The commit thread takes one writer's ring after the other.
        self.flushing.sort_by_key(|(writer, _)| *writer);
        self.flushing_to = self.appended;
        true
    }

    /// The flush has come back.
    pub(super) fn end_flush(&mut self) {
        self.last.clear();
        for (_, record) in std::mem::take(&mut self.flushing) {
            self.keep(record);
        }
        self.durable = self.flushing_to;
    }

    /// The machine stops: of what was being flushed some is there, up to a torn record.
    pub(super) fn crash(&mut self, random: &mut Random) {
        let flushing = std::mem::take(&mut self.flushing);
        let whole = random.below(flushing.len() as u64 + 1) as usize;
        for (_, record) in flushing.into_iter().take(whole) {
            self.keep(record);
        }
        self.waiting.clear();
        self.durable = self.appended;
    }

    /// The process ends in good order: everything is written first.
    pub(super) fn close(&mut self) {
        self.begin_flush();
        self.end_flush();
        self.begin_flush();
        self.end_flush();
        self.durable = self.appended;
    }

    fn keep(&mut self, record: Record) {
        match record {
            Record::Binding(resource, binding) => {
                self.last.push((resource, binding.status));
                let held = self.bindings.get(&resource);
                if held.is_none_or(|held| binding.is_newer_than(held)) {
                    self.bindings.insert(resource, binding);
                }
            }
            Record::Saved(relationship, saved) => {
                self.saved[relationship] = Some(saved);
                self.states[relationship].push(saved.state);
            }
        }
    }
}
