//! The least that can be done with a packet: it goes back where it came from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use anyhow::Result;

use super::{Contestant, Ground, Running};
use crate::load::{Act, End, pin};
use crate::rig::{Rig, SERVER_CORE};

/// Packets taken at a time, as the server does.
const BATCH: usize = 64;
/// The longest sleep.
const NAP_NS: u64 = 1_000_000;

/// The limit: no server, but a [`Reflector`] in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reflection;

impl Contestant for Reflection {
    fn name(&self) -> String {
        "bare reflector".to_owned()
    }

    fn note(&self) -> &'static str {
        "no server: one packet each way, where an exchange has two"
    }

    fn exchange(&self) -> Act {
        Act::Reflect
    }

    fn start(&self, ground: &Ground<'_>) -> Result<Box<dyn Running>> {
        Ok(Box::new(Reflector::start(ground.rig)?))
    }
}

impl Running for Reflector {
    fn log(&self) -> String {
        String::new()
    }
}

/// A thread that turns every packet around. Dropping it stops it.
pub(crate) struct Reflector {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reflector {
    /// Starts it in the server's place.
    pub(crate) fn start(rig: &Rig) -> Result<Self> {
        let end = rig.server_end()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || reflect(end, &told));
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there will be no answers, which the generator says.
            let _ = thread.join();
        }
    }
}

fn reflect(mut end: End, stop: &AtomicBool) {
    pin(SERVER_CORE);
    let (mut arrived, mut leaving) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    while !stop.load(Relaxed) {
        end.reap_received();
        end.tend();
        end.receive(BATCH, &mut arrived);
        let idle = arrived.is_empty();
        for mut packet in arrived.drain(..) {
            let octets = &mut end.octets_mut(&mut packet.frame)[packet.offset..];
            let (destination, rest) = octets.split_at_mut(6);
            destination.swap_with_slice(&mut rest[..6]);
            leaving.push(packet);
        }
        end.send(&mut leaving);
        if idle {
            end.wait(NAP_NS);
        }
    }
}
