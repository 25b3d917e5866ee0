//! Where the fields of a message lie (RFC 2131 §2, figure 1).

use std::ops::Range;

pub(super) const OP: usize = 0;
pub(super) const HTYPE: usize = 1;
pub(super) const HLEN: usize = 2;
pub(super) const HOPS: usize = 3;
pub(super) const XID: Range<usize> = 4..8;
pub(super) const SECS: Range<usize> = 8..10;
pub(super) const FLAGS: Range<usize> = 10..12;
pub(super) const CIADDR: Range<usize> = 12..16;
pub(super) const YIADDR: Range<usize> = 16..20;
pub(super) const SIADDR: Range<usize> = 20..24;
pub(super) const GIADDR: Range<usize> = 24..28;
pub(super) const CHADDR: Range<usize> = 28..44;
pub(super) const SNAME: Range<usize> = 44..108;
pub(super) const FILE: Range<usize> = 108..236;
pub(super) const COOKIE: Range<usize> = 236..240;

/// All that BOOTP is sure to have.
pub(super) const FIXED_LEN: usize = FILE.end;
/// The options begin here.
pub(super) const OPTIONS: usize = COOKIE.end;
/// What makes a vendor area options (RFC 2131 §3).
pub(super) const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
