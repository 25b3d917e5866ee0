//! Authentication, option 11, as the Reconfigure Key Authentication Protocol uses it (RFC 8415 §20.4).
//!
//! ```text
//!  | protocol 3 (1) | algorithm 1 (1) | RDM 0 (1) | replay detection (8) | type (1) | key or HMAC-MD5 (16) |
//! ```
//! A server tells a client a key in a Reply (type 1), and proves with it that a Reconfigure is its own
//! (type 2).

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Message;
use crate::wire::option::v6::code;
use crate::wire::{WireError, digest};

/// Protocol number of RKAP.
const RECONFIGURE_KEY: u8 = 3;
/// HMAC-MD5.
const ALGORITHM: u8 = 1;
/// Replay detection by a value that grows.
const MONOTONIC: u8 = 0;
/// The key follows.
const TYPE_KEY: u8 = 1;
/// The digest follows.
const TYPE_DIGEST: u8 = 2;
/// Octets ahead of the authentication information.
const HEAD_LEN: usize = 11;

/// Octets of a reconfigure key.
pub const RECONFIGURE_KEY_LEN: usize = 16;

/// What a client was told, so that it knows this server's Reconfigures (RFC 8415 §20.4.1).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct ReconfigureKey(pub [u8; RECONFIGURE_KEY_LEN]);

impl ReconfigureKey {
    /// The key of the client with this DUID at servers with this secret, which nobody without it can tell
    /// from a random one: HMAC-SHA-256 of a text of its own and the DUID, cut to the length of a key.
    #[must_use]
    pub fn of(secret: &[u8], duid: &[u8]) -> Self {
        Self(keyed(secret, b"reconfigure key", duid))
    }

    /// What tells that a key is of this secret, and nothing about either: for whoever keeps with a client
    /// that it has a key.
    #[must_use]
    pub fn generation(secret: &[u8]) -> [u8; 4] {
        keyed(secret, b"reconfigure secret", &[])
    }
}

/// The first octets of a digest of this text, which begins as no other use does.
fn keyed<const LEN: usize>(secret: &[u8], what: &[u8], of: &[u8]) -> [u8; LEN] {
    // RFC 2104 §2 has a key of any length.
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret).expect("a key has any length");
    hmac.update(what);
    hmac.update(of);
    let mut octets = [0; LEN];
    octets.copy_from_slice(&hmac.finalize().into_bytes()[..LEN]);
    octets
}

impl fmt::Debug for ReconfigureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No key in a log.
        f.write_str("ReconfigureKey(..)")
    }
}

/// The fields of an authentication option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Authentication<'a> {
    /// protocol.
    pub protocol: u8,
    /// algorithm.
    pub algorithm: u8,
    /// RDM: replay detection method.
    pub replay_method: u8,
    /// replay detection.
    pub replay: u64,
    /// authentication information.
    pub information: &'a [u8],
}

impl<'a> Authentication<'a> {
    /// Reads the data of an authentication option.
    ///
    /// # Errors
    /// `Truncated` for one without its fixed fields.
    pub fn parse(data: &'a [u8]) -> Result<Self, WireError> {
        WireError::at_least("authentication", HEAD_LEN, data)?;
        let (head, information) = data.split_at(HEAD_LEN);
        let [protocol, algorithm, replay_method, a, b, c, d, e, f, g, h] = *head else {
            return Err(WireError::Length { field: "authentication", value: head.len() });
        };
        let replay = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Ok(Self { protocol, algorithm, replay_method, replay, information })
    }

    /// The key that it tells, if it does.
    #[must_use]
    pub fn reconfigure_key(&self) -> Option<ReconfigureKey> {
        match *self.information {
            [TYPE_KEY, ref key @ ..] if self.is_reconfigure_key() => {
                key.try_into().ok().map(ReconfigureKey)
            }
            _ => None,
        }
    }

    fn is_reconfigure_key(&self) -> bool {
        (self.protocol, self.algorithm) == (RECONFIGURE_KEY, ALGORITHM)
    }
}

/// Whether the message is of somebody who knows `key`.
pub(super) fn is_signed(message: &Message<'_>, key: &ReconfigureKey) -> bool {
    let Some(data) = message.options().get(code::AUTHENTICATION) else { return false };
    let is_digest = Authentication::parse(data).is_ok_and(|authentication| {
        authentication.is_reconfigure_key()
            && authentication.information.len() == 1 + digest::LEN
            && authentication.information[0] == TYPE_DIGEST
    });
    if !is_digest {
        return false;
    }
    let octets = message.octets();
    // The data lies inside of the message, and the digest ends it.
    let end = data.as_ptr_range().end as usize - octets.as_ptr() as usize;
    let (before, rest) = octets.split_at(end - digest::LEN);
    let (said, behind) = rest.split_at(digest::LEN);
    // Takes as long whichever octet is wrong.
    digest::around(before, behind, &key.0).verify_slice(said).is_ok()
}

/// The data that tells a client its key.
pub(super) fn telling(replay: u64, key: &ReconfigureKey) -> [u8; HEAD_LEN + 1 + digest::LEN] {
    data(replay, TYPE_KEY, key.0)
}

/// The data of a message yet to be signed; the digest's octets end it.
pub(super) fn unsigned(replay: u64) -> [u8; HEAD_LEN + 1 + digest::LEN] {
    data(replay, TYPE_DIGEST, [0; digest::LEN])
}

/// Fills in the digest of a message, which stands `at` so many octets into it.
pub(super) fn sign(message: &mut [u8], at: usize, key: &ReconfigureKey) {
    let (before, rest) = message.split_at(at);
    let digest = digest::around(before, &rest[digest::LEN..], &key.0).finalize().into_bytes();
    message[at..at + digest::LEN].copy_from_slice(&digest);
}

fn data(replay: u64, kind: u8, octets: [u8; digest::LEN]) -> [u8; HEAD_LEN + 1 + digest::LEN] {
    let mut data = [0; HEAD_LEN + 1 + digest::LEN];
    data[..3].copy_from_slice(&[RECONFIGURE_KEY, ALGORITHM, MONOTONIC]);
    data[3..HEAD_LEN].copy_from_slice(&replay.to_be_bytes());
    data[HEAD_LEN] = kind;
    data[HEAD_LEN + 1..].copy_from_slice(&octets);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers by another implementation of HMAC-SHA-256.
    #[test]
    fn a_key_follows_from_the_secret_and_the_whole_duid() {
        let secret: Vec<u8> = (0..32).collect();
        let [first, second] =
            [[&[0, 4][..], &[9; 16]].concat(), [&[0, 4][..], &[9; 15], &[8]].concat()];
        let known: [(&[u8], &[u8], u128); 3] = [
            (&secret, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1], 0xde22_97a8_2ff8_bc4f_478a_dab4_4591_1b38),
            (b"a secret of ours", &first, 0x92a1_53c8_704b_066e_e780_847d_6ee9_e8f8),
            (b"a secret of ours", &second, 0x76e6_3990_d6a5_66e9_c6cb_0dbb_6d7a_fa9b),
        ];
        for (secret, duid, key) in known {
            assert_eq!(ReconfigureKey::of(secret, duid).0, key.to_be_bytes());
        }
    }
}
