//! DHCPv6 datagrams, through relays and not.

use dhcp_user::wire::dhcpv6::{
    Datagram, Glimpse, HOP_COUNT_LIMIT, MessageType, OLD_HOP_COUNT_LIMIT, Options, ReconfigureKey,
    Writer,
};
use dhcp_user::wire::option::{self, v6::code};

/// A datagram that parses is answered through the same relays, with as many of its own options as
/// fit; and all of it reads the same.
pub fn dhcpv6(octets: &[u8]) {
    let _ = Glimpse::of(octets);
    let Ok(request) = Datagram::parse(octets, OLD_HOP_COUNT_LIMIT) else {
        return assert!(Datagram::parse(octets, HOP_COUNT_LIMIT).is_err());
    };
    let (relays, message) = (request.relays, request.message);
    assert!(message.octets().len() <= octets.len());
    for relay in relays.iter() {
        let _ = (relay.remote_id(), relay.subscriber_id(), relay.relay_id());
        let _ = (relay.client_link_layer(), relay.has_source_port(), relay.supplied_options());
        describe(relay.options());
    }
    let _ = (relays.via(), relays.innermost(), message.fqdn(), message.authentication());
    let _ = (message.user_class(), message.vendor_options().count(), message.status());
    for ia in message.ias() {
        assert!(ia.addresses().count() + ia.prefixes().count() <= octets.len());
        assert!(
            ia.prefixes()
                .all(|prefix| { prefix.exclude().is_none_or(|part| prefix.prefix().covers(part)) })
        );
        describe(ia.options());
    }
    describe(message.options());

    let mut buffer = vec![0xa5; octets.len() + 64];
    let Ok(mut writer) =
        Writer::reply(&mut buffer, &relays, MessageType::Reply, message.transaction_id())
    else {
        // What relays want echoed they may want to be longer than what they sent.
        return assert!(!relays.is_empty());
    };
    let key = ReconfigureKey([7; 16]);
    let is_signed = !message.options().has(code::AUTHENTICATION) && writer.sign(1, key).is_ok();
    let mut taken = usize::from(is_signed);
    for (code, data) in message.options().iter() {
        taken += usize::from(writer.options().push(code, data).is_ok());
    }
    let len = writer.finish();
    let reply = Datagram::parse(&buffer[..len], OLD_HOP_COUNT_LIMIT);
    let reply = reply.expect("what was written is sound");
    assert_eq!(reply.message.transaction_id(), message.transaction_id());
    assert_eq!(reply.message.options().iter().count(), taken);
    assert!(!is_signed || reply.message.is_signed_with(&key));
    assert_eq!(reply.relays.count(), relays.count());
    for (back, forth) in reply.relays.iter().zip(relays.iter()) {
        assert_eq!(back.interface_id(), forth.interface_id());
        assert_eq!(
            (back.hop_count(), back.link_address(), back.peer_address()),
            (forth.hop_count(), forth.link_address(), forth.peer_address())
        );
    }
}

fn describe(options: Options<'_>) {
    for (code, data) in options.iter() {
        assert!(!option::describe(code, data).contains('\n'));
    }
}
