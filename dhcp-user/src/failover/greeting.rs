//! CONNECT and CONNECTACK: what is said on a connection before it is the link (draft-12 §7.8, §7.9).

use super::settings::{Dialect, Role, Settings};
use super::skew::ahead;
use crate::wire::failover::{
    Connect, ConnectAck, Message, Packet, Reject, Rejection, TlsReply, TlsRequest,
};
use crate::wire::{Seconds, Stamp};

/// One side of the greeting on one connection, whoever opened it.
#[derive(Clone, Debug)]
pub struct Greeting {
    settings: Settings,
    tls: Tls,
    /// Replays are refused: the time of the CONNECT before this one (draft-12 §11.1).
    after: Option<Stamp>,
    /// The last xid of ours.
    xid: u32,
    /// Whether TLS has been taken up.
    is_secure: bool,
}

/// What the operator wants of TLS.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tls {
    /// None.
    #[default]
    Off,
    /// If the partner takes it.
    Desired,
    /// That or no link.
    Required,
}

/// What a connection agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Greeted {
    /// What the partner takes.
    pub dialect: Dialect,
    /// Its vendor-class-identifier, for people.
    pub vendor: String,
    /// BNDUPDs that may wait for the partner's answer. At least one.
    pub max_unacked: u32,
    /// After so long without a message from us the partner gives up.
    pub partner_receive_timer: Seconds,
    /// The MCLT in force: the primary's.
    pub mclt: Seconds,
    /// Bit h set: the primary serves clients with hash h.
    pub buckets: [u64; 4],
    /// By how many seconds the partner's clock is ahead.
    pub ahead: i64,
    /// The last xid that was used on the connection by us.
    pub last_xid: u32,
    /// The partner's clock in its greeting: with a secret, the next CONNECT must be later.
    pub partner_time: Stamp,
}

/// What is to be done about a greeting.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Send these, if any, and go on listening.
    Send(Vec<(u32, Message)>),
    /// Send these; then both go over to TLS, and [`Greeting::secured`] goes on.
    StartTls(Vec<(u32, Message)>),
    /// Send these; the connection is the link.
    Done(Vec<(u32, Message)>, Greeted),
    /// Send these, and close; the reason is for the log.
    Refuse(Vec<(u32, Message)>, Rejection),
}

impl Greeting {
    /// How far apart clocks may be (spec §1.5).
    pub const MAX_SKEW: Seconds = Seconds(60);
    /// protocol-version (draft-12 §12.20).
    const VERSION: u8 = 1;

    /// For a connection that is just up.
    #[must_use]
    pub fn new(settings: &Settings, tls: Tls) -> Self {
        Self { settings: settings.clone(), tls, after: None, xid: 0, is_secure: false }
    }

    /// With a shared secret: refuses a CONNECT that is not later than this, the
    /// [`partner_time`](Greeted::partner_time) of the last link, because it may be a replay
    /// (draft-12 §11.1).
    #[must_use]
    pub fn later_than(mut self, after: Option<Stamp>) -> Self {
        self.after = after;
        self
    }

    /// The connection is up: the primary introduces itself, on whichever comes up (spec §1.2).
    pub fn begin(&mut self) -> Said {
        if self.settings.terms.role == Role::Secondary {
            return Said::Send(Vec::new());
        }
        self.xid += 1;
        Said::Send(vec![(self.xid, self.connect())])
    }

    /// TLS is up: the primary greets anew (draft-12 §8.2).
    pub fn secured(&mut self) -> Said {
        self.is_secure = true;
        self.begin()
    }

    /// A message came. Whether another connection is the link already is the link's affair.
    pub fn handle(&mut self, now: Stamp, packet: &Packet) -> Said {
        let ahead = ahead(now, packet.time);
        match &packet.message {
            Message::Connect(connect) => self.on_connect(packet, connect, ahead),
            Message::ConnectAck(ack) => self.on_connect_ack(packet, ack, ahead),
            Message::Disconnect(why) => {
                let nothing = Rejection { reason: Reject::Unknown, text: String::new() };
                Said::Refuse(Vec::new(), why.clone().unwrap_or(nothing))
            }
            // dhcpd would take a STATE that comes before the greeting; nothing else may.
            _ => Said::Send(Vec::new()),
        }
    }

