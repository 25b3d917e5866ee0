//! From the end of one server, or of the wire between the two, to the other's first answer to a client
//! that was the first one's.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dhcp_user::lease::Told;
use dhcp_user::wire::HardwareAddress;
use dhcp_user::wire::dhcpv4::{MessageType, Writer};
use dhcp_user::wire::option::code;
use hdrhistogram::Histogram;
use rustix::process::{Pid, Signal, kill_process};
use tandem_tests::lab::{Host, Namespace, Pair, Server};

use super::duo::{self, Disk, RECEIVE_TIMER_S};
use crate::Arguments;
use crate::figure::Figure;
use crate::state::{self, Protocol};

/// Clients with a lease.
const CLIENTS: u32 = 256;
/// Between two requests of a client that is not answered.
const PAUSE: Duration = Duration::from_millis(1);
/// An answer to whoever is answered is there by then.
const ANSWERED: Duration = Duration::from_millis(300);
/// Nobody takes over later.
const PATIENCE: Duration = Duration::from_secs(60);
/// The relay, behind which the clients are.
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

/// Measures and prints it.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (kills, cuts) = if arguments.quick { (4, 2) } else { (20, 5) };
    let pair = Pair::new("takeover");
    let relay = Relay::new(&pair)?;
    let disk = Disk::InNormal(CLIENTS, Told::Acknowledged);
    let mut servers = Vec::new();
    for host in Host::BOTH {
        let configuration = duo::configuration(Protocol::Dhcpv4, "", 2 * CLIENTS, Some(host));
        let settings = duo::settings(
            arguments,
            Protocol::Dhcpv4,
            &format!("takeover-{host:?}"),
            configuration,
            disk,
        )?;
        servers.push(Server::start(pair.host(host), settings));
    }
    let mut killed = Vec::new();
    for number in 0..kills {
        let victim = Host::BOTH[number % 2];
        let client = clients_of(victim, &servers, &relay)?;
        let mut dying = servers.remove(victim as usize);
        let process = i32::try_from(dying.process().pid()).ok().and_then(Pid::from_raw);
        let start = Instant::now();
        kill_process(process.context("its process number")?, Signal::KILL)?;
        killed.push(relay.first_answer(victim.other(), client, start)?);
        servers.insert(victim as usize, Server::start(pair.host(victim), dying.kill()));
    }
    say("SIGKILL of a server to the other's first answer to its client", &killed)?;
    let mut cut = Vec::new();
    for number in 0..cuts {
        let lost = Host::BOTH[number % 2];
        let client = clients_of(lost, &servers, &relay)?;
        let start = Instant::now();
        pair.cut();
        cut.push(relay.first_answer(lost.other(), client, start)?);
        // Not before both know: what either says is a second old.
        for server in &servers {
            duo::await_interrupted(server)?;
        }
        pair.restore();
    }
    say(&format!("silent cut to the same, receive-timer {RECEIVE_TIMER_S} s"), &cut)
}

/// A client that is served by that server alone, both being in NORMAL.
fn clients_of(host: Host, servers: &[Server], relay: &Relay) -> Result<u32> {
    for server in servers {
        duo::await_normal(server)?;
        // Half of what is free is the secondary's.
        duo::await_drained(server)?;
    }
    let answered = relay.answered(host.other())?;
    (0..CLIENTS).find(|client| !answered[*client as usize]).context("both serve everybody")
}

fn say(name: &str, took: &[Duration]) -> Result<()> {
    let most = PATIENCE.as_micros() as u64;
    let mut distribution: Histogram<u64> = Histogram::new_with_max(most, 3)?;
    took.iter().for_each(|took| distribution.saturating_record(took.as_micros() as u64));
    let at = |quantile: f64| distribution.value_at_quantile(quantile) as f64 / 1e3;
    let note = format!(
        "p10 {:.1}, p90 {:.1}, of {}; both servers are killed or cut off in turn",
        at(0.1),
        at(0.9),
        took.len()
    );
    let values = took.iter().map(|took| took.as_secs_f64() * 1e3);
    Figure::new(name, "ms", values).note(note).say();
    Ok(())
}

/// A relay whose clients discover servers.
struct Relay {
    socket: UdpSocket,
    _host: Namespace,
}

impl Relay {
    fn new(pair: &Pair) -> Result<Self> {
        let host = pair.site.host("relay", &RELAY.to_string());
        let socket = host.inside(|| UdpSocket::bind((RELAY, 67)))?;
        socket.set_read_timeout(Some(PAUSE))?;
        Ok(Self { socket, _host: host })
    }

    /// Which of the clients that server answers.
    fn answered(&self, host: Host) -> Result<Vec<bool>> {
        let mut answered = vec![false; CLIENTS as usize];
        let mut end = Instant::now() + ANSWERED;
        (0..CLIENTS).try_for_each(|client| self.ask(host, client))?;
        while Instant::now() < end {
            if let Some(client) = self.hear()
                && let Some(answered) = answered.get_mut(client as usize)
            {
                *answered = true;
                end = Instant::now() + ANSWERED;
            }
        }
        Ok(answered)
    }

    /// How long after `start` that server answers this client.
    fn first_answer(&self, host: Host, client: u32, start: Instant) -> Result<Duration> {
        loop {
            ensure!(start.elapsed() < PATIENCE, "no answer in {PATIENCE:?}");
            self.ask(host, client)?;
            if self.hear() == Some(client) {
                return Ok(start.elapsed());
            }
        }
    }

    fn ask(&self, host: Host, client: u32) -> Result<()> {
        let mac = state::mac(client);
        let hardware = HardwareAddress::new(HardwareAddress::ETHERNET, &mac)
            .context("an Ethernet address fits")?;
        let mut octets = [0; 576];
        let mut writer = Writer::request(&mut octets, client, &hardware);
        writer.giaddr(RELAY).hops(1);
        let pushed = writer.push(code::MESSAGE_TYPE, &[MessageType::Discover as u8]);
        ensure!(pushed.is_ok(), "a short option fits");
        let len = writer.finish();
        self.socket.send_to(&octets[..len], (host.address(), 67))?;
        Ok(())
    }

    /// Whom an answer is for, if one comes in a moment: clients are the transactions.
    fn hear(&self) -> Option<u32> {
        let mut octets = [0; 1500];
        let len = self.socket.recv(&mut octets).ok()?;
        Some(u32::from_be_bytes(*octets[..len].get(4..)?.first_chunk()?))
    }
}
