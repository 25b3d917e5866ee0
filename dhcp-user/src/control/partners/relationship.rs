//! One relationship: what happens is put in order, decided by its endpoint, and carried out.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::alarm;
use super::desk::Desk;
use super::face::Order;
use super::inbox::{Inbox, Input};
use super::ledger::{Agenda, Leaving, TooLong};
use crate::config::model::Protocol;
use crate::failover::link::{Arrived, Link};
use crate::failover::{Action, Alarm, Command, Endpoint, Event};
use crate::lease::{Binding, BindingStatus};
use crate::server::Services;
use crate::wire::failover::Message;
use crate::wire::failover6;

/// How often the endpoint's timers are looked at. They count seconds.
const TICK: Duration = Duration::from_millis(200);
/// Ticks between two looks at how things are.
const TICKS_A_REPORT: u32 = 5;
/// Between two looks at what the partner must be told, while workers change bindings all the time: they
/// are not asked to wake us each time, and what gathers meanwhile is one flush of the partner's.
const LOOK: Duration = Duration::from_millis(10);
/// Events handled before other relationships and the timers have their turn.
const EVENTS_A_TURN: usize = 256;
/// Actions that are made unasked before the same.
const ACTIONS_A_TURN: usize = 512;
/// How long a relationship may take to end: its state made durable, the partner told.
const GOODBYE: Duration = Duration::from_secs(1);

/// One relationship.
pub(super) struct Relationship {
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) endpoint: Endpoint,
    pub(super) link: Link,
    pub(super) desk: Rc<Desk>,
    pub(super) agenda: Agenda,
    pub(super) inbox: Inbox,
    /// The number of the view that was published last, until everybody goes by it.
    pub(super) awaits: Option<u64>,
    /// When to look what the partner must be told; `None`: when somebody rings.
    pub(super) look_at: Option<Instant>,
    /// All was told at the last look: nothing that happens has us look before it is time.
    pub(super) is_paced: bool,
}

/// What a turn came to.
enum Turn {
    /// There is more to do.
    Busy,
    /// Nothing can be done until something happens.
    Idle,
}

