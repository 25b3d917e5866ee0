//! DHCPv4 and BOOTP: one file a message (RFC 2131 §4.3).

mod allocate;
mod bootp;
mod decline;
mod discover;
mod exchange;
mod foresee;
mod grant;
mod inform;
#[cfg(test)]
mod ledger;
mod partner;
#[cfg(test)]
mod partner_tests;
mod release;
mod reply;
mod request;
#[cfg(test)]
pub(super) mod testing;

pub(super) use exchange::answer;
pub(super) use foresee::foresee;
