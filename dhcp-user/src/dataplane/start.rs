//! Brings the data plane up, and takes it down again.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Waker;
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use dhcp_ebpf::Verdict;

use super::classic::Served;
use super::clock::SteadyClock;
use super::commit::{HELD_MAX, Waiting};
use super::counters::Counters;
use super::fast_path::FastPath;
use super::interface::{self, Interface};
use super::kernel_path::KernelPath;
use super::latency::Latencies;
use super::losses::{LossGauge, Losses};
use super::mode::{InterfaceMode, Mode, StartError, cores};
use super::packet::{Link, Scratch};
use super::packet_socket::{PacketSocket, hold_port, hold_port_v6};
use super::port::{BATCH, Port};
use super::probe::{PROBES_MAX, Prober};
use super::program::Program;
use super::vlan_stripping::VlanStripping;
use super::wake::Bell;
use super::worker::{Shared, Worker};
use crate::config::Config;
use crate::config::model::{self, Dataplane};
use crate::journal::{Appender, SharedHealth};
use crate::lease::{Limits, SharedViews, Tables, Views, WriterId};
use crate::server::{InterfaceIndex, Services};

/// What the data plane works with; all of it is shared with the threads that look after it.
pub struct Parts {
    /// Replaced by a reload.
    pub services: Arc<ArcSwap<Services>>,
    /// Who has what.
    pub tables: Arc<Tables>,
    /// Leases by subscriber.
    pub limits: Arc<Limits>,
    /// Replaced by the failover endpoints; workers look once a turn.
    pub views: Arc<SharedViews>,
    /// One for each of [`cores`].
    pub appenders: Vec<Appender>,
    /// Whether grants can be made durable.
    pub health: Arc<SharedHealth>,
    /// Made for as many workers as there are [`cores`].
    pub counters: Arc<Counters>,
    /// Written by the workers.
    pub latencies: Arc<Latencies>,
}

/// A data plane that serves. Stops when dropped.
pub struct Running {
    modes: Vec<InterfaceMode>,
    programs: Vec<(String, Program)>,
    /// Dropped after the programs that they are switched off for.
    vlan_stripping: Vec<VlanStripping>,
    loss_gauge: LossGauge,
    shared: Arc<Shared>,
    bells: Vec<Arc<Bell>>,
    threads: Vec<JoinHandle<()>>,
    /// Keep the kernel from calling the servers' ports closed, and in the groups of DHCPv6.
    ports: Vec<OwnedFd>,
}

/// What the XDP program of one interface did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InterfaceVerdicts {
    /// The kernel's name of it.
    pub interface: String,
    /// Packets by what became of them.
    pub counts: Vec<(Verdict, u64)>,
}

/// A worker's ports and links while they are gathered.
#[derive(Default)]
struct Seat {
    ports: Vec<Port>,
    links: Vec<(u32, Link)>,
    spins: bool,
}

/// Brings up every interface of `config` and a worker on each of [`cores`].
///
/// # Errors
/// `Mode` where an interface insists on a mode that does not work, `System` where not even sockets
/// do, `Workers` where `parts` was made for another number of workers.
pub fn start(config: &Config, parts: Parts) -> Result<Running, StartError> {
    let cores = cores(config)?;
    for found in [parts.appenders.len(), parts.counters.workers()] {
        if found != cores.len() {
            return Err(StartError::Workers { expected: cores.len(), found });
        }
    }
    let bells = (cores.iter().map(|_| Bell::new()).collect::<io::Result<Vec<_>>>())
        .map_err(|source| StartError::System { attempt: "eventfd".to_owned(), source })?;
    let mut running = Running {
        modes: Vec::new(),
        programs: Vec::new(),
        vlan_stripping: Vec::new(),
        loss_gauge: LossGauge::default(),
        shared: Arc::new(Shared {
            services: parts.services,
            tables: parts.tables,
            limits: parts.limits,
            views: Arc::clone(&parts.views),
            health: parts.health,
            counters: parts.counters,
            stop: AtomicBool::new(false),
        }),
        bells,
        threads: Vec::new(),
        ports: Vec::new(),
    };
    let mut seats: Vec<Seat> = cores.iter().map(|_| Seat::default()).collect();
    let mut kernel_sockets = 0;
    for (place, wanted) in config.interfaces.iter().enumerate() {
        let members: Vec<usize> = (0..cores.len())
            .filter(|&worker| wanted.workers.is_empty() || wanted.workers.contains(&cores[worker]))
            .collect();
        running.open(config, place, &members, &mut seats)?;
        kernel_sockets += members.len();
    }
    tracing::debug!(workers = cores.len(), kernel_sockets, "the data plane is laid out");
    for (index, (seat, appender)) in seats.into_iter().zip(parts.appenders).enumerate() {
        // Fresh from the journal, no appender has a waker yet.
        let _ = appender.set_waker(Waker::from(Arc::clone(&running.bells[index])));
        let worker = Worker {
            index,
            core: cores[index],
            shared: Arc::clone(&running.shared),
            ports: seat.ports,
            links: seat.links,
            appender,
            stopwatch: parts.latencies.stopwatch(),
            clock: SteadyClock::start(),
            bell: Arc::clone(&running.bells[index]),
            follower: parts.views.follower(),
            // No machine has that many cores.
            scratch: Scratch::new(WriterId(u16::try_from(index).unwrap_or(u16::MAX)))
                .map_err(|source| StartError::System { attempt: "chance".to_owned(), source })?,
            waiting: Waiting::new(),
            prober: Prober::new(std::process::id() as u16 ^ (index as u16) << 12),
            spins: seat.spins,
        };
        let thread = thread::Builder::new()
            .name(format!("worker-{}", cores[index]))
            .spawn(move || worker.run())
            .map_err(|source| StartError::System {
                attempt: "a worker's thread".to_owned(),
                source,
            })?;
        running.threads.push(thread);
    }
    running.serve(config)?;
    Ok(running)
}

