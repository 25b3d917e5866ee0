//! What UDP and frames need of the internet protocol under them, so that they stand once for both.

use std::fmt;

use super::WireError;

/// Protocol number, or next header, of UDP.
pub(super) const UDP: u8 = 17;

/// A whole datagram: no fragment, header undamaged.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a, A> {
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
    /// What the payload is: protocol, or next header.
    pub protocol: u8,
    /// Ends where the header says, whatever padding follows in the frame.
    pub payload: &'a [u8],
}

/// An address of IPv4 or IPv6, for the protocol that it is of.
pub trait Internet: Copy + Eq + fmt::Debug {
    /// EtherType.
    const ETHERTYPE: u16;
    /// Octets of a header without options, as all of ours are.
    const HEADER_LEN: usize;
    /// Whether UDP may come without a checksum: over IPv4 (RFC 768), and not over IPv6 (RFC 8200 §8.1).
    const CHECKSUM_IS_OPTIONAL: bool;

    /// Takes the header off a datagram.
    ///
    /// # Errors
    /// `Fragment` for one, and the rest for damage.
    fn parse(octets: &[u8]) -> Result<Datagram<'_, Self>, WireError>;

    /// Writes a header of [`Self::HEADER_LEN`] octets for a payload of `payload_len`.
    ///
    /// `identification` tells datagrams apart that a router on the way takes to pieces.
    ///
    /// # Panics
    /// If `octets` is shorter than the header, or the datagram longer than the protocol carries.
    fn write_header(
        source: Self,
        destination: Self,
        protocol: u8,
        identification: u16,
        payload_len: usize,
        octets: &mut [u8],
    );

    /// The address, in network order.
    fn network_octets(&self) -> impl AsRef<[u8]>;
}
