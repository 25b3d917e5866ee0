//! STARTTLS, CONNECT and CONNECTREPLY (RFC 8156 §6.1, RFC 7653 §8.2 and §9.1).
//!
//! The primary opens the connection and begins; the secondary answers. A connection that is to be
//! secured begins with STARTTLS, and nothing of the relationship is said before TLS is up.

use super::{Greeted, Said, Tls};
use crate::failover::settings::{Dialect, Role, Settings};
use crate::failover::skew::{MAX_SKEW_V6, ahead};
use crate::failover::speech;
use crate::wire::dhcpv6::StatusCode;
use crate::wire::failover::{Reject, Rejection};
use crate::wire::failover6::{Connect, ConnectReply, Message, Packet, Refusal, VERSION};
use crate::wire::{Seconds, Stamp};

/// One side of the greeting on one connection.
#[derive(Clone, Debug)]
pub struct Greeting6 {
    settings: Settings,
    tls: Tls,
    /// The last transaction-id of ours.
    xid: u32,
    /// What we wait for.
    wants: Wants,
    /// Whether TLS has been taken up.
    is_secure: bool,
}

/// What a side of the greeting waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wants {
    /// STARTTLS or CONNECT: we are the secondary.
    Call,
    /// The Reply to STARTTLS.
    TlsReply,
    /// CONNECTREPLY.
    Reply,
    /// Nothing any more: TLS begins.
    Tls,
}

type Word = Said<Message>;

impl Greeting6 {
    /// For a connection that is just up.
    #[must_use]
    pub fn new(settings: &Settings, tls: Tls) -> Self {
        let settings = settings.clone();
        Self { settings, tls, xid: 0, wants: Wants::Call, is_secure: false }
    }

    /// The connection is up: the primary begins.
    pub fn begin(&mut self) -> Word {
        if self.settings.terms.role == Role::Secondary {
            self.wants = Wants::Call;
            return Said::Send(Vec::new());
        }
        self.xid += 1;
        if self.tls != Tls::Off && !self.is_secure {
            self.wants = Wants::TlsReply;
            return Said::Send(vec![(self.xid, Message::StartTls)]);
        }
        self.wants = Wants::Reply;
        Said::Send(vec![(self.xid, Message::Connect(self.terms(self.settings.terms.mclt)))])
    }

    /// TLS is up.
    pub fn secured(&mut self) -> Word {
        self.is_secure = true;
        self.begin()
    }

    /// A message came, and was read at `now`.
    pub fn handle(&mut self, now: Stamp, packet: &Packet) -> Word {
        let ahead = packet.sent.map_or(0, |sent| ahead(now, sent));
        match (&packet.message, self.wants) {
            (Message::StartTls, Wants::Call) => self.on_start_tls(packet.xid),
            (Message::TlsReply(refusal), Wants::TlsReply) if packet.xid == self.xid => {
                self.on_tls_reply(refusal.as_ref())
            }
            (Message::Connect(connect), Wants::Call) => self.on_connect(packet, connect, ahead),
            (Message::ConnectReply(reply), Wants::Reply) if packet.xid == self.xid => {
                self.on_reply(packet, reply, ahead)
            }
            (Message::Disconnect(why), _) => {
                let nothing = Refusal { status: StatusCode::UNSPEC_FAIL, text: String::new() };
                let why = speech::rejection(why.as_ref().unwrap_or(&nothing));
                Said::Refuse(Vec::new(), why)
            }
            // RFC 8156 §6.1: a secondary calls nobody, and nothing else comes ahead of STATE.
            _ => self.disconnect(StatusCode::UNSPEC_FAIL, "not what a greeting goes on with"),
        }
    }

    /// RFC 7653 §9.1.
    fn on_start_tls(&mut self, xid: u32) -> Word {
        if self.is_secure {
            return self.disconnect(StatusCode::UNSPEC_FAIL, "STARTTLS over TLS");
        }
        if self.tls == Tls::Off {
            // The primary closes, or goes on without: that is its choice.
            let refusal = Refusal {
                status: StatusCode::TLS_CONNECTION_REFUSED,
                text: "TLS is not configured".to_owned(),
            };
            return Said::Send(vec![(xid, Message::TlsReply(Some(refusal)))]);
        }
        self.wants = Wants::Tls;
        Said::StartTls(vec![(xid, Message::TlsReply(None))])
    }

    fn on_tls_reply(&mut self, refusal: Option<&Refusal>) -> Word {
        match refusal {
            None => {
                self.wants = Wants::Tls;
                Said::StartTls(Vec::new())
            }
            Some(_) if self.tls == Tls::Desired => {
                self.tls = Tls::Off;
                self.begin()
            }
            // There is nothing to say to one that has no relationship with us yet.
            Some(refusal) => Said::Refuse(Vec::new(), speech::rejection(refusal)),
        }
    }

    /// RFC 8156 §6.1.2.
    fn on_connect(&mut self, packet: &Packet, connect: &Connect, ahead: i64) -> Word {
        match self.judge(connect, ahead) {
            Ok((mclt, keepalive, max_unacked)) => {
                let reply = ConnectReply::Accepted(self.terms(mclt));
                let greeted = self.greeted(packet, mclt, keepalive, max_unacked, ahead);
                Said::Done(vec![(packet.xid, Message::ConnectReply(reply))], greeted)
            }
            Err(refusal) => {
                let why = speech::rejection(&refusal);
                let reply = ConnectReply::Refused(refusal);
                Said::Refuse(vec![(packet.xid, Message::ConnectReply(reply))], why)
            }
        }
    }

