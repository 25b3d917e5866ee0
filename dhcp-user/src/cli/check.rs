//! `tandem check`: every mistake in a configuration at once, and nothing touched.

use std::io::{self, Write as _};
use std::path::PathBuf;

use super::Failure;
use crate::config::Config;

/// Arguments of `tandem check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/tandem/tandem.toml")]
    config: PathBuf,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.config)
            .map_err(|mistakes| Failure::Configuration(mistakes.to_string()))?;
        let subnets: usize = config.networks.iter().map(|network| network.subnets.len()).sum();
        writeln!(
            io::stdout(),
            "{}: right ({} interfaces, {subnets} subnets, {} reservations)",
            self.config.display(),
            config.interfaces.len(),
            config.reservations.len(),
        )
        .map_err(Failure::other)
    }
}