impl Running {
    /// What each interface came up with, in the configuration's order.
    #[must_use]
    pub fn modes(&self) -> &[InterfaceMode] {
        &self.modes
    }

    /// What the XDP programs did, for the interfaces that have one.
    #[must_use]
    pub fn verdicts(&self) -> Vec<InterfaceVerdicts> {
        let of = |(interface, program): &(String, Program)| {
            let counts = program.verdicts().ok()?;
            let counts = Verdict::ALL.into_iter().zip(counts).collect();
            Some(InterfaceVerdicts { interface: interface.clone(), counts })
        };
        self.programs.iter().filter_map(of).collect()
    }

    /// What the kernel could not hand over to the workers.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.loss_gauge.read()
    }

    /// Passes what the XDP programs had to say on to the log; to be called about once a second.
    pub fn drain_log(&mut self) {
        for (_, program) in &mut self.programs {
            program.drain_log();
        }
    }

    /// Has the XDP programs turn away what no worker would answer: everything while no relationship
    /// lets us speak, and a partner's DHCPDISCOVERs; and wakes the workers, so that none goes on with
    /// what was before. To be called after every change of the service and of the views; until then
    /// workers alone decide.
    pub fn set_services(&mut self, services: &Services, views: &Views) {
        self.bells.iter().for_each(|bell| bell.ring());
        let gates = services.gates(views);
        for (interface, program) in &mut self.programs {
            if let Err(error) = program.admit(&gates) {
                tracing::error!(%interface, %error, "the XDP program does not hear of a change");
            }
        }
    }

    /// Detaches the programs, has the workers say what becomes durable within some seconds, and
    /// ends them. The appenders are dropped by then.
    pub fn stop(mut self) {
        self.shut_down();
    }

    /// Opens one interface in the best mode that works and gives each of `members` its ports.
    fn open(
        &mut self,
        config: &Config,
        place: usize,
        members: &[usize],
        seats: &mut [Seat],
    ) -> Result<(), StartError> {
        let wanted = &config.interfaces[place];
        let name = &wanted.name;
        let system = |attempt: &str| {
            let attempt = format!("{attempt} on interface {name}");
            move |source: io::Error| StartError::System { attempt, source }
        };
        let interface = interface::named(name).map_err(system("serving"))?;
        let served = Served::of(config);
        if served.ipv4 {
            self.ports.push(hold_port(name).map_err(system("binding UDP port 67"))?);
        }
        if served.ipv6 {
            let held = hold_port_v6(name, interface.index);
            self.ports.push(held.map_err(system("binding UDP port 547 and joining its groups"))?);
        }
        let index = InterfaceIndex(u16::try_from(place).unwrap_or(u16::MAX));
        let link = Link { interface: index, mac: interface.mac };
        for seat in &mut *seats {
            seat.links.push((interface.index, link));
        }
        let mut mode = self.open_fast(wanted, &interface, place, members, seats)?;
        mode.workers = members.len();
        let sockets = PacketSocket::group(interface.index, members.len())
            .map_err(system("opening packet sockets"))?;
        for (&member, socket) in members.iter().zip(sockets) {
            let frames = (HELD_MAX + PROBES_MAX + 2 * BATCH) as u32;
            let path = KernelPath::new(socket, frames)
                .map_err(|error| system("memory for packets")(error.source))?;
            path.socket().listen(served).map_err(system("filtering packets"))?;
            self.loss_gauge.watch_buffer(path.fd()).map_err(system("watching a socket"))?;
            seats[member].ports.push(Port::kernel(place, path));
            seats[member].spins |= wanted.busy_poll;
        }
        match mode.why_not_better.as_str() {
            "" => tracing::info!(interface = %name, mode = %mode.mode, zero_copy = mode.zero_copy,
                queues = mode.queues, workers = mode.workers, "serving"),
            why => tracing::info!(interface = %name, mode = %mode.mode, zero_copy = mode.zero_copy,
                queues = mode.queues, workers = mode.workers, not_better = why, "serving"),
        }
        self.modes.push(mode);
        Ok(())
    }

    /// Tries the modes past the kernel that `wanted` allows, best first.
    fn open_fast(
        &mut self,
        wanted: &model::Interface,
        interface: &Interface,
        place: usize,
        members: &[usize],
        seats: &mut [Seat],
    ) -> Result<InterfaceMode, StartError> {
        let candidates: &[Mode] = match wanted.dataplane {
            Dataplane::Auto => &[Mode::Native, Mode::Generic],
            Dataplane::Xdp => &[Mode::Native],
            Dataplane::XdpGeneric => &[Mode::Generic],
            Dataplane::Socket => &[],
        };
        let mut outcome = InterfaceMode {
            interface: wanted.name.clone(),
            mode: Mode::Socket,
            zero_copy: false,
            queues: 0,
            workers: 0,
            why_not_better: String::new(),
        };
        for &mode in candidates {
            let bells: Vec<_> =
                members.iter().map(|&member| Arc::clone(&self.bells[member])).collect();
            match FastPath::open(wanted, interface, mode, &bells, &mut self.loss_gauge) {
                Ok(path) => {
                    outcome.mode = mode;
                    outcome.zero_copy = path.zero_copy;
                    outcome.queues = path.queues;
                    for (&member, paths) in members.iter().zip(path.workers) {
                        let ports = paths.into_iter().map(|path| Port::xsk(place, path));
                        seats[member].ports.extend(ports);
                    }
                    self.programs.push((wanted.name.clone(), path.program));
                    self.vlan_stripping.extend(path.vlan_stripping);
                    return Ok(outcome);
                }
                Err(reason) if wanted.dataplane == Dataplane::Auto => {
                    if !outcome.why_not_better.is_empty() {
                        outcome.why_not_better.push_str("; ");
                    }
                    outcome.why_not_better.push_str(&format!("{mode}: {reason}"));
                }
                Err(reason) => {
                    let interface = wanted.name.clone();
                    return Err(StartError::Mode { interface, mode, reason });
                }
            }
        }
        Ok(outcome)
    }

    /// Opens the gates: until now the programs passed everything to the kernel.
    fn serve(&mut self, config: &Config) -> Result<(), StartError> {
        let gates = self.shared.services.load().gates(&self.shared.views.load());
        for (interface, program) in &mut self.programs {
            let wanted = self.modes.iter().find(|mode| mode.interface == *interface);
            let (workers, mode) = wanted.map_or((0, Mode::Socket), |m| (m.workers, m.mode));
            program.serve(workers as u32, config.guard, &gates).map_err(|fault| {
                StartError::Mode { interface: interface.clone(), mode, reason: fault.to_string() }
            })?;
        }
        Ok(())
    }

    fn shut_down(&mut self) {
        self.programs.clear();
        self.vlan_stripping.clear();
        self.loss_gauge.clear();
        self.shared.stop.store(true, Relaxed);
        for bell in &self.bells {
            bell.ring();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker ended in a panic");
            }
        }
        self.ports.clear();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Addresses whose requests are ours: our own, and the broadcast addresses of their subnets.
