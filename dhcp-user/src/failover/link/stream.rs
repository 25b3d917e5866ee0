//! Octets in both directions, whatever is underneath.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Octets in both directions: TCP, TLS over it, or a test's pipe.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// After so long without a word the kernel asks whether the partner is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// How often it asks again.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How often it asks in vain.
const KEEPALIVE_COUNT: u32 = 3;

/// Has the kernel give up a connection whose other end is gone: silent, or not acknowledging what
/// was written for twice `patience`. The receive timer would notice too, and sooner, where there is
/// one: not before a greeting is done.
///
/// # Errors
/// The socket is no TCP connection any more.
pub(super) fn watch(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?; // messages leave whole, many at a time
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    rustix::net::sockopt::set_tcp_keepcnt(stream, KEEPALIVE_COUNT)?;
    // What was not acknowledged when the connection was closed, or the process ended, never arrives: it
    // counts as untold from then on, and is old by the time that a wire is joined again.
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    // Ours come first, and can say what is wrong; the kernel would only close.
    let patience = u32::try_from((patience * 2).as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, patience)?;
    Ok(())
}
