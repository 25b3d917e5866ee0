//! What one of the two servers would not have of the other, for whoever asks why there is no link or
//! an address has two stories.

use super::endpoint::Endpoint;
use super::event::{Action, Alarm};
use super::status::{Refusal, Side};
use crate::wire::Stamp;
use crate::wire::failover::{Acknowledgement, Message, Rejection};

impl Refusal {
    /// Refused by `by` for what `rejection` says.
    pub(super) fn new(at: Stamp, by: Side, rejection: &Rejection) -> Self {
        let Rejection { reason, text } = rejection;
        let what = if text.is_empty() { reason.to_string() } else { text.clone() };
        Self { at, by, reason: Some(*reason), what }
    }
}

impl Endpoint {
    /// Remembers the last refusal among what was just decided, and has an operator hear of updates
    /// that we refuse: once a second, as there may be many; all are counted.
    pub(super) fn note_refusals(&mut self, now: Stamp, from: usize, actions: &mut Vec<Action>) {
        let made = &actions[from..];
        if let Some(last) = made.iter().filter_map(|action| refusal(now, action)).next_back() {
            self.refusal = Some(last);
        }
        let answers = made.iter().filter_map(|action| match action {
            Action::Send(_, Message::BindingAck(answers)) => Some(answers),
            _ => None,
        });
        let refused = answers.flatten().find_map(|answer| {
            answer.rejection.clone().map(|rejection| (answer.address, rejection))
        });
        if let Some((address, rejection)) = refused.filter(|_| self.rejection_said != now) {
            self.rejection_said = now;
            actions.push(Action::Alarm(Alarm::Rejected { address, rejection }));
        }
    }
}

fn refusal(at: Stamp, action: &Action) -> Option<Refusal> {
    let about = |by, address, rejection: &Rejection| {
        let refusal = Refusal::new(at, by, rejection);
        Refusal { what: format!("{address}: {}", refusal.what), ..refusal }
    };
    let ours = |what: String| Refusal { at, by: Side::Us, reason: None, what };
    Some(match action {
        Action::Alarm(Alarm::Misbehaved(what)) => ours(what.clone()),
        Action::Alarm(Alarm::Dangerous { ours: own, partner }) => {
            ours(format!("{own} would end a partner in {partner}"))
        }
        Action::Alarm(Alarm::Disconnected(Some(rejection))) => {
            Refusal::new(at, Side::Partner, rejection)
        }
        Action::Alarm(Alarm::Refused { address, rejection }) => {
            about(Side::Partner, *address, rejection)
        }
        Action::Close(Some(rejection)) => Refusal::new(at, Side::Us, rejection),
        Action::Send(_, Message::BindingAck(answers)) => {
            let refused = |answer: &Acknowledgement| {
                answer.rejection.as_ref().map(|it| about(Side::Us, answer.address, it))
            };
            return answers.iter().rev().find_map(refused);
        }
        _ => return None,
    })
}
