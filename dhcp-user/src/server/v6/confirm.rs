//! Confirm: does what the client has still fit its link (RFC 8415 §18.3.3)? Who has what is not looked at.

use super::Reply;
use super::exchange::{Exchange, Output};
use super::reply::{Content, reply};
use crate::server::DropReason;
use crate::wire::dhcpv6::{MessageType, StatusCode};

pub(super) fn confirm(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    let mut addresses = exchange.ias.iter().flat_map(|ia| ia.addresses()).peekable();
    // It cannot be judged, and somebody else may.
    addresses.peek().ok_or(DropReason::Incomplete)?;
    let topology = &exchange.service.topology;
    let is_on_link = addresses.all(|it| topology.is_on_link(exchange.place, it.address()));
    let status = if is_on_link { StatusCode::SUCCESS } else { StatusCode::NOT_ON_LINK };
    reply(exchange, &Content { status: Some(status), ..Content::of(MessageType::Reply) }, output)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client, ip, prefix};
    use super::*;

    /// RFC 8415 §18.3.3.
    #[test]
    fn addresses_are_judged_by_the_link_alone() {
        let mut server = Server::small("", "");
        let [here, there] = ["2001:db8:1::dead", "2001:db8:7::1"].map(|it| ip(it).into());
        let mut hear =
            |named: &[_]| server.hear(&client(1).na(1, named).kind(MessageType::Confirm));
        assert_eq!(hear(&[here]).status(), Some(StatusCode::SUCCESS));
        assert_eq!(hear(&[here, there]).status(), Some(StatusCode::NOT_ON_LINK));
        assert_eq!(hear(&[]).dropped(), Some(DropReason::Incomplete));
        let prefixes = client(1).pd(1, &[prefix("2001:db8:8000::", 56).into()]);
        let heard = server.hear(&prefixes.kind(MessageType::Confirm));
        assert_eq!(heard.dropped(), Some(DropReason::Incomplete));
    }
}