    /// draft-12 §7.8.2, in its order.
    fn on_connect(&self, packet: &Packet, connect: &Connect, ahead: i64) -> Said {
        match self.judge(packet, connect, ahead) {
            Err((reason, text)) => {
                let rejection = Rejection { reason, text: text.to_owned() };
                let name = connect.relationship.clone();
                let ack = ConnectAck {
                    relationship: Some(name.unwrap_or_else(|| self.name())),
                    vendor: Some(vendor()),
                    version: Some(Self::VERSION),
                    tls: self.tls_reply(connect.tls).map(|reply| reply.unwrap_or_else(|no| no.0)),
                    rejection: Some(rejection.clone()),
                    ..ConnectAck::default()
                };
                Said::Refuse(vec![(packet.xid, Message::ConnectAck(Box::new(ack)))], rejection)
            }
            Ok((tls, greeted)) => {
                let ack = ConnectAck {
                    relationship: Some(self.name()),
                    max_unacked: Some(self.settings.terms.max_unacked),
                    receive_timer: Some(self.settings.terms.receive_timer),
                    vendor: Some(vendor()),
                    version: Some(Self::VERSION),
                    tls,
                    rejection: None,
                };
                let said = vec![(packet.xid, Message::ConnectAck(Box::new(ack)))];
                match tls {
                    Some(TlsReply::Use) => Said::StartTls(said),
                    _ => Said::Done(said, greeted),
                }
            }
        }
    }

    /// Whether the CONNECT is taken, and with what.
    fn judge(
        &self,
        packet: &Packet,
        connect: &Connect,
        ahead: i64,
    ) -> Result<(Option<TlsReply>, Greeted), (Reject, &'static str)> {
        if connect.version.is_some_and(|version| version != Self::VERSION) {
            return Err((Reject::ProtocolVersion, "protocol version is not 1"));
        }
        let tls = self.tls_reply(connect.tls).transpose().map_err(|(_, why, text)| (why, text))?;
        match &connect.relationship {
            None => return Err((Reject::InvalidPartner, "missing relationship-name")),
            Some(name) if **name != *self.settings.terms.name.as_bytes() => {
                return Err((Reject::InvalidPartner, "unknown relationship-name"));
            }
            Some(_) if self.settings.terms.role == Role::Primary => {
                return Err((Reject::InvalidPartner, "this server is the primary too"));
            }
            Some(_) => {}
        }
        if self.after.is_some_and(|after| packet.time <= after) {
            return Err((Reject::Unspecified, "CONNECT is not later than the last one"));
        }
        if ahead.unsigned_abs() > Self::MAX_SKEW.0.into() {
            return Err((Reject::TimeMismatch, "time offset too large"));
        }
        let mclt = connect.mclt.filter(|mclt| mclt.0 > 0);
        let mclt = mclt.ok_or((Reject::InvalidMclt, "missing or zero MCLT"))?;
        let buckets = connect.buckets.as_deref().and_then(|octets| self.buckets(octets));
        let buckets = buckets.ok_or((Reject::HashBuckets, "invalid HBA"))?;
        let agreed = (connect.max_unacked, connect.receive_timer, connect.vendor.as_deref());
        let greeted = self.greeted(packet.time, agreed, mclt, buckets, ahead);
        Ok((tls, greeted))
    }

    /// draft-12 §7.9.2, behind what dhcpd looks at first.
    fn on_connect_ack(&self, packet: &Packet, ack: &ConnectAck, ahead: i64) -> Said {
        if self.settings.terms.role == Role::Secondary || packet.xid != self.xid {
            return Said::Send(Vec::new());
        }
        if let Some(rejection) = &ack.rejection {
            return Said::Refuse(Vec::new(), rejection.clone());
        }
        let Some(name) = &ack.relationship else {
            return self.disconnect(Reject::InvalidPartner, "missing relationship-name");
        };
        if **name != *self.settings.terms.name.as_bytes() {
            return self.disconnect(Reject::InvalidPartner, "unknown relationship-name");
        }
        let wants_tls = !self.is_secure && ack.tls == Some(TlsReply::Use);
        match self.tls {
            Tls::Off if wants_tls => {
                return self.disconnect(Reject::TlsNotConfigured, "TLS is not configured");
            }
            Tls::Required if !wants_tls && !self.is_secure => {
                return self.disconnect(Reject::TlsRequired, "TLS is required");
            }
            Tls::Off | Tls::Desired | Tls::Required => {}
        }
        if ack.version.is_some_and(|version| version != Self::VERSION) {
            return self.disconnect(Reject::ProtocolVersion, "protocol version is not 1");
        }
        if ahead.unsigned_abs() > Self::MAX_SKEW.0.into() {
            return self.disconnect(Reject::TimeMismatch, "time offset too large");
        }
        if wants_tls {
            return Said::StartTls(Vec::new());
        }
        let agreed = (ack.max_unacked, ack.receive_timer, ack.vendor.as_deref());
        let (mclt, buckets) = (self.settings.terms.mclt, self.settings.terms.buckets);
        Said::Done(Vec::new(), self.greeted(packet.time, agreed, mclt, buckets, ahead))
    }

