//! Ourselves.

use anyhow::Result;
use tandem_tests::lab::{Server, Settings};

use super::{Contestant, Ground, Running, emptied};
use crate::Arguments;
use crate::state::{self, Protocol};

/// A Tandem that serves its interface in one way.
#[derive(Clone, Debug)]
pub(crate) struct Tandem {
    /// The key's value.
    pub(crate) dataplane: &'static str,
    /// Cores.
    pub(crate) workers: Vec<usize>,
    pub(crate) is_durable: bool,
}

impl Tandem {
    /// All of its configuration but `state-dir`, with so many addresses, and prefixes beside them.
    pub(crate) fn configuration(
        &self,
        protocol: Protocol,
        addresses: u32,
        prefixes: Option<u32>,
    ) -> String {
        let interface = format!("dataplane = {:?}\nworkers = {:?}", self.dataplane, self.workers);
        let journal = format!("\n[journal]\ndurable = {}\n", self.is_durable);
        let prefixes = prefixes.map(|prefixes| {
            let (within, len) = (state::v6::prefix_pool(prefixes), state::v6::DELEGATED);
            format!("prefix-pools = [{{ prefix = \"{within}\", delegate = {len} }}]\n")
        });
        let subnet = state::configuration_with(protocol, &interface, addresses);
        [subnet, prefixes.unwrap_or_default(), journal].concat()
    }
}

impl Contestant for Tandem {
    fn name(&self) -> String {
        let way = match self.dataplane {
            "xdp" => "XDP native",
            "xdp-generic" => "XDP generic",
            _ => "sockets",
        };
        let workers = match self.workers.len() {
            1 => "one worker".to_owned(),
            count => format!("{count} workers"),
        };
        let unflushed = if self.is_durable { "" } else { ", NOT FLUSHED" };
        format!("Tandem, {way}, {workers}{unflushed}")
    }

    fn note(&self) -> &'static str {
        if self.workers.len() > 1 {
            "durable likewise; the second worker shares the generator's core, and there is one queue"
        } else if self.is_durable {
            "each ACK is on disk before it leaves, in segments used again, as after the first 512 MiB"
        } else {
            "`journal.durable = false`: for comparison with Kea only"
        }
    }

    fn start(&self, ground: &Ground<'_>) -> Result<Box<dyn Running>> {
        let settings = Settings {
            directory: ground.directory.clone(),
            configuration: self.configuration(
                ground.rig.protocol(),
                ground.addresses,
                ground.prefixes,
            ),
            binary: ground.binary.clone(),
        };
        state::write_worn(&settings, ground.rig.protocol(), ground.leases)?;
        Ok(Box::new(Server::launch(ground.host(), settings)))
    }
}

/// Settings of a server that has run for a while, in a directory of this name, with the leases of so many clients.
pub(crate) fn worn(
    arguments: &Arguments,
    protocol: Protocol,
    name: &str,
    leases: u32,
) -> Result<Settings> {
    let settings = Settings {
        directory: emptied(&arguments.directory, name)?,
        configuration: state::configuration(protocol),
        binary: arguments.binary()?,
    };
    state::write_worn(&settings, protocol, leases)?;
    Ok(settings)
}
