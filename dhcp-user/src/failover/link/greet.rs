//! The greeting on one connection: CONNECT and CONNECTACK, and TLS in between if both want it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, split};
use tokio::time::timeout;

use super::claim::Claim;
use super::codec::{Arrived, Opening, Spoken};
use super::conversation::part;
use super::frame::{Fault, Inbox, Scribe};
use super::settings::{Clock, Settings};
use super::stream::Stream;
use super::tls;
use crate::config::model::Protocol;
use crate::failover::{Dialect, Greeted, Refusal, Said, Side};
use crate::wire::failover::{ConnectAck, Message, Rejection};

/// From the TCP connection to the end of the greeting (ISC dhcpd: the same).
const LIMIT: Duration = Duration::from_secs(15);
/// How long a refusal may take to be written and read.
const GOODBYE: Duration = Duration::from_secs(1);

/// One connection whose greeting is done.
pub(super) struct Connection {
    pub(super) stream: Box<dyn Stream>,
    /// With what came behind the greeting.
    pub(super) inbox: Inbox,
    pub(super) scribe: Scribe,
}

/// What became of a greeting.
pub(super) enum Outcome {
    /// It is done, and no other is.
    Link(Connection, Greeted),
    /// Another is done already.
    Late,
    /// One of the two refused.
    Refused(Refusal),
    /// The partner said something that is no message; in words.
    Malformed(String),
    /// The connection ended, or nothing came in time; in words.
    Failed(String),
}

/// Greets on behalf of one relationship.
#[derive(Clone)]
pub(super) struct Greeter {
    settings: Arc<Settings>,
    clock: Clock,
}

