//! The task behind one link, and the driver's end of it.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use super::claim::Claim;
use super::codec::{Arrived, Spoken};
use super::conversation::{Conversation, Parting};
use super::dial::{dial, jittered};
use super::door::{self, Guest};
use super::greet::{Connection, Greeter, Outcome};
use super::outbox::Outbox;
use super::settings::{Clock, Counts, Settings, count};
use super::stream::watch;
use crate::config::model::Protocol;
use crate::failover::{Dialect, Greeted, Lost, Refusal, Role, Side};
use crate::wire::Stamp;
use crate::wire::failover::Rejection;

/// What happens on a link.
#[derive(Debug)]
pub enum LinkEvent {
    /// There is one.
    Up(Greeted),
    /// The partner said this, in this order; never CONNECT or CONNECTACK.
    Packets(Vec<(Stamp, Arrived)>),
    /// There is none any more.
    Lost(Lost),
}

/// The driver's end of one link. Dropping it ends the link at once.
#[derive(Debug)]
pub struct Link {
    events: mpsc::Receiver<Told>,
    /// Of the connection whose [`LinkEvent::Up`] came last.
    outbox: Option<Arc<Outbox>>,
    /// [`Link::close`] was called, which [`Link::next`] has yet to say.
    is_asked: bool,
    /// The connection that was closed is still being written to; what comes of it is not heard.
    is_parting: bool,
    rest: watch::Sender<bool>,
    counts: Arc<Counts>,
    _tasks: Arc<Tasks>,
}

/// What the task tells the driver.
#[derive(Debug)]
pub(super) enum Told {
    Up(Greeted, Arc<Outbox>),
    Packets(Vec<(Stamp, Arrived)>),
    Lost(Lost),
}

/// Told and not yet taken: beyond that nothing more is read.
const TOLD_MAX: usize = 4;
/// Connections that came and wait for the task to look at them.
const ARRIVING_MAX: usize = 4;
/// Greetings at a time on connections that came; a further one is closed.
const GREETINGS_MAX: usize = 8;

impl Link {
    /// A link for each of `settings`, in their order, all of which go on by themselves: to be called
    /// inside a runtime. `clock` goes into headers.
    #[must_use]
    pub fn open(settings: Vec<Settings>, clock: &Clock) -> Vec<Self> {
        let mut doors: Vec<(SocketAddr, Vec<Guest>)> = Vec::new();
        let (mut tasks, mut ends) = (Tasks::default(), Vec::new());
        for settings in settings {
            let (arriving_to, arriving) = mpsc::channel(ARRIVING_MAX);
            let (events_to, events) = mpsc::channel(TOLD_MAX);
            let (rest, resting) = watch::channel(false);
            let counts = Arc::new(Counts::default());
            let from = settings.peer.ip().to_canonical();
            let protocol = settings.endpoint.terms.protocol;
            let is_shy =
                (protocol, settings.endpoint.terms.role) == (Protocol::Dhcpv4, Role::Primary);
            let guest =
                Guest { from, protocol, is_shy, to: arriving_to, counts: Arc::clone(&counts) };
            let listens = settings.listens();
            match doors.iter_mut().find(|(local, _)| *local == settings.local) {
                // Whoever comes all the same is nobody's partner there.
                _ if !listens => {}
                Some((_, guests)) => guests.push(guest),
                None => doors.push((settings.local, vec![guest])),
            }
            let keeper = Keeper {
                greeter: Greeter::new(settings, Arc::clone(clock)),
                counts: Arc::clone(&counts),
                arriving,
                events: events_to,
                resting,
                dialect: Dialect::default(),
                heard: None,
                said: String::new(),
            };
            tasks.0.push(tokio::spawn(keeper.run()));
            ends.push((events, rest, counts));
        }
        for (local, guests) in doors {
            tasks.0.push(tokio::spawn(door::keep(local, guests)));
        }
        let tasks = Arc::new(tasks);
        let link = |(events, rest, counts)| Self {
            events,
            outbox: None,
            is_asked: false,
            is_parting: false,
            rest,
            counts,
            _tasks: Arc::clone(&tasks),
        };
        ends.into_iter().map(link).collect()
    }

    /// What happens next. Loses nothing when it is dropped while waiting.
    pub async fn next(&mut self) -> LinkEvent {
        if std::mem::take(&mut self.is_asked) {
            return LinkEvent::Lost(Lost::Asked);
        }
        loop {
            let Some(told) = self.events.recv().await else { pending().await };
            if let Some(event) = self.understand(told) {
                return event;
            }
        }
    }

    /// The same, if it has happened already.
    pub fn try_next(&mut self) -> Option<LinkEvent> {
        if std::mem::take(&mut self.is_asked) {
            return Some(LinkEvent::Lost(Lost::Asked));
        }
        loop {
            let told = self.events.try_recv().ok()?;
            if let Some(event) = self.understand(told) {
                return Some(event);
            }
        }
    }

