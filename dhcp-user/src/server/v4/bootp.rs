//! BOOTP (RFC 951, RFC 1542): an address for ever, where the configuration serves such clients.

use super::exchange::{ATTEMPTS, Exchange, Output};
use super::grant::Lost;
use super::reply::{Told, reply};
use crate::server::standing::Standing;
use crate::server::term::Term;
use crate::server::{Answer, DropReason};
use crate::wire::Stamp;

pub(super) fn bootp(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    exchange.admit_to_link()?;
    for _ in 0..ATTEMPTS {
        let candidate =
            exchange.choose(exchange.client_address()).map_err(|_| DropReason::BootpOff)?;
        let layers = exchange.layers(candidate.site.base());
        // RFC 951 §7.3: who names a server wants that one.
        let named = exchange.message.sname();
        let own = layers.parameter(|p| p.server_name.as_deref()).unwrap_or_default();
        if !named.is_empty() && named != own.as_bytes() {
            exchange.pass_over(&candidate);
            return Err(DropReason::OtherServer);
        }
        // It asks at every start, and has nothing new to be told.
        let is_settled =
            candidate.standing == Standing::Held && candidate.expires() == Some(Stamp::NEVER);
        if is_settled {
            exchange.confirm(&candidate, output);
        } else {
            match exchange.grant(&candidate, &Term::forever(&layers), output) {
                Ok(Ok(())) => {}
                Ok(Err(Lost)) => continue,
                Err(reason) => {
                    exchange.pass_over(&candidate);
                    return Err(reason);
                }
            }
        }
        let told = Told {
            kind: None,
            yiaddr: candidate.address,
            times: None,
            mask: Some(candidate.site.subnet.mask()),
            layers,
            is_rapid: false,
            confirms: is_settled,
        };
        return reply(exchange, &told, output);
    }
    Err(DropReason::Contended)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client};
    use super::*;
    use crate::server::Destination;
    use crate::wire::option::code;

    const POOLS: &str = r#"
        [[interface]]
        name = "eth0"
        [[subnet4]]
        subnet = "10.0.0.0/24"
        pools = ["10.0.0.10-10.0.0.19", { range = "10.0.0.20-10.0.0.20", bootp = true, boot-file = "kernel" }]
        server-name = "boot"
    "#;

    #[test]
    fn a_bootp_client_gets_an_address_for_ever_from_a_pool_for_such() {
        let mut server = Server::new(POOLS);
        let first = server.hear(&client(1));
        assert_eq!(first.yiaddr().octets()[3], 20);
        assert_eq!(first.kind(), None);
        assert_eq!(first.option(code::LEASE_TIME), None);
        assert_eq!(first.option(code::SUBNET_MASK).unwrap(), [255, 255, 255, 0]);
        assert_eq!(first.octets.len(), 300);
        assert!(matches!(first.to(), Destination::Client { .. }));
        assert_eq!(&first.octets[108..114], b"kernel");
        let [change] = &first.changes[..] else { panic!("{:?}", first.changes) };
        assert!(change.binding.flags.bootp);
        assert_eq!(change.binding.expires, Stamp::NEVER);
        server.pass(1_000_000);
        let again = server.hear(&client(1));
        assert_eq!((again.yiaddr(), again.changes.len()), (first.yiaddr(), 0));
        assert_eq!(server.hear(&client(2)).dropped(), Some(DropReason::BootpOff), "that was all");
    }

    #[test]
    fn bootp_clients_are_left_alone_where_none_are_served() {
        let mut server = Server::small("", "");
        assert_eq!(server.hear(&client(1)).dropped(), Some(DropReason::BootpOff));
    }

    /// RFC 951 §7.3.
    #[test]
    fn who_names_a_server_is_answered_by_that_one_alone() {
        let mut server = Server::new(POOLS);
        assert_eq!(server.hear(&client(1).sname("other")).dropped(), Some(DropReason::OtherServer));
        assert_eq!(server.hear(&client(1).sname("boot")).yiaddr().octets()[3], 20);
    }

    /// Its first record may still be on its way to disk.
    #[test]
    fn a_client_that_asks_again_is_answered_no_sooner_than_its_lease_is_durable() {
        let mut server = Server::new(POOLS);
        assert!(!server.hear(&client(1)).confirms());
        assert!(server.hear(&client(1)).confirms());
        server.hand_to(1);
        assert_eq!(server.hear(&client(1)).changes.len(), 1);
    }
}