impl Relationship {
    /// Goes on until `stop` says so, then tells the partner and returns.
    pub(super) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut stop: watch::Receiver<bool>,
    ) {
        let desk = Rc::clone(&self.desk);
        let mut ticks = ticks();
        let mut ticked = 0_u32;
        let mut deadline: Option<Instant> = None;
        self.report();
        loop {
            if let Turn::Busy = self.turn() {
                tokio::task::yield_now().await;
                continue;
            }
            if deadline.is_some_and(|at| self.has_left() || Instant::now() >= at) {
                break;
            }
            let look_at = self.look_at;
            tokio::select! {
                () = desk.durable.rung(self.place) => self.mind_health(),
                () = desk.untold.rung(self.place), if look_at.is_none() => {
                    self.look_at = Some(Instant::now());
                }
                () = sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => {}
                event = self.link.next(), if self.inbox.is_empty() => self.inbox.take(event),
                Some(order) = orders.recv() => self.order(order),
                _ = ticks.tick() => {
                    ticked = ticked.wrapping_add(1);
                    self.mind_health();
                    self.inbox.tick(Instant::now());
                    if ticked.is_multiple_of(TICKS_A_REPORT) {
                        self.report();
                    }
                }
                _ = stop.wait_for(|stop| *stop), if deadline.is_none() => {
                    deadline = Some(Instant::now() + GOODBYE);
                    self.inbox.push(Input::Leave);
                }
            }
        }
        let _ = timeout_at(Instant::now() + GOODBYE, self.link.parted()).await;
    }

    /// Does what can be done at once, but not for long.
    fn turn(&mut self) -> Turn {
        self.carry_out();
        self.follow();
        let mut handled = 0;
        while handled < EVENTS_A_TURN && self.handle_next() {
            handled += 1;
        }
        let is_time = self.look_at.is_none_or(|at| at <= Instant::now());
        let is_due = is_time || handled > 0 && !self.is_paced;
        let has_more = is_due && self.pump();
        self.leave();
        if handled == EVENTS_A_TURN || has_more { Turn::Busy } else { Turn::Idle }
    }

    /// Has the endpoint hear next that its view is gone by, if no other one is on its way.
    fn follow(&mut self) {
        let is_followed = |number: &mut u64| self.desk.views.is_followed(*number);
        if !self.agenda.publishes() && self.awaits.take_if(is_followed).is_some() {
            self.inbox.followed();
        }
    }

    fn order(&mut self, order: Order) {
        if self.desk.health.is_good() {
            self.inbox.push(Input::Order(order.command, order.answer));
        } else {
            // Nobody may be waiting any more.
            let _ = order.answer.send(Err("the journal takes nothing: see its health".to_owned()));
        }
    }

    /// Whether the endpoint may be given the next input: what it decides finds its place, and leaves.
    /// While the journal takes nothing it stands still, and learns by that, once it goes on, for how
    /// long nobody has heard of it.
    fn can_handle(&self) -> bool {
        if !self.desk.health.is_good() || self.agenda.is_stuck() {
            return false;
        }
        let records = match self.inbox.first() {
            Some(Input::Packet(_, Arrived::V4(packet))) => match &packet.message {
                Message::BindingUpdate(updates) => 2 * updates.len(),
                Message::BindingAck(answers) => 2 * answers.len(),
                _ => 2,
            },
            Some(Input::Packet(_, Arrived::V6(packet))) => match &packet.message {
                failover6::Message::BindingUpdate(binding) => 2 * binding.leases().max(1),
                failover6::Message::BindingReply(answer) => 2 * answer.outcomes().count().max(1),
                _ => 2,
            },
            _ => 2,
        };
        self.agenda.is_begun() && self.desk.ledger.borrow().has_room(records)
    }

    /// Gives the endpoint the next input; false if there is none, or it cannot be handled now.
    fn handle_next(&mut self) -> bool {
        if self.inbox.gives_way() {
            self.inbox.let_go_before(std::iter::from_fn(|| self.link.try_next()));
        }
        if self.inbox.is_empty() || !self.can_handle() {
            return false;
        }
        let desk = Rc::clone(&self.desk);
        let services = desk.services.load();
        // While leases are counted anew none may begin or end.
        let Some(_counting) = desk.limits.hold(services.generation()) else { return false };
        let Some(input) = self.inbox.pop() else { return false };
        let now = (desk.clock)();
        let mut actions = Vec::new();
        let event = match &input {
            Input::Up(greeted) => {
                self.look_at = Some(Instant::now());
                Event::LinkUp(greeted.clone())
            }
            Input::Packet(read_at, packet) => packet.event(*read_at),
            Input::Lost(lost) => {
                self.agenda.forget_link();
                Event::LinkLost(lost.clone())
            }
            Input::Followed => Event::Followed,
            Input::Tick => Event::Tick,
            Input::Order(command, _) => Event::Command(*command),
            Input::Leave => Event::Command(Command::Leave),
        };
        self.endpoint.handle(now, event, desk.tables.serving(self.protocol), &mut actions);
        let outcome = outcome(&actions);
        // Who watches sees every state, however short, and what became of an order.
        let has_moved = actions.iter().any(|it| matches!(it, Action::Alarm(Alarm::Moved { .. })));
        let is_news = has_moved || matches!(input, Input::Order(..));
        self.carry_out_new(&services, &mut actions);
        if let Input::Order(_, to) = input {
            self.agenda.answer(to, outcome);
        }
        if is_news {
            self.report();
        }
        true
    }

    /// Has the endpoint tell the partner what it must know; true if there may be more at once.
    fn pump(&mut self) -> bool {
        self.is_paced = false;
        if !self.link.is_up() {
            self.look_at = None; // until it is
            return false;
        }
        let desk = Rc::clone(&self.desk);
        let services = desk.services.load();
        let room = self.link.room().min(ACTIONS_A_TURN).min(desk.ledger.borrow().room());
        let is_free = room > 0 && self.agenda.is_begun() && desk.health.is_good();
        let counting = desk.limits.hold(services.generation());
        if !is_free || counting.is_none() {
            self.look_at = Some(Instant::now() + TICK);
            return false;
        }
        let (now, mut actions) = ((desk.clock)(), Vec::new());
        let more = self.endpoint.pump(now, desk.tables.serving(self.protocol), room, &mut actions);
        if actions.is_empty() && more {
            return true;
        }
        if actions.is_empty() && self.look_at.take().is_some() {
            // Whatever comes from here on rings; what came before is found by looking once more.
            desk.tables.serving(self.protocol).listen_untold();
            self.endpoint.pump(now, desk.tables.serving(self.protocol), room, &mut actions);
        }
        if actions.is_empty() {
            return false;
        }
        self.look_at = Some(Instant::now() + LOOK);
        self.is_paced = !more && !self.endpoint.awaits_answers();
        self.carry_out_new(&services, &mut actions);
        more
    }

    /// Carries out what the endpoint just decided. To be called while leases may be counted.
    fn carry_out_new(&mut self, services: &Services, actions: &mut Vec<Action>) {
        for action in &*actions {
            match action {
                Action::Changed { resource, before, binding } => {
                    let leased = |it: &&Binding| it.status == BindingStatus::Active;
                    if let Some(before) = before.as_ref().filter(leased) {
                        services.uncount_lease(&self.desk.limits, *resource, before);
                    }
                    services.count_lease(&self.desk.limits, *resource, binding);
                }
                Action::Alarm(alarm) => alarm::say(&self.name, alarm),
                Action::Close(why) => {
                    if let Some(why) = why {
                        alarm::say_closing(&self.name, why);
                    }
                    self.inbox.deafen();
                }
                Action::Save(_) | Action::Send(..) | Action::Send6(..) | Action::Publish(_) => {}
            }
        }
        self.agenda.add(actions);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let desk = Rc::clone(&self.desk);
        let outcome = self.agenda.carry_out(&self.name, &mut desk.ledger.borrow_mut());
        if let Err(TooLong) = outcome {
            self.link.close(None);
        }
    }

    /// Lets go what is durable.
    fn leave(&mut self) {
        let desk = Rc::clone(&self.desk);
        if !desk.health.is_good() {
            return;
        }
        while let Some(leaving) = self.next_leaving() {
            match leaving {
                Leaving::Send(xid, message) => self.link.send(xid, message),
                Leaving::Close(reason) => self.link.close(reason),
                Leaving::Publish(view) => self.awaits = Some(desk.publish(self.place, view)),
                // Nobody may be waiting any more.
                Leaving::Answer(to, answer) => drop(to.send(answer)),
            }
        }
    }

    fn next_leaving(&mut self) -> Option<Leaving> {
        self.agenda.next_leaving(&self.desk.ledger.borrow())
    }

    /// A server that cannot make anything durable leaves clients to the partner, who learns it by
    /// the end of the link.
    fn mind_health(&mut self) {
        let is_good = self.desk.health.is_good();
        self.link.rest(!is_good);
        if !is_good {
            self.link.close(None);
        }
    }

    fn has_left(&self) -> bool {
        self.inbox.is_empty() && self.agenda.is_done()
    }

    fn report(&self) {
        if let Some(mut status) =
            self.endpoint.status((self.desk.clock)(), self.desk.tables.serving(self.protocol))
        {
            let counts = self.link.counts();
            status.connections = counts.connections();
            let both = [status.refusal.take(), counts.refusal()].into_iter().flatten();
            status.refusal = both.max_by_key(|refusal| refusal.at);
            self.desk.report(self.place, status);
        }
    }
}

/// What to tell an operator whose command came to this.
fn outcome(actions: &[Action]) -> Result<(), String> {
    let declined = actions.iter().find_map(|action| match action {
        Action::Alarm(Alarm::Declined { why, .. }) => Some((*why).to_owned()),
        _ => None,
    });
    declined.map_or(Ok(()), Err)
}

fn ticks() -> Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
