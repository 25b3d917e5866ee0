//! Listening: one socket for each local address, whatever number of relationships share it.
//!
//! Whoever is not a partner is closed at once: nothing is read of it, and nothing kept. Both protocols
//! have one port, and a partner in both is told apart by its first message.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::settings::{Counts, count};
use crate::config::model::Protocol;
use crate::wire::failover6;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;
/// Pause after the address could not be had: it may come with an interface.
const RETRY: Duration = Duration::from_secs(5);
/// Pause after the kernel refused to hand over a connection.
const BREATH: Duration = Duration::from_secs(1);
/// Connections at a time whose protocol is not known yet; a further one is closed.
const UNKNOWN_MAX: usize = 8;
/// How long a caller that is to speak first may take to begin.
const SHY: Duration = Duration::from_secs(3);
/// How long a connection may take to show its protocol.
const LISTENING: Duration = Duration::from_secs(10);
/// How soon one that has shown less than that is looked at again.
const GLANCE: Duration = Duration::from_millis(20);
/// Strangers are logged once in so long.
const QUIET: Duration = Duration::from_secs(60);

/// Where connections of one partner go.
pub(super) struct Guest {
    /// Its address.
    pub(super) from: IpAddr,
    /// What it speaks.
    pub(super) protocol: Protocol,
    /// Whether it waits to be spoken to, whoever called: we are the primary in DHCPv4.
    pub(super) is_shy: bool,
    /// Its relationship. What does not fit is closed.
    pub(super) to: mpsc::Sender<TcpStream>,
    pub(super) counts: Arc<Counts>,
}

/// Accepts on `local` for ever.
pub(super) async fn keep(local: SocketAddr, guests: Vec<Guest>) {
    let listener = listen_at_last(local).await;
    let guests: Arc<[Guest]> = guests.into();
    let mut strangers = Strangers::default();
    let mut unknown = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = unknown.join_next() => continue,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // A connection that ended before it was accepted, or no descriptor left.
                warn!(%local, %error, "a partner's connection could not be accepted");
                sleep(BREATH).await;
                continue;
            }
        };
        let from = from.ip().to_canonical();
        let mut here = guests.iter().filter(|guest| guest.from == from);
        match (here.next(), here.next()) {
            (Some(only), None) => only.admit(stream),
            (Some(_), Some(_)) if unknown.len() < UNKNOWN_MAX => {
                let guests = Arc::clone(&guests);
                unknown.spawn(async move {
                    // Silent for so long, it would not greet either.
                    let _ = timeout(LISTENING, tell_apart(stream, from, &guests)).await;
                });
            }
            (Some(guest), Some(_)) => count(&guest.counts.duplicates),
            (None, _) => {
                drop(stream);
                guests.iter().for_each(|guest| count(&guest.counts.strangers));
                strangers.note(local, from);
            }
        }
    }
}

/// Hands a connection over to the guest whose protocol its first message is of; what is read of it
/// stays to be read. Whoever calls and says nothing waits to be spoken to, or is slow: in DHCPv4 either server
/// calls and the primary speaks first, in DHCPv6 the primary does both.
async fn tell_apart(stream: TcpStream, from: IpAddr, guests: &[Guest]) {
    let mut first = [0; 3];
    let may_be_shy = guests.iter().any(|guest| guest.from == from && guest.is_shy);
    let speaks = loop {
        let read = match timeout(SHY, stream.peek(&mut first)).await {
            Ok(read) => read,
            Err(_) if may_be_shy => break Protocol::Dhcpv4,
            Err(_) => continue,
        };
        match read {
            Ok(len @ 1..) => match failover6::Protocol::of_first(&first[..len]) {
                Ok(Some(failover6::Protocol::V4)) => break Protocol::Dhcpv4,
                Ok(Some(failover6::Protocol::V6)) => break Protocol::Dhcpv6,
                // What is there already would be shown again at once.
                Ok(None) => sleep(GLANCE).await,
                Err(_) => return,
            },
            Ok(0) | Err(_) => return,
        }
    };
    if let Some(guest) = guests.iter().find(|it| it.from == from && it.protocol == speaks) {
        guest.admit(stream);
    }
}

impl Guest {
    fn admit(&self, stream: TcpStream) {
        if self.to.try_send(stream).is_err() {
            count(&self.counts.duplicates);
        }
    }
}

/// A listener as soon as there can be one.
async fn listen_at_last(local: SocketAddr) -> TcpListener {
    let mut has_failed = false;
    loop {
        match listen(local) {
            Ok(listener) => {
                if has_failed {
                    info!(%local, "listening for partners at last");
                }
                return listener;
            }
            Err(error) if !has_failed => {
                has_failed = true;
                error!(%local, %error, "cannot listen for partners; trying again");
            }
            Err(_) => {}
        }
        sleep(RETRY).await;
    }
}

fn listen(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = if local.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a server that just ended do not keep the next one from listening.
    socket.set_reuseaddr(true)?;
    socket.bind(local)?;
    socket.listen(BACKLOG)
}

/// Says that somebody was there, and not too often.
#[derive(Default)]
struct Strangers {
    said: Option<Instant>,
    unsaid: u64,
}

impl Strangers {
    fn note(&mut self, local: SocketAddr, from: IpAddr) {
        if self.said.is_some_and(|at| at.elapsed() < QUIET) {
            self.unsaid += 1;
            return;
        }
        self.said = Some(Instant::now());
        let before = std::mem::take(&mut self.unsaid);
        warn!(%local, %from, before, "a connection from an address that is no partner's, closed");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Whether a caller that says `said` after so long is taken for one of DHCPv4, and of DHCPv6.
    async fn taken(is_shy: bool, after: Duration, said: &[u8]) -> [bool; 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, from) = listener.accept().await.unwrap();
        let (to, mut at) = mpsc::channel(1);
        let (to6, mut at6) = mpsc::channel(1);
        let guest = |protocol, is_shy, to| Guest {
            from: from.ip(),
            protocol,
            is_shy,
            to,
            counts: Arc::default(),
        };
        let guests = [guest(Protocol::Dhcpv4, is_shy, to), guest(Protocol::Dhcpv6, false, to6)];
        let telling = timeout(LISTENING, tell_apart(stream, from.ip(), &guests));
        let saying = async {
            sleep(after).await;
            caller.write_all(said).await.unwrap();
        };
        let _ = tokio::join!(telling, saying);
        [at.try_recv().is_ok(), at6.try_recv().is_ok()]
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_of_dhcpv4_only_if_we_are_to_speak_first_there() {
        let [soon, late] = [2, 20].map(Duration::from_secs);
        assert_eq!(taken(true, late, &[]).await, [true, false]);
        assert_eq!(taken(false, late, &[]).await, [false, false]);
        let connect6 = [0, 60, 31];
        for is_shy in [true, false] {
            assert_eq!(taken(is_shy, soon, &connect6).await, [false, true], "slow, not shy");
        }
    }
}
