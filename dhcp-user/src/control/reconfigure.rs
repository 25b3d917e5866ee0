//! Having clients of DHCPv6 come back: what an operator asks for, and the task that carries it out.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::Ipv6Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::{debug, error, info};

use super::filter::{Filter, Wanted};
use super::instance::Instance;
use super::listing::Walk;
use crate::dataplane::{Chance, ServerPort, SteadyClock};
use crate::lease::{ItemKind, Resource, ResourceId, Views};
use crate::server::InterfaceIndex;
use crate::server::v6::{Campaign, Order, Progress, Reconfigure, Unwilling, Way, World};
use crate::wire::Stamp;
use crate::wire::dhcpv6::{Duid, MessageType};

/// Between two turns of a campaign, each of which begins with a few clients.
const PAUSE: Duration = Duration::from_millis(100);

/// What is kept for Reconfigures, and who is being told.
pub struct Reconfigurer {
    /// What the services go by.
    pub shared: Arc<Reconfigure>,
    campaign: Mutex<Campaign>,
    /// Opened for the first order: most servers never have one. One for all that is far, one for each
    /// link that we are on.
    ports: Mutex<HashMap<Option<(InterfaceIndex, Ipv6Addr)>, ServerPort>>,
    given: Notify,
    /// As the workers', by which clients were heard: one that was set back is behind it for long.
    time: Mutex<SteadyClock>,
}

/// What an order came to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Addresses whose clients are told to come back, one after the other.
    pub told: u64,
    /// Addresses of clients that do not accept Reconfigures, or were told no key by this server.
    pub not_accepting: u64,
    /// Addresses that the partner answers for.
    pub not_ours: u64,
    /// Delegated prefixes that were asked for, and whose client has no address to be reached at.
    pub without_address: u64,
}

/// What clients are to send.
pub const WISHES: [(&str, MessageType); 3] = [
    ("renew", MessageType::Renew),
    ("rebind", MessageType::Rebind),
    ("information-request", MessageType::InformationRequest),
];

impl Reconfigurer {
    /// With nobody to be told yet.
    #[must_use]
    pub fn new(shared: Reconfigure) -> Self {
        Self {
            shared: Arc::new(shared),
            campaign: Mutex::default(),
            ports: Mutex::default(),
            given: Notify::new(),
            time: Mutex::new(SteadyClock::start()),
        }
    }

