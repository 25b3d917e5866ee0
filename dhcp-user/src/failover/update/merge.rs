//! What an address becomes by what the partner says, or has agreed to (draft-12 §5.2, §5.11, §7.1.3).

use super::translate::Received;
use crate::config::model::Parameters;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, BindingStatus, Client, Owner, Told, WriterId};
use crate::wire::{Seconds, Stamp};

/// The binding after what the partner says of it is taken.
pub(super) fn taken(
    now: Stamp,
    role: Role,
    is_reserved: bool,
    writer: WriterId,
    before: Option<&Binding>,
    theirs: &Received,
) -> Binding {
    use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released, Reset};
    let mut new = before.cloned().unwrap_or_else(|| Binding::new(Free, now));
    let was = before.map(|before| before.status);
    new.status = match theirs.status {
        // Who agrees that the client is gone has an address to give at once (draft-12 §5.2.2).
        Expired | Released | Reset => Free,
        // draft-12 §5.13: the primary itself shows it FREE.
        Backup if is_reserved && role == Role::Primary => Free,
        status => status,
    };
    let is_new = was != Some(new.status);
    match theirs.starts {
        Some(starts) if new.status == theirs.status => new.starts = starts.min(now),
        _ if is_new => new.starts = now,
        _ => {}
    }
    new.flags = theirs.flags;
    new.flags.reserved |= is_reserved;
    new.writer = Some(writer);
    new.told = Told::Acknowledged;
    new.offered_until = Stamp::ZERO;
    new.client = theirs.client.clone().or(new.client);
    let is_same = is_same(before.and_then(|before| before.client.as_ref()), new.client.as_ref());
    match new.status {
        Active => {
            let before = before.filter(|before| is_same && before.status == Active);
            let told_end = theirs.expires.unwrap_or(now);
            let theirs_end = told_end.max(overwritten_end(before, theirs));
            let theirs_cltt = theirs.cltt.unwrap_or(Stamp::ZERO);
            if let Some(before) = before.filter(|before| !begins_anew(before, theirs)) {
                new.expires = new.expires.max(theirs_end);
                new.cltt = new.cltt.max(theirs_cltt);
                // What the partner does not know of yet it must still hear.
                let is_told = before.told == Told::Acknowledged;
                if !is_told && (new.expires, new.cltt) != (theirs_end, theirs_cltt) {
                    new.told = Told::Unsent;
                }
            } else {
                // Another lease: what was agreed on for the one before bounds nothing of it.
                new.expires = theirs_end;
                new.cltt = theirs_cltt;
                forget_potential(&mut new);
            }
            // The last that was said and not the latest: the partner waits for no other one.
            new.received_potential = theirs.potential.unwrap_or(theirs_end).max(theirs_end);
            // What a server that lost its disk told once (RFC 8156 §7.5.5).
            new.sent_potential = new.sent_potential.max(theirs.agreed.unwrap_or(Stamp::ZERO));
            if theirs_end > told_end {
                new.told = Told::Unsent;
            }
        }
        Abandoned => {
            forget_potential(&mut new);
            new.client = None;
            new.expires = theirs.expires.unwrap_or_else(|| now.after(Parameters::DECLINE_TIME));
        }
        _ => {
            new.cltt = theirs.cltt.unwrap_or(Stamp::ZERO).max(new.cltt);
            become_available(&mut new, now);
        }
    }
    new
}

/// dhcpd sets potential-expiration-time to D + L/2 from when it hears the client, where L, what the client
/// gets, is no more than D (spec §5.3). If it takes from us the end of a lease that it has renewed
/// since and not told yet, it tells that end with its own later times: the client was told another,
/// which is no later than this.
fn overwritten_end(before: Option<&Binding>, theirs: &Received) -> Stamp {
    let is_ours = |before: &Binding| {
        theirs.expires == Some(before.expires) && theirs.cltt > Some(before.cltt)
    };
    if theirs.dialect == Dialect::Dhcpd
        && before.is_some_and(is_ours)
        && let (Some(cltt), Some(potential)) = (theirs.cltt, theirs.potential)
    {
        let third = potential.since(cltt).0 / 3;
        return cltt.after(Seconds(2 * third));
    }
    Stamp::ZERO
}

