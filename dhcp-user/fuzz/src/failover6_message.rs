//! Messages between DHCPv6 partners.

use dhcp_user::wire::failover::Malformed;
use dhcp_user::wire::failover6::{Message, Packet, Protocol};

/// A message that parses and can be written says the same when it is read again, and is written the
/// same; so is the answer that takes a binding.
pub fn failover6_message(octets: &[u8]) {
    let _ = (Packet::len_of_first(octets), Packet::parse(octets), Protocol::of_first(octets));
    // A message cut to what there is, so that not every change of the size ends here.
    let mut octets = octets[..octets.len().min(Packet::MAX_LEN)].to_vec();
    let size = octets.len().saturating_sub(Packet::SIZE_LEN) as u16;
    if let Some(first) = octets.first_chunk_mut() {
        *first = size.to_be_bytes();
    }
    let packet = match Packet::parse(&octets) {
        Ok(packet) => packet,
        Err(Malformed::Ignored { kind }) => return assert!(!(23..=35).contains(&kind)),
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    write_again(&packet);
    if let Message::BindingUpdate(binding) = &packet.message {
        let message = Message::BindingReply(Box::new(binding.accepted()));
        assert!(write_again(&Packet { message, ..packet }), "every update can be answered");
    }
}

/// Whether the packet can be written.
fn write_again(packet: &Packet) -> bool {
    let mut written = Vec::new();
    if packet.encode(&mut written).is_err() {
        assert!(written.is_empty());
        return false;
    }
    assert_eq!(Packet::len_of_first(&written), Ok(Some(written.len())));
    let again = Packet::parse(&written).expect("what was written is sound");
    let mut twice = Vec::new();
    again.encode(&mut twice).expect("what was written can be written");
    assert_eq!(twice, written);
    true
}
