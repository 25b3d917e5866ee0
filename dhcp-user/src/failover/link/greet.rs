//! The greeting on one connection: CONNECT and CONNECTACK, and TLS in between if both want it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, split};
use tokio::time::timeout;

use super::conversation::part;
use super::frame::{Fault, Inbox, Scribe};
use super::settings::{Clock, Settings};
use super::stream::Stream;
use crate::failover::{Dialect, Greeted, Greeting, Said};
use crate::wire::Stamp;
use crate::wire::failover::{ConnectAck, Message, Packet, Rejection};

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
    /// One of the two refused; in words.
    Refused(String),
    /// The partner said something that is no message; in words.
    Malformed(String),
    /// The connection ended, or nothing came in time; in words.
    Failed(String),
}

/// Whether a greeting of this relationship is done. Claimed before the last message of a greeting
/// leaves, so that a secondary never agrees on two connections.
#[derive(Debug)]
pub(super) struct Claim {
    is_taken: AtomicBool,
    /// A CONNECT must be later than this.
    after: Option<Stamp>,
}

/// The claim while it is taken: dropped, it can be taken again.
struct Claimed<'a>(Option<&'a Claim>);

impl Claim {
    /// Not taken yet. With a shared secret, a CONNECT that is not later than `after` is refused.
    pub(super) fn new(after: Option<Stamp>) -> Self {
        Self { is_taken: AtomicBool::new(false), after }
    }

    fn take(&self) -> Option<Claimed<'_>> {
        (!self.is_taken.swap(true, Ordering::Relaxed)).then_some(Claimed(Some(self)))
    }
}

impl Claimed<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        if let Some(claim) = self.0 {
            claim.is_taken.store(false, Ordering::Relaxed);
        }
    }
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
        let mut inbox = Inbox::new(secret.clone());
        let scribe = Scribe::new(Dialect::default(), secret.clone());
        let mut greeting =
            Greeting::new(&self.settings.endpoint, self.settings.wish()).later_than(claim.after);
        let mut said = greeting.begin();
        loop {
            said = match said {
                Said::Send(messages) => {
                    if let Err(fault) = self.send(&mut stream, &scribe, messages).await {
                        return fault.into();
                    }
                    match self.hear(&mut stream, &mut inbox).await {
                        Ok(packet) => greeting.handle((self.clock)(), &packet),
                        Err(fault) => return self.answer_fault(stream, &scribe, fault).await,
                    }
                }
                Said::StartTls(messages) => {
                    if let Err(fault) = self.send(&mut stream, &scribe, messages).await {
                        return fault.into();
                    }
                    // Said before TLS, it could have been said by anybody.
                    if !inbox.is_empty() {
                        return Outcome::Malformed("something was said ahead of TLS".to_owned());
                    }
                    let Some(tls) = &self.settings.tls else {
                        return Outcome::Failed("TLS was agreed on without being there".to_owned());
                    };
                    stream = match tls.secure(self.settings.endpoint.role, stream).await {
                        Ok(secured) => secured,
                        Err(why) => return Outcome::Refused(why),
                    };
                    greeting.secured()
                }
                Said::Done(messages, greeted) => {
                    let Some(claimed) = claim.take() else { return Outcome::Late };
                    if let Err(fault) = self.send(&mut stream, &scribe, messages).await {
                        return fault.into();
                    }
                    claimed.keep();
                    let scribe = Scribe::new(greeted.dialect, secret.clone());
                    return Outcome::Link(Connection { stream, inbox, scribe }, greeted);
                }
                Said::Refuse(messages, rejection) => {
                    self.say_last(stream, &scribe, messages).await;
                    return Outcome::Refused(in_words(&rejection));
                }
            };
        }
    }

    async fn hear(&self, stream: &mut Box<dyn Stream>, inbox: &mut Inbox) -> Result<Packet, Fault> {
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
        messages: Vec<(u32, Message)>,
    ) -> Result<(), Fault> {
        let mut octets = Vec::new();
        let (_, outcome) = scribe.write((self.clock)(), &mut VecDeque::from(messages), &mut octets);
        if let Err(unencodable) = outcome {
            // A greeting that leaves something out would only be waited for.
            tracing::error!(relationship = self.settings.endpoint.name, %unencodable, "greeting");
            return Err(Fault::Closed);
        }
        stream.write_all(&octets).await.map_err(|_| Fault::Closed)?;
        stream.flush().await.map_err(|_| Fault::Closed)
    }

    /// Tells the partner what is wrong with its message-digest (draft-12 §7.8.2, §11.1), and closes.
    async fn answer_fault(
        &self,
        stream: Box<dyn Stream>,
        scribe: &Scribe,
        fault: Fault,
    ) -> Outcome {
        let Some(rejection) = fault.rejection() else { return fault.into() };
        let Fault::Unproven { packet, .. } = fault else { return fault.into() };
        let why = in_words(&rejection);
        let answer = match packet.map(|packet| (packet.xid, packet.message)) {
            Some((xid, Message::Connect(connect))) => {
                let ack = ConnectAck {
                    relationship: connect.relationship,
                    version: Some(1),
                    rejection: Some(rejection),
                    ..ConnectAck::default()
                };
                (xid, Message::ConnectAck(Box::new(ack)))
            }
            _ => (u32::MAX, Message::Disconnect(Some(rejection))),
        };
        self.say_last(stream, scribe, vec![answer]).await;
        Outcome::Refused(why)
    }

    async fn say_last(
        &self,
        mut stream: Box<dyn Stream>,
        scribe: &Scribe,
        messages: Vec<(u32, Message)>,
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

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Closed => Self::Failed(fault.to_string()),
            Fault::Malformed(_) | Fault::Unproven { .. } => Self::Malformed(fault.to_string()),
        }
    }
}

fn in_words(rejection: &Rejection) -> String {
    let Rejection { reason, text } = rejection;
    if text.is_empty() { format!("refused: {reason:?}") } else { format!("refused: {text}") }
}
