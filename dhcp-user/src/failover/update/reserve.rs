//! Reserved addresses that nobody ever had.
//!
//! An address without a binding is FREE, and nothing but the configuration says that it is kept for a
//! client. Once one server is told otherwise, and the other not yet, both would give it: the one to its
//! client, and the other to anybody. So the primary makes bindings of them and shows them to the
//! partner (draft-12 §5.13), after which both know of the reservation until both know that it is gone.
//! Towards dhcpd there is nothing to show: host declarations are outside of its failover (spec §11.2).

use std::collections::VecDeque;

use super::Updates;
use crate::config::model::Protocol;
use crate::failover::event::Action;
use crate::failover::moment::Moment;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, BindingStatus, ResourceId, Told};
use crate::wire::IpFlags;
use crate::wire::failover::State;

/// How far this has come.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Reserving {
    /// The layout whose reservations these are; none before the first on this link.
    layout: Option<u64>,
    /// Those that may be without a binding still.
    left: VecDeque<ResourceId>,
}

impl Updates {
    /// Makes bindings of reserved addresses without, to be told, by at most `room` actions; once for each
    /// link and each layout. True if there are more.
    pub(super) fn keep_reserved(
        &mut self,
        at: &Moment<'_>,
        room: usize,
        actions: &mut Vec<Action>,
    ) -> bool {
        // RFC 8156 takes both servers to be configured alike, and has no words for a reservation.
        let is_ours = (self.role, self.dialect, self.protocol)
            == (Role::Primary, Dialect::Tandem, Protocol::Dhcpv4);
        if !is_ours || at.state != State::Normal {
            return false;
        }
        let number = at.table.layout_number();
        if self.reserving.layout != Some(number) {
            let layout = at.table.layout();
            let ranges = self.ranges(&layout);
            let all = ranges.iter().flat_map(|range| layout.reserved_in(*range));
            self.reserving = Reserving { layout: Some(number), left: all.copied().collect() };
        }
        let limit = actions.len().saturating_add(room);
        while actions.len() < limit {
            let Some(id) = self.reserving.left.pop_front() else { return false };
            self.keep(at, id, actions);
        }
        true
    }

    fn keep(&self, at: &Moment<'_>, id: ResourceId, actions: &mut Vec<Action>) {
        let guard = at.table.pin();
        let Some(seen) = at.table.seen(id, &guard) else { return };
        if seen.binding().is_some() || !at.table.layout().is_reserved(id) {
            return;
        }
        let binding = Binding {
            told: Told::Unsent,
            flags: IpFlags::RESERVED,
            writer: Some(self.writer),
            ..Binding::new(BindingStatus::Free, at.now)
        };
        // Whoever comes first makes a binding of it that is told as well.
        if let Ok(now) = at.table.replace(id, seen, binding, &guard) {
            at.changed(id, None, now.binding(), actions);
        }
    }
}
