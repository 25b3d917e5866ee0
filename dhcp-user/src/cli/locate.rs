//! Which running server a command speaks to.

use std::fs;
use std::path::PathBuf;

use super::Failure;
use crate::control::Client;

/// Where the packaged server keeps its state, for whoever says nothing.
const DEFAULT_STATE_DIR: &str = "/var/lib/tandem";

/// `--config` or `--state-dir`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct Locate {
    /// Find the server by its configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Find the server by its state directory [default: /var/lib/tandem]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl Locate {
    /// A client of that server.
    ///
    /// # Errors
    /// The configuration file cannot be read, or is no TOML.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.state_dir()?)
            .map_err(|error| Failure::other(format!("no runtime for the control socket: {error}")))
    }

    /// As they were given, for a command that is to be pasted; empty if there were none.
    pub(super) fn arguments(&self) -> String {
        let argument = |name: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!(" {name} {}", path.display()))
        };
        argument("--config", &self.config)
            .or_else(|| argument("--state-dir", &self.state_dir))
            .unwrap_or_default()
    }

    /// Only the one key is read: a running server can be asked while its next configuration is
    /// still being written.
    fn state_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.state_dir {
            return Ok(dir.clone());
        }
        let Some(file) = &self.config else {
            return Ok(DEFAULT_STATE_DIR.into());
        };
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::other(format!("{}: {error}", file.display())))?;
        let table: toml::Table = text.parse().map_err(|error| {
            Failure::Configuration(format!("{}: {error}", file.display()).trim_end().to_owned())
        })?;
        let dir = table.get("state-dir").and_then(toml::Value::as_str);
        Ok(dir.unwrap_or(DEFAULT_STATE_DIR).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_file(text: &str) -> Locate {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let locate = Locate { config: Some(file.path().into()), state_dir: None };
        let dir = locate.state_dir().unwrap();
        Locate { config: None, state_dir: Some(dir) }
    }

    #[test]
    fn the_state_directory_is_found_in_a_configuration_that_has_mistakes_elsewhere() {
        let located = by_file("state-dir = \"/srv/leases\"\n[[subnet4]]\nsubnet = 7\n");
        assert_eq!(located.state_dir, Some("/srv/leases".into()));
        assert_eq!(by_file("").state_dir, Some(DEFAULT_STATE_DIR.into()));
    }

    #[test]
    fn a_missing_configuration_is_named() {
        let locate = Locate { config: Some("/nowhere/t.toml".into()), state_dir: None };
        assert!(locate.state_dir().unwrap_err().to_string().contains("/nowhere/t.toml"));
    }
}
