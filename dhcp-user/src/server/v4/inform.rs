//! DHCPINFORM (RFC 2131 §4.3.5): options for a client that has its address from elsewhere.

use std::net::Ipv4Addr;

use super::exchange::{Exchange, Output};
use super::reply::{Told, reply};
use crate::server::{Answer, DropReason};
use crate::wire::dhcpv4::MessageType;

/// Whether a lease exists is not looked at (§4.3.5: MUST NOT), nor is one told of.
pub(super) fn inform(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    let address = exchange.informed_address().ok_or(DropReason::Incomplete)?;
    // The address is where the answer goes: one that lies in no network of ours may be forged.
    let site = exchange.service.topology.site(address).ok_or(DropReason::UnknownNetwork)?;
    exchange.admit(site)?;
    let told = Told {
        kind: Some(MessageType::Ack),
        yiaddr: Ipv4Addr::UNSPECIFIED,
        times: None,
        mask: Some(site.subnet.mask()),
        layers: exchange.layers(site.base()),
        is_rapid: false,
        confirms: false,
    };
    reply(exchange, &told, output)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client};
    use super::*;
    use crate::server::Destination;
    use crate::wire::option::code;

    const STATIC: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 77);

    /// RFC 2131 §4.3.5, and table 3: neither `yiaddr` nor a lease time.
    #[test]
    fn an_inform_is_answered_with_options_alone() {
        let mut server = Server::small("", "");
        let ack = server.hear(&client(1).kind(MessageType::Inform).ciaddr(STATIC));
        assert_eq!(ack.kind(), Some(MessageType::Ack));
        assert_eq!((ack.yiaddr(), ack.ciaddr()), (Ipv4Addr::UNSPECIFIED, STATIC));
        assert_eq!(ack.to(), Destination::Unicast { address: STATIC });
        assert_eq!(ack.option(code::ROUTERS).unwrap(), [10, 0, 0, 1]);
        assert_eq!(ack.option(code::SUBNET_MASK).unwrap(), [255, 255, 255, 0]);
        for absent in [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME] {
            assert_eq!(ack.option(absent), None);
        }
        assert_eq!(ack.changes, []);
    }

    #[test]
    fn an_inform_without_ciaddr_is_answered_where_it_came_from() {
        let mut server = Server::small("", "");
        let bare = client(1).kind(MessageType::Inform).from(STATIC).ciaddr([0; 4]);
        assert_eq!(server.hear(&bare).to(), Destination::Unicast { address: STATIC });
        let nowhere = server.hear(&client(1).kind(MessageType::Inform));
        assert_eq!(nowhere.dropped(), Some(DropReason::Incomplete));
    }

    #[test]
    fn a_forged_address_gets_no_answer() {
        let mut server = Server::small("", "");
        let forged = client(1).kind(MessageType::Inform).ciaddr([192, 0, 2, 1]);
        assert_eq!(server.hear(&forged).dropped(), Some(DropReason::UnknownNetwork));
    }
}
