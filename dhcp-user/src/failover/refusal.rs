//! What one of the two servers would not have of the other, for whoever asks why there is no link or
//! an address has two stories.

use super::endpoint::Endpoint;
use super::event::{Action, Alarm, Refusals};
use super::speech;
use super::status::{Refusal, Side};
use crate::lease::Resource;
use crate::wire::failover::{Acknowledgement, Message, Rejection};
use crate::wire::{Seconds, Stamp, failover6};

impl Refusal {
    /// Refused by `by` for what `rejection` says.
    pub(super) fn new(at: Stamp, by: Side, rejection: &Rejection) -> Self {
        let Rejection { reason, text } = rejection;
        let what = if text.is_empty() { reason.to_string() } else { text.clone() };
        Self { at, by, reason: Some(*reason), what }
    }

    /// The same, about an address or a prefix.
    fn of(self, resource: Resource) -> Self {
        Self { what: format!("{resource}: {}", self.what), ..self }
    }
}

/// What an operator has still to hear of one server's refusals: nothing is said twice in a second, and
/// nothing is left uncounted.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsaid {
    refusals: Option<Refusals>,
    /// When something was said last.
    said: Stamp,
}

impl Unsaid {
    fn note(&mut self, resource: Resource, rejection: Rejection) {
        let count = self.refusals.as_ref().map_or(0, |refusals| refusals.count) + 1;
        self.refusals = Some(Refusals { count, resource, rejection });
    }

    /// What is to be said now.
    fn take(&mut self, now: Stamp) -> Option<Refusals> {
        let refusals = self.refusals.take_if(|_| self.said != now)?;
        self.said = now;
        Some(refusals)
    }

    /// When something is to be said.
    pub(super) fn due(&self) -> Option<Stamp> {
        self.refusals.as_ref().map(|_| self.said.after(Seconds(1)))
    }
}

impl Endpoint {
    /// The partner refused these updates.
    pub(super) fn note_refused(&mut self, now: Stamp, refused: Vec<(Resource, Rejection)>) {
        for (resource, rejection) in refused {
            self.refusal = Some(Refusal::new(now, Side::Partner, &rejection).of(resource));
            self.refused.note(resource, rejection);
        }
    }

    /// Remembers the last refusal among what was just decided, and has an operator hear of updates
    /// that either server refuses: once a second, as there may be many.
    pub(super) fn note_refusals(&mut self, now: Stamp, from: usize, actions: &mut Vec<Action>) {
        let made = &actions[from..];
        if let Some(last) = made.iter().filter_map(|action| refusal(now, action)).next_back() {
            self.refusal = Some(last);
        }
        for action in made {
            for (resource, rejection) in rejections(action) {
                self.rejected.note(resource, rejection);
            }
        }
        let refused = self.refused.take(now).map(Alarm::Refused);
        let rejected = self.rejected.take(now).map(Alarm::Rejected);
        actions.extend(refused.into_iter().chain(rejected).map(Action::Alarm));
    }
}

fn refusal(at: Stamp, action: &Action) -> Option<Refusal> {
    let ours = |what: String| Refusal { at, by: Side::Us, reason: None, what };
    Some(match action {
        Action::Alarm(Alarm::Misbehaved(what)) => ours(what.clone()),
        Action::Alarm(Alarm::Dangerous { ours: own, partner }) => {
            ours(format!("{own} would end a partner in {partner}"))
        }
        Action::Alarm(Alarm::Disconnected(Some(rejection))) => {
            Refusal::new(at, Side::Partner, rejection)
        }
        Action::Close(Some(rejection)) => Refusal::new(at, Side::Us, rejection),
        _ => {
            let (resource, rejection) = rejections(action).pop()?;
            Refusal::new(at, Side::Us, &rejection).of(resource)
        }
    })
}

/// Updates that this refuses.
fn rejections(action: &Action) -> Vec<(Resource, Rejection)> {
    match action {
        Action::Send(_, Message::BindingAck(answers)) => {
            let refused = |answer: &Acknowledgement| {
                Some((Resource::from(answer.address), answer.rejection.clone()?))
            };
            answers.iter().filter_map(refused).collect()
        }
        Action::Send6(_, failover6::Message::BindingReply(answer)) => {
            let refused = answer.outcomes().filter_map(|(resource, refusal)| {
                Some((resource.into(), speech::rejection(refusal?)))
            });
            refused.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::failover::Reject;

    #[test]
    fn of_many_refusals_in_a_second_one_is_said_and_the_others_are_counted_in_the_next() {
        let mut unsaid = Unsaid::default();
        let address = |last| Resource::from(Ipv4Addr::new(10, 0, 0, last));
        let why = || Rejection { reason: Reject::Outdated, text: String::new() };
        assert_eq!((unsaid.due(), unsaid.take(Stamp(10))), (None, None));
        let mut said = Vec::new();
        for last in 1..=5 {
            unsaid.note(address(last), why());
            said.extend(unsaid.take(Stamp(10)));
        }
        assert_eq!(unsaid.due(), Some(Stamp(11)));
        said.extend(unsaid.take(Stamp(11)));
        let said = said.iter().map(|it| (it.count, it.resource)).collect::<Vec<_>>();
        assert_eq!(said, [(1, address(1)), (4, address(5))]);
        assert_eq!((unsaid.due(), unsaid.take(Stamp(12))), (None, None));
    }
}
