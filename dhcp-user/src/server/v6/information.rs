//! Information-request: the options alone (RFC 8415 §18.3.6).

use super::Reply;
use super::exchange::{Exchange, Output};
use super::reply::{Content, reply};
use crate::server::DropReason;
use crate::wire::dhcpv6::MessageType;

pub(super) fn information(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    reply(exchange, &Content::of(MessageType::Reply), output)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SERVER, Server, client, duid, ip};
    use super::*;
    use crate::wire::option::v6::code;

    /// RFC 8415 §18.3.6: what was asked for, and nothing else.
    #[test]
    fn the_options_that_were_asked_for_are_told() {
        let options = r#"options6 = { 82 = "0x00000e10", 32 = "0x00015180" }"#;
        let mut server = Server::small(options, "");
        let wanted = [code::INFORMATION_REFRESH_TIME, code::DNS_SERVERS, code::NTP_SERVERS];
        let asking = client(1).kind(MessageType::InformationRequest).wanting(&wanted);
        let heard = server.hear(&asking);
        assert_eq!(heard.kind(), Some(MessageType::Reply));
        assert_eq!(heard.option(code::DNS_SERVERS).unwrap(), ip("2001:db8::53").octets());
        assert_eq!(heard.option(code::INFORMATION_REFRESH_TIME).unwrap(), 86_400_u32.to_be_bytes());
        assert_eq!((heard.option(code::SOL_MAX_RT), heard.option(code::NTP_SERVERS)), (None, None));
        assert_eq!(heard.option(code::SERVER_ID).unwrap(), SERVER);
        assert_eq!(heard.option(code::CLIENT_ID).unwrap(), duid(1));
        assert_eq!(heard.changes, []);
        let anonymous = server.hear(&asking.without(code::CLIENT_ID));
        assert_eq!(anonymous.option(code::CLIENT_ID), None);
    }
}