    fn connect(&self) -> Message {
        let request = match self.tls {
            Tls::Off => TlsRequest::None,
            Tls::Desired => TlsRequest::Desired,
            Tls::Required => TlsRequest::Required,
        };
        let turned = if self.settings.terms.dhcpd_buckets { 0 } else { u64::MAX };
        let words = self.settings.terms.buckets.map(|word| word ^ turned);
        Message::Connect(Box::new(Connect {
            relationship: Some(self.name()),
            max_unacked: Some(self.settings.terms.max_unacked),
            receive_timer: Some(self.settings.terms.receive_timer),
            vendor: Some(vendor()),
            version: Some(Self::VERSION),
            tls: (!self.is_secure).then_some(request),
            mclt: Some(self.settings.terms.mclt),
            buckets: Some(words.map(u64::to_le_bytes).concat().into()),
            delayed_service: None,
        }))
    }

    /// The table of spec §2.3, as the secondary; a refusal carries its reply too. None over TLS, and
    /// to a partner that did not ask.
    fn tls_reply(
        &self,
        request: Option<TlsRequest>,
    ) -> Option<Result<TlsReply, (TlsReply, Reject, &'static str)>> {
        if self.is_secure {
            return None;
        }
        Some(match (request, self.tls) {
            (None, Tls::Off | Tls::Desired) => return None,
            (None | Some(TlsRequest::None), Tls::Required) => {
                Err((TlsReply::Use, Reject::TlsRequired, "TLS is required"))
            }
            (Some(TlsRequest::Required), Tls::Off) => {
                Err((TlsReply::None, Reject::TlsNotConfigured, "TLS is not configured"))
            }
            (Some(TlsRequest::None), _) | (Some(TlsRequest::Desired), Tls::Off) => {
                Ok(TlsReply::None)
            }
            (Some(TlsRequest::Desired | TlsRequest::Required), _) => Ok(TlsReply::Use),
        })
    }

    /// Which clients are the primary's, by a hash-bucket-assignment (spec §8.3).
    fn buckets(&self, octets: &[u8]) -> Option<[u64; 4]> {
        let (words, rest) = octets.as_chunks::<8>();
        let words: &[[u8; 8]; 4] = words.try_into().ok()?;
        let turned = if self.settings.terms.dhcpd_buckets { 0 } else { u64::MAX };
        rest.is_empty().then(|| words.map(|word| u64::from_le_bytes(word) ^ turned))
    }

    fn greeted(
        &self,
        partner_time: Stamp,
        (max_unacked, receive_timer, vendor): (Option<u32>, Option<Seconds>, Option<&[u8]>),
        mclt: Seconds,
        buckets: [u64; 4],
        ahead: i64,
    ) -> Greeted {
        let vendor = vendor.unwrap_or_default();
        let is_tandem = vendor.starts_with(Dialect::VENDOR.as_bytes());
        Greeted {
            dialect: if is_tandem { Dialect::Tandem } else { Dialect::Dhcpd },
            vendor: String::from_utf8_lossy(vendor).into_owned(),
            // One that takes none, or does not say, would never learn anything.
            max_unacked: max_unacked.unwrap_or(1).max(1),
            partner_receive_timer: receive_timer.unwrap_or(self.settings.terms.receive_timer),
            mclt,
            buckets,
            ahead,
            last_xid: self.xid,
            partner_time,
        }
    }

    fn disconnect(&self, reason: Reject, text: &str) -> Said {
        let rejection = Rejection { reason, text: text.to_owned() };
        let said = Message::Disconnect(Some(rejection.clone()));
        Said::Refuse(vec![(self.xid + 1, said)], rejection)
    }

    fn name(&self) -> Box<[u8]> {
        self.settings.terms.name.as_bytes().into()
    }
}

