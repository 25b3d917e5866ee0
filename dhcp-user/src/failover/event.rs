//! What happens to an endpoint, and what it wants done.

use super::greeting::Greeted;
use super::saved::Saved;
use crate::lease::{Binding, Resource, View};
use crate::wire::failover::{Message, Packet, Rejection, State};
use crate::wire::failover6;
use crate::wire::{Seconds, Stamp};

/// What happens to an endpoint.
#[derive(Debug)]
pub enum Event<'a> {
    /// CONNECT and CONNECTACK were exchanged on a connection.
    LinkUp(Greeted),
    /// A message came on that connection: any but CONNECT and CONNECTACK.
    Received(&'a Packet),
    /// The same in a relationship of DHCPv6, and when it was read: not handled, which may be later (RFC 8156
    /// §7.1).
    Received6(&'a failover6::Packet, Stamp),
    /// The connection is gone.
    LinkLost(Lost),
    /// All workers, and whoever ends leases, go by the last [`Action::Publish`], and the table has all
    /// that they did by earlier ones.
    Followed,
    /// Time has passed: at [`Endpoint::next_timeout`](super::Endpoint::next_timeout), or at any time.
    Tick,
    /// The operator wants something.
    Command(Command),
}

/// Why a connection is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lost {
    /// The partner closed it, or the network did.
    Closed,
    /// What came was no message; in words.
    Malformed(String),
    /// We closed it, as an [`Action::Close`] asked.
    Asked,
}

/// What an operator may want.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// The partner is down, and does not serve (draft-12 §9.4).
    PartnerDown,
    /// Stop serving for a while (draft-12 §9.13).
    Pause,
    /// Serve again, after PAUSED or SHUTDOWN.
    Resume,
    /// The server goes out of service for long: the partner goes to PARTNER-DOWN at once
    /// (draft-12 §9.14).
    Shutdown,
    /// The process ends, in whatever state: close the link with a word. The partner goes to
    /// COMMUNICATIONS-INTERRUPTED, as with a crash.
    Leave,
    /// Forget what is known of the partner's knowledge, and tell it everything again.
    Resynchronise,
    /// Free an address or a prefix whatever it is used for (RESET).
    Reset(Resource),
}

/// What is to be done, in this order: nothing that leaves the server (`Send`, `Close`, `Publish`)
/// does so before every `Changed` and `Save` ahead of it is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// This binding has been swapped into the table and must be journalled.
    Changed {
        /// Of what.
        resource: Resource,
        /// What was there before: whoever counts leases needs it.
        before: Option<Binding>,
        /// What is there now.
        binding: Binding,
    },
    /// The endpoint's own state must be journalled.
    Save(Saved),
    /// Send this with that xid. The link fills in the time.
    Send(u32, Message),
    /// The same in a relationship of DHCPv6.
    Send6(u32, failover6::Message),
    /// Close the connection, with a DISCONNECT that says why, or without a word. RFC 8156 has other
    /// numbers for reasons: [`failover6::Refusal`] is made from it.
    Close(Option<Rejection>),
    /// From now on workers go by this.
    Publish(View),
    /// Say it in the log, and to whoever watches.
    Alarm(Alarm),
}

/// Updates that one of the two servers refused, since that was said last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusals {
    /// How many.
    pub count: u64,
    /// Of what the last was.
    pub resource: Resource,
    /// Why.
    pub rejection: Rejection,
}

/// What an operator should know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Alarm {
    /// Our state changed, and why in words.
    Moved {
        /// From this state.
        from: State,
        /// To this one.
        to: State,
        /// Why.
        why: &'static str,
    },
    /// The partner's state changed.
    PartnerMoved {
        /// From this one, if it was known.
        from: Option<State>,
        /// To this one.
        to: State,
    },
    /// The clocks differ by this much; positive if the partner's is ahead.
    Skew(i64),
    /// Two clients claim one address or prefix, or two servers have different ideas of it.
    Conflict {
        /// Of which.
        resource: Resource,
        /// In words.
        what: String,
    },
    /// The partner refused updates of ours; said once a second, whatever their number.
    Refused(Refusals),
    /// We refused updates of the partner's; as often.
    Rejected(Refusals),
    /// The partner is a primary with another MCLT than is configured here: its own counts.
    Mclt {
        /// As configured here.
        ours: Seconds,
        /// The primary's.
        theirs: Seconds,
    },
    /// The partner broke the protocol; the connection is closed.
    Misbehaved(String),
    /// The partner closed the connection, and perhaps said why.
    Disconnected(Option<Rejection>),
    /// What an operator wants cannot be.
    Declined {
        /// What was wanted.
        command: Command,
        /// Why not.
        why: &'static str,
    },
    /// Telling the partner our state would end it or stop it for good (spec §4.6): the connection is
    /// closed, and an operator must act.
    Dangerous {
        /// Our state.
        ours: State,
        /// The partner's; STARTUP if it was never heard.
        partner: State,
    },
    /// The partner has not answered an update for so long.
    Unanswered(Seconds),
    /// The partner asked for addresses, and there are none to spare.
    NothingToGive,
    /// Clients are told apart here by what a relay says of them, and a dhcpd neither hears that nor
    /// says it: whom it serves is another client here than whom we serve ourselves.
    IdentityNotShared,
    /// Both servers are in NORMAL.
    BothNormal {
        /// Since when.
        at: Stamp,
    },
}
