//! HMAC-MD5 (RFC 2104), which DHCP proves with that a message is its sender's.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;

/// Octets of a digest.
pub(super) const LEN: usize = 16;

/// The digest of a message that has one in it: over the whole of it, the digest's own octets zero.
pub(super) fn around(before: &[u8], behind: &[u8], key: &[u8]) -> Hmac<Md5> {
    // RFC 2104 §2 has a key of any length: a long one is hashed, a short one filled up.
    let mut hmac = Hmac::<Md5>::new_from_slice(key).expect("a key has any length");
    hmac.update(before);
    hmac.update(&[0; LEN]);
    hmac.update(behind);
    hmac
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 §2, test cases 1, 2 and 6: a short key, a text for a key, and one longer than a block.
    #[test]
    fn the_function_is_hmac_md5() {
        let known: [(&[u8], &[u8], u128); 3] = [
            (&[0x0b; 16], b"Hi There", 0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d),
            (b"Jefe", b"what do ya want for nothing?", 0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                0x6b1a_b7fe_4bd7_bf8f_0b62_e6ce_61b9_d0cd,
            ),
        ];
        for (key, text, digest) in known {
            let mut hmac = Hmac::<Md5>::new_from_slice(key).unwrap();
            hmac.update(text);
            assert_eq!(hmac.finalize().into_bytes()[..], digest.to_be_bytes());
        }
    }

    #[test]
    fn the_digest_is_of_the_whole_message_with_zeros_in_its_place() {
        let mut whole = Hmac::<Md5>::new_from_slice(b"key").unwrap();
        whole.update(b"before\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0behind");
        let around = around(b"before", b"behind", b"key");
        assert_eq!(around.finalize().into_bytes(), whole.finalize().into_bytes());
    }
}
