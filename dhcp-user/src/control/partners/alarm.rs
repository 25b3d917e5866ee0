//! What endpoints have to say, in the log.

use tracing::{error, info, warn};

use crate::failover::{Alarm, Refusals};
use crate::wire::failover::{Reject, Rejection, State};

/// Says it.
pub(super) fn say(relationship: &str, alarm: &Alarm) {
    match alarm {
        Alarm::Moved { from, to, why } if is_degraded(*to) => {
            warn!(relationship, %from, %to, why, "failover state changed: service is degraded");
        }
        Alarm::Moved { from, to, why } => {
            info!(relationship, %from, %to, why, "failover state changed");
        }
        Alarm::PartnerMoved { from, to } => {
            let from = from.map_or("unknown", State::name);
            info!(relationship, from, %to, "the partner's failover state changed");
        }
        Alarm::Skew(ahead) => {
            warn!(relationship, seconds_ahead = ahead, "the partner's clock is off, or ours is");
        }
        Alarm::Conflict { resource, what } => {
            error!(relationship, %resource, what, "the servers do not agree about an address");
        }
        Alarm::Refused(Refusals { count, resource, rejection }) => {
            let (reason, text) = (rejection.reason, rejection.text.as_str());
            warn!(relationship, count, %resource, ?reason, text, "the partner refused updates");
        }
        Alarm::Rejected(Refusals { count, resource, rejection }) => {
            let (reason, text) = (rejection.reason, rejection.text.as_str());
            warn!(relationship, count, %resource, ?reason, text, "updates of the partner's were refused");
        }
        Alarm::Mclt { ours, theirs } => {
            let (ours, theirs) = (ours.0, theirs.0);
            warn!(relationship, ours, theirs, "the primary's MCLT is another, and counts");
        }
        Alarm::Misbehaved(what) => {
            error!(relationship, what, "the partner broke the protocol; the link is closed");
        }
        Alarm::Disconnected(Some(rejection)) => {
            let (reason, text) = (rejection.reason, rejection.text.as_str());
            warn!(relationship, ?reason, text, "the partner closed the link");
        }
        Alarm::Disconnected(None) => warn!(relationship, "the partner closed the link"),
        Alarm::Declined { command, why } => {
            warn!(relationship, ?command, why, "an operator wanted what cannot be");
        }
        Alarm::Dangerous { ours, partner } => error!(
            relationship, %ours, %partner,
            "these two states together would end the partner: the link is closed until an operator \
             acts"
        ),
        Alarm::Unanswered(since) => {
            warn!(relationship, seconds = since.0, "the partner does not answer an update");
        }
        Alarm::NothingToGive => {
            info!(relationship, "the partner asks for addresses, and there are none to spare");
        }
        Alarm::IdentityNotShared => warn!(
            relationship,
            "the partner is a dhcpd, and knows no circuit-id and no remote-id: a client that `identity` \
             names by one of them is another one when the partner has served it"
        ),
        Alarm::BothNormal { .. } => info!(relationship, "both servers are in normal"),
    }
}

/// Says why we close the link.
pub(super) fn say_closing(relationship: &str, why: &Rejection) {
    let (reason, text) = (why.reason, why.text.as_str());
    if reason == Reject::Unknown {
        info!(relationship, text, "the link is closed");
    } else {
        warn!(relationship, ?reason, text, "the link is closed, with a DISCONNECT");
    }
}

/// Whether something is amiss in this state, or soon may be.
fn is_degraded(state: State) -> bool {
    !matches!(state, State::Normal | State::Startup | State::RecoverDone | State::ConflictDone)
}
