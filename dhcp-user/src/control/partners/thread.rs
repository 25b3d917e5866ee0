//! The thread: made before clients are answered, begun behind it, ended before the journal is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;
use tracing::{error, warn};

use super::bells::Bells;
use super::desk::Desk;
use super::face::{Board, Order, Partners};
use super::inbox::Inbox;
use super::ledger::{Agenda, Ledger, is_relationship, note_name};
use super::plan::{self, PlanError};
use super::relationship::Relationship;
use crate::config::Config;
use crate::dataplane::SteadyClock;
use crate::failover::link::{self, Clock, Link};
use crate::failover::{Action, Endpoint, Saved, Settings, Terms};
use crate::journal::{Appender, SharedHealth};
use crate::lease::{Limits, SharedViews, Tables, View, Views, WriterId};
use crate::server::Services;

/// How far below the workers the thread stands: it yields to them where cores are few, and is not
/// starved by them.
const NICENESS: i32 = 5;
/// Orders that wait for one relationship.
const ORDERS_MAX: usize = 4;

/// What the thread works with.
pub struct Parts {
    /// Every lease.
    pub tables: Arc<Tables>,
    /// Leases by subscriber.
    pub limits: Arc<Limits>,
    /// Which leases are counted; a reload replaces it.
    pub services: Arc<ArcSwap<Services>>,
    /// Whether anything can be made durable.
    pub health: Arc<SharedHealth>,
    /// The thread's own: its number is what [`Prepared::new`] was told.
    pub appender: Appender,
    /// Called after every new view, once workers have it.
    pub announce: Box<dyn Fn() + Send>,
}

/// All relationships, before there is anything of the thread but its memory.
pub struct Prepared {
    begun: Vec<Begun>,
    views: Arc<SharedViews>,
    clock: Clock,
    face: Partners,
    board: Board,
    orders: mpsc::Receiver<Order>,
}

/// One relationship that nobody has heard of.
struct Begun {
    endpoint: Endpoint,
    /// What the endpoint wanted first.
    actions: Vec<Action>,
    link: link::Settings,
}

