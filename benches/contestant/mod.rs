//! Who is measured, a file each; all of them on the rig's host, before the same clients.

mod dhcpd;
mod dnsmasq;
pub(crate) mod kea;
mod reflector;
mod tandem;

pub(crate) use dhcpd::GROUP_COMMIT;
pub(crate) use reflector::Reflector;
pub(crate) use tandem::{Tandem, worn};

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use dhcp_user::wire::MacAddr;
use tandem_tests::lab::{LargeBuffers, Namespace, Process, Server};

use crate::at_hand;
use crate::load::{Access, Act, Generator};
use crate::rig::{Rig, SERVER_CORE};
use crate::state::{self, AGO, Protocol};

/// What a server is started on.
pub(crate) struct Ground<'r> {
    pub(crate) rig: &'r Rig,
    /// Its own, and empty: on the disk that is measured.
    pub(crate) directory: PathBuf,
    /// So many addresses are in its pool, from the first of [`state::pool`] on.
    pub(crate) addresses: u32,
    /// So many prefixes it may delegate at the least, in DHCPv6, from [`state::v6::PREFIXES`] on.
    pub(crate) prefixes: Option<u32>,
    /// So many clients hold the addresses of their numbers when it starts.
    pub(crate) leases: u32,
    /// How clients reach it, where that is a setting of the server.
    pub(crate) access: Access,
    /// Tandem's binary.
    pub(crate) binary: PathBuf,
}

/// A server that can be started.
pub(crate) trait Contestant {
    /// As the tables have it.
    fn name(&self) -> String;

    /// What one must know beside its numbers.
    fn note(&self) -> &'static str;

    /// What a client does with it from beginning to end.
    fn exchange(&self) -> Act {
        Act::Exchange
    }

    /// Writes the leases and starts it. It answers soon, or its log says why not.
    ///
    /// # Errors
    /// If its files cannot be written.
    fn start(&self, ground: &Ground<'_>) -> Result<Box<dyn Running>>;
}

/// A server that runs, until it is dropped.
pub(crate) trait Running {
    /// What it has said.
    fn log(&self) -> String;
}

impl Running for Process {
    fn log(&self) -> String {
        self.output()
    }
}

impl Running for Server {
    fn log(&self) -> String {
        self.output()
    }
}

/// All of them, by the names that the command line has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Who {
    /// Tandem, XDP in native mode, one worker
    Tandem,
    /// The same with two workers
    TandemTwo,
    /// XDP in generic mode, one worker
    TandemGeneric,
    /// Without XDP, one worker
    TandemSocket,
    /// Native mode, one worker, and answers do not wait for the disk
    TandemUnflushed,
    /// Kea: kea-dhcp4 or kea-dhcp6, multi-threaded, memfile
    Kea,
    /// ISC dhcpd
    Dhcpd,
    /// dnsmasq
    Dnsmasq,
    /// No server: each packet goes back at once, which is the limit
    Reflector,
}

impl Who {
    pub(crate) fn contestant(self) -> Box<dyn Contestant> {
        let tandem = |dataplane, workers: &[usize]| {
            Box::new(Tandem { dataplane, workers: workers.to_vec(), is_durable: true })
        };
        match self {
            Self::Tandem => tandem("xdp", &[SERVER_CORE]),
            Self::TandemTwo => tandem("xdp", &[SERVER_CORE, 0]),
            Self::TandemGeneric => tandem("xdp-generic", &[SERVER_CORE]),
            Self::TandemSocket => tandem("socket", &[SERVER_CORE]),
            Self::TandemUnflushed => {
                let workers = vec![SERVER_CORE];
                Box::new(Tandem { dataplane: "xdp", workers, is_durable: false })
            }
            Self::Kea => Box::new(kea::Kea),
            Self::Dhcpd => Box::new(dhcpd::Dhcpd),
            Self::Dnsmasq => Box::new(dnsmasq::Dnsmasq),
            Self::Reflector => Box::new(reflector::Reflection),
        }
    }
}

/// A lease, half over, as a contestant's file has it; times in seconds since 1970.
struct HeldLease {
    address: IpAddr,
    client: u32,
    mac: MacAddr,
    since: u64,
    until: u64,
}

impl Ground<'_> {
    fn host(&self) -> &Namespace {
        self.rig.host()
    }

    /// A command on its host for a server of one thread, which has a core without the generator, as
    /// Tandem's worker has.
    fn pinned(&self, program: &str) -> Command {
        let mut command = self.host().command("taskset");
        command.args(["--cpu-list", &SERVER_CORE.to_string(), program]);
        command
    }

    /// Writes a line or more for each lease to a file of its directory; its path.
    fn write_leases(
        &self,
        name: &str,
        head: &str,
        line: impl Fn(&HeldLease) -> String,
    ) -> Result<PathBuf> {
        let path = self.directory.join(name);
        let mut file = BufWriter::new(File::create(&path)?);
        file.write_all(head.as_bytes())?;
        let now = u64::from(state::now().0);
        for client in 0..self.leases {
            let lease = HeldLease {
                address: state::address_of(self.rig.protocol(), client),
                client,
                mac: MacAddr(state::mac(client)),
                since: now - u64::from(AGO),
                until: now + u64::from(AGO),
            };
            file.write_all(line(&lease).as_bytes())?;
        }
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(path)
    }

    /// First and last address of the pool.
    fn pool(&self) -> (IpAddr, IpAddr) {
        let address = |number| state::address_of(self.rig.protocol(), number);
        (address(0), address(self.addresses - 1))
    }

    /// For servers that are measured in DHCPv4 alone.
    ///
    /// # Errors
    /// If another protocol is spoken here.
    fn only_in_dhcpv4(&self) -> Result<()> {
        let protocol = self.rig.protocol();
        ensure!(protocol == Protocol::Dhcpv4, "not measured in {protocol}");
        Ok(())
    }

    /// Writes a file to its directory; its path.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

/// Starts a contestant and waits until it answers a client that has nothing; with how long that took.
/// Its sockets have as much room as the host allows, as Tandem's.
///
/// # Errors
/// If it does not; with what it said.
pub(crate) fn start(
    contestant: &dyn Contestant,
    ground: &Ground<'_>,
    generator: &mut Generator,
) -> Result<(Box<dyn Running>, Duration)> {
    let _room = LargeBuffers::begin();
    at_hand::fetch(ground.leases)?;
    let server = contestant.start(ground)?;
    let took = generator.await_answer(contestant.exchange(), ground.access);
    let took = took.with_context(|| format!("{}\n{}", contestant.name(), server.log()))?;
    Ok((server, took))
}

/// A program's name with its version, which it says after this flag, and what more there is to say.
fn versioned(name: &str, program: &str, flag: &str, rest: &str) -> String {
    let said = Command::new(program).arg(flag).output().map(|output| {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        said.split(|c: char| c.is_whitespace() || c == '-')
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
            .map(str::to_owned)
    });
    let version = said.ok().flatten().unwrap_or_else(|| "of unknown version".to_owned());
    format!("{name} {version}{rest}")
}

/// An empty directory of this name below `parent`.
pub(crate) fn emptied(parent: &Path, name: &str) -> Result<PathBuf> {
    let directory = parent.join(name);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(&directory)?,
    }
    Ok(fs::canonicalize(directory)?)
}
