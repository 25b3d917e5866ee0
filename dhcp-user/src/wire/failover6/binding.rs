//! What partners tell each other of bindings (RFC 8156 §7.4 to §7.6).

use std::net::Ipv6Addr;

use super::Refusal;
use crate::wire::dhcpv6::{Duid, IaKind, Iaid};
use crate::wire::failover::BindingStatus;
use crate::wire::{Ipv6Prefix, Seconds, Stamp};

/// The one container of a BNDUPD. What a partner left out is `None`, so that it can be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Binding {
    /// CLIENT_DATA: what one client has.
    Client(ClientBinding),
    /// A prefix that nobody has.
    Prefix {
        /// VSS: the VPN it is of.
        vpn: Option<Box<[u8]>>,
        /// LQ_BASE_TIME: when this was so.
        base: Option<Stamp>,
        /// The prefix.
        lease: Lease,
    },
    /// Another number of containers than one: which there are is not looked at. It is refused with
    /// MissingBindingInformation.
    Unsound(Box<Binding>),
}

/// CLIENT_DATA of a BNDUPD.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientBinding {
    /// CLIENTID.
    pub client: Option<Duid>,
    /// LQ_BASE_TIME: what CLT_TIME counts back from.
    pub base: Option<Stamp>,
    /// VSS: the VPN it is of.
    pub vpn: Option<Box<[u8]>>,
    /// F_RECONFIGURE_DATA.
    pub reconfigure: Option<ReconfigureData>,
    /// LQ_RELAY_DATA: how the client's last message came.
    pub relay_data: Option<Box<[u8]>>,
    /// Its IAs.
    pub ias: Vec<Ia<Lease>>,
    /// IA_TAs, of which no lease is looked at: temporary addresses are nobody's to share (RFC 9915).
    pub temporary: Vec<Iaid>,
}

/// F_RECONFIGURE_DATA (RFC 8156 §5.5.14).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReconfigureData {
    /// reconfigure-time: when the key was made.
    pub since: Stamp,
    /// reconfigure-key.
    pub key: Box<[u8]>,
}

/// An IA with what is said of the leases in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ia<L> {
    /// IA_NA or IA_PD.
    pub kind: IaKind,
    /// IAID.
    pub iaid: Iaid,
    /// T1 as the client was told it.
    pub t1: Seconds,
    /// T2 likewise.
    pub t2: Seconds,
    /// In an answer, why all of it is refused.
    pub refusal: Option<Refusal>,
    /// The leases.
    pub leases: Vec<L>,
}

/// What is leased.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    /// IAADDR.
    Address(Ipv6Addr),
    /// IAPREFIX.
    Prefix(Ipv6Prefix),
}

/// One lease in a BNDUPD. A time of zero on the wire is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The address or prefix.
    pub resource: Resource,
    /// preferred-lifetime as the client was told it.
    pub preferred: Seconds,
    /// valid-lifetime likewise.
    pub valid: Seconds,
    /// F_BINDING_STATUS; `None`, too, for a number that has no meaning.
    pub status: Option<BindingStatus>,
    /// F_START_TIME_OF_STATE, of the lease or else of the IA.
    pub starts: Option<Stamp>,
    /// F_STATE_EXPIRATION_TIME.
    pub state_expires: Option<Stamp>,
    /// CLT_TIME, as the seconds ahead of LQ_BASE_TIME that it is.
    pub last_heard: Option<Seconds>,
    /// F_PARTNER_LIFETIME.
    pub partner_lifetime: Option<Stamp>,
    /// F_PARTNER_RAW_CLT_TIME.
    pub partner_raw_cltt: Option<Stamp>,
    /// F_EXPIRATION_TIME.
    pub expires: Option<Stamp>,
    /// CLIENT_FQDN as the client sent it.
    pub fqdn: Option<Box<[u8]>>,
    /// F_DNS_REMOVAL_INFO, its options still encoded.
    pub dns_removal: Option<Box<[u8]>>,
}

/// The one container of a BNDREPLY: the same as in the BNDUPD, with what was not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// VSS.
    pub vpn: Option<Box<[u8]>>,
    /// Why all of it is refused.
    pub refusal: Option<Refusal>,
    /// Of what.
    pub of: Answered,
}

/// What is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answered {
    /// CLIENT_DATA.
    Client {
        /// CLIENTID.
        client: Option<Duid>,
        /// Its IAs.
        ias: Vec<Ia<LeaseAnswer>>,
        /// IA_TAs, each refused with ConfigurationConflict.
        temporary: Vec<Iaid>,
    },
    /// A prefix that nobody has.
    Prefix(LeaseAnswer),
}

