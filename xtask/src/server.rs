//! The server as it is shipped.

use std::path::PathBuf;

use anyhow::Result;

use crate::step::{announce, execute};
use crate::workspace;

/// Builds `tandem` with the XDP object that is there, and says where it is.
pub(crate) fn build() -> Result<PathBuf> {
    announce("building the server", || {
        execute(&mut workspace::cargo(["build", "--release", "--package", "dhcp-user"]))
    })?;
    Ok(workspace::root().join("target/release/tandem"))
}
