//! What an endpoint knows of one connection, and forgets with it (draft-12 §8.6).

use super::dhcpd::Guard;
use super::greeting::Greeted;
use super::moment::Xids;
use super::settings::Dialect;
use super::skew::Skew;
use crate::config::model::Protocol;
use crate::wire::{Seconds, Stamp};

/// The link as it is.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) dialect: Dialect,
    /// The primary's, by its CONNECT; agreed once a STATE has come.
    pub(super) mclt: Seconds,
    pub(super) xids: Xids,
    pub(super) skew: Skew,
    /// What a dhcpd may be in at the other end.
    pub(super) guard: Guard,
    /// When it came up.
    pub(super) up: Stamp,
    /// When the last message came.
    pub(super) received: Stamp,
    /// When the last message went.
    pub(super) sent: Stamp,
    /// The partner's receive-timer: after so long without a message of ours it gives the link up.
    pub(super) partner_receive_timer: Seconds,
    /// After so long without a message of ours comes CONTACT.
    pub(super) contact_every: Seconds,
    /// Whether a STATE has come: communications are OK (draft-12 §8.3).
    pub(super) is_heard: bool,
    /// Whether a STATE has gone.
    pub(super) has_spoken: bool,
    /// Our UPDREQ or UPDREQALL that is not yet done.
    pub(super) request: Option<Request>,
    /// Whether the partner has asked for everything: it may have nothing of its own.
    pub(super) lacks_all: bool,
    /// Whether the partner has told of an address that a client has or had.
    pub(super) tells_of_clients: bool,
    /// In PARTNER-DOWN: the partner is back, and before it serves it is told what it does not know.
    pub(super) hands_over: bool,
    /// Whether an operator knows that the partner does not answer.
    pub(super) has_alarmed: bool,
    /// Whether the two had ever spoken with each other before this link, as far as this disk knows,
    /// and as far as the partner says in its first STATE (COMMUNICATED).
    pub(super) had_communicated: bool,
    pub(super) partner_had_communicated: bool,
    /// Whether the partner's last STATE was one of STARTUP.
    pub(super) heard_startup: bool,
}

/// An UPDREQ or UPDREQALL of ours.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Request {
    pub(super) xid: u32,
    /// UPDREQALL.
    pub(super) all: bool,
    /// When it was sent, or a BNDUPD last came.
    pub(super) moved: Stamp,
}

impl Session {
    /// `had_communicated`: whether the two had ever spoken before.
    pub(super) fn new(
        now: Stamp,
        greeted: &Greeted,
        protocol: Protocol,
        had_communicated: bool,
    ) -> Self {
        let (skew, contacts) = match protocol {
            // Spec §9.1.
            Protocol::Dhcpv4 => (Skew::greeted(greeted.ahead), 3),
            // FO_CONTACT_PER_KEEPALIVE_TIME (RFC 8156 §6.5): by what the partner bears, not we.
            Protocol::Dhcpv6 => (Skew::of_one_clock(greeted.ahead), 4),
        };
        Self {
            dialect: greeted.dialect,
            mclt: greeted.mclt,
            xids: Xids::after(greeted.last_xid, protocol),
            skew,
            guard: Guard::default(),
            up: now,
            received: now,
            sent: now,
            partner_receive_timer: greeted.partner_receive_timer,
            // A partner that announces less than that many seconds gets one a second.
            contact_every: Seconds((greeted.partner_receive_timer.0 / contacts).max(1)),
            is_heard: false,
            has_spoken: false,
            request: None,
            lacks_all: false,
            tells_of_clients: false,
            hands_over: false,
            has_alarmed: false,
            had_communicated,
            partner_had_communicated: false,
            heard_startup: false,
        }
    }

    /// Whether our first STATE waits for the partner's. A dhcpd sends its own unasked (spec §4.7),
    /// and only in that do we see what must not be said to it.
    pub(super) fn must_listen(&self, now: Stamp) -> bool {
        self.dialect == Dialect::Dhcpd && !self.is_heard && now < self.speaks_at()
    }

    /// When the first STATE goes out whether or not the partner was heard: one that waits as we do
    /// would be waited for in vain.
    pub(super) fn speaks_at(&self) -> Stamp {
        self.up.after(LISTENING)
    }
}

/// How long a partner that is taken for a dhcpd may keep its first STATE to itself.
const LISTENING: Seconds = Seconds(5);
