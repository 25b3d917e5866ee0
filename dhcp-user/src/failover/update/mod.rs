//! Binding updates of one relationship: what the partner says, what it is told, and what is owed.

use std::net::Ipv4Addr;

use super::event::Action;
use super::moment::{Moment, Xids};
use super::settings::{Dialect, Settings};
use super::status::Status;
use crate::lease::{Table, WriterId};
use crate::wire::Stamp;
use crate::wire::failover::{Acknowledgement, Update};

/// Binding updates of one relationship.
#[derive(Clone, Debug, Hash)]
pub(super) struct Updates {}

impl Updates {
    /// Nothing told, nothing owed but, if `owes_all`, everything at the partner's next request.
    /// Swaps bindings as `writer`.
    pub(super) fn new(settings: &Settings, writer: WriterId, owes_all: bool) -> Self {
        let _ = (settings, writer, owes_all);
        Self {}
    }

    /// A connection is the link. Nothing is sent before [`Moment::is_heard`].
    pub(super) fn link_up(&mut self, dialect: Dialect, max_unacked: u32) {
        let _ = (dialect, max_unacked);
    }

    /// The link is gone: what was not acknowledged is untold again, requests are forgotten.
    pub(super) fn link_lost(&mut self, table: &Table) {
        let _ = table;
    }

    /// The endpoint has gone over to [`Moment::state`]; its STATE is among `actions` already. In
    /// NORMAL: balance, and a secondary sends POOLREQ.
    pub(super) fn entered(&mut self, at: &Moment<'_>, xids: &mut Xids, actions: &mut Vec<Action>) {
        let _ = (at, xids, actions);
    }

    /// BNDUPD: swaps what is taken, and BNDACK.
    pub(super) fn on_update(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        updates: &[Update],
        actions: &mut Vec<Action>,
    ) {
        let _ = (at, xid, updates, actions);
    }

    /// BNDACK.
    pub(super) fn on_acknowledgement(
        &mut self,
        at: &Moment<'_>,
        xid: u32,
        acknowledgements: &[Acknowledgement],
        actions: &mut Vec<Action>,
    ) {
        let _ = (at, xid, acknowledgements, actions);
    }

    /// UPDREQ, or with `all` UPDREQALL: [`pump`](Self::pump) answers it, and sends UPDDONE with its
    /// xid. A new one replaces an unfinished one, whose xid is not answered.
    pub(super) fn on_request(&mut self, at: &Moment<'_>, xid: u32, all: bool) {
        let _ = (at, xid, all);
    }

    /// POOLREQ: balances, and POOLRESP.
    pub(super) fn on_pool_request(&mut self, at: &Moment<'_>, xid: u32, actions: &mut Vec<Action>) {
        let _ = (at, xid, actions);
    }

    /// POOLRESP.
    pub(super) fn on_pool_response(
        &mut self,
        at: &Moment<'_>,
        transferred: u32,
        xids: &mut Xids,
        actions: &mut Vec<Action>,
    ) {
        let _ = (at, transferred, xids, actions);
    }

    /// Time has passed: the balance.
    pub(super) fn on_tick(&mut self, at: &Moment<'_>, xids: &mut Xids, actions: &mut Vec<Action>) {
        let _ = (at, xids, actions);
    }

    /// Everything is untold again (an operator's wish).
    pub(super) fn resynchronise(&mut self, at: &Moment<'_>) {
        let _ = at;
    }

    /// RESET of one address (an operator's wish).
    pub(super) fn reset(&mut self, at: &Moment<'_>, address: Ipv4Addr, actions: &mut Vec<Action>) {
        let _ = (at, address, actions);
    }

    /// As [`Endpoint::pump`](super::Endpoint::pump). What the partner asked for is sent whenever it
    /// is heard, what is untold only if [`Moment::tells`].
    pub(super) fn pump(
        &mut self,
        at: &Moment<'_>,
        room: usize,
        xids: &mut Xids,
        actions: &mut Vec<Action>,
    ) -> bool {
        let _ = (at, room, xids, actions);
        false
    }

    /// When [`on_tick`](Self::on_tick) is wanted.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        None
    }

    /// When the update that has waited longest for its BNDACK was sent. The endpoint alarms, and
    /// gives the link up (spec §2.2).
    pub(super) fn oldest_unacknowledged(&self) -> Option<Stamp> {
        None
    }

    /// Whether an UPDREQALL of the partner's is not yet answered in full. The endpoint saves it when
    /// it changes.
    pub(super) fn owes_all(&self) -> bool {
        false
    }

    /// Whether the partner has no address left to give in some pool.
    pub(super) fn is_partner_starved(&self, table: &Table) -> bool {
        let _ = table;
        false
    }

    /// Fills in what is counted here, the pools and the last conflict.
    pub(super) fn report(&self, table: &Table, status: &mut Status) {
        let _ = (table, status);
    }
}