    /// Whether the CONNECT is taken: MCLT, keepalive and window.
    fn judge(&self, connect: &Connect, ahead: i64) -> Result<(Seconds, Seconds, u32), Refusal> {
        let no = |status, text: &str| Refusal { status, text: text.to_owned() };
        if self.settings.terms.role == Role::Primary {
            return Err(no(StatusCode::UNSPEC_FAIL, "this server is the primary"));
        }
        if self.tls == Tls::Required && !self.is_secure {
            return Err(no(StatusCode::UNSPEC_FAIL, "TLS is required"));
        }
        if ahead.unsigned_abs() > MAX_SKEW_V6.0.into() {
            return Err(no(StatusCode::EXCESSIVE_TIME_SKEW, &format!("clock skew {ahead}s")));
        }
        self.check_version(connect).map_err(|text| no(StatusCode::NOT_SUPPORTED, text))?;
        // RFC 8156 §6.1.2 step 5: without a name it is the only one.
        let name = connect.relationship.as_deref();
        if name.is_some_and(|name| *name != *self.settings.terms.name.as_bytes()) {
            return Err(no(StatusCode::CONFIGURATION_CONFLICT, "unknown relationship-name"));
        }
        match connect.fixed_lengths {
            Some(true) => {}
            Some(false) => {
                let text = "prefixes of several lengths in one pool";
                return Err(no(StatusCode::NOT_SUPPORTED, text));
            }
            None => return Err(no(StatusCode::UNSPEC_FAIL, "no connect flags")),
        }
        self.numbers(connect).map_err(|text| no(StatusCode::UNSPEC_FAIL, text))
    }

    /// RFC 8156 §6.1.3.
    fn on_reply(&mut self, packet: &Packet, reply: &ConnectReply, ahead: i64) -> Word {
        let terms = match reply {
            ConnectReply::Refused(refusal) => {
                return Said::Refuse(Vec::new(), speech::rejection(refusal));
            }
            ConnectReply::Accepted(terms) => terms,
        };
        if ahead.unsigned_abs() > MAX_SKEW_V6.0.into() {
            let text = format!("clock skew {ahead}s");
            return self.disconnect(StatusCode::EXCESSIVE_TIME_SKEW, &text);
        }
        if let Err(text) = self.check_version(terms) {
            return self.disconnect(StatusCode::NOT_SUPPORTED, text);
        }
        if terms.mclt.is_some_and(|mclt| mclt != self.settings.terms.mclt) {
            return self.disconnect(StatusCode::CONFIGURATION_CONFLICT, "another MCLT");
        }
        if terms.fixed_lengths == Some(false) {
            let text = "prefixes of several lengths in one pool";
            return self.disconnect(StatusCode::NOT_SUPPORTED, text);
        }
        match self.numbers(terms) {
            Ok((mclt, keepalive, max_unacked)) => {
                let greeted = self.greeted(packet, mclt, keepalive, max_unacked, ahead);
                Said::Done(Vec::new(), greeted)
            }
            Err(text) => self.disconnect(StatusCode::UNSPEC_FAIL, text),
        }
    }

    fn check_version(&self, terms: &Connect) -> Result<(), &'static str> {
        match terms.version {
            Some(version) if version.major == VERSION.major => Ok(()),
            Some(_) => Err("another protocol version"),
            None => Err("no protocol version"),
        }
    }

    /// What must be there and is no zero: with a zero nothing would ever be granted, told or heard.
    fn numbers(&self, terms: &Connect) -> Result<(Seconds, Seconds, u32), &'static str> {
        let time = |time: Option<Seconds>| time.filter(|time| time.0 > 0);
        let mclt = time(terms.mclt).ok_or("missing or zero MCLT")?;
        let keepalive = time(terms.keepalive).ok_or("missing or zero keepalive")?;
        let max_unacked = terms.max_unacked.filter(|count| *count > 0);
        Ok((mclt, keepalive, max_unacked.ok_or("missing or zero max-unacked")?))
    }

    /// What we say of ourselves, in CONNECT and in CONNECTREPLY; a secondary's MCLT is the primary's.
    fn terms(&self, mclt: Seconds) -> Connect {
        let terms = &self.settings.terms;
        let is_primary = terms.role == Role::Primary;
        Connect {
            version: Some(VERSION),
            mclt: Some(mclt),
            keepalive: Some(terms.receive_timer),
            max_unacked: Some(terms.max_unacked),
            relationship: is_primary.then(|| terms.name.as_bytes().into()),
            // A prefix pool delegates one length.
            fixed_lengths: Some(true),
        }
    }

    fn greeted(
        &self,
        packet: &Packet,
        mclt: Seconds,
        keepalive: Seconds,
        max_unacked: u32,
        ahead: i64,
    ) -> Greeted {
        Greeted {
            dialect: Dialect::Tandem,
            vendor: String::new(),
            max_unacked,
            partner_receive_timer: keepalive,
            mclt,
            // There is no load balancing.
            buckets: self.settings.terms.buckets,
            ahead,
            last_xid: self.xid,
            partner_time: packet.sent.unwrap_or_default(),
        }
    }

    fn disconnect(&self, status: StatusCode, text: &str) -> Word {
        let refusal = Refusal { status, text: text.to_owned() };
        let mut why = speech::rejection(&refusal);
        if why.reason == Reject::Unspecified {
            why = Rejection { text: text.to_owned(), ..why };
        }
        Said::Refuse(vec![(self.xid + 1, Message::Disconnect(Some(refusal)))], why)
    }
}
