//! The journal as relationships use it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::error;

use crate::failover::Action;
use crate::failover::link::Spoken;
use crate::journal::{AppendError, Appender, Sequence};
use crate::lease::View;
use crate::wire::failover::Rejection;

/// The appender that all relationships share.
pub(super) struct Ledger {
    appender: Appender,
}

/// What leaves the server, and must not before what was journalled ahead of it is durable.
pub(super) enum Leaving {
    Send(u32, Spoken),
    Close(Option<Rejection>),
    Publish(View),
    Answer(oneshot::Sender<Result<(), String>>, Result<(), String>),
}

/// What one relationship wants done, in order.
#[derive(Default)]
pub(super) struct Agenda {
    /// Not begun: the journal has no room.
    pending: VecDeque<Action>,
    /// Begun: leaves when the journal has got so far.
    leaving: VecDeque<(Sequence, Leaving)>,
    /// The last record of this relationship.
    last: Sequence,
    /// Since when the disk is waited for without anything leaving.
    waits_since: Option<Instant>,
}

/// After so long without anything leaving the disk has stopped rather than being slow.
const STUCK: Duration = Duration::from_secs(5);

/// A binding that cannot be journalled: nothing that rests on it may be told.
#[derive(Debug)]
pub(super) struct TooLong;

impl Ledger {
    pub(super) fn new(appender: Appender) -> Self {
        Self { appender }
    }

    /// Whether so many records fit; or nothing waits, and more room there will never be.
    pub(super) fn has_room(&self, records: usize) -> bool {
        self.appender.room() >= records || self.appender.durable() >= self.appender.sequence()
    }

    /// How many records surely fit.
    pub(super) fn room(&self) -> usize {
        self.appender.room()
    }
}

impl Agenda {
    /// Appends what an endpoint wants, and leaves `actions` empty. Alarms are for [`say`], which has
    /// them at once.
    ///
    /// [`say`]: super::alarm::say
    pub(super) fn add(&mut self, actions: &mut Vec<Action>) {
        self.pending.extend(actions.drain(..));
    }

    /// Answers an operator once all that was added before is done.
    pub(super) fn answer(
        &mut self,
        to: oneshot::Sender<Result<(), String>>,
        answer: Result<(), String>,
    ) {
        // Commands are handled while nothing is pending, and what they brought is.
        self.leaving.push_back((self.last, Leaving::Answer(to, answer)));
    }

    /// Carries out what was added, as far as the journal has room.
    ///
    /// # Errors
    /// A binding that cannot be journalled, with all that was to follow forgotten.
    pub(super) fn carry_out(
        &mut self,
        relationship: &str,
        ledger: &mut Ledger,
    ) -> Result<(), TooLong> {
        while let Some(action) = self.pending.pop_front() {
            let appended = match &action {
                Action::Changed { resource, binding, .. } => {
                    ledger.appender.append(*resource, binding)
                }
                Action::Save(saved) => {
                    let name = note_name(relationship);
                    ledger.appender.note(&name, &saved.to_octets())
                }
                _ => Ok(self.last),
            };
            match appended {
                Ok(sequence) => self.last = sequence,
                Err(AppendError::NoRoom) => {
                    self.pending.push_front(action);
                    return Ok(());
                }
                Err(_) => {
                    error!(relationship, "a binding is too long for the journal");
                    self.pending.retain(|action| matches!(action, Action::Publish(_)));
                    return Err(TooLong);
                }
            }
            let leaving = match action {
                Action::Send(xid, message) => Leaving::Send(xid, message.into()),
                Action::Send6(xid, message) => Leaving::Send(xid, message.into()),
                Action::Close(reason) => Leaving::Close(reason),
                Action::Publish(view) => Leaving::Publish(view),
                Action::Changed { .. } | Action::Save(_) | Action::Alarm(_) => continue,
            };
            self.leaving.push_back((self.last, leaving));
        }
        Ok(())
    }

    /// What may leave next.
    pub(super) fn next_leaving(&mut self, ledger: &Ledger) -> Option<Leaving> {
        let durable = ledger.appender.durable();
        let next = self.leaving.pop_front_if(|(sequence, _)| *sequence <= durable);
        if next.is_some() || self.leaving.is_empty() {
            self.waits_since = None;
        } else {
            self.waits_since.get_or_insert_with(Instant::now);
        }
        next.map(|(_, leaving)| leaving)
    }

    /// Whether nothing has left for long although something should.
    pub(super) fn is_stuck(&self) -> bool {
        self.waits_since.is_some_and(|since| since.elapsed() > STUCK)
    }

    /// Whether a view waits to be published.
    pub(super) fn publishes(&self) -> bool {
        self.pending.iter().any(|action| matches!(action, Action::Publish(_)))
            || self.leaving.iter().any(|(_, leaving)| matches!(leaving, Leaving::Publish(_)))
    }

    /// The link is gone, and what was to be said on it is not said on the next.
    pub(super) fn forget_link(&mut self) {
        let is_said = |action: &Action| {
            matches!(action, Action::Send(..) | Action::Send6(..) | Action::Close(_))
        };
        self.pending.retain(|action| !is_said(action));
        self.leaving
            .retain(|(_, leaving)| !matches!(leaving, Leaving::Send(..) | Leaving::Close(_)));
    }

    /// Whether everything that was added has been begun.
    pub(super) fn is_begun(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether everything that was added is done.
    pub(super) fn is_done(&self) -> bool {
        self.pending.is_empty() && self.leaving.is_empty()
    }
}

/// Where the journal keeps what an endpoint must remember.
pub(super) fn note_name(relationship: &str) -> String {
    format!("{NOTES}{relationship}")
}

/// Whether the journal keeps there what an endpoint must remember.
pub(super) fn is_relationship(note: &str) -> bool {
    note.starts_with(NOTES)
}

/// Before the names of relationships.
const NOTES: &str = "failover/";
