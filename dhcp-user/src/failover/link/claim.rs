//! Which of several greetings makes the link.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::wire::Stamp;

/// Whether a greeting of this relationship is done. Claimed before the last message of a greeting
/// leaves, so that a secondary never agrees on two connections.
#[derive(Debug)]
pub(super) struct Claim {
    is_taken: AtomicBool,
    /// With a shared secret, when the last CONNECT was said.
    after: Option<Stamp>,
}

/// The claim while it is taken: dropped, it can be taken again.
#[must_use = "dropping it gives it back"]
pub(super) struct Claimed<'a>(Option<&'a Claim>);

impl Claim {
    /// Not taken yet. With a shared secret, a CONNECT that is not later than `after` is refused.
    pub(super) fn new(after: Option<Stamp>) -> Self {
        Self { is_taken: AtomicBool::new(false), after }
    }

    /// What a CONNECT must be later than (draft-12 §11.1).
    pub(super) fn after(&self) -> Option<Stamp> {
        self.after
    }

    /// For one greeting alone, until it gives the claim back by dropping it.
    pub(super) fn take(&self) -> Option<Claimed<'_>> {
        (!self.is_taken.swap(true, Ordering::Relaxed)).then_some(Claimed(Some(self)))
    }
}

impl Claimed<'_> {
    /// Nobody takes it any more.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        if let Some(claim) = self.0 {
            claim.is_taken.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_whose_greeting_fails_after_all_can_be_taken_again() {
        let claim = Claim::new(None);
        let claimed = claim.take().unwrap();
        assert!(claim.take().is_none());
        drop(claimed);
        claim.take().unwrap().keep();
        assert!(claim.take().is_none());
    }
}
