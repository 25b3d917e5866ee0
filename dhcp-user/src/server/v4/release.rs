//! DHCPRELEASE (RFC 2131 §4.3.4): the lease ends, and the client is remembered.

use super::exchange::{Exchange, Output};
use crate::server::{Answer, DropReason};

pub(super) fn release(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    let address = exchange.client_address();
    match exchange.names_us() {
        Some(true) => {}
        Some(false) if exchange.speaks_for_the_partner(address) => {}
        Some(false) => return Err(DropReason::OtherServer),
        None if exchange.service.leniency.release_without_server_id => {}
        None => return Err(DropReason::Incomplete),
    }
    let address = address.ok_or(DropReason::Incomplete)?;
    exchange.give_up(address, |held| exchange.end(held, output))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client};
    use super::*;
    use crate::lease::BindingStatus;
    use crate::wire::option::code;

    /// RFC 2131 §4.3.4: the server "SHOULD retain a record of the client's initialization
    /// parameters for possible reuse".
    #[test]
    fn a_released_address_is_free_and_still_its_clients_first() {
        let mut server = Server::small("", "");
        let address = server.lease(&client(1));
        server.lease(&client(9));
        server.pass(60);
        let released = server.hear(&client(1).releasing(address));
        assert_eq!(released.answer, Answer::Done);
        let [change] = &released.changes[..] else { panic!("{:?}", released.changes) };
        assert_eq!(change.binding.status, BindingStatus::Free);
        assert_eq!((change.binding.starts, change.binding.expires), (server.now, server.now));
        for n in 2..6 {
            assert_ne!(server.lease(&client(n)), address, "others are given what was never used");
        }
        assert_eq!(server.lease(&client(1)), address);
    }

    #[test]
    fn only_the_holder_may_release() {
        let mut server = Server::small("", "");
        let address = server.lease(&client(1));
        assert_eq!(server.hear(&client(2).releasing(address)).dropped(), Some(DropReason::NotHeld));
        let other = client(1).releasing(address).option(code::SERVER_IDENTIFIER, &[10, 0, 0, 9]);
        assert_eq!(server.hear(&other).dropped(), Some(DropReason::OtherServer));
        let nothing = client(1).releasing(address).ciaddr([0; 4]);
        assert_eq!(server.hear(&nothing).dropped(), Some(DropReason::Incomplete));
        assert!(server.binding(address).unwrap().is_held(server.now));
        server.hear(&client(1).releasing(address));
        let again = server.hear(&client(1).releasing(address));
        assert_eq!(again.dropped(), Some(DropReason::NotHeld));
    }

    #[test]
    fn a_release_without_server_identifier_is_taken_unless_that_is_switched_off() {
        let mut lenient = Server::small("", "");
        let address = lenient.lease(&client(1));
        let bare = client(1).releasing(address).without(code::SERVER_IDENTIFIER);
        assert_eq!(lenient.hear(&bare).answer, Answer::Done);
        let mut strict = Server::small("[leniency]\nrelease-without-server-id = false", "");
        let address = strict.lease(&client(1));
        let bare = client(1).releasing(address).without(code::SERVER_IDENTIFIER);
        assert_eq!(strict.hear(&bare).dropped(), Some(DropReason::Incomplete));
    }
}
