//! What a restart, or the loss of the link, makes of what is remembered (draft-12 §9.3.2, RFC 8156
//! §8.3.2).

use super::saved::Saved;
use super::settings::{Role, Settings};
use super::state;
use crate::config::model::Protocol;
use crate::wire::Stamp;
use crate::wire::failover::State;

impl Saved {
    /// What a restart makes of it (draft-12 §9.3.2): a state that needs the link goes over to what
    /// its loss would have made of it, one that an operator chose to what was before.
    pub(super) fn after_restart(self, now: Stamp, settings: &Settings) -> Self {
        let chosen = match self.state {
            State::Paused | State::Shutdown => self.previous.unwrap_or(State::Recover),
            state => state,
        };
        let state = self.without_link(chosen, settings.terms.protocol);
        let since = self.since_of(now, state);
        // The partner may have taken a CONNECT with what is configured here, and we not know it.
        let own_mclt =
            if settings.terms.role == Role::Primary { settings.terms.mclt } else { self.mclt };
        let mut new = Self {
            state,
            since,
            previous: None,
            longest_mclt: self.longest_mclt.max(own_mclt),
            addresses: self.addresses.or(Some(settings.addresses)),
            role: Some(settings.terms.role),
            ..self
        };
        new.wants_all |= new.must_compare(settings) && state != State::PartnerDown;
        if new.must_compare(settings) && state::is_operational(state) && state != State::PartnerDown
        {
            // What of the addresses that are new in the relationship the partner knows, and nobody told
            // us: before that is here, none of them may be given.
            new.state = State::Recover;
            new.since = now;
            new.compares = true;
        }
        new
    }

    /// Whether other addresses are shared than the partner was told of.
    fn must_compare(&self, settings: &Settings) -> bool {
        self.addresses != Some(settings.addresses)
    }

    /// Whether a server that stored this may go on as `settings` have it. Which of the available
    /// addresses are its own follows from its role, so that two servers which change theirs one after
    /// the other would both give the same ones. It may where none is given before the partner has been
    /// heard in the role that is then left to it, and where all are its own.
    ///
    /// # Errors
    /// In words, for whoever starts the server.
    pub fn check_role(&self, now: Stamp, settings: &Settings) -> Result<(), String> {
        let Some(role) = self.role.filter(|role| *role != settings.terms.role) else {
            return Ok(());
        };
        let after = self.after_restart(now, settings);
        let owns_all =
            after.state == State::PartnerDown && now > after.since.after(after.longest_mclt);
        if after.state == State::Recover && !after.compares || owns_all {
            return Ok(());
        }
        let (was, is) = (role.name(), settings.terms.role.name());
        Err(format!(
            "this server was the {was} and is in {}: as the {is} it might give addresses that its \
             partner gives too. Set `role` back to \"{was}\"; how two servers change their roles is in \
             README.md, under \"To change what is shared, and how\"",
            self.state
        ))
    }

    /// Since when a state counts that is left of this one, without the link.
    pub(super) fn since_of(&self, now: Stamp, state: State) -> Stamp {
        match (self.state, state) {
            (before, after) if before == after => self.since,
            // The partner sees by it since when it was not told anything.
            (State::Normal | State::Paused | State::Shutdown, State::CommunicationsInterrupted) => {
                self.contact
            }
            _ => now,
        }
    }

    /// What a state becomes without the link: while everything must be asked for, a conflict that is
    /// not resolved leaves us with nothing to serve by.
    pub(super) fn without_link(&self, state: State, protocol: Protocol) -> State {
        match state {
            State::PotentialConflict if self.wants_all => State::Recover,
            state => state::on_link_lost(state, protocol),
        }
    }
}
