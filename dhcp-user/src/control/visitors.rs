//! A TCP port that anybody may reach, and that takes no more from the server than it can spare.
//!
//! Each connection costs a descriptor, and without descriptors the journal cannot go on in a new
//! segment. So there is room for a few at a time, and none stays for long.

use std::future::{Future as _, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Connections at a time; further ones wait in the kernel's backlog.
const PLACES: usize = 16;
/// How long a connection lasts, idle or not; a scraper then makes another one.
const STAY: Duration = Duration::from_secs(60);
/// Pause after the kernel refused to hand over a connection.
const RETRY: Duration = Duration::from_secs(1);

/// A listener with few places.
pub(super) struct Visitors {
    listener: TcpListener,
    places: Arc<Semaphore>,
    stay: Duration,
}

/// One connection in its place.
pub(super) struct Visit {
    stream: TcpStream,
    ends: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Visitors {
    /// Takes over a listener.
    #[must_use]
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::with(listener, PLACES, STAY)
    }

    fn with(listener: TcpListener, places: usize, stay: Duration) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(places)), stay }
    }
}

impl Listener for Visitors {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return pending().await; // nobody closes it
        };
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let ends = Box::pin(sleep(self.stay));
                    return (Visit { stream, ends, _place: place }, from);
                }
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Visit {
    fn is_over(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.ends.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_over(context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_over(context)?;
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn visitors(places: usize, stay: Duration) -> (Visitors, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Visitors::with(listener, places, stay), address)
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_waits_for_one_to_leave() {
        let (mut visitors, address) = visitors(1, STAY).await;
        let _clients = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        let (first, _) = visitors.accept().await;
        {
            let mut context = Context::from_waker(std::task::Waker::noop());
            let mut second = std::pin::pin!(visitors.accept());
            assert!(second.as_mut().poll(&mut context).is_pending());
        }
        drop(first);
        let _second = visitors.accept().await;
    }

    #[tokio::test]
    async fn a_silent_visitor_is_shown_out() {
        let (mut visitors, address) = visitors(1, Duration::ZERO).await;
        let _silent = TcpStream::connect(address).await.unwrap();
        let (mut visit, _) = visitors.accept().await;
        let read = visit.read(&mut [0; 8]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
