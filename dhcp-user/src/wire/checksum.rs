//! The Internet checksum (RFC 1071).

use super::internet::Internet;

/// A sum of 16-bit words in ones' complement, not yet folded. Nothing with less than 2^31 octets
/// overflows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// The words of the UDP pseudo-header (RFC 768, RFC 8200 §8.1): addresses, protocol, length in
    /// octets.
    pub(super) fn of_pseudo_header(
        source: &impl Internet,
        destination: &impl Internet,
        protocol: u8,
        len: u16,
    ) -> Self {
        let words = u64::from(protocol) + u64::from(len);
        let quads = |address: &[u8]| -> u64 {
            let quads = address.as_chunks::<4>().0.iter();
            quads.map(|quad| u64::from(u32::from_be_bytes(*quad))).sum()
        };
        let (source, destination) = (source.network_octets(), destination.network_octets());
        Self(words + quads(source.as_ref()) + quads(destination.as_ref()))
    }

    /// This sum and that of `octets`, which begin on a word; an odd last one is padded with zero.
    #[must_use]
    pub(super) fn add(self, octets: &[u8]) -> Self {
        // Eight octets at a time, 2^16 being 1 in ones' complement, and in the machine's own order: the
        // sum of words turned round is the sum turned round (RFC 1071 §2). Four of them in a row, so
        // that what is left of the loop is additions.
        let (rows, rest) = octets.as_chunks::<32>();
        let (words, rest) = rest.as_chunks::<8>();
        let word = |word: &[u8; 8]| u128::from(u64::from_ne_bytes(*word));
        let mut sum = 0;
        for row in rows {
            row.as_chunks::<8>().0.iter().for_each(|octets| sum += word(octets));
        }
        words.iter().for_each(|octets| sum += word(octets));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        sum += word(&last);
        // Each part below 2^34, so that nothing is lost.
        let folded = (sum >> 64) as u64 + (sum as u64 >> 32) + (sum as u64 & 0xffff_ffff);
        Self(self.0 + u64::from(u16::from_be(Self(folded).folded())))
    }

    /// The sum as one word, not complemented.
    pub(super) fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// What goes into the checksum field, if the field was zero in the sum.
    pub(super) fn finish(self) -> u16 {
        !self.folded()
    }

    /// Whether a sum that took in the checksum field itself says that nothing was damaged.
    pub(super) fn is_whole(self) -> bool {
        self.folded() == 0xffff
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071 §3, the worked example.
    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().add(&octets).folded(), 0xddf2);
    }

    proptest! {
        #[test]
        fn eight_octets_at_a_time_sum_as_two_at_a_time(octets: Vec<u8>) {
            let mut sum: u32 = octets
                .chunks(2)
                .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
                .sum();
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            prop_assert_eq!(u32::from(Sum::default().add(&octets).folded()), sum);
        }
    }
}
