//! The XDP program of one interface: loaded, told what to do, attached, asked for its counters.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use aya::maps::{Array, HashMap, MapError, PerCpuArray, XskMap};
use aya::programs::{ProgramError, Xdp, XdpMode};
use aya::{Ebpf, EbpfError};
use aya_log::EbpfLogger;
use dhcp_ebpf::{Balance, Rate, Service, Settings, Verdict, map};

use super::Mode;
use crate::config::model::Guard;
use crate::server::{Gate, Gates};

/// The object as `cargo xtask ebpf` built it; empty where there was none at build time.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tandem-xdp.o"));

/// A loaded program with its maps. Detached and freed when dropped, or when the process dies: the
/// kernel holds it by nothing but our file descriptors.
pub(super) struct Program {
    ebpf: Ebpf,
    /// As the kernel has them.
    settings: Settings,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

/// Why an interface has no XDP program.
#[derive(Debug)]
pub(super) enum ProgramFault {
    /// This binary was built without it.
    NotBuilt,
    /// The kernel or the object refused.
    Load(EbpfError),
    /// The object is not the one this binary was written for.
    Missing(&'static str),
    /// The kernel refused to check or attach it.
    Program(ProgramError),
    /// The kernel refused a map's entry.
    Map(MapError),
}

impl Program {
    /// Loads the object and lets the kernel verify it; takes no packet yet.
    pub(super) fn load() -> Result<Self, ProgramFault> {
        if OBJECT.is_empty() {
            return Err(ProgramFault::NotBuilt);
        }
        let mut ebpf = Ebpf::load(OBJECT).map_err(ProgramFault::Load)?;
        // The program's rare events are a help, not a need.
        let log = EbpfLogger::init(&mut ebpf).ok();
        let mut program = Self { ebpf, settings: Settings::default(), log };
        program.xdp()?.load().map_err(ProgramFault::Program)?;
        Ok(program)
    }

    /// Has requests to these addresses taken, where the protocol is served; what goes to all servers
    /// always is.
    pub(super) fn listen(
        &mut self,
        ipv4: impl IntoIterator<Item = Ipv4Addr>,
        ipv6: impl IntoIterator<Item = Ipv6Addr>,
    ) -> Result<(), ProgramFault> {
        let mut listen: HashMap<_, [u8; 4], u8> = self.map(map::LISTEN_V4)?;
        for address in ipv4 {
            listen.insert(address.octets(), 0, 0).map_err(ProgramFault::Map)?;
        }
        let mut listen: HashMap<_, [u8; 16], u8> = self.map(map::LISTEN_V6)?;
        for address in ipv6 {
            listen.insert(address.octets(), 0, 0).map_err(ProgramFault::Map)?;
        }
        Ok(())
    }

    /// Names the socket of `worker`, of `workers`, on `queue`.
    pub(super) fn steer(
        &mut self,
        queue: u32,
        workers: u32,
        worker: u32,
        socket: BorrowedFd<'_>,
    ) -> Result<(), ProgramFault> {
        let mut sockets: XskMap<_> = self.map(map::SOCKETS)?;
        let index = dhcp_ebpf::socket_index(queue, workers, worker);
        sockets.set(index, socket.as_raw_fd(), 0).map_err(ProgramFault::Map)
    }

    /// Begins to take packets for `workers` workers, once attached, as far as `gates` let them in.
    pub(super) fn serve(
        &mut self,
        workers: u32,
        guard: Option<Guard>,
        gates: &Gates,
    ) -> Result<(), ProgramFault> {
        let off = Rate::default();
        let settings = Settings {
            client_rate: guard.map_or(off, |g| Rate::new(g.client_rate, g.client_burst)),
            port_rate: guard.map_or(off, |g| Rate::new(g.relay_rate, g.relay_burst)),
            workers,
            ..Settings::default()
        };
        self.settings = settings;
        self.admit(gates)
    }

    /// Takes packets as far as `gates` let them in, from now on.
    pub(super) fn admit(&mut self, gates: &Gates) -> Result<(), ProgramFault> {
        let (v4, balance) = admission(&gates.ipv4);
        let (v6, _) = admission(&gates.ipv6);
        let settings = Settings { v4, v6, balance, ..self.settings };
        let mut array: Array<_, Settings> = self.map(map::SETTINGS)?;
        array.set(0, settings, 0).map_err(ProgramFault::Map)?;
        self.settings = settings;
        Ok(())
    }

