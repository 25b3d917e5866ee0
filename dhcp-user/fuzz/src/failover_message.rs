//! Messages between partners.

use dhcp_user::wire::failover::{Dialect, Malformed, Message, Packet, Update, verify};

/// A message that parses and can be written says the same when it is read again: to a partner that
/// takes everything; and to a dhcpd all that it takes, each option once and none that harms it.
pub fn failover_message(octets: &[u8]) {
    // A message cut to what there is, so that not every change of the length ends here.
    let mut octets = octets[..octets.len().min(Packet::MAX_LEN)].to_vec();
    let _ = Packet::len_of_first(&octets);
    let _ = Packet::parse(&octets);
    let len = octets.len() as u16;
    if let Some(length) = octets.first_chunk_mut() {
        *length = len.to_be_bytes();
    }
    let _ = (verify(&octets, None), verify(&octets, Some(b"secret")));
    let packet = match Packet::parse(&octets) {
        Ok(packet) => packet,
        Err(Malformed::Ignored { kind }) => return assert!(kind >= 128),
        Err(error) => return assert!(!error.to_string().is_empty()),
    };

    if let Some(written) = write(&packet, Dialect::Tandem, None) {
        let again = Packet::parse(&written).expect("what was written is sound");
        // A full message has no room for what was not said in it, such as a state's time.
        if octets.len() <= Update::BATCH_LEN {
            assert_eq!(again, packet);
        }
        assert_eq!(write(&again, Dialect::Tandem, None).as_ref(), Some(&written));
    }
    if let Some(signed) = write(&packet, Dialect::Tandem, Some(b"secret")) {
        assert_eq!(verify(&signed, Some(b"secret")), Ok(()));
        assert!(Packet::parse(&signed).is_ok());
    }
    if let Some(written) = write(&packet, Dialect::Dhcpd, None) {
        let mut codes = codes(&written);
        assert!(codes.iter().all(|code| ![7, 8, 9].contains(code)), "{codes:?}");
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        // Whoever says several addresses at once, as no dhcpd does, is answered so.
        let answers_batch =
            matches!(&packet.message, Message::BindingAck(answers) if answers.len() > 1);
        assert!(answers_batch || codes.len() == count, "each option once");
        if !matches!(packet.message, Message::BindingUpdate(_)) && octets.len() <= Update::BATCH_LEN
        {
            assert_eq!(Packet::parse(&written), Ok(packet));
        }
    }
}

fn write(packet: &Packet, dialect: Dialect, secret: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    packet.encode(dialect, secret, &mut octets).ok()?;
    assert!((Packet::HEADER_LEN..=Packet::MAX_LEN).contains(&octets.len()));
    assert_eq!(Packet::len_of_first(&octets), Ok(Some(octets.len())));
    Some(octets)
}

/// Codes of a message's options, by a walk of its own.
fn codes(octets: &[u8]) -> Vec<u16> {
    let mut codes = Vec::new();
    let mut left = &octets[usize::from(octets[3])..];
    while let [a, b, c, d, rest @ ..] = left {
        codes.push(u16::from_be_bytes([*a, *b]));
        left = &rest[usize::from(u16::from_be_bytes([*c, *d]))..];
    }
    assert!(left.is_empty());
    codes
}
