//! The link while it is up: reading and writing side by side, until one of the two ends.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, split};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::error;

use super::frame::{Fault, Inbox, Scribe};
use super::greet::Connection;
use super::keeper::Told;
use super::outbox::{Next, Outbox};
use super::settings::{Clock, Counts, Settings, count};
use super::stream::Stream;
use crate::failover::Lost;
use crate::wire::failover::{Message, Packet};

/// How long what was to be said last may take to be written, and the partner to close.
const GOODBYE: Duration = Duration::from_secs(1);
/// Messages handed over at once, so that answers begin while more is read.
const BATCH: usize = 256;

/// What became of a link.
#[derive(Debug)]
pub(super) struct Parting {
    pub(super) lost: Lost,
    /// Whether either side said that it does not want the other.
    pub(super) was_refused: bool,
}

/// One link, up.
pub(super) struct Conversation<'a> {
    pub(super) settings: &'a Settings,
    pub(super) clock: &'a Clock,
    pub(super) counts: &'a Counts,
    pub(super) outbox: &'a Outbox,
    /// Where messages go. When nobody takes them, no more are read.
    pub(super) events: &'a mpsc::Sender<Told>,
}

impl Conversation<'_> {
    /// Reads and writes until the link is lost or [`Outbox::close`]d.
    pub(super) async fn run(&self, connection: Connection) -> Parting {
        let Connection { stream, mut inbox, scribe } = connection;
        let (mut input, mut output) = split(stream);
        let mut was_refused = false;
        let lost = {
            let mut writing = std::pin::pin!(self.write(&mut output, scribe));
            let fault = tokio::select! {
                fault = self.read(&mut input, &mut inbox, &mut was_refused) => fault,
                lost = &mut writing => End::Written(lost),
            };
            match fault {
                End::Written(lost) => lost,
                End::Read(Fault::Closed) => Lost::Closed,
                End::Read(fault) => {
                    count(&self.counts.malformed);
                    if let Some(rejection) = fault.rejection() {
                        was_refused = true;
                        self.outbox.close(Some(rejection));
                        let _ = timeout(GOODBYE, writing).await;
                    }
                    Lost::Malformed(fault.to_string())
                }
            }
        };
        if !matches!(lost, Lost::Closed) {
            let _ = timeout(GOODBYE, part(&mut output, &mut input)).await;
        }
        Parting { lost, was_refused }
    }

    async fn read(
        &self,
        input: &mut ReadHalf<Box<dyn Stream>>,
        inbox: &mut Inbox,
        was_refused: &mut bool,
    ) -> End {
        let mut batch = Vec::new();
        let fault = loop {
            match inbox.take() {
                Ok(Some(packet)) => {
                    *was_refused |= matches!(packet.message, Message::Disconnect(_));
                    batch.push(packet);
                    if batch.len() < BATCH {
                        continue;
                    }
                }
                Ok(None) => {}
                Err(fault) => break fault,
            }
            if batch.is_empty() {
                if let Err(fault) = inbox.fill(input).await {
                    break fault;
                }
            } else {
                self.hand_over(&mut batch).await;
            }
        };
        // What was understood before is still meant.
        self.hand_over(&mut batch).await;
        End::Read(fault)
    }

    async fn hand_over(&self, batch: &mut Vec<Packet>) {
        if !batch.is_empty() {
            self.counts.received.fetch_add(batch.len() as u64, Relaxed);
            // Nobody there any more: then this task is about to end too.
            let _ = self.events.send(Told::Packets(std::mem::take(batch))).await;
        }
    }

    /// Writes what comes into the outbox; ends when that is closed and empty, or the partner does not
    /// read.
    async fn write(&self, output: &mut (impl AsyncWrite + Unpin), scribe: Scribe) -> Lost {
        let patience = self.settings.receive_timer();
        let (mut batch, mut octets) = (VecDeque::new(), Vec::new());
        loop {
            match self.outbox.next(&mut batch).await {
                Next::Messages => {}
                Next::Closing => return Lost::Asked,
                Next::Burst => return Lost::Malformed("the partner does not read".to_owned()),
            }
            while !batch.is_empty() {
                let (written, outcome) = scribe.write((self.clock)(), &mut batch, &mut octets);
                self.counts.sent.fetch_add(written, Relaxed);
                if let Err(why) = outcome {
                    let relationship = self.settings.endpoint.name.as_str();
                    error!(relationship, %why, "a message could not be sent");
                }
                if let Err(lost) = push(output, &octets, patience).await {
                    return lost;
                }
                octets.clear();
            }
        }
    }
}

/// Which of the two ended.
enum End {
    Read(Fault),
    Written(Lost),
}

/// Writes all of `octets`, as long as there is progress within `patience`.
async fn push(
    output: &mut (impl AsyncWrite + Unpin),
    mut octets: &[u8],
    patience: Duration,
) -> Result<(), Lost> {
    let stuck = || Lost::Malformed("the partner has stopped reading".to_owned());
    while !octets.is_empty() {
        match timeout(patience, output.write_buf(&mut octets)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return Err(Lost::Closed),
            Err(_) => return Err(stuck()),
        }
    }
    match timeout(patience, output.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Lost::Closed),
        Err(_) => Err(stuck()),
    }
}

/// Says that nothing follows, and waits for the partner to close: closing with octets unread would
/// have the kernel reset the connection, and the partner not read what was said last.
pub(super) async fn part(
    output: &mut (impl AsyncWrite + Unpin),
    input: &mut (impl AsyncRead + Unpin),
) {
    if output.shutdown().await.is_ok() {
        let mut unread = [0; 512];
        while matches!(input.read(&mut unread).await, Ok(1..)) {}
    }
}
