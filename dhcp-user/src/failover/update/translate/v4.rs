//! What a BNDUPD of draft-12 says of an address, and what one means (draft-12 §7.1.1, Table 7.1-1; spec
//! §2.3).

use std::net::Ipv4Addr;

use super::{Received, Telling, Untellable, potential, v4_client};
use crate::config::model::IdentityBy;
use crate::failover::skew::Skew;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, Client, ItemKind};
use crate::wire::failover::{BindingStatus, Update};
use crate::wire::{HardwareAddress, Stamp};

impl Telling<'_> {
    /// The binding as the partner is told.
    ///
    /// # Errors
    /// If the partner takes no such binding.
    pub(super) fn update(self, address: Ipv4Addr, binding: &Binding) -> Result<Update, Untellable> {
        use BindingStatus::{Abandoned, Active, Backup, Expired, Free, Released};
        let is_for_dhcpd = self.dialect == Dialect::Dhcpd;
        let mut update = Update {
            address,
            status: binding.status,
            identifier: None,
            hardware: None,
            expires: None,
            potential: None,
            starts: Some(binding.starts),
            cltt: None,
            flags: binding.flags,
            request_options: None,
            // Departs from draft-12 §7.1.1, which has T1 and T2 in it: both servers have them from the
            // configuration.
            reply_options: None,
            ddns: None,
        };
        match binding.status {
            Active => {
                update.expires = Some(binding.expires);
                update.potential = Some(potential(binding));
            }
            // Departs from draft-12 Table 7.1-1, which has no lease-expiration-time here: with it
            // both servers try the address again at the same time. ISC dhcpd sends one too.
            Abandoned => update.expires = Some(binding.expires),
            // dhcpd keeps what it has if it is not told, and a lease end that lies ahead makes it
            // refuse (spec §6.2).
            _ if is_for_dhcpd => update.expires = Some(binding.expires.min(self.now)),
            _ => {}
        }
        if is_for_dhcpd && binding.status != Active {
            update.potential = Some(binding.starts.min(self.now));
        }
        // Reserved here alone: dhcpd refuses what it holds as its own and has not reserved, and it
        // cannot have reserved what our configuration has (spec §11.2).
        update.flags.reserved &= !(is_for_dhcpd && self.is_reserved);
        // draft-12 §5.13: the primary shows a reserved address FREE itself, and the partner BACKUP,
        // so that either may serve its client.
        if self.is_reserved && !is_for_dhcpd && (self.role, binding.status) == (Role::Primary, Free)
        {
            update.status = Backup;
            update.flags.reserved = true;
        }
        // Its reservation was cancelled.
        if binding.is_kept() && !self.is_reserved {
            update.status = Free;
            update.flags.reserved = false;
        }
        if binding.status != Abandoned {
            update.cltt = Some(binding.cltt).filter(|cltt| *cltt != Stamp::ZERO);
            if let Some(client) = &binding.client {
                self.tell_client(client, &mut update);
            }
        }
        let needs_hardware = matches!(binding.status, Active | Expired | Released);
        if needs_hardware && update.hardware.is_none() {
            return Err("its client has no hardware address, and partners ask for one");
        }
        if update.encoded_len() > Update::BATCH_LEN {
            return Err("its client's name is longer than a message holds");
        }
        Ok(update)
    }

    fn tell_client(self, client: &Client, update: &mut Update) {
        let item = |kind| client.item(kind).filter(|octets| !octets.is_empty());
        update.identifier = item(ItemKind::Identifier).map(Into::into);
        // Type 0 is reserved; dhcpd takes no more than 21 octets, and chaddr has no more than 16.
        update.hardware = item(ItemKind::Hardware)
            .filter(|octets| octets[0] != 0 && octets.len() <= 1 + HardwareAddress::MAX_LEN)
            .map(Into::into);
        // Departs from draft-12 Table 7.1-1, which would not have them with every status: a partner
        // that lost its storage is to find the same client. And from §7.1.1: what finds no room in a
        // message is left out.
        if self.dialect == Dialect::Tandem {
            update.request_options = v4_client::request_options(client);
        }
    }
}

impl Received {
    /// What `update` says, where `known` had the address last.
    pub(in crate::failover::update) fn of(
        now: Stamp,
        update: &Update,
        dialect: Dialect,
        identity: &[IdentityBy],
        skew: &Skew,
        known: Option<&Client>,
    ) -> Self {
        let correct = |time: Option<Stamp>| time.map(|time| skew.correct(time));
        let mut received = Self {
            dialect,
            status: update.status,
            flags: update.flags,
            client: v4_client::client_of(update, dialect, identity, known)
                .filter(|_| update.status != BindingStatus::Abandoned),
            expires: correct(update.expires),
            potential: correct(update.potential),
            starts: correct(update.starts),
            // 0 is none: dhcpd leaves it out, and nobody was heard in 1970.
            cltt: correct(update.cltt).filter(|cltt| *cltt != Stamp::ZERO),
            agreed: None,
        };
        if (dialect, update.status) == (Dialect::Dhcpd, BindingStatus::Released) {
            // dhcpd does not take a DHCPRELEASE for contact with the client, and knows no contact at
            // all of a lease that we granted; but it says in potential-expiration-time when the client
            // released. Without this every release there were outdated. It says so in
            // lease-expiration-time too (the capture's RELEASED), unless it took from us, before it
            // told the release, the end of a lease that the client has had since.
            received.cltt =
                received.cltt.max(received.potential.filter(|released| *released <= now));
        }
        received
    }

