//! What a request will want of the table, guessed before it is read.

use crate::lease::Foresight;
use crate::server::identity::Speaker;
use crate::server::{InterfaceIndex, World};
use crate::wire::dhcpv4::{Glimpse, MessageType};

/// See [`World::foresee`].
pub(in crate::server) fn foresee(
    world: World<'_>,
    interface: InterfaceIndex,
    octets: &[u8],
    foresight: &mut Foresight,
) {
    let Some(glimpse) = Glimpse::of(octets) else { return };
    let held = Some(glimpse.ciaddr).filter(|address| !address.is_unspecified());
    let chosen = glimpse.requested.filter(|_| glimpse.kind == Some(MessageType::Request));
    if let Some(address) = held.or(chosen) {
        return foresight.expect(address);
    }
    let service = world.service;
    let Some(place) = service.topology.guess(interface, glimpse.giaddr) else { return };
    let mut speaker = Speaker::new(glimpse.hardware, glimpse.giaddr);
    speaker.identifier = glimpse.identifier;
    if let Some(key) = speaker.key(&service.identity) {
        foresight.expect_client(world.table, service.network_ids[place.network], key);
    }
}
