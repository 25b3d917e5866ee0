//! What a request will want of the table, guessed before it is read.

use super::World;
use super::identity::IaKey;
use crate::lease::Foresight;
use crate::server::InterfaceIndex;
use crate::wire::dhcpv6::Glimpse;

/// See [`World::foresee`].
pub(super) fn foresee(
    world: World<'_>,
    interface: InterfaceIndex,
    octets: &[u8],
    foresight: &mut Foresight,
) {
    let service = world.service;
    let Some(glimpse) = Glimpse::of(octets) else { return };
    let Some(place) = service.topology.locate(interface, glimpse.via) else { return };
    let Some(network) = service.topology.network_id(place.network) else { return };
    for (kind, iaid) in glimpse.ias.into_iter().flatten() {
        let key = IaKey::new(kind, iaid, glimpse.duid);
        foresight.expect_client(world.table, network, key.key());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client};
    use super::*;
    use crate::wire::dhcpv6::MessageType;

    /// All that it does is look: the answer is the same.
    #[test]
    fn whatever_comes_is_looked_for_and_changes_nothing() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(1, &[]).pd(1, &[]));
        let before = leased.iter().map(|it| server.binding(*it)).collect::<Vec<_>>();
        let known = client(1).na(1, &leased[..1]).pd(1, &leased[1..]).kind(MessageType::Renew);
        let packets = [known.naming_server(), client(2).na(1, &[]), client(3)];
        let mut foresight = Foresight::with_capacity(8);
        for packet in &packets {
            let octets = packet.octets();
            for len in 0..=octets.len() {
                foresee(server.world(), InterfaceIndex(0), &octets[..len], &mut foresight);
            }
        }
        foresight.fetch(&server.table, &server.table.pin());
        assert_eq!(leased.iter().map(|it| server.binding(*it)).collect::<Vec<_>>(), before);
        assert_eq!(server.hear(&packets[0]).leases().len(), 2);
    }
}
