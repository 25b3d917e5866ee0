//! What everything about one event goes by.

use super::event::Action;
use super::skew::Skew;
use crate::config::model::Protocol;
use crate::lease::{Binding, ResourceId, Table};
use crate::wire::Stamp;
use crate::wire::failover::State;

/// What everything about one event goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// Now.
    pub(super) now: Stamp,
    /// Own state; STARTUP as such.
    pub(super) state: State,
    /// Whether the link is up and a STATE has come on it: only then does anything go out.
    pub(super) is_heard: bool,
    /// Whether untold bindings are sent unasked: heard, and in a state where our own are to be
    /// trusted (NORMAL, COMMUNICATIONS-INTERRUPTED, PARTNER-DOWN).
    pub(super) tells: bool,
    /// Whether workers go by the view that was published last: until then some may still grant by the
    /// one before, and nobody can say what the partner must know by now.
    pub(super) is_followed: bool,
    /// Corrects the partner's times.
    pub(super) skew: &'a Skew,
    /// Every address.
    pub(super) table: &'a Table,
}

impl Moment<'_> {
    /// Has the binding journalled that was just swapped in, or may not be durable yet.
    pub(super) fn changed(
        &self,
        id: ResourceId,
        before: Option<&Binding>,
        binding: Option<&Binding>,
        actions: &mut Vec<Action>,
    ) {
        // What has a binding was given its number.
        if let Some((binding, resource)) = binding.zip(self.table.resource(id)) {
            let (before, binding) = (before.cloned(), binding.clone());
            actions.push(Action::Changed { resource, before, binding });
        }
    }
}

/// The xids of what we originate on one connection (draft-12 §6.1, RFC 8156 §5.4).
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Xids {
    last: u32,
    /// The largest there is.
    end: u32,
    /// Of our last UPDREQ or UPDREQALL, whose UPDDONE may come late; 0: none.
    request: u32,
}

impl Xids {
    /// Goes on after `last`.
    pub(super) fn after(last: u32, protocol: Protocol) -> Self {
        let end = match protocol {
            Protocol::Dhcpv4 => u32::MAX,
            // RFC 8156 §5.2: three octets.
            Protocol::Dhcpv6 => 0x00ff_ffff,
        };
        Self { last, end, request: 0 }
    }

    /// The next. Never 0, which dhcpd takes for none in a BNDUPD.
    pub(super) fn next(&mut self) -> u32 {
        loop {
            self.last = if self.last >= self.end { 1 } else { self.last + 1 };
            if self.last != self.request {
                return self.last;
            }
        }
    }

    /// The next, for an UPDREQ or UPDREQALL: no other message is given it as long as it is the last of
    /// those.
    pub(super) fn next_request(&mut self) -> u32 {
        self.request = self.next();
        self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8156 §5.4.
    #[test]
    fn numbers_begin_anew_and_pass_over_a_request_that_is_not_done() {
        let mut xids = Xids::after(0x00ff_fffd, Protocol::Dhcpv6);
        assert_eq!([xids.next(), xids.next(), xids.next()], [0x00ff_fffe, 0x00ff_ffff, 1]);
        let mut xids = Xids::after(0, Protocol::Dhcpv6);
        let request = xids.next_request();
        let mut again = Xids { last: 0x00ff_ffff, ..xids };
        assert_eq!((request, again.next()), (1, 2));
        assert_eq!(Xids::after(0x00ff_ffff, Protocol::Dhcpv4).next(), 0x0100_0000);
        assert_eq!(Xids::after(u32::MAX, Protocol::Dhcpv4).next(), 1);
    }
}