    /// What the driver hears of it: nothing of a connection that is being closed.
    fn understand(&mut self, told: Told) -> Option<LinkEvent> {
        match told {
            Told::Up(greeted, outbox) => {
                self.outbox = Some(outbox);
                Some(LinkEvent::Up(greeted))
            }
            Told::Packets(packets) => (!self.is_parting).then_some(LinkEvent::Packets(packets)),
            Told::Lost(_) if std::mem::take(&mut self.is_parting) => None,
            Told::Lost(lost) => {
                self.outbox = None;
                Some(LinkEvent::Lost(lost))
            }
        }
    }

    /// Sends a message; without a link it is forgotten.
    pub fn send(&self, xid: u32, message: impl Into<Spoken>) {
        if let Some(outbox) = &self.outbox {
            outbox.push(xid, message);
        }
    }

    /// Whether there is a link, as far as [`next`](Self::next) has told.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.outbox.is_some()
    }

    /// How many more messages may be sent that answer nothing. Answers are always taken; a partner
    /// that does not read them loses the link.
    #[must_use]
    pub fn room(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.room())
    }

    /// Closes the link when what was sent before is written, with a DISCONNECT if there is a reason.
    /// [`next`](Self::next) says [`Lost::Asked`] at once, and nothing more of this connection.
    pub fn close(&mut self, reason: Option<Rejection>) {
        if let Some(outbox) = self.outbox.take() {
            outbox.close(reason);
            (self.is_asked, self.is_parting) = (true, true);
        }
    }

    /// Returns when the connection that was [`close`](Self::close)d is gone: some seconds at the
    /// most.
    pub async fn parted(&mut self) {
        while self.is_parting {
            match self.events.recv().await {
                Some(Told::Lost(_)) | None => self.is_parting = false,
                Some(_) => {}
            }
        }
    }

    /// While true no new link is made.
    pub fn rest(&self, is_resting: bool) {
        self.rest.send_if_modified(|resting| std::mem::replace(resting, is_resting) != is_resting);
    }

    /// What it has counted.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
}

/// Ends them when dropped.
#[derive(Debug, Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// The task of one relationship.
struct Keeper {
    greeter: Greeter,
    counts: Arc<Counts>,
    arriving: mpsc::Receiver<TcpStream>,
    events: mpsc::Sender<Told>,
    resting: watch::Receiver<bool>,
    /// How the partner spoke last.
    dialect: Dialect,
    /// The partner's clock at the last greeting, if it is proven to be the partner's.
    heard: Option<Stamp>,
    /// Why there is no link, as last said in the log: the same is not said again.
    said: String,
}

impl Keeper {
    async fn run(mut self) {
        let mut dial_at = Instant::now();
        let mut successor = None;
        loop {
            let (connection, greeted) = match successor.take() {
                Some(met) => met,
                None => self.meet(dial_at).await,
            };
            count(&self.counts.links);
            self.dialect = greeted.dialect;
            self.heard = self.greeter.settings().secret.as_ref().map(|_| greeted.partner_time);
            self.said.clear();
            let (last_xid, dialect) = (greeted.last_xid, greeted.dialect);
            let outbox = Arc::new(Outbox::new(last_xid, self.greeter.protocol(), dialect));
            if self.events.send(Told::Up(greeted, Arc::clone(&outbox))).await.is_err() {
                return;
            }
            let conversation = Conversation {
                settings: self.greeter.settings(),
                clock: self.greeter.clock(),
                counts: &self.counts,
                outbox: &outbox,
                events: &self.events,
            };
            let Parting { lost, was_refused } = tokio::select! {
                parting = conversation.run(connection) => parting,
                met = succeed(&mut self.arriving, &self.greeter, &self.counts) => {
                    successor = Some(met);
                    Parting { lost: Lost::Closed, was_refused: false }
                }
            };
            if self.events.send(Told::Lost(lost)).await.is_err() {
                return;
            }
            dial_at = Instant::now() + self.pause(was_refused);
        }
    }