/// The running thread.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Prepared {
    /// An endpoint for each relationship of `config`, which `tables` are laid out by, with what the journal's `notes` have of it;
    /// nothing for a server without partners. Endpoints change bindings as `writer`.
    ///
    /// # Errors
    /// The server must not start: it would not know what it has told its partner, or whom it talks
    /// to.
    pub fn new(
        config: &Config,
        tables: &Tables,
        notes: &BTreeMap<String, Vec<u8>>,
        writer: WriterId,
    ) -> Result<Option<Self>, PlanError> {
        Self::with_clock(config, tables, notes, writer, clock())
    }

    /// As [`new`](Self::new), by this clock.
    pub(super) fn with_clock(
        config: &Config,
        tables: &Tables,
        notes: &BTreeMap<String, Vec<u8>>,
        writer: WriterId,
        clock: Clock,
    ) -> Result<Option<Self>, PlanError> {
        if config.failover.is_empty() {
            return Ok(None);
        }
        let mut begun = Vec::new();
        for (place, relationship) in config.failover.iter().enumerate() {
            plan::check_cut(config, tables, place)?;
            let settings = Settings::of(config, tables, place);
            let link = plan::link(relationship, settings.clone())?;
            let note = notes.get(&note_name(&relationship.terms.name));
            let saved = note.map(|octets| Saved::from_octets(octets)).transpose();
            let saved = saved.map_err(|why| PlanError::Note {
                relationship: relationship.terms.name.clone(),
                why,
            })?;
            saved.map_or(Ok(()), |saved: Saved| saved.check_role(clock(), &settings)).map_err(
                |why| PlanError::Role { relationship: relationship.terms.name.clone(), why },
            )?;
            let mut actions = Vec::new();
            let endpoint = Endpoint::new(clock(), settings, saved, writer, &mut actions);
            begun.push(Begun { endpoint, actions, link });
        }
        let views = Views(vec![View::SILENT; begun.len()]);
        let (face, board, orders) = Partners::with_orders();
        let views = Arc::new(SharedViews::new(views));
        Ok(Some(Self { begun, views, clock, face, board, orders }))
    }

    /// What workers and the sweep go by: that nothing may be done, until the thread runs.
    #[must_use]
    pub fn views(&self) -> Arc<SharedViews> {
        Arc::clone(&self.views)
    }

    /// How operators see the relationships.
    #[must_use]
    pub fn face(&self) -> Partners {
        self.face.clone()
    }

    /// Begins.
    ///
    /// # Errors
    /// No thread, or no descriptors for it.
    pub fn start(self, parts: Parts) -> io::Result<Running> {
        let (stop, stopped) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let thread = thread::Builder::new().name("failover".into()).spawn(move || {
            if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                warn!(%error, "the failover thread has the workers' priority");
            }
            runtime.block_on(LocalSet::new().run_until(self.run(parts, stopped)));
        })?;
        Ok(Running { stop, thread })
    }

    async fn run(self, parts: Parts, stop: watch::Receiver<bool>) {
        let Self { begun, views, clock, board, mut orders, .. } = self;
        let (durable, untold) = (Bells::new(begun.len()), Bells::new(begun.len()));
        // Refused only if somebody else listens already, and there is nobody.
        let _ = parts.appender.set_waker(durable.waker());
        for table in parts.tables.both() {
            let _ = table.set_untold_waker(untold.waker());
        }
        let links = begun.iter().map(|begun| begun.link.clone()).collect();
        let links = Link::open(links, &clock);
        let desk = Rc::new(Desk {
            tables: parts.tables,
            limits: parts.limits,
            services: parts.services,
            health: parts.health,
            views,
            announce: parts.announce,
            clock,
            ledger: RefCell::new(Ledger::new(parts.appender)),
            durable,
            untold,
            statuses: RefCell::new(vec![None; begun.len()]),
            board,
        });
        let (mut tasks, mut doors) = (JoinSet::new(), Vec::new());
        for (place, (begun, link)) in begun.into_iter().zip(links).enumerate() {
            let Begun { endpoint, mut actions, link: settings } = begun;
            let mut agenda = Agenda::default();
            agenda.add(&mut actions);
            let (door, arriving) = mpsc::channel(ORDERS_MAX);
            let Terms { name, protocol, .. } = settings.endpoint.terms;
            doors.push((name.clone(), door));
            let relationship = Relationship {
                place,
                name,
                protocol,
                endpoint,
                link,
                desk: Rc::clone(&desk),
                agenda,
                inbox: Inbox::new(Instant::now()),
                awaits: None,
                look_at: Some(Instant::now()),
                is_paced: false,
            };
            tasks.spawn_local(relationship.run(arriving, stop.clone()));
        }
        let hand_out = async {
            while let Some(order) = orders.recv().await {
                hand_out(&doors, order).await;
            }
        };
        let all_end = async { while tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = all_end => {}
            // The desk of the control socket is not closed before.
            () = hand_out => {}
        }
    }
}

impl Running {
    /// Tells the partners, and ends the thread and with it its appender: some seconds at the most.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            error!("the failover thread had died");
        }
    }
}

/// What the journal is to have of relationships that `notes` knows and `config` does not any more: what
/// becomes of their addresses from now on, no partner is told.
#[must_use]
pub fn left(config: &Config, notes: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let is_there = |name: &str| config.failover.iter().any(|it| note_name(&it.terms.name) == name);
    let note = |(name, octets): (&String, &Vec<u8>)| {
        let saved = is_relationship(name).then(|| Saved::from_octets(octets).ok()).flatten()?;
        let left = saved.left();
        (!is_there(name) && left != saved).then(|| (name.clone(), left.to_octets().to_vec()))
    };
    notes.iter().filter_map(note).collect()
}

/// The time that leases, headers and timers go by.
fn clock() -> Clock {
    let clock = Mutex::new(SteadyClock::start());
    Arc::new(move || clock.lock().unwrap_or_else(PoisonError::into_inner).now())
}

/// Gives an order to the relationship that it names.
async fn hand_out(doors: &[(String, mpsc::Sender<Order>)], order: Order) {
    let Some((_, door)) = doors.iter().find(|(name, _)| *name == order.name) else {
        let names: Vec<_> = doors.iter().map(|(name, _)| name.as_str()).collect();
        let why =
            format!("no failover relationship `{}`; there is {}", order.name, names.join(", "));
        // Nobody may be waiting any more.
        let _ = order.answer.send(Err(why));
        return;
    };
    // A relationship that has ended answers by dropping it.
    let _ = door.send(order).await;
}
