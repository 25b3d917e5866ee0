//! Release and Decline: a client gives up what it has (RFC 8415 §18.3.7, §18.3.8).

use super::Reply;
use super::candidate::{Candidate, hints};
use super::exchange::{ATTEMPTS, Exchange, Few, Output};
use super::grant::Lost;
use super::reply::{Content, Outcome, reply};
use crate::server::DropReason;
use crate::wire::dhcpv6::{IaKind, MessageType, StatusCode};

pub(super) fn release(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    give_back(exchange, output, |exchange, held, output| exchange.end(held, output))
}

pub(super) fn decline(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Reply, DropReason> {
    give_back(exchange, output, |exchange, held, output| match held.resource {
        // A prefix is not declined (RFC 8415 §18.2.8).
        crate::lease::Resource::Prefix(_) => Ok(()),
        _ => exchange.abandon(held, output),
    })
}

/// Has `change` done to all that the client names and has. Success is said whatever there was, and of an
/// association that has nothing here, that.
fn give_back<'a>(
    exchange: &Exchange<'a>,
    output: &mut Output<'_>,
    change: impl Fn(&Exchange<'a>, &Candidate<'a>, &mut Output<'_>) -> Result<(), Lost>,
) -> Result<Reply, DropReason> {
    let mut ias = Few::new();
    for ia in exchange.ias.iter().copied() {
        let (key, mut is_known) = (exchange.key_of(&ia), false);
        'hints: for hint in hints(&ia) {
            for _ in 0..ATTEMPTS {
                // Only its own: nobody ends or empties what others have.
                let Some(held) = exchange.held(hint.resource, &key) else { continue 'hints };
                is_known = true;
                exchange.admit_to(exchange.view(held.site))?;
                if !output.may_change(1) {
                    // It runs out, or its client gives it up again.
                    continue 'hints;
                }
                if change(exchange, &held, output).is_ok() {
                    continue 'hints;
                }
            }
            return Err(DropReason::Contended);
        }
        let is_served =
            exchange.message.kind() == MessageType::Release || ia.kind() == IaKind::Addresses;
        if !is_known && is_served {
            ias.push(Outcome::failed(ia, StatusCode::NO_BINDING));
        }
    }
    let status = Some(StatusCode::SUCCESS);
    reply(exchange, &Content { ias: &ias, status, ..Content::of(MessageType::Reply) }, output)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, client, ip};
    use super::*;
    use crate::lease::BindingStatus;
    use crate::wire::Seconds;
    use MessageType::{Decline, Release};

    /// RFC 8415 §18.3.7.
    #[test]
    fn what_is_released_is_free_and_still_its_clients_first() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).na(1, &[]).pd(1, &[]));
        let packet = client(1).na(1, &leased[..1]).pd(1, &leased[1..]).naming_server();
        let heard = server.hear(&packet.kind(Release));
        assert_eq!((heard.status(), heard.changes.len()), (Some(StatusCode::SUCCESS), 2));
        assert!(heard.changes.iter().all(|it| it.binding.status == BindingStatus::Free));
        for n in 2..8 {
            let others = server.lease(&client(n).na(1, &[]).pd(1, &[]));
            assert!(others.iter().all(|it| !leased.contains(it)));
        }
        assert_eq!(server.lease(&client(1).na(1, &[]).pd(1, &[])), leased);
    }

    #[test]
    fn only_the_holder_gives_up_what_it_has() {
        for kind in [Release, Decline] {
            let mut server = Server::small("", "");
            let leased = server.lease(&client(1).na(1, &[]));
            for thief in [client(2).na(1, &leased), client(1).na(2, &leased)] {
                let heard = server.hear(&thief.kind(kind).naming_server());
                assert_eq!(heard.status(), Some(StatusCode::SUCCESS));
                assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_BINDING));
                assert_eq!(heard.changes, []);
            }
            assert!(server.binding(leased[0]).unwrap().is_held(server.now));
        }
    }

    /// RFC 8415 §18.3.8.
    #[test]
    fn a_declined_address_is_set_aside_for_the_configured_time() {
        let mut server = Server::small("decline-time = \"30m\"", "");
        let leased = server.lease(&client(1).na(1, &[]));
        let heard = server.hear(&client(1).na(1, &leased).kind(Decline).naming_server());
        let [change] = &heard.changes[..] else { panic!("{:?}", heard.changes) };
        assert_eq!(change.binding.status, BindingStatus::Abandoned);
        assert_eq!(change.binding.expires, server.now.after(Seconds(1_800)));
        assert_eq!(change.binding.client, None);
        assert_ne!(server.lease(&client(1).na(1, &[])), leased);
    }

    /// RFC 8415 §18.2.8.
    #[test]
    fn a_prefix_is_not_declined() {
        let mut server = Server::small("", "");
        let leased = server.lease(&client(1).pd(1, &[]));
        let heard = server.hear(&client(1).pd(1, &leased).kind(Decline).naming_server());
        assert_eq!((heard.status(), heard.changes.len()), (Some(StatusCode::SUCCESS), 0));
        assert!(server.binding(leased[0]).unwrap().is_held(server.now));
    }

    #[test]
    fn what_nobody_has_is_nobodys_to_give_up() {
        let mut server = Server::small("", "");
        let named = [ip("2001:db8:1::15").into(), ip("2001:db8:7::1").into()];
        let heard = server.hear(&client(1).na(1, &named).kind(Release).naming_server());
        assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_BINDING));
        assert_eq!(heard.changes, []);
    }
}