/// Our vendor-class-identifier.
fn vendor() -> Box<[u8]> {
    format!("{}{}", Dialect::VENDOR, env!("CARGO_PKG_VERSION")).into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::testing::{MCLT, START, settings};

    fn packet(message: Message) -> Packet {
        Packet { time: START, xid: 7, message }
    }

    /// What a dhcpd primary says (spec §13).
    fn connect() -> Connect {
        Connect {
            relationship: Some(b"fo4".as_slice().into()),
            max_unacked: Some(10),
            receive_timer: Some(Seconds(30)),
            vendor: Some(b"isc-4.4.3-P1".as_slice().into()),
            version: Some(1),
            tls: Some(TlsRequest::None),
            mclt: Some(Seconds(120)),
            buckets: Some([[0xff; 16], [0; 16]].concat().into()),
            delayed_service: None,
        }
    }

    fn answer(connect: Connect) -> Said {
        let message = Message::Connect(Box::new(connect));
        Greeting::new(&settings(Role::Secondary), Tls::Off).handle(START, &packet(message))
    }

    /// The reason, and whether the CONNECTACK carries it and a name.
    fn refusal(said: &Said) -> Reject {
        let Said::Refuse(said, rejection) = said else { panic!("{said:?}") };
        let [(7, Message::ConnectAck(ack))] = &said[..] else { panic!("{said:?}") };
        assert_eq!(ack.rejection.as_ref(), Some(rejection));
        assert!(ack.relationship.is_some());
        rejection.reason
    }

    #[test]
    fn a_dhcpd_primary_is_answered_as_it_expects() {
        let Said::Done(said, greeted) = answer(connect()) else { panic!() };
        let [(7, Message::ConnectAck(ack))] = &said[..] else { panic!("{said:?}") };
        assert_eq!(ack.relationship.as_deref(), Some(b"fo4".as_slice()));
        assert_eq!((ack.tls, &ack.rejection), (Some(TlsReply::None), &None));
        assert_eq!(greeted.dialect, Dialect::Dhcpd);
        assert_eq!(greeted.buckets, [u64::MAX, u64::MAX, 0, 0]);
        assert_eq!((greeted.mclt, greeted.max_unacked), (Seconds(120), 10));
    }

    /// Spec §2.3, draft-12 §7.8.2: each fault has its reason.
    #[test]
    fn what_is_wrong_with_a_connect_is_told() {
        let faults: [(Connect, Reject); 9] = [
            (Connect { version: Some(2), ..connect() }, Reject::ProtocolVersion),
            (Connect { tls: Some(TlsRequest::Required), ..connect() }, Reject::TlsNotConfigured),
            (Connect { relationship: None, ..connect() }, Reject::InvalidPartner),
            (
                Connect { relationship: Some(b"fo4\0".as_slice().into()), ..connect() },
                Reject::InvalidPartner,
            ),
            (Connect { mclt: None, ..connect() }, Reject::InvalidMclt),
            (Connect { mclt: Some(Seconds(0)), ..connect() }, Reject::InvalidMclt),
            (Connect { buckets: None, ..connect() }, Reject::HashBuckets),
            (Connect { buckets: Some([0; 31].into()), ..connect() }, Reject::HashBuckets),
            (Connect { buckets: Some([0; 33].into()), ..connect() }, Reject::HashBuckets),
        ];
        for (connect, reason) in faults {
            assert_eq!(refusal(&answer(connect.clone())), reason, "{connect:?}");
        }
    }

    #[test]
    fn two_primaries_do_not_agree() {
        let message = Message::Connect(Box::new(connect()));
        let mut greeting = Greeting::new(&settings(Role::Primary), Tls::Off);
        let _ = greeting.begin();
        assert_eq!(refusal(&greeting.handle(START, &packet(message))), Reject::InvalidPartner);
    }

    /// Spec §1.5: 60 s are taken, 61 are not.
    #[test]
    fn clocks_a_minute_apart_are_the_limit() {
        for (apart, is_taken) in [(60, true), (61, false)] {
            for now in [START.0 + apart, START.0 - apart] {
                let message = Message::Connect(Box::new(connect()));
                let mut greeting = Greeting::new(&settings(Role::Secondary), Tls::Off);
                let said = greeting.handle(Stamp(now), &packet(message));
                assert_eq!(matches!(said, Said::Done(..)), is_taken, "{apart}");
            }
        }
    }

    #[test]
    fn with_a_secret_a_connect_must_be_later_than_the_last() {
        for (last, is_taken) in [(START.0 - 1, true), (START.0, false), (START.0 + 1, false)] {
            let message = Message::Connect(Box::new(connect()));
            let greeting = Greeting::new(&settings(Role::Secondary), Tls::Off);
            let said = greeting.later_than(Some(Stamp(last))).handle(START, &packet(message));
            assert_eq!(matches!(said, Said::Done(..)), is_taken);
        }
    }

    #[test]
    fn buckets_are_the_other_way_round_in_the_draft() {
        for dhcpd_buckets in [true, false] {
            let mut ours = settings(Role::Primary);
            ours.terms.dhcpd_buckets = dhcpd_buckets;
            let Said::Send(said) = Greeting::new(&ours, Tls::Off).begin() else { panic!() };
            let [(_, Message::Connect(connect))] = &said[..] else { panic!("{said:?}") };
            let octets = connect.buckets.as_deref().expect("buckets");
            let first = if dhcpd_buckets { 0xff } else { 0 };
            assert_eq!(octets[..16], [first; 16]);
            assert_eq!(octets[16..], [!first; 16]);
            let mut theirs = settings(Role::Secondary);
            theirs.terms.dhcpd_buckets = dhcpd_buckets;
            let mut theirs = Greeting::new(&theirs, Tls::Off);
            let said = theirs.handle(START, &packet(Message::Connect(connect.clone())));
            let Said::Done(_, greeted) = said else { panic!("{said:?}") };
            assert_eq!(greeted.buckets, ours.terms.buckets);
        }
    }

    /// The table of spec §2.3, both ends.
    #[test]
    fn both_ends_agree_on_tls_or_say_why_not() {
        for primary in [Tls::Off, Tls::Desired, Tls::Required] {
            for secondary in [Tls::Off, Tls::Desired, Tls::Required] {
                let mut caller = Greeting::new(&settings(Role::Primary), primary);
                let mut called = Greeting::new(&settings(Role::Secondary), secondary);
                let first = |said: &Said| {
                    let (Said::Send(said)
                    | Said::StartTls(said)
                    | Said::Done(said, _)
                    | Said::Refuse(said, _)) = said;
                    let (xid, message) = said[0].clone();
                    Packet { time: START, xid, message }
                };
                let there = called.handle(START, &first(&caller.begin()));
                let here = caller.handle(START, &first(&there));
                match (primary, secondary) {
                    (Tls::Off, Tls::Required) | (Tls::Required, Tls::Off) => {
                        assert!(matches!(there, Said::Refuse(..)));
                        assert!(matches!(here, Said::Refuse(..)));
                    }
                    (Tls::Off, _) | (_, Tls::Off) => {
                        assert!(matches!((there, here), (Said::Done(..), Said::Done(..))));
                    }
                    _ => {
                        assert!(matches!((there, here), (Said::StartTls(_), Said::StartTls(_))));
                        let _ = called.secured();
                        let there = called.handle(START, &first(&caller.secured()));
                        let here = caller.handle(START, &first(&there));
                        assert!(matches!((there, here), (Said::Done(..), Said::Done(..))));
                    }
                }
            }
        }
    }

    /// A dhcpd secondary answers any TLS-request with 0 (spec §2.3).
    #[test]
    fn a_primary_that_requires_tls_leaves_one_that_has_none() {
        let mut greeting = Greeting::new(&settings(Role::Primary), Tls::Required);
        let _ = greeting.begin();
        let ack = ConnectAck {
            relationship: Some(b"fo4".as_slice().into()),
            version: Some(1),
            tls: Some(TlsReply::None),
            ..ConnectAck::default()
        };
        let message = Message::ConnectAck(Box::new(ack));
        let said = greeting.handle(START, &Packet { time: START, xid: 1, message });
        let Said::Refuse(said, rejection) = said else { panic!("{said:?}") };
        assert_eq!(rejection.reason, Reject::TlsRequired);
        assert!(matches!(&said[..], [(_, Message::Disconnect(Some(_)))]));
    }

    #[test]
    fn an_answer_to_nothing_is_not_heard() {
        let mut greeting = Greeting::new(&settings(Role::Primary), Tls::Off);
        let _ = greeting.begin();
        let message = Message::ConnectAck(Box::default());
        assert_eq!(greeting.handle(START, &packet(message)), Said::Send(Vec::new()));
    }

    #[test]
    fn a_partner_that_takes_no_updates_or_no_time_gets_the_least() {
        let connect = Connect { max_unacked: Some(0), receive_timer: None, ..connect() };
        let Said::Done(_, greeted) = answer(connect) else { panic!() };
        assert_eq!(greeted.max_unacked, 1);
        assert_eq!((greeted.partner_receive_timer, greeted.mclt), (Seconds(30), MCLT));
    }
}