    /// A link: the first connection whose greeting is done. The others are closed.
    async fn meet(&mut self, mut dial_at: Instant) -> (Connection, Greeted) {
        let claim = Arc::new(Claim::new(self.heard));
        let mut greetings = JoinSet::new();
        let (mut is_dialling, mut visitors) = (false, 0);
        let dials = self.greeter.settings().dials();
        loop {
            if *self.resting.borrow_and_update() {
                greetings.shutdown().await;
                (is_dialling, visitors) = (false, 0);
                self.sleep().await;
                dial_at = Instant::now();
                continue;
            }
            tokio::select! {
                Some(stream) = self.arriving.recv() => {
                    if visitors < GREETINGS_MAX {
                        visitors += 1;
                        let (greeter, claim) = (self.greeter.clone(), Arc::clone(&claim));
                        let patience = greeter.settings().receive_timer();
                        greetings.spawn(async move {
                            let outcome = match watch(&stream, patience) {
                                Ok(()) => greeter.greet(Box::new(stream), &claim).await,
                                Err(error) => Outcome::failed(&error),
                            };
                            (Way::In, outcome)
                        });
                    }
                }
                () = sleep_until(dial_at), if !is_dialling && dials => {
                    is_dialling = true;
                    let (greeter, claim) = (self.greeter.clone(), Arc::clone(&claim));
                    greetings.spawn(async move {
                        let outcome = match dial(greeter.settings()).await {
                            Ok(stream) => greeter.greet(Box::new(stream), &claim).await,
                            Err(error) => Outcome::failed(&error),
                        };
                        (Way::Out, outcome)
                    });
                }
                Some(Ok((way, outcome))) = greetings.join_next() => {
                    let was_refused = matches!(outcome, Outcome::Refused(_));
                    match outcome {
                        Outcome::Link(connection, greeted) => {
                            let others = greetings.len() as u64;
                            self.counts.duplicates.fetch_add(others, Relaxed);
                            return (connection, greeted);
                        }
                        Outcome::Late => count(&self.counts.duplicates),
                        Outcome::Refused(refusal) => {
                            count(&self.counts.refused);
                            self.say(way, in_words(&refusal));
                            self.counts.note(refusal);
                        }
                        Outcome::Malformed(what) => {
                            count(&self.counts.malformed);
                            self.say(way, what.clone());
                            let (at, by) = ((self.greeter.clock())(), Side::Us);
                            self.counts.note(Refusal { at, by, reason: None, what });
                        }
                        Outcome::Failed(why) => self.say(way, why),
                    }
                    match way {
                        Way::In => visitors -= 1,
                        Way::Out => {
                            is_dialling = false;
                            dial_at = Instant::now() + self.pause(was_refused);
                        }
                    }
                }
                _ = self.resting.changed() => {}
            }
        }
    }

    /// Until there may be a link again.
    async fn sleep(&mut self) {
        let Self { resting, arriving, counts, .. } = self;
        tokio::select! {
            _ = resting.wait_for(|is_resting| !is_resting) => {}
            never = turn_away(arriving, counts) => never,
        }
    }

    /// Until we connect again.
    fn pause(&self, was_refused: bool) -> Duration {
        let settings = self.greeter.settings();
        let takes_its_time = was_refused && self.dialect != Dialect::Dhcpd;
        jittered(if takes_its_time { settings.reconnect_after_refusal } else { settings.reconnect })
    }

    fn say(&mut self, way: Way, why: String) {
        let settings = self.greeter.settings();
        let (relationship, peer) = (settings.endpoint.terms.name.as_str(), settings.peer);
        if why == self.said {
            debug!(relationship, %peer, ?way, why, "still no link to the partner");
        } else {
            info!(relationship, %peer, ?way, why, "no link to the partner");
            self.said = why;
        }
    }
}

/// A refusal for the log.
fn in_words(refusal: &Refusal) -> String {
    let by = match refusal.by {
        Side::Us => "we refuse",
        Side::Partner => "the partner refuses",
    };
    let reason = refusal.reason.map_or(String::new(), |reason| format!(" ({reason:?})"));
    format!("{by}: {}{reason}", refusal.what)
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug)]
enum Way {
    In,
    Out,
}

/// What comes while there is a link: in DHCPv4 it is closed. A primary of DHCPv6 that comes again has lost
/// its end of the link, whether or not we have noticed: once it has greeted, that is the link (spec v6
/// §3.4).
async fn succeed(
    arriving: &mut mpsc::Receiver<TcpStream>,
    greeter: &Greeter,
    counts: &Counts,
) -> (Connection, Greeted) {
    if greeter.protocol() == Protocol::Dhcpv4 {
        return turn_away(arriving, counts).await;
    }
    while let Some(stream) = arriving.recv().await {
        let outcome = match watch(&stream, greeter.settings().receive_timer()) {
            Ok(()) => greeter.greet(Box::new(stream), &Claim::new(None)).await,
            Err(error) => Outcome::failed(&error),
        };
        match outcome {
            Outcome::Link(connection, greeted) => return (connection, greeted),
            Outcome::Refused(refusal) => {
                count(&counts.refused);
                counts.note(refusal);
            }
            Outcome::Malformed(_) => count(&counts.malformed),
            Outcome::Late => count(&counts.duplicates),
            Outcome::Failed(_) => {}
        }
    }
    pending().await
}

/// Closes whoever comes, for ever.
async fn turn_away<T>(arriving: &mut mpsc::Receiver<TcpStream>, counts: &Counts) -> T {
    while let Some(stream) = arriving.recv().await {
        drop(stream);
        count(&counts.duplicates);
    }
    pending().await
}

impl Outcome {
    fn failed(error: &io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
