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
        let (source, destination) = (source.network_octets(), destination.network_octets());
        Self(words).add(source.as_ref()).add(destination.as_ref())
    }

    /// This sum and that of `octets`, which begin on a word; an odd last one is padded with zero.
    #[must_use]
    pub(super) fn add(self, octets: &[u8]) -> Self {
        // Four octets at a time: 2^16 is 1 in ones' complement, so folding puts the halves right.
        let (quads, rest) = octets.as_chunks::<4>();
        let mut sum: u64 = quads.iter().map(|quad| u64::from(u32::from_be_bytes(*quad))).sum();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        sum += u64::from(u32::from_be_bytes(last));
        Self(self.0 + sum)
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
        fn four_octets_at_a_time_sum_as_two_at_a_time(octets: Vec<u8>) {
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
