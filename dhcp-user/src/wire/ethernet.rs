//! Ethernet II frames with up to two VLAN tags (IEEE 802.1Q, 802.1ad).
//!
//! ```text
//!  0             6        12                         14 + 4n
//!  | destination | source | n tags of TPID and TCI ... | EtherType | payload ...
//! ```

use super::{MacAddr, WireError};

/// The shortest frame without its check sequence: shorter payloads are padded (IEEE 802.3 §3.2.8).
pub const MIN_FRAME_LEN: usize = 60;
/// Addresses and EtherType, without tags.
pub(super) const HEADER_LEN: usize = 14;
/// EtherType of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub(super) const IPV6: u16 = 0x86dd;
/// EtherType of ARP.
pub(super) const ARP: u16 = 0x0806;

const TAG_LEN: usize = 4;

/// One VLAN tag.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct VlanTag {
    /// [`Self::CUSTOMER`] or [`Self::SERVICE`].
    pub tpid: u16,
    /// Priority (3 bits), drop eligible (1), VLAN identifier (12).
    pub tci: u16,
}

impl VlanTag {
    /// TPID of a customer tag, the only one of most frames (802.1Q).
    pub const CUSTOMER: u16 = 0x8100;
    /// TPID of a service tag, the outer one of two (802.1ad).
    pub const SERVICE: u16 = 0x88a8;

    /// VLAN identifier, 0 to 4095.
    #[must_use]
    pub fn id(self) -> u16 {
        self.tci & 0x0fff
    }
}

/// The tags of one frame, outermost first; two at most.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct VlanTags {
    count: u8,
    // Those past `count` are always the default, so that equality can be derived.
    tags: [VlanTag; Self::MAX],
}

impl VlanTags {
    /// A frame with more is not ours.
    pub const MAX: usize = 2;
    /// An untagged frame.
    pub const NONE: Self = Self { count: 0, tags: [VlanTag { tpid: 0, tci: 0 }; Self::MAX] };

    /// The tags, outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[VlanTag] {
        &self.tags[..usize::from(self.count)]
    }

    /// These with `tag` outside them, as when the kernel took it off the frame; `None` if there
    /// are two already.
    #[must_use]
    pub fn with_outer(self, tag: VlanTag) -> Option<Self> {
        match self.count {
            0 => Some(Self { count: 1, tags: [tag, VlanTag::default()] }),
            1 => Some(Self { count: 2, tags: [tag, self.tags[0]] }),
            _ => None,
        }
    }

    /// These with `tag` inside them; `None` if there are two already.
    #[must_use]
    pub fn with_inner(mut self, tag: VlanTag) -> Option<Self> {
        *self.tags.get_mut(usize::from(self.count))? = tag;
        self.count += 1;
        Some(self)
    }

    /// Octets that the tags take in a frame.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count) * TAG_LEN
    }

    /// Whether the frame is untagged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// An Ethernet header laid over a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ethernet<'a> {
    pub(super) destination: MacAddr,
    pub(super) source: MacAddr,
    pub(super) tags: VlanTags,
    pub(super) ethertype: u16,
    /// Padding of short frames included.
    pub(super) payload: &'a [u8],
}

impl<'a> Ethernet<'a> {
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, WireError> {
        WireError::at_least("Ethernet header", HEADER_LEN, frame)?;
        let mut tags = VlanTags::NONE;
        let mut at = 12;
        loop {
            WireError::at_least("VLAN tag", at + 2, frame)?;
            let ethertype = u16::from_be_bytes([frame[at], frame[at + 1]]);
            if !matches!(ethertype, VlanTag::CUSTOMER | VlanTag::SERVICE) {
                return Ok(Self {
                    destination: MacAddr::read(frame, 0),
                    source: MacAddr::read(frame, 6),
                    tags,
                    ethertype,
                    payload: &frame[at + 2..],
                });
            }
            WireError::at_least("VLAN tag", at + TAG_LEN, frame)?;
            let tci = u16::from_be_bytes([frame[at + 2], frame[at + 3]]);
            let third = WireError::Value { field: "third VLAN tag", value: tci.into() };
            tags = tags.with_inner(VlanTag { tpid: ethertype, tci }).ok_or(third)?;
            at += TAG_LEN;
        }
    }

    /// Writes a header in front of what stands, or will stand, behind it, and says how long it is.
    ///
    /// # Panics
    /// If `frame` is shorter than the header.
    pub(super) fn write(
        destination: MacAddr,
        source: MacAddr,
        tags: VlanTags,
        ethertype: u16,
        frame: &mut [u8],
    ) -> usize {
        frame[..6].copy_from_slice(&destination.0);
        frame[6..12].copy_from_slice(&source.0);
        let mut at = 12;
        for tag in tags.as_slice() {
            frame[at..at + 2].copy_from_slice(&tag.tpid.to_be_bytes());
            frame[at + 2..at + 4].copy_from_slice(&tag.tci.to_be_bytes());
            at += TAG_LEN;
        }
        frame[at..at + 2].copy_from_slice(&ethertype.to_be_bytes());
        at + 2
    }

    /// Fills a frame of `len` octets up to the shortest there may be, and says how long it is then.
    ///
    /// # Panics
    /// If `frame` has not that many octets.
    pub(super) fn pad(frame: &mut [u8], len: usize) -> usize {
        if len < MIN_FRAME_LEN {
            frame[len..MIN_FRAME_LEN].fill(0);
        }
        len.max(MIN_FRAME_LEN)
    }
}
