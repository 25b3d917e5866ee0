//! DHCPDECLINE (RFC 2131 §4.3.3): the address is in use by somebody we know nothing of.

use super::exchange::{Exchange, Output};
use crate::server::{Answer, DropReason};

pub(super) fn decline(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    let address = exchange.requested_address();
    // Clients that leave the server identifier out (a MUST of table 5) are heard as by dhcpd.
    if exchange.names_us() == Some(false) && !exchange.speaks_for_the_partner(address) {
        return Err(DropReason::OtherServer);
    }
    let address = address.ok_or(DropReason::Incomplete)?;
    // Only its own: nobody may empty a pool by declining what others have.
    exchange.give_up(address, |held| exchange.abandon(held, output))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client};
    use super::*;
    use crate::lease::BindingStatus;
    use crate::wire::Seconds;

    /// RFC 2131 §4.3.3.
    #[test]
    fn a_declined_address_is_set_aside_for_the_configured_time() {
        let mut server = Server::small("decline-time = \"30m\"", "");
        let address = server.lease(&client(1));
        let declined = server.hear(&client(1).declining(address));
        assert_eq!(declined.answer, Answer::Done);
        let [change] = &declined.changes[..] else { panic!("{:?}", declined.changes) };
        assert_eq!(change.binding.status, BindingStatus::Abandoned);
        assert_eq!(change.binding.expires, server.now.after(Seconds(1800)));
        assert_eq!(change.binding.client, None);
        assert_ne!(server.lease(&client(1)), address);
        assert_eq!(server.exhaust(2), 8, "of ten, one is held and one set aside");
        server.pass(1800);
        let mut freed = Vec::new();
        server.sweep(|at, _| freed.push(at));
        assert!(freed.contains(&address));
    }

    #[test]
    fn nobody_declines_what_another_holds() {
        let mut server = Server::small("", "");
        let address = server.lease(&client(1));
        assert_eq!(server.hear(&client(2).declining(address)).dropped(), Some(DropReason::NotHeld));
        assert!(server.binding(address).unwrap().is_held(server.now));
    }
}