/// Whether the client's lease that was running `before` has ended at the partner, which knew of it,
/// and what it tells is the same client's next one. Of one that goes on it would tell no less than it
/// knew. dhcpd says with each renewal that the lease begins.
fn begins_anew(before: &Binding, theirs: &Received) -> bool {
    let starts_since = |starts: Stamp| starts > before.starts && starts >= before.cltt;
    theirs.dialect == Dialect::Tandem
        && before.told == Told::Acknowledged
        && theirs.starts.is_some_and(starts_since)
}

/// The binding after the partner has agreed to what it was sent; `potential` went with it.
pub(super) fn agreed(now: Stamp, writer: WriterId, binding: &Binding, potential: Stamp) -> Binding {
    let mut new = binding.clone();
    new.writer = Some(writer);
    new.told = Told::Acknowledged;
    match new.status {
        BindingStatus::Active => new.acked_potential = potential,
        BindingStatus::Expired | BindingStatus::Released | BindingStatus::Reset => {
            new.status = BindingStatus::Free;
            new.starts = now;
            new.offered_until = Stamp::ZERO;
            become_available(&mut new, now);
        }
        BindingStatus::Free | BindingStatus::Backup | BindingStatus::Abandoned => {}
    }
    new
}

/// The reservation is gone, and both servers know: the address is the primary's (draft-12 §5.13).
pub(super) fn cancel(binding: &mut Binding, now: Stamp) {
    binding.status = BindingStatus::Free;
    binding.starts = now;
    binding.flags.reserved = false;
}

/// What is available is its owner's for ever, if it has such a one (RFC 8156 §4.2.1.1).
pub(super) fn return_to(owner: Option<Owner>, binding: &mut Binding) {
    let Some(owner) = owner.filter(|_| binding.is_available()) else { return };
    binding.status = match owner {
        Owner::Primary => BindingStatus::Free,
        Owner::Secondary => BindingStatus::Backup,
    };
}

/// Nobody has it any more, and both servers know. What was promised of the last lease must not be
/// reckoned with for the next: the partner does not wait for it if we are lost.
pub(super) fn become_available(binding: &mut Binding, now: Stamp) {
    forget_potential(binding);
    binding.expires = binding.expires.min(now);
    binding.flags.bootp = false;
}

fn forget_potential(binding: &mut Binding) {
    binding.sent_potential = Stamp::ZERO;
    binding.acked_potential = Stamp::ZERO;
    binding.received_potential = Stamp::ZERO;
}

/// Whether the record of the binding may still be on its way to disk from another writer.
pub(super) fn is_anothers(binding: &Binding, writer: WriterId) -> bool {
    binding.writer.is_some_and(|other| other != writer)
}

/// Whether both are somebody, and the same.
pub(super) fn is_same(one: Option<&Client>, other: Option<&Client>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.is_same(other))
}

/// Whether the partner would be told the same of both.
pub(super) fn tells_alike(one: &Binding, other: &Binding) -> bool {
    one.status == other.status
        && one.flags == other.flags
        // An OFFER changes whose history an available address is, and tells nothing.
        && (one.is_available()
            || (one.expires, one.cltt, one.sent_potential, &one.client)
                == (other.expires, other.cltt, other.sent_potential, &other.client))
}

