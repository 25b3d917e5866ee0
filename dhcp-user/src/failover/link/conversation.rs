//! The link while it is up: reading and writing side by side, until one of the two ends.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, split};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::error;

use super::codec::Arrived;
use super::frame::{Fault, Inbox, Scribe};
use super::greet::Connection;
use super::keeper::Told;
use super::outbox::{Next, Outbox};
use super::settings::{Clock, Counts, Settings, count};
use super::stream::Stream;
use crate::failover::Lost;
use crate::wire::Stamp;

/// How long what was to be said last may take to be written, and the partner to close.
const GOODBYE: Duration = Duration::from_secs(1);
/// Messages handed over at once, so that answers begin while more is read; and kept while nobody takes them.
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
                () = self.outbox.abandoned() => End::Abandoned,
            };
            match fault {
                // Dropped, the connection is reset.
                End::Abandoned => return Parting { lost: Lost::Asked, was_refused },
                End::Written(lost) => lost,
                End::Read(Fault::Closed) => Lost::Closed,
                End::Read(fault) => {
                    count(&self.counts.malformed);
                    if let Some(rejection) = fault.farewell(self.settings.endpoint.terms.protocol) {
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
        // What is in the inbox by now was written before.
        let mut at = (self.clock)();
        let fault = loop {
            match inbox.take() {
                Ok(Some(packet)) => {
                    *was_refused |= packet.refuses_us();
                    batch.push((at, packet));
                    if batch.len() < BATCH {
                        continue;
                    }
                }
                Ok(None) => {}
                Err(fault) => break fault,
            }
            // While nobody takes it there is more to be read, or it would seem to have been on its way for
            // so long (RFC 8156 §7.1).
            let has_room = batch.len() < BATCH;
            tokio::select! {
                biased;
                Ok(place) = self.events.reserve(), if !batch.is_empty() => {
                    self.hand_over(place, &mut batch);
                }
                filled = inbox.fill(input), if has_room => {
                    at = (self.clock)();
                    if let Err(fault) = filled {
                        break fault;
                    }
                }
                // Nobody there any more: then this task is about to end too.
                else => break Fault::Closed,
            }
        };
        // What was understood before is still meant.
        if !batch.is_empty()
            && let Ok(place) = self.events.reserve().await
        {
            self.hand_over(place, &mut batch);
        }
        End::Read(fault)
    }

    fn hand_over(&self, place: mpsc::Permit<'_, Told>, batch: &mut Vec<(Stamp, Arrived)>) {
        self.counts.received.fetch_add(batch.len() as u64, Relaxed);
        place.send(Told::Packets(std::mem::take(batch)));
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
                    let relationship = self.settings.endpoint.terms.name.as_str();
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

/// Which of the two ended, or neither.
enum End {
    Read(Fault),
    Written(Lost),
    Abandoned,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use tokio::io::{DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::config::model::Protocol;
    use crate::failover::Dialect;
    use crate::failover::link::fixture::{both, clock, secret};
    use crate::wire::failover::{Message, Packet, Reject, Rejection};

    /// A link that is up, its partner's end, and what it tells.
    struct Up {
        settings: Settings,
        outbox: Arc<Outbox>,
        events: mpsc::Receiver<Told>,
        partner: DuplexStream,
        parting: tokio::task::JoinHandle<Parting>,
    }

    /// On a connection that takes `room` octets that nobody reads.
    fn up(secret: Option<crate::config::model::Secret>, room: usize) -> Up {
        up_by(clock(), secret, room)
    }

    fn up_by(clock: Clock, secret: Option<crate::config::model::Secret>, room: usize) -> Up {
        let [mut settings, _] = both();
        settings.secret = secret;
        let (ours, partner) = duplex(room);
        let outbox = Arc::new(Outbox::new(0, Protocol::Dhcpv4, Dialect::Dhcpd));
        let (events_to, events) = mpsc::channel(4);
        let (inside, own) = (Arc::clone(&outbox), settings.clone());
        let parting = tokio::spawn(async move {
            let counts = Counts::default();
            let connection = Connection {
                stream: Box::new(ours),
                inbox: Inbox::new(Protocol::Dhcpv4, own.secret.clone()),
                scribe: Scribe::new(Dialect::Dhcpd, own.secret.clone()),
            };
            let (settings, outbox) = (&own, &*inside);
            let (clock, counts, events) = (&clock, &counts, &events_to);
            Conversation { settings, clock, counts, outbox, events }.run(connection).await
        });
        Up { settings, outbox, events, partner, parting }
    }

    fn octets(
        messages: &[(u32, Message)],
        secret: Option<crate::config::model::Secret>,
    ) -> Vec<u8> {
        let mut octets = Vec::new();
        let scribe = Scribe::new(Dialect::Dhcpd, secret);
        let mut said: VecDeque<_> =
            messages.iter().cloned().map(|(xid, message)| (xid, message.into())).collect();
        scribe.write(clock()(), &mut said, &mut octets).1.unwrap();
        octets
    }

    async fn hear(events: &mut mpsc::Receiver<Told>) -> Vec<u32> {
        match events.recv().await {
            Some(Told::Packets(packets)) => packets.iter().map(|(_, it)| it.xid()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_partner_that_never_reads_is_heard_and_then_left() {
        let mut up = up(None, 256);
        for xid in 0..1_000 {
            up.outbox.push(xid, Message::Contact);
        }
        let began = Instant::now();
        for xid in 1..=3 {
            up.partner.write_all(&octets(&[(xid, Message::Contact)], None)).await.unwrap();
            assert_eq!(hear(&mut up.events).await, [xid]);
        }
        let parting = up.parting.await.unwrap();
        assert!(matches!(parting.lost, Lost::Malformed(why) if why.contains("stopped reading")));
        assert!(began.elapsed() >= up.settings.receive_timer());
        assert!(began.elapsed() < 2 * up.settings.receive_timer());
    }

    #[tokio::test(start_paused = true)]
    async fn a_partner_that_reads_slowly_keeps_the_link() {
        let mut up = up(None, 256);
        for xid in 0..200 {
            up.outbox.push(xid, Message::Contact);
        }
        let mut heard = [0; 12 * 100];
        for piece in heard.chunks_mut(120) {
            tokio::time::sleep(up.settings.receive_timer() / 2).await;
            up.partner.read_exact(piece).await.unwrap();
        }
        assert!(!up.parting.is_finished());
        assert_eq!(heard[12 * 99 + 8..], 99_u32.to_be_bytes());
    }

    #[tokio::test(start_paused = true)]
    async fn a_partner_for_whom_too_much_waits_is_left_at_once() {
        let up = up(None, 256);
        let began = Instant::now();
        for xid in 0..100_000 {
            up.outbox.push(xid, Message::Contact);
        }
        let parting = up.parting.await.unwrap();
        assert!(matches!(parting.lost, Lost::Malformed(why) if why.contains("does not read")));
        assert!(began.elapsed() <= GOODBYE);
    }

    /// What was not read would come late to it.
    #[tokio::test(start_paused = true)]
    async fn a_dhcpd_that_was_silent_is_left_at_once_and_without_a_word() {
        let up = up(None, 256);
        for xid in 0..1_000 {
            up.outbox.push(xid, Message::Contact);
        }
        tokio::task::yield_now().await;
        let began = Instant::now();
        let text = "nothing was heard".to_owned();
        up.outbox.close(Some(Rejection { reason: Reject::NoTraffic, text }));
        let parting = up.parting.await.unwrap();
        assert!(matches!(parting, Parting { lost: Lost::Asked, was_refused: false }));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn when_nobody_takes_what_is_read_no_more_is_read() {
        let mut up = up(None, 256);
        let many = octets(&vec![(1, Message::Contact); 10_000], None);
        // The channel takes four batches, and what the connection itself holds is little.
        let writing = timeout(Duration::from_secs(5), up.partner.write_all(&many));
        assert!(writing.await.is_err());
        // And what we say leaves all the same.
        up.outbox.push(7, Message::Contact);
        let mut contact = [0; 12];
        up.partner.read_exact(&mut contact).await.unwrap();
        assert_eq!(contact[8..], 7_u32.to_be_bytes());
    }

    /// RFC 8156 §7.1, and A22 of the register: a message is as old as it was when it was read, however long nobody takes it.
    #[tokio::test(start_paused = true)]
    async fn what_comes_while_nobody_takes_it_is_read_and_stamped_all_the_same() {
        let time = Arc::new(AtomicU32::new(100));
        let clock = Arc::clone(&time);
        let mut up = up_by(Arc::new(move || Stamp(clock.load(Relaxed))), None, 256);
        for xid in 1..=8 {
            up.partner.write_all(&octets(&[(xid, Message::Contact)], None)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        time.store(160, Relaxed);
        let mut heard = Vec::new();
        while heard.len() < 8 {
            let Some(Told::Packets(packets)) = up.events.recv().await else { panic!("{heard:?}") };
            heard.extend(packets.iter().map(|(read, packet)| (read.0, packet.xid())));
        }
        assert_eq!(heard, (1..=8).map(|xid| (100, xid)).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_was_understood_before_the_fault_is_still_told() {
        let mut up = up(None, 4_096);
        let mut said = octets(&[(1, Message::Contact), (2, Message::Contact)], None);
        said.extend([8, 1]); // 2049 octets
        up.partner.write_all(&said).await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.extend(hear(&mut up.events).await);
        }
        assert_eq!(heard, [1, 2]);
        let parting = up.parting.await.unwrap();
        assert!(matches!(parting.lost, Lost::Malformed(why) if why.contains("2049")));
    }

    /// draft-12 §11.1.
    #[tokio::test]
    async fn a_message_that_is_not_proven_ends_the_link_with_a_disconnect_that_says_so() {
        let ours = || secret("between us");
        let cases = [
            (ours(), secret("another one"), Reject::DigestMismatch),
            (ours(), None, Reject::MissingDigest),
            (None, ours(), Reject::DigestNotConfigured),
        ];
        for (ours, theirs, expected) in cases {
            let mut up = up(ours.clone(), 4_096);
            let said = octets(&[(1, Message::Contact)], theirs);
            up.partner.write_all(&said).await.unwrap();
            let mut answer = Inbox::new(Protocol::Dhcpv4, ours);
            answer.fill(&mut up.partner).await.unwrap();
            let said = answer.take().unwrap();
            let Some(Arrived::V4(Packet {
                message: Message::Disconnect(Some(Rejection { reason, .. })),
                ..
            })) = said
            else {
                panic!("{said:?}")
            };
            assert_eq!(reason, expected);
            drop(up.partner);
            let parting = up.parting.await.unwrap();
            assert!(matches!(parting, Parting { lost: Lost::Malformed(_), was_refused: true }));
            assert!(up.events.recv().await.is_none());
        }
    }
}
