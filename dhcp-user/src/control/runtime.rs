//! The control thread: one tokio runtime that answers the control socket, the metrics port and
//! signals.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tracing::{error, info, warn};

use super::instance::Instance;
use super::signals::{Request, Signals};
use super::socket::ControlSocket;
use super::visitors::Visitors;
use super::{api, reload};

/// A control thread that has not begun. Signals are caught from here on.
pub struct Control {
    runtime: Runtime,
    signals: Signals,
}

impl Control {
    /// Catches the signals.
    ///
    /// # Errors
    /// The operating system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let signals = {
            let _context = runtime.enter();
            Signals::catch()?
        };
        Ok(Self { runtime, signals })
    }

    /// Answers until somebody asks the server to stop, on a thread of its own, whose end is that
    /// request.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(
        self,
        instance: Arc<Instance>,
        socket: ControlSocket,
        metrics: Option<TcpListener>,
    ) -> io::Result<thread::JoinHandle<io::Result<()>>> {
        thread::Builder::new()
            .name("control".into())
            .spawn(move || self.runtime.block_on(run(self.signals, instance, &socket, metrics)))
    }
}

/// Binds the metrics port, which the configuration asks for.
///
/// # Errors
/// The address is not ours, or in use.
pub fn bind_metrics(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn run(
    mut signals: Signals,
    instance: Arc<Instance>,
    socket: &ControlSocket,
    metrics: Option<TcpListener>,
) -> io::Result<()> {
    let api = axum::serve(socket.listener()?, api::control(Arc::clone(&instance)));
    tokio::spawn(async move {
        if let Err(error) = api.await {
            error!(%error, "the control socket no longer answers");
        }
    });
    tokio::spawn({
        let instance = Arc::clone(&instance);
        async move {
            if let Some(reconfigure) = &instance.reconfigure {
                reconfigure.run(&instance).await;
            }
        }
    });
    if let Some(listener) = metrics {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let visitors = Visitors::new(listener);
        let metrics = axum::serve(visitors, api::metrics(Arc::clone(&instance)));
        tokio::spawn(async move {
            if let Err(error) = metrics.await {
                error!(%error, "the metrics port no longer answers");
            }
        });
    }
    loop {
        match signals.next().await {
            Request::Stop => return Ok(()),
            Request::Reload => {
                let instance = Arc::clone(&instance);
                // A million reservations take their time, during which status is still answered.
                let taken = tokio::task::spawn_blocking(move || reload::run(&instance)).await;
                match taken {
                    Ok(Ok(())) => info!("configuration reloaded"),
                    Ok(Err(refused)) => warn!("configuration not reloaded: {refused}"),
                    Err(error) => error!(%error, "the reload did not end"),
                }
            }
        }
    }
}
