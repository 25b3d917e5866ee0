//! Connecting to the partner.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::settings::Settings;
use super::stream::watch;

/// How long the partner's machine may take to answer a SYN: time for two to be lost.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection to the partner, from our own address, whatever the port.
///
/// # Errors
/// Nobody there, or nothing to connect from.
pub(super) async fn dial(settings: &Settings) -> io::Result<TcpStream> {
    let socket = if settings.peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(settings.local.ip(), 0))?;
    let answered = timeout(ANSWER, socket.connect(settings.peer)).await;
    let stream = answered.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    watch(&stream, settings.receive_timer())?;
    Ok(stream)
}

/// `pause`, or up to a quarter more.
pub(super) fn jittered(pause: Duration) -> Duration {
    // A fresh state's keys are as random as this needs.
    let thousandth = RandomState::new().hash_one(0) % 1_000;
    pause + pause / 4_000 * u32::try_from(thousandth).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_by_less_than_a_quarter_and_not_always_by_the_same() {
        let pause = Duration::from_secs(4);
        let pauses: Vec<_> = (0..20).map(|_| jittered(pause)).collect();
        assert!(pauses.iter().all(|it| (pause..pause * 5 / 4).contains(it)), "{pauses:?}");
        assert!(pauses.iter().any(|it| *it != pauses[0]), "{pauses:?}");
    }
}