/// Whether a restart would find the same in both.
pub(super) fn lasts_alike(one: &Binding, other: &Binding) -> bool {
    let other = Binding {
        version: one.version,
        writer: one.writer,
        offered_until: one.offered_until,
        ..other.clone()
    };
    *one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::{ClientKey, ItemKind};
    use crate::wire::IpFlags;

    const NOW: Stamp = Stamp(1_000);
    const WRITER: WriterId = WriterId(7);

    fn client(name: &[u8]) -> Client {
        Client::builder(ClientKey { kind: ItemKind::Identifier, octets: name }).build()
    }

    fn lease(name: &[u8]) -> Binding {
        Binding {
            expires: Stamp(2_000),
            cltt: Stamp(500),
            sent_potential: Stamp(3_000),
            acked_potential: Stamp(2_900),
            received_potential: Stamp(2_800),
            client: Some(client(name)),
            ..Binding::new(BindingStatus::Active, Stamp(500))
        }
    }

    fn received(status: BindingStatus, name: &[u8]) -> Received {
        Received {
            dialect: Dialect::Tandem,
            status,
            flags: IpFlags::default(),
            client: Some(client(name)),
            expires: Some(Stamp(1_500)),
            potential: Some(Stamp(4_000)),
            starts: Some(Stamp(600)),
            cltt: Some(Stamp(600)),
            agreed: None,
        }
    }

    fn take(before: Option<&Binding>, theirs: &Received) -> Binding {
        taken(NOW, Role::Secondary, false, WRITER, before, theirs)
    }

    #[test]
    fn a_lease_that_the_partner_granted_is_stored_as_the_partner_says() {
        let new = take(None, &received(BindingStatus::Active, b"a"));
        let expected = Binding {
            expires: Stamp(1_500),
            cltt: Stamp(600),
            received_potential: Stamp(4_000),
            writer: Some(WRITER),
            client: Some(client(b"a")),
            ..Binding::new(BindingStatus::Active, Stamp(600))
        };
        assert_eq!(new, expected);
    }

    #[test]
    fn the_end_of_a_lease_is_only_ever_raised_and_the_last_potential_holds() {
        let lease = |name: &[u8]| Binding { starts: Stamp(600), ..lease(name) };
        let new = take(Some(&lease(b"a")), &received(BindingStatus::Active, b"a"));
        assert_eq!((new.expires, new.cltt), (Stamp(2_000), Stamp(600)));
        assert_eq!((new.sent_potential, new.acked_potential), (Stamp(3_000), Stamp(2_900)));
        assert_eq!(new.received_potential, Stamp(4_000));
        let less = Received {
            expires: Some(Stamp(2_100)),
            potential: Some(Stamp(2_200)),
            ..received(BindingStatus::Active, b"a")
        };
        let new = take(Some(&lease(b"a")), &less);
        assert_eq!((new.expires, new.received_potential), (Stamp(2_100), Stamp(2_200)));
    }

    #[test]
    fn what_the_partner_could_not_know_it_is_still_told() {
        let unsent = Binding { told: Told::Unsent, ..lease(b"a") };
        let new = take(Some(&unsent), &received(BindingStatus::Active, b"a"));
        assert_eq!(new.told, Told::Unsent, "our lease lasts longer");
        let known =
            Received { expires: Some(Stamp(2_000)), ..received(BindingStatus::Active, b"a") };
        assert_eq!(take(Some(&unsent), &known).told, Told::Acknowledged);
        let other = take(Some(&unsent), &received(BindingStatus::Active, b"b"));
        assert_eq!(other.told, Told::Acknowledged, "ours is gone");
    }

    #[test]
    fn another_clients_lease_inherits_no_promise() {
        let new = take(Some(&lease(b"a")), &received(BindingStatus::Active, b"b"));
        assert_eq!(new.expires, Stamp(1_500));
        assert_eq!((new.sent_potential, new.acked_potential), (Stamp::ZERO, Stamp::ZERO));
        assert!(new.client.unwrap().is_same(&client(b"b")));
    }

    /// Or the next client could be given more than the MCLT beyond what the partner waits for.
    #[test]
    fn an_address_that_is_free_again_is_the_last_clients_and_without_promises() {
        use BindingStatus::{Expired, Released, Reset};
        for status in [Expired, Released, Reset] {
            let new = take(Some(&lease(b"a")), &received(status, b"a"));
            assert_eq!((new.status, new.starts, new.expires), (BindingStatus::Free, NOW, NOW));
            assert_eq!(new.told, Told::Acknowledged);
            let told = Binding { status, told: Told::Sent, ..lease(b"a") };
            let agreed = agreed(NOW, WRITER, &told, Stamp(9));
            assert_eq!((agreed.status, agreed.starts), (BindingStatus::Free, NOW));
            for free in [new, agreed] {
                assert!(free.client.as_ref().unwrap().is_same(&client(b"a")));
                assert_eq!(
                    [free.sent_potential, free.acked_potential, free.received_potential],
                    [Stamp::ZERO; 3]
                );
            }
        }
    }

    /// It was released at the partner and granted once more, for less time, while the link was down.
    #[test]
    fn the_same_clients_next_lease_ends_when_the_partner_says() {
        let theirs = received(BindingStatus::Active, b"a");
        let new = take(Some(&lease(b"a")), &theirs);
        assert_eq!((new.expires, new.starts), (Stamp(1_500), Stamp(600)));
        assert_eq!((new.acked_potential, new.received_potential), (Stamp::ZERO, Stamp(4_000)));
        let heard_since = Binding { cltt: Stamp(601), ..lease(b"a") };
        assert_eq!(take(Some(&heard_since), &theirs).expires, Stamp(2_000));
        let unknown_to_it = Binding { told: Told::Sent, ..lease(b"a") };
        assert_eq!(take(Some(&unknown_to_it), &theirs).expires, Stamp(2_000));
        // dhcpd says of each renewal that the lease begins.
        let renewed = Received { dialect: Dialect::Dhcpd, ..theirs };
        assert_eq!(take(Some(&lease(b"a")), &renewed).expires, Stamp(2_000));
    }

    #[test]
    fn what_the_partner_agreed_to_is_agreed() {
        let lease = Binding { told: Told::Unsent, ..lease(b"a") };
        let new = agreed(NOW, WRITER, &lease, Stamp(2_999));
        assert_eq!((new.told, new.acked_potential), (Told::Acknowledged, Stamp(2_999)));
        for status in [BindingStatus::Free, BindingStatus::Backup, BindingStatus::Abandoned] {
            let told = Binding { told: Told::Sent, ..Binding::new(status, Stamp(5)) };
            let new = agreed(NOW, WRITER, &told, Stamp(5));
            assert_eq!((new.status, new.told, new.starts), (status, Told::Acknowledged, Stamp(5)));
        }
    }

    #[test]
    fn an_unusable_address_is_nobodys_until_it_is_tried_again() {
        let new = take(Some(&lease(b"a")), &received(BindingStatus::Abandoned, b"a"));
        assert_eq!((new.client.as_ref(), new.expires), (None, Stamp(1_500)));
        let silent = Received { expires: None, ..received(BindingStatus::Abandoned, b"a") };
        let new = take(Some(&lease(b"a")), &silent);
        assert_eq!(new.expires, NOW.after(Parameters::DECLINE_TIME));
    }

    #[test]
    fn the_primary_shows_a_reserved_address_free() {
        let backup = received(BindingStatus::Backup, b"a");
        let new = taken(NOW, Role::Primary, true, WRITER, None, &backup);
        assert_eq!((new.status, new.flags.reserved), (BindingStatus::Free, true));
        assert_eq!(take(None, &backup).status, BindingStatus::Backup);
    }

    #[test]
    fn an_offer_changes_nothing_that_the_partner_is_told() {
        let free = Binding { client: Some(client(b"a")), ..Binding::new(BindingStatus::Free, NOW) };
        let offered = Binding {
            offered_until: Stamp(2_000),
            client: Some(client(b"b")),
            cltt: NOW,
            version: 9,
            ..free.clone()
        };
        assert!(tells_alike(&free, &offered));
        let lease = lease(b"a");
        assert!(!tells_alike(&lease, &Binding { expires: Stamp(2_001), ..lease.clone() }));
        assert!(!tells_alike(&lease, &Binding { client: Some(client(b"b")), ..lease.clone() }));
        assert!(tells_alike(&lease, &Binding { acked_potential: NOW, ..lease.clone() }));
    }
}