    /// How it goes.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.campaign().progress()
    }

    /// Has the clients that hold what `filter` takes send what is `wanted`; see [`Order::wanted`].
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    pub async fn order(
        &self,
        instance: &Instance,
        wanted: Option<MessageType>,
        filter: Filter,
    ) -> Result<Outcome, String> {
        if !instance.loaded.load().config.dhcpv6.reconfigure {
            return Err("`reconfigure` in [dhcpv6] is off: no client has a key".to_owned());
        }
        self.send_by(instance, None, |_| Ok(()))
            .map_err(|error| format!("UDP port 547 cannot be used: {error}"))?;
        let at = self.now();
        let filter = of_client(instance, filter)?;
        let (mut outcome, mut addresses) = (Outcome::default(), VecDeque::new());
        let mut walk = Walk::new(Arc::clone(&instance.tables), filter.clone());
        let mut prefixes = 0;
        loop {
            let mut page = Vec::new();
            let has_more = walk.next_page(&mut |now, id, resource, binding| match resource {
                Resource::Ipv6(_) => page.push(id),
                Resource::Prefix(_) if binding.is_held(now) => prefixes += 1,
                _ => {}
            });
            with_world(instance, at, |world| {
                for id in page {
                    outcome.count(world.may_reconfigure(id), id, &mut addresses);
                }
            });
            if !has_more {
                break;
            }
            // Others have a turn between any two pages.
            tokio::task::yield_now().await;
        }
        let addressed = outcome.told + outcome.not_accepting + outcome.not_ours;
        if filter.client.is_some() && addressed == 0 {
            outcome.without_address = prefixes;
        }
        if outcome.told > 0 {
            info!(clients = outcome.told, wanted = ?wanted, "clients are told to come back");
            let order = Order { wanted, at, addresses };
            self.campaign().take(order).map_err(|_| "too many clients wait already".to_owned())?;
            self.given.notify_one();
        }
        Ok(outcome)
    }

    /// Carries out orders, as long as the server runs.
    pub async fn run(&self, instance: &Instance) {
        let mut chance = match Chance::new() {
            Ok(chance) => chance,
            Err(error) => {
                error!(%error, "no client will be told to come back");
                return;
            }
        };
        let began = Instant::now();
        loop {
            self.given.notified().await;
            while !self.campaign().is_over() {
                let clock_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.turn(instance, self.now(), clock_ms, &mut chance);
                tokio::time::sleep(PAUSE).await;
            }
            let Progress { sent, answered, unanswered, dropped, .. } = self.progress();
            info!(sent, answered, unanswered, dropped, "nobody is left that is told to come back");
        }
    }

    fn turn(&self, instance: &Instance, now: Stamp, clock_ms: u64, chance: &mut Chance) {
        let mut send = |way: Way, message: &[u8]| {
            let sent = self.send_by(instance, way.from, |port| port.send(way.to, message));
            // It is told again, like one that did not hear.
            sent.unwrap_or_else(|error| debug!(client = %way.to, %error, "no Reconfigure leaves"));
        };
        with_world(instance, now, |world| {
            self.campaign().turn(world, clock_ms, &mut || chance.draw(), &mut send);
        });
    }

    /// Does something with the socket of a link, or with that of none.
    fn send_by(
        &self,
        instance: &Instance,
        link: Option<(InterfaceIndex, Ipv6Addr)>,
        send: impl FnOnce(&ServerPort) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        match ports.entry(link) {
            Entry::Occupied(port) => send(port.get()),
            Entry::Vacant(none) => {
                let loaded = instance.loaded.load();
                let own = link.and_then(|(interface, address)| {
                    let interface = loaded.config.interfaces.get(usize::from(interface.0))?;
                    Some((interface.name.as_str(), address))
                });
                send(none.insert(ServerPort::open(own)?))
            }
        }
    }

    fn now(&self) -> Stamp {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    fn campaign(&self) -> MutexGuard<'_, Campaign> {
        self.campaign.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    fn count(
        &mut self,
        verdict: Result<(), Unwilling>,
        id: ResourceId,
        addresses: &mut VecDeque<ResourceId>,
    ) {
        match verdict {
            Ok(()) => {
                self.told += 1;
                addresses.push_back(id);
            }
            Err(Unwilling::NotAccepting) => self.not_accepting += 1,
            Err(Unwilling::NotOurs) => self.not_ours += 1,
            Err(Unwilling::NotLeased) => {}
        }
    }
}

/// Does something by what is in force.
fn with_world(instance: &Instance, now: Stamp, act: impl FnOnce(&World<'_>)) {
    let (services, views) = (instance.services.load(), instance.views.load());
    let views: &Views = &views.at(now);
    let worlds = services.worlds(now, &instance.tables, &instance.limits, views);
    if let Some(world) = worlds.ipv6 {
        act(&world);
    }
}

/// The same filter, but of whom a prefix is delegated to the addresses.
fn of_client(instance: &Instance, filter: Filter) -> Result<Filter, String> {
    match filter.address {
        Some(Wanted(Resource::Ipv4(_))) => Err("Reconfigure is of DHCPv6 alone".to_owned()),
        Some(Wanted(prefix @ Resource::Prefix(_))) => {
            let table = &instance.tables.ipv6;
            let guard = table.pin();
            let seen = table.find(prefix).and_then(|id| table.seen(id, &guard));
            let binding = seen.and_then(|seen| seen.binding());
            let key = binding.and_then(|binding| binding.client.as_ref()).map(|it| it.key());
            let key = key.filter(|key| key.kind == ItemKind::IaPrefixes);
            let duid = key.and_then(|key| Duid::new(key.octets.get(4..)?));
            let duid = duid.ok_or_else(|| format!("{prefix} is nobody's"))?;
            Ok(Filter { address: None, client: Some(duid.to_string().into()), ..filter })
        }
        None if filter.client.is_none() && filter.subnet.is_none() => {
            Err("name an address, a prefix, a client or a subnet".to_owned())
        }
        _ => Ok(filter),
    }
}
