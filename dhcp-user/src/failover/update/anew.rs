//! Bindings that count as told, and are not: other addresses are shared than were.
//!
//! A server without a partner marks everything as told, and so does another partner's. When such
//! addresses come into a relationship all that is bound there must be told, whatever it says of
//! itself, and must say so on the disk before the endpoint forgets that there was a change.

use std::collections::VecDeque;

use super::Updates;
use super::walk::Walk;
use crate::failover::event::Action;
use crate::failover::moment::Moment;
use crate::lease::{Binding, ResourceId, Told};

/// How far this has come.
#[derive(Clone, Debug, Hash)]
pub(super) struct Anew {
    /// None before the first address.
    walk: Option<Walk>,
    /// To be marked next.
    found: VecDeque<ResourceId>,
}

impl Updates {
    /// Whatever is bound in the relationship's addresses is to be told, whether or not it counts as
    /// told.
    pub(in crate::failover) fn tell_anew(&mut self) {
        self.anew = Some(Anew { walk: None, found: VecDeque::new() });
    }

    /// Whether all of that is marked.
    pub(in crate::failover) fn is_marked_anew(&self) -> bool {
        self.anew.is_none()
    }

    /// Marks some of it, making at most `room` actions, before anything is told: an UPDDONE says that
    /// nothing untold is left. `None` if there is nothing to mark, else whether something came of it.
    pub(super) fn mark_anew(
        &mut self,
        at: &Moment<'_>,
        room: usize,
        actions: &mut Vec<Action>,
    ) -> Option<bool> {
        let mut anew = self.anew.take()?;
        let ranges = || self.ranges(&at.table.layout());
        let walk = anew.walk.get_or_insert_with(|| Walk::new(Vec::new(), true, ranges()));
        for _ in 0..room {
            match anew.found.pop_front() {
                Some(id) => self.tell_again(at, id, actions),
                None if walk.is_over() => return Some(true),
                None => walk.step(at.table, &mut |id| anew.found.push_back(id)),
            }
        }
        self.anew = Some(anew);
        Some(room > 0)
    }

    /// What the partner has of it is to be told again, unless it is to be told anyhow.
    pub(super) fn tell_again(&self, at: &Moment<'_>, id: ResourceId, actions: &mut Vec<Action>) {
        let guard = at.table.pin();
        let Some(mut seen) = at.table.seen(id, &guard) else { return };
        while let Some(before) = seen.binding().filter(|it| it.told == Told::Acknowledged) {
            let new = Binding { told: Told::Unsent, writer: Some(self.writer), ..before.clone() };
            match at.table.replace(id, seen, new, &guard) {
                Ok(now) => return at.changed(id, Some(before), now.binding(), actions),
                Err(now) => seen = now,
            }
        }
    }
}