impl Greeter {
    pub(super) fn new(settings: Settings, clock: Clock) -> Self {
        Self { settings: Arc::new(settings), clock }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.settings.endpoint.terms.protocol
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Greets on a connection, whoever opened it. Whatever comes of it but a link, it is closed.
    pub(super) async fn greet(&self, stream: Box<dyn Stream>, claim: &Claim) -> Outcome {
        let late = || Outcome::Failed(format!("no greeting within {} s", LIMIT.as_secs()));
        timeout(LIMIT, self.go_through(stream, claim)).await.unwrap_or_else(|_| late())
    }

    async fn go_through(&self, mut stream: Box<dyn Stream>, claim: &Claim) -> Outcome {
        let secret = &self.settings.secret;
        let mut inbox = Inbox::new(self.settings.endpoint.terms.protocol, secret.clone());
        let scribe = Scribe::new(Dialect::default(), secret.clone());
        let mut greeting = Opening::new(&self.settings.endpoint, self.settings.wish());
        greeting = greeting.later_than(claim.after());
        let mut said = greeting.begin();
        loop {
            said = match said {
                Said::Send(messages) => {
                    if let Err(fault) = self.send(&mut stream, &scribe, messages).await {
                        return self.outcome(fault);
                    }
                    match self.hear(&mut stream, &mut inbox).await {
                        Ok(packet) => greeting.handle((self.clock)(), &packet),
                        Err(fault) => return self.answer_fault(stream, &scribe, fault).await,
                    }
                }
                Said::StartTls(messages) => {
                    if let Err(fault) = self.send(&mut stream, &scribe, messages).await {
                        return self.outcome(fault);
                    }
                    // Said before TLS, it could have been said by anybody.
                    if !inbox.is_empty() {
                        return Outcome::Malformed("something was said ahead of TLS".to_owned());
                    }
                    let Some(tls) = &self.settings.tls else {
                        return Outcome::Failed("TLS was agreed on without being there".to_owned());
                    };
                    stream = match tls.secure(self.settings.endpoint.terms.role, stream).await {
                        Ok(secured) => secured,
                        Err((fault, stream)) => {
                            // The partner is to read TLS's own word about it.
                            let (mut input, mut output) = split(stream);
                            let _ = timeout(GOODBYE, part(&mut output, &mut input)).await;
                            return self.outcome(fault);
                        }
                    };
                    greeting.secured()
                }
                Said::Done(messages, greeted) => {
                    let Some(claimed) = claim.take() else { return Outcome::Late };
                    if let Err(fault) = self.send(&mut stream, &scribe, messages).await {
                        return self.outcome(fault);
                    }
                    claimed.keep();
                    let scribe = Scribe::new(greeted.dialect, secret.clone());
                    return Outcome::Link(Connection { stream, inbox, scribe }, greeted);
                }
                Said::Refuse(messages, rejection) => {
                    let by = if messages.is_empty() { Side::Partner } else { Side::Us };
                    self.say_last(stream, &scribe, messages).await;
                    return self.refused(by, &rejection);
                }
            };
        }
    }

    async fn hear(
        &self,
        stream: &mut Box<dyn Stream>,
        inbox: &mut Inbox,
    ) -> Result<Arrived, Fault> {
        loop {
            if let Some(packet) = inbox.take()? {
                return Ok(packet);
            }
            inbox.fill(stream).await?;
        }
    }

    async fn send(
        &self,
        stream: &mut Box<dyn Stream>,
        scribe: &Scribe,
        messages: Vec<(u32, Spoken)>,
    ) -> Result<(), Fault> {
        let mut octets = Vec::new();
        let (_, outcome) = scribe.write((self.clock)(), &mut VecDeque::from(messages), &mut octets);
        if let Err(unencodable) = outcome {
            // A greeting that leaves something out would only be waited for.
            tracing::error!(relationship = self.settings.endpoint.terms.name, %unencodable, "greeting");
            return Err(Fault::Closed);
        }
        let broken = |error| tls::fault(&error).unwrap_or(Fault::Closed);
        stream.write_all(&octets).await.map_err(broken)?;
        stream.flush().await.map_err(broken)
    }

    /// Tells the partner what is wrong with its message-digest (draft-12 §7.8.2, §11.1), and closes.
    async fn answer_fault(
        &self,
        stream: Box<dyn Stream>,
        scribe: &Scribe,
        fault: Fault,
    ) -> Outcome {
        let Some(rejection) = fault.rejection() else { return self.outcome(fault) };
        let Fault::Unproven { packet, .. } = fault else { return self.outcome(fault) };
        let outcome = self.refused(Side::Us, &rejection);
        let answer = match packet.map(|packet| (packet.xid, packet.message)) {
            Some((xid, Message::Connect(connect))) => {
                let ack = ConnectAck {
                    relationship: connect.relationship,
                    version: Some(1),
                    rejection: Some(rejection),
                    ..ConnectAck::default()
                };
                (xid, Message::ConnectAck(Box::new(ack)).into())
            }
            _ => (u32::MAX, Message::Disconnect(Some(rejection)).into()),
        };
        self.say_last(stream, scribe, vec![answer]).await;
        outcome
    }

    fn refused(&self, by: Side, rejection: &Rejection) -> Outcome {
        Outcome::Refused(Refusal::new((self.clock)(), by, rejection))
    }

    fn outcome(&self, fault: Fault) -> Outcome {
        match fault {
            Fault::Closed => Outcome::Failed(fault.to_string()),
            Fault::Tls { by, why } => {
                Outcome::Refused(Refusal { at: (self.clock)(), by, reason: None, what: why })
            }
            Fault::Malformed(_) | Fault::Unproven { .. } => Outcome::Malformed(fault.to_string()),
        }
    }

    async fn say_last(
        &self,
        mut stream: Box<dyn Stream>,
        scribe: &Scribe,
        messages: Vec<(u32, Spoken)>,
    ) {
        let saying = async {
            if self.send(&mut stream, scribe, messages).await.is_ok() {
                let (mut input, mut output) = split(stream);
                part(&mut output, &mut input).await;
            }
        };
        let _ = timeout(GOODBYE, saying).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::failover::link::fixture::{both, clock, secret};
    use crate::failover::{Greeting, Role};
    use crate::wire::failover::{Packet, Reject};

    fn greeter(settings: Settings) -> Greeter {
        Greeter::new(settings, clock())
    }

    /// What both sides make of a greeting on one connection.
    async fn greet([primary, secondary]: [Settings; 2]) -> [Outcome; 2] {
        let (one, other) = duplex(65_536);
        let (primary, secondary) = (greeter(primary), greeter(secondary));
        let (no_other, nor_here) = (Claim::new(None), Claim::new(None));
        tokio::join!(
            primary.greet(Box::new(one), &no_other),
            secondary.greet(Box::new(other), &nor_here)
        )
        .into()
    }

    fn refusal(outcome: &Outcome) -> &str {
        match outcome {
            Outcome::Refused(refusal) => &refusal.what,
            Outcome::Link(..) => panic!("a link"),
            Outcome::Late => panic!("too late"),
            Outcome::Malformed(why) | Outcome::Failed(why) => panic!("{why}"),
        }
    }

    fn said(messages: Vec<(u32, Message)>) -> VecDeque<(u32, Spoken)> {
        messages.into_iter().map(|(xid, message)| (xid, message.into())).collect()
    }

    /// The first message on a connection.
    async fn hear(
        stream: &mut DuplexStream,
        secret: Option<crate::config::model::Secret>,
    ) -> Packet {
        let mut inbox = Inbox::new(Protocol::Dhcpv4, secret);
        loop {
            if let Some(Arrived::V4(packet)) = inbox.take().unwrap() {
                return packet;
            }
            inbox.fill(stream).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_partner_that_says_nothing_is_left_after_the_limit() {
        for settings in both() {
            let (stream, _silent) = duplex(65_536);
            let began = tokio::time::Instant::now();
            let outcome = greeter(settings).greet(Box::new(stream), &Claim::new(None)).await;
            assert!(matches!(outcome, Outcome::Failed(why) if why.contains("15 s")));
            assert_eq!(began.elapsed(), LIMIT);
        }
    }

    #[tokio::test]
    async fn of_two_greetings_at_a_secondary_one_is_the_link_and_the_other_is_closed_unanswered() {
        let [primary, secondary] = both();
        let secondary = greeter(secondary);
        let claim = Claim::new(None);
        let (one, mut at_one) = duplex(65_536);
        let (other, mut at_other) = duplex(65_536);
        for stream in [&mut at_one, &mut at_other] {
            let Said::Send(messages) = Greeting::new(&primary.endpoint, primary.wish()).begin()
            else {
                panic!("no CONNECT")
            };
            let mut octets = Vec::new();
            let scribe = Scribe::new(Dialect::Dhcpd, None);
            scribe.write(clock()(), &mut said(messages), &mut octets).1.unwrap();
            stream.write_all(&octets).await.unwrap();
        }
        let outcomes = tokio::join!(
            secondary.greet(Box::new(one), &claim),
            secondary.greet(Box::new(other), &claim)
        );
        assert!(matches!(outcomes, (Outcome::Link(..), Outcome::Late)));
        let ack = hear(&mut at_one, None).await;
        assert!(matches!(ack.message, Message::ConnectAck(ack) if ack.rejection.is_none()));
        let mut inbox = Inbox::new(Protocol::Dhcpv4, None);
        assert_eq!(inbox.fill(&mut at_other).await, Err(Fault::Closed));
    }

    #[tokio::test]
    async fn servers_whose_secrets_differ_refuse_each_other_and_say_why() {
        let [mut primary, mut secondary] = both();
        primary.secret = secret("between us");
        secondary.secret = secret("another one");
        let [at_primary, at_secondary] = greet([primary.clone(), secondary.clone()]).await;
        assert!(refusal(&at_secondary).contains("not right"));
        assert!(refusal(&at_primary).contains("not right"));

        secondary.secret = None;
        let [at_primary, at_secondary] = greet([primary.clone(), secondary.clone()]).await;
        assert!(refusal(&at_secondary).contains("no secret is configured"));
        assert!(refusal(&at_primary).contains("without"));

        (primary.secret, secondary.secret) = (None, secret("between us"));
        let [at_primary, at_secondary] = greet([primary, secondary]).await;
        assert!(refusal(&at_secondary).contains("without"));
        assert!(refusal(&at_primary).contains("no secret is configured"));
    }

    /// draft-12 §7.8.2: the reject-reason is in a CONNECTACK with the CONNECT's xid.
    #[tokio::test]
    async fn a_connect_without_the_digest_is_answered_by_a_signed_refusal() {
        let [primary, mut secondary] = both();
        secondary.secret = secret("between us");
        let (stream, mut partner) = duplex(65_536);
        let secondary = greeter(secondary);
        let greeting = async {
            let Said::Send(messages) = Greeting::new(&primary.endpoint, primary.wish()).begin()
            else {
                panic!("no CONNECT")
            };
            let (mut octets, xid) = (Vec::new(), messages[0].0);
            let scribe = Scribe::new(Dialect::Dhcpd, None);
            scribe.write(clock()(), &mut said(messages), &mut octets).1.unwrap();
            partner.write_all(&octets).await.unwrap();
            let ack = hear(&mut partner, secret("between us")).await;
            assert_eq!(ack.xid, xid);
            let Message::ConnectAck(ack) = ack.message else { panic!("{ack:?}") };
            assert_eq!(ack.rejection.unwrap().reason, Reject::MissingDigest);
            assert_eq!(ack.relationship.as_deref(), Some(&b"metro"[..]));
        };
        let claim = Claim::new(None);
        let (outcome, ()) = tokio::join!(secondary.greet(Box::new(stream), &claim), greeting);
        refusal(&outcome);
    }

    #[tokio::test]
    async fn a_connect_that_is_not_later_than_the_last_one_is_a_replay() {
        let [mut primary, mut secondary] = both();
        primary.secret = secret("between us");
        secondary.secret = primary.secret.clone();
        let (one, other) = duplex(65_536);
        let (primary, secondary) = (greeter(primary), greeter(secondary));
        let (fresh, heard) = (Claim::new(None), Claim::new(Some(clock()())));
        let (_, outcome) = tokio::join!(
            primary.greet(Box::new(one), &fresh),
            secondary.greet(Box::new(other), &heard)
        );
        refusal(&outcome);
    }

    #[tokio::test]
    async fn roles_and_names_must_fit() {
        let [mut primary, mut secondary] = both();
        secondary.endpoint.terms.name = "other".to_owned();
        let outcomes = greet([primary.clone(), secondary.clone()]).await;
        outcomes.iter().for_each(|outcome| assert!(refusal(outcome).contains("relationship")));
        secondary.endpoint.terms.name = primary.endpoint.terms.name.clone();
        primary.endpoint.terms.role = Role::Primary;
        secondary.endpoint.terms.role = Role::Primary;
        let outcomes = greet([primary, secondary]).await;
        assert!(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Link(..))));
    }
}
