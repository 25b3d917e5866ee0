//! CONNECT and CONNECTACK: what is said on a connection before it is the link (draft-12 §7.8, §7.9).

use super::{Greeted, Said, Tls};
use crate::failover::settings::{Dialect, Role, Settings};
use crate::failover::skew::ahead;
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
