//! What a partner can read.

/// What a partner takes, by its vendor-class-identifier.
///
/// What is encoded for [`Dhcpd`](Self::Dhcpd) can neither end a dhcpd 4.4.3 nor make it close the
/// link, as far as that hangs on one message alone.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Dialect {
    /// What ISC dhcpd takes; so too until the partner has said who it is.
    #[default]
    Dhcpd,
    /// Batches, and everything the draft has.
    Tandem,
}

impl Dialect {
    /// How our vendor-class-identifier begins.
    pub const VENDOR: &str = "tandem-";
}