/// One lease in a BNDREPLY: what came, and whether it was taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseAnswer {
    /// The address or prefix.
    pub resource: Resource,
    /// preferred-lifetime as it came.
    pub preferred: Seconds,
    /// valid-lifetime as it came.
    pub valid: Seconds,
    /// Why this lease is refused.
    pub refusal: Option<Refusal>,
    /// F_BINDING_STATUS as it came.
    pub status: Option<BindingStatus>,
    /// F_STATE_EXPIRATION_TIME as it came.
    pub state_expires: Option<Stamp>,
    /// F_PARTNER_LIFETIME_SENT: F_PARTNER_LIFETIME as it came.
    pub partner_lifetime: Option<Stamp>,
}

impl Resource {
    /// What kind of IA it is leased in.
    #[must_use]
    pub fn kind(self) -> IaKind {
        match self {
            Self::Address(_) => IaKind::Addresses,
            Self::Prefix(_) => IaKind::Prefixes,
        }
    }
}

impl Answer {
    /// What became of each lease: a refusal of all, or of its IA, is one of each in it (RFC 8156 §7.7).
    pub fn outcomes(&self) -> impl Iterator<Item = (Resource, Option<&Refusal>)> {
        let of_all = self.refusal.as_ref();
        let (ias, bare) = match &self.of {
            Answered::Client { ias, .. } => (&ias[..], None),
            Answered::Prefix(lease) => (&[][..], Some(lease)),
        };
        let each = ias.iter().flat_map(|ia| ia.leases.iter().map(|it| (it, ia.refusal.as_ref())));
        each.chain(bare.map(|lease| (lease, None))).map(move |(lease, of_ia)| {
            (lease.resource, of_all.or(of_ia).or(lease.refusal.as_ref()))
        })
    }
}

impl Ia<Lease> {
    /// The same IA with an answer for each lease.
    #[must_use]
    pub fn answered(&self, answer: impl FnMut(&Lease) -> LeaseAnswer) -> Ia<LeaseAnswer> {
        let Self { kind, iaid, t1, t2, .. } = *self;
        let leases = self.leases.iter().map(answer).collect();
        Ia { kind, iaid, t1, t2, refusal: None, leases }
    }
}

impl Lease {
    /// A lease of which nothing is known but what it is.
    #[must_use]
    pub fn new(resource: Resource, preferred: Seconds, valid: Seconds) -> Self {
        Self {
            resource,
            preferred,
            valid,
            status: None,
            starts: None,
            state_expires: None,
            last_heard: None,
            partner_lifetime: None,
            partner_raw_cltt: None,
            expires: None,
            fqdn: None,
            dns_removal: None,
        }
    }

    /// What a partner answers who takes it, or refuses it: the same, with what it must have back.
    #[must_use]
    pub fn answer(&self, refusal: Option<Refusal>) -> LeaseAnswer {
        LeaseAnswer {
            resource: self.resource,
            preferred: self.preferred,
            valid: self.valid,
            refusal,
            status: self.status,
            state_expires: self.state_expires,
            partner_lifetime: self.partner_lifetime,
        }
    }
}

impl Binding {
    /// How many leases it speaks of; an IA_TA counts for one.
    #[must_use]
    pub fn leases(&self) -> usize {
        match self {
            Self::Client(client) => {
                let leases = client.ias.iter().map(|ia| ia.leases.len()).sum::<usize>();
                leases + client.temporary.len()
            }
            Self::Prefix { .. } => 1,
            Self::Unsound(first) => first.leases(),
        }
    }

    /// The answer that takes all of it; one that is not sound must have a refusal.
    #[must_use]
    pub fn accepted(&self) -> Answer {
        match self {
            Self::Client(client) => {
                let ias = client.ias.iter().map(|ia| ia.answered(|lease| lease.answer(None)));
                let of = Answered::Client {
                    client: client.client,
                    ias: ias.collect(),
                    temporary: client.temporary.clone(),
                };
                Answer { vpn: client.vpn.clone(), refusal: None, of }
            }
            Self::Prefix { vpn, lease, .. } => {
                let of = Answered::Prefix(lease.answer(None));
                Answer { vpn: vpn.clone(), refusal: None, of }
            }
            Self::Unsound(first) => first.accepted(),
        }
    }
}