pub(super) fn listen_addresses(
    wanted: &model::Interface,
    interface: &Interface,
) -> impl Iterator<Item = Ipv4Addr> {
    let broadcasts = interface.addresses.iter().filter(|own| own.prefix_len < 31).map(|own| {
        let host_bits = u32::MAX.checked_shr(own.prefix_len.into()).unwrap_or(0);
        Ipv4Addr::from_bits(own.address.to_bits() | host_bits)
    });
    let own = interface.addresses.iter().map(|own| own.address);
    own.chain(wanted.addresses.iter().copied()).chain(broadcasts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::InterfaceAddress;

    #[test]
    fn a_subnets_broadcast_address_is_listened_on() {
        let interface = Interface {
            addresses: vec![InterfaceAddress { address: [10, 1, 2, 3].into(), prefix_len: 22 }],
            ..Interface::default()
        };
        let wanted = model::Interface {
            name: "eth0".to_owned(),
            dataplane: Dataplane::Auto,
            workers: Vec::new(),
            addresses: vec![[192, 0, 2, 1].into()],
            busy_poll: false,
        };
        let listened: Vec<_> = listen_addresses(&wanted, &interface).collect();
        let expected: [[u8; 4]; 3] = [[10, 1, 2, 3], [192, 0, 2, 1], [10, 1, 3, 255]];
        assert_eq!(listened, expected.map(Ipv4Addr::from));
    }
}