    /// What must be there and is not (draft-12 Table 7.1-1).
    pub(in crate::failover::update) fn lacks(&self, update: &Update) -> Option<&'static str> {
        use BindingStatus::{Active, Expired, Released};
        let needs_client = matches!(self.status, Active | Expired | Released);
        if needs_client && (update.hardware.is_none() || self.client.is_none()) {
            return Some("client-hardware-address is missing");
        }
        let needs_end = self.status == Active && self.expires.is_none();
        needs_end.then_some("lease-expiration-time is missing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::ClientKey;
    use crate::wire::failover::IpFlags;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 109);
    const MAC: &[u8] = b"\x01\x02\x00\x00\x00\x01\x01";

    fn telling(dialect: Dialect) -> Telling<'static> {
        Telling {
            now: Stamp(1_000),
            role: Role::Primary,
            dialect,
            is_reserved: false,
            takes_back: false,
            reconfigure: None,
        }
    }

    fn client() -> Client {
        let key = ClientKey { kind: ItemKind::Identifier, octets: MAC };
        Client::builder(key).with(ItemKind::Hardware, MAC).with(ItemKind::HostName, b"h").build()
    }

    fn lease() -> Binding {
        Binding {
            expires: Stamp(0x6b00_a9d1),
            sent_potential: Stamp(0x6b00_abed),
            cltt: Stamp(0x6b00_a959),
            client: Some(client()),
            ..Binding::new(BindingStatus::Active, Stamp(0x6b00_a959))
        }
    }

    /// The lease of the capture, spec §13.
    #[test]
    fn a_lease_is_told_dhcpd_as_dhcpd_tells_it() {
        let update = telling(Dialect::Dhcpd).update(ADDRESS, &lease()).unwrap();
        let expected = Update {
            address: ADDRESS,
            status: BindingStatus::Active,
            identifier: Some(MAC.into()),
            hardware: Some(MAC.into()),
            expires: Some(Stamp(0x6b00_a9d1)),
            potential: Some(Stamp(0x6b00_abed)),
            starts: Some(Stamp(0x6b00_a959)),
            cltt: Some(Stamp(0x6b00_a959)),
            flags: IpFlags::default(),
            request_options: None,
            reply_options: None,
            ddns: None,
        };
        assert_eq!(update, expected);
        assert_eq!(12 + update.encoded_len(), 79, "as captured");
    }

    /// Spec §2.3: its columns "ISC sends" and "ISC needs".
    #[test]
    fn dhcpd_is_told_both_ends_of_every_address_and_none_that_lies_ahead_but_a_leases() {
        for status in BindingStatus::ALL {
            let mut binding = Binding { status, starts: Stamp(900), ..lease() };
            if status == BindingStatus::Abandoned {
                binding.client = None;
            }
            let update = telling(Dialect::Dhcpd).update(ADDRESS, &binding).unwrap();
            let expected = match status {
                BindingStatus::Active => (Stamp(0x6b00_a9d1), Stamp(0x6b00_abed)),
                BindingStatus::Abandoned => (Stamp(0x6b00_a9d1), Stamp(900)),
                _ => (Stamp(1_000), Stamp(900)),
            };
            assert_eq!((update.expires, update.potential), (Some(expected.0), Some(expected.1)));
            assert_eq!(update.status, status);
            assert_eq!(update.request_options, None);
            let is_nobodys = status == BindingStatus::Abandoned;
            assert_eq!(update.hardware.is_none() && update.identifier.is_none(), is_nobodys);
        }
        let unused = Binding::new(BindingStatus::Free, Stamp::ZERO);
        let update = telling(Dialect::Dhcpd).update(ADDRESS, &unused).unwrap();
        assert_eq!(12 + update.encoded_len(), 0x31, "as captured");
    }

    /// draft-12 Table 7.1-1.
    #[test]
    fn a_partner_of_our_kind_is_told_ends_of_leases_alone_and_all_of_the_client() {
        for status in BindingStatus::ALL {
            let binding = Binding { status, ..lease() };
            let update = telling(Dialect::Tandem).update(ADDRESS, &binding).unwrap();
            assert_eq!(update.potential.is_some(), status == BindingStatus::Active);
            let has_end = matches!(status, BindingStatus::Active | BindingStatus::Abandoned);
            assert_eq!(update.expires.is_some(), has_end);
            let told = status != BindingStatus::Abandoned;
            assert_eq!(update.request_options.is_some(), told);
            assert_eq!(update.cltt.is_some(), told);
        }
    }

    #[test]
    fn a_client_without_hardware_address_cannot_be_told() {
        let key = ClientKey { kind: ItemKind::CircuitId, octets: b"port 3" };
        let nameless = Client::builder(key).build();
        for dialect in [Dialect::Dhcpd, Dialect::Tandem] {
            for status in BindingStatus::ALL {
                let binding = Binding { status, client: Some(nameless.clone()), ..lease() };
                use BindingStatus::{Active, Expired, Released};
                let is_needed = matches!(status, Active | Expired | Released);
                assert_eq!(telling(dialect).update(ADDRESS, &binding).is_err(), is_needed);
            }
        }
    }

    #[test]
    fn a_client_whose_name_alone_fills_a_message_cannot_be_told() {
        let told = |len: usize| {
            let name = vec![1; len];
            let key = ClientKey { kind: ItemKind::Identifier, octets: &name };
            let client = Client::builder(key).with(ItemKind::Hardware, MAC).build();
            telling(Dialect::Tandem).update(ADDRESS, &Binding { client: Some(client), ..lease() })
        };
        let fits = told(1_900).unwrap();
        assert!(told(1_900 + Update::BATCH_LEN - fits.encoded_len()).is_ok());
        assert!(told(1_901 + Update::BATCH_LEN - fits.encoded_len()).is_err());
    }

    /// draft-12 §5.13; spec §11.2.
    #[test]
    fn the_primary_shows_a_reserved_address_to_a_partner_of_our_kind_as_backup() {
        let free = Binding::new(BindingStatus::Free, Stamp(5));
        let told = |role, dialect| {
            let telling = Telling { role, is_reserved: true, ..telling(dialect) };
            let update = telling.update(ADDRESS, &free).unwrap();
            (update.status, update.flags.reserved)
        };
        assert_eq!(told(Role::Primary, Dialect::Tandem), (BindingStatus::Backup, true));
        assert_eq!(told(Role::Primary, Dialect::Dhcpd), (BindingStatus::Free, false));
        assert_eq!(told(Role::Secondary, Dialect::Tandem), (BindingStatus::Free, false));
    }

    #[test]
    fn dhcpds_release_counts_as_contact_at_the_time_it_names() {
        let mut update = telling(Dialect::Dhcpd).update(ADDRESS, &lease()).unwrap();
        update.status = BindingStatus::Released;
        update.cltt = Some(Stamp(400));
        update.expires = Some(Stamp(2_000)); // taken from us since
        update.potential = Some(Stamp(900));
        let received = |update: &Update, dialect| {
            Received::of(Stamp(1_000), update, dialect, &[], &Skew::default(), None)
        };
        assert_eq!(received(&update, Dialect::Dhcpd).cltt, Some(Stamp(900)));
        assert_eq!(received(&update, Dialect::Tandem).cltt, Some(Stamp(400)));
        update.cltt = None;
        assert_eq!(received(&update, Dialect::Dhcpd).cltt, Some(Stamp(900)));
        update.potential = Some(Stamp(1_001));
        assert_eq!(received(&update, Dialect::Dhcpd).cltt, None, "no release lies ahead");
    }

    #[test]
    fn the_partners_times_are_corrected() {
        let update = telling(Dialect::Tandem).update(ADDRESS, &lease()).unwrap();
        let ahead = Skew::greeted(30);
        let received = Received::of(Stamp(1_000), &update, Dialect::Tandem, &[], &ahead, None);
        assert_eq!(received.expires, Some(Stamp(0x6b00_a9d1 - 30)));
        assert_eq!(received.potential, Some(Stamp(0x6b00_abed - 30)));
        assert_eq!(received.starts, Some(Stamp(0x6b00_a959 - 30)));
        assert_eq!(received.cltt, Some(Stamp(0x6b00_a959 - 30)));
    }

    #[test]
    fn what_must_be_there_is_missed() {
        let whole = telling(Dialect::Tandem).update(ADDRESS, &lease()).unwrap();
        let lacks = |update: &Update| {
            Received::of(Stamp(1_000), update, Dialect::Tandem, &[], &Skew::default(), None)
                .lacks(update)
        };
        assert_eq!(lacks(&whole), None);
        assert!(lacks(&Update { hardware: None, ..whole.clone() }).is_some());
        assert!(lacks(&Update { expires: None, ..whole.clone() }).is_some());
        let free = Update { status: BindingStatus::Free, hardware: None, expires: None, ..whole };
        assert_eq!(lacks(&free), None);
    }
}
