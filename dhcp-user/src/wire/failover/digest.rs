//! message-digest (draft-12 §11.1, §12.17): proof that who sent a message knows the shared secret.
//!
//! ```text
//! | code 17 (2) | length 17 (2) | type 1 | HMAC-MD5 (16) |
//! ```
//! The draft wants the message "concatenated with" the secret and calls it HMAC-MD5. Here it is HMAC
//! (RFC 2104) with the secret for a key, over the whole message with the 16 octets zero. Nobody else
//! speaks it, so nothing else was tried.

use hmac::Mac as _;

use super::option::{Code, PREFIX_LEN};
use super::{Packet, Reject};
use crate::wire::digest;

/// Octets of the digest itself.
pub(super) const LEN: usize = digest::LEN;
/// Octets of the option.
pub(super) const OPTION_LEN: usize = PREFIX_LEN + 1 + LEN;
/// The only type there is.
pub(super) const HMAC_MD5: u8 = 1;

/// The option up to the digest.
const PREFIX: [u8; PREFIX_LEN + 1] = [0, Code::MessageDigest as u8, 0, 1 + LEN as u8, HMAC_MD5];

/// Whether a message comes from somebody with the same secret; or, if there is none, from somebody
/// who does not use one. Asked before anything in the message is believed.
///
/// Whether the message is an old one, said again, is the greeting's affair.
///
/// # Errors
/// `MissingDigest`, `DigestMismatch`, or for a digest that nobody here can check
/// `DigestNotConfigured`: the connection is refused for that reason (draft-12 §7.8.2).
pub fn verify(message: &[u8], secret: Option<&[u8]>) -> Result<(), Reject> {
    let found = split(message);
    let Some(secret) = secret else {
        return if found.is_some() { Err(Reject::DigestNotConfigured) } else { Ok(()) };
    };
    let (before, said, behind) = found.ok_or(Reject::MissingDigest)?;
    // Takes as long whichever octet is wrong.
    digest::around(before, behind, secret).verify_slice(said).map_err(|_| Reject::DigestMismatch)
}

/// Fills in the digest of a message whose first option is one, whatever is in it.
pub(super) fn sign(message: &mut [u8], secret: &[u8]) {
    let Some((before, _, behind)) = split(message) else { return };
    let digest = digest::around(before, behind, secret).finalize().into_bytes();
    let start = before.len();
    message[start..start + LEN].copy_from_slice(&digest);
}

/// What is before, in and behind the digest, if that is the first option.
fn split(message: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let offset = usize::from(*message.get(3)?).max(Packet::HEADER_LEN);
    if !message.get(offset..)?.starts_with(&PREFIX) {
        return None;
    }
    let (before, rest) = message.split_at(offset + PREFIX.len());
    let (digest, behind) = rest.split_at_checked(LEN)?;
    Some((before, digest, behind))
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _};
    use md5::Md5;

    use super::*;
    use crate::wire::Stamp;
    use crate::wire::failover::{Dialect, Message, State, StateReport};

    const SECRET: &[u8] = b"between the two of us";

    fn signed() -> Vec<u8> {
        let report = StateReport { state: State::Normal, is_startup: false, since: Stamp(9) };
        let packet = Packet { time: Stamp(10), xid: 3, message: Message::State(report) };
        let mut octets = Vec::new();
        packet.encode(Dialect::Dhcpd, Some(SECRET), &mut octets).unwrap();
        octets
    }

    #[test]
    fn the_digest_is_that_of_the_whole_message_with_zeros_in_its_place() {
        let octets = signed();
        assert_eq!(octets[12..17], PREFIX);
        let mut zeroed = octets.clone();
        zeroed[17..33].fill(0);
        let mut whole = Hmac::<Md5>::new_from_slice(SECRET).unwrap();
        whole.update(&zeroed);
        assert_eq!(octets[17..33], whole.finalize().into_bytes()[..]);
        assert_eq!(usize::from(octets[1]), octets.len());
    }

    #[test]
    fn every_octet_counts() {
        let octets = signed();
        assert_eq!(verify(&octets, Some(SECRET)), Ok(()));
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut changed = octets.clone();
                changed[at] ^= 1 << bit;
                assert!(verify(&changed, Some(SECRET)).is_err(), "octet {at}, bit {bit}");
            }
        }
        assert_eq!(verify(&octets, Some(b"another")), Err(Reject::DigestMismatch));
    }

    #[test]
    fn secrets_are_with_both_or_with_none() {
        let plain = [0, 12, 11, 12, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(verify(&plain, None), Ok(()));
        assert_eq!(verify(&plain, Some(SECRET)), Err(Reject::MissingDigest));
        assert_eq!(verify(&signed(), None), Err(Reject::DigestNotConfigured));
    }

    /// draft-12 §11.1: it is the first option.
    #[test]
    fn a_digest_anywhere_else_or_cut_short_is_none() {
        let octets = signed();
        let (header, options) = octets.split_at(12);
        let (digest, state) = options.split_at(OPTION_LEN);
        let moved = [header, state, digest].concat();
        assert_eq!(verify(&moved, Some(SECRET)), Err(Reject::MissingDigest));
        for len in 0..12 + OPTION_LEN {
            assert_eq!(verify(&octets[..len], Some(SECRET)), Err(Reject::MissingDigest));
        }
    }
}