    /// Attaches to the interface with this index, in the driver or above it.
    pub(super) fn attach(&mut self, interface: u32, mode: Mode) -> Result<(), ProgramFault> {
        let mode = if mode == Mode::Native { XdpMode::Driver } else { XdpMode::Skb };
        let attached = self.xdp()?.attach_to_if_index(interface, mode);
        attached.map(drop).map_err(ProgramFault::Program)
    }

    /// Packets by what became of them, in the order of [`Verdict::ALL`], over all cores.
    pub(super) fn verdicts(&self) -> Result<[u64; Verdict::ALL.len()], ProgramFault> {
        let map = self.ebpf.map(map::VERDICTS).ok_or(ProgramFault::Missing(map::VERDICTS))?;
        let counts: PerCpuArray<_, u64> = map.try_into().map_err(ProgramFault::Map)?;
        let mut sums = [0; Verdict::ALL.len()];
        for (index, sum) in (0..).zip(&mut sums) {
            *sum = counts.get(&index, 0).map_err(ProgramFault::Map)?.iter().sum();
        }
        Ok(sums)
    }

    /// Passes on what the program had to say since the last call.
    pub(super) fn drain_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    fn xdp(&mut self) -> Result<&mut Xdp, ProgramFault> {
        self.ebpf
            .program_mut(dhcp_ebpf::PROGRAM)
            .ok_or(ProgramFault::Missing(dhcp_ebpf::PROGRAM))?
            .try_into()
            .map_err(ProgramFault::Program)
    }

    fn map<'m, M>(&'m mut self, name: &'static str) -> Result<M, ProgramFault>
    where
        M: TryFrom<&'m mut aya::maps::Map, Error = MapError>,
    {
        let map = self.ebpf.map_mut(name).ok_or(ProgramFault::Missing(name))?;
        M::try_from(map).map_err(ProgramFault::Map)
    }
}

/// A gate as the program knows it.
fn admission(gate: &Gate) -> (Service, Balance) {
    match gate {
        Gate::Absent => (Service::ABSENT, Balance::default()),
        Gate::Open => (Service::SERVING, Balance::default()),
        Gate::Shut => (Service::SILENT, Balance::default()),
        Gate::Shared(share) => {
            let max_secs = share.max_secs.map_or(Balance::NEVER, u32::from);
            let theirs = share.buckets.map(|ours| !ours);
            (Service::SERVING, Balance { theirs, max_secs, reserved: 0 })
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

impl fmt::Display for ProgramFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => f.write_str("built without the XDP program (cargo xtask ebpf)"),
            Self::Load(error) => write!(f, "loading the XDP program: {}", Chain(error)),
            Self::Missing(name) => write!(f, "the XDP object has no {name}"),
            Self::Program(error) => write!(f, "the XDP program: {}", Chain(error)),
            Self::Map(error) => write!(f, "a map of the XDP program: {}", Chain(error)),
        }
    }
}

impl std::error::Error for ProgramFault {}

/// An error and what it came of: aya's own text leaves the kernel's word to its source.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Share;

    #[test]
    fn what_is_not_ours_is_the_partners_to_the_program() {
        assert_eq!(admission(&Gate::Absent), (Service::ABSENT, Balance::default()));
        assert_eq!(admission(&Gate::Open), (Service::SERVING, Balance::default()));
        assert_eq!(admission(&Gate::Shut), (Service::SILENT, Balance::default()));
        let share =
            |max_secs| Share { buckets: [1, 0, 0, 1 << 63], max_secs, is_partner_starved: false };
        let (service, balance) = admission(&Gate::Shared(share(None)));
        assert_eq!(service, Service::SERVING);
        assert_eq!(balance.theirs, [!1, u64::MAX, u64::MAX, u64::MAX >> 1]);
        assert!(balance.max_secs > u32::from(u16::MAX));
        assert_eq!(admission(&Gate::Shared(share(Some(3)))).1.max_secs, 3);
    }
}
