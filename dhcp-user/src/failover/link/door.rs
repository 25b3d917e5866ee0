//! Listening: one socket for each local address, whatever number of relationships share it.
//!
//! Whoever is not a partner is closed at once: nothing is read of it, and nothing kept.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::settings::{Counts, count};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;
/// Pause after the address could not be had: it may come with an interface.
const RETRY: Duration = Duration::from_secs(5);
/// Pause after the kernel refused to hand over a connection.
const BREATH: Duration = Duration::from_secs(1);
/// Strangers are logged once in so long.
const QUIET: Duration = Duration::from_secs(60);

/// Where connections of one partner go.
pub(super) struct Guest {
    /// Its address.
    pub(super) from: IpAddr,
    /// Its relationship. What does not fit is closed.
    pub(super) to: mpsc::Sender<TcpStream>,
    pub(super) counts: Arc<Counts>,
}

/// Accepts on `local` for ever.
pub(super) async fn keep(local: SocketAddr, guests: Vec<Guest>) {
    let listener = listen_at_last(local).await;
    let mut strangers = Strangers::default();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // A connection that ended before it was accepted, or no descriptor left.
                warn!(%local, %error, "a partner's connection could not be accepted");
                sleep(BREATH).await;
                continue;
            }
        };
        let from = from.ip().to_canonical();
        match guests.iter().find(|guest| guest.from == from) {
            Some(guest) => {
                if guest.to.try_send(stream).is_err() {
                    count(&guest.counts.duplicates);
                }
            }
            None => {
                drop(stream);
                guests.iter().for_each(|guest| count(&guest.counts.strangers));
                strangers.note(local, from);
            }
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
