//! The server's own addresses: which requests are for it, and where its replies come from.

use std::net::Ipv6Addr;

use crate::server::InterfaceIndex;
use crate::wire::dhcpv6::{ALL_RELAYS_AND_SERVERS, ALL_SERVERS};

/// Our own addresses, by the interface's place in the configuration.
#[derive(Debug)]
pub(super) struct Own(Vec<Vec<Ipv6Addr>>);

impl Own {
    pub(super) fn new(interfaces: &[Vec<Ipv6Addr>]) -> Self {
        Self(interfaces.to_vec())
    }

    /// Whether what is sent there is for us (RFC 8415 §7.1, §18.4).
    pub(super) fn has(&self, destination: Ipv6Addr) -> bool {
        [ALL_RELAYS_AND_SERVERS, ALL_SERVERS].contains(&destination)
            || self.0.iter().flatten().any(|own| *own == destination)
    }

    /// What a reply to `to` on an interface comes from: the address that was asked, if it is one; else one
    /// that `to` can answer. A router passes nothing on that has a link-local one (RFC 4291 §2.5.6).
    pub(super) fn source(
        &self,
        interface: InterfaceIndex,
        asked: Ipv6Addr,
        to: Ipv6Addr,
    ) -> Option<Ipv6Addr> {
        if !asked.is_multicast() {
            return Some(asked);
        }
        let own = self.0.get(usize::from(interface.0))?;
        let is_near = to.is_unicast_link_local();
        let of_scope = own.iter().find(|own| own.is_unicast_link_local() == is_near);
        of_scope.or(own.first()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ip;
    use super::*;

    #[test]
    fn a_reply_comes_from_the_address_asked_or_from_one_of_the_scope_of_its_goal() {
        let both = vec![ip("2001:db8::1"), ip("fe80::1")];
        let own = Own::new(&[both, vec![ip("fe80::2")], Vec::new()]);
        let source = |interface, asked: &str, to: &str| {
            own.source(InterfaceIndex(interface), ip(asked), ip(to)).map(|it| it.to_string())
        };
        assert_eq!(source(0, "ff02::1:2", "fe80::9").as_deref(), Some("fe80::1"));
        assert_eq!(source(0, "ff05::1:3", "2001:db8:9::9").as_deref(), Some("2001:db8::1"));
        assert_eq!(source(0, "2001:db8::1", "fe80::9").as_deref(), Some("2001:db8::1"));
        assert_eq!(source(1, "ff05::1:3", "2001:db8:9::9").as_deref(), Some("fe80::2"));
        assert_eq!(source(2, "ff02::1:2", "fe80::9"), None);
        assert_eq!(source(3, "ff02::1:2", "fe80::9"), None);
    }

    #[test]
    fn both_groups_and_our_own_addresses_are_for_us() {
        let own = Own::new(&[vec![ip("2001:db8::1")]]);
        for (destination, is_ours) in [
            ("ff02::1:2", true),
            ("ff05::1:3", true),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("ff02::1", false),
        ] {
            assert_eq!(own.has(ip(destination)), is_ours, "{destination}");
        }
    }
}
