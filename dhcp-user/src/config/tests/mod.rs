//! The floor as its users see it: whole files in, a configuration or all mistakes out.

mod failover;
mod keys;
mod mistakes;
mod reservations;
mod robustness;
mod sample;

use std::io;
use std::path::Path;

use super::{Config, Mistakes};

/// Every key there is, and nothing wrong.
const WHOLE: &str = include_str!("whole.toml");

/// Reads a text that names no other file.
fn parse(text: &str) -> Result<Config, Mistakes> {
    Config::parse(text, Path::new("tandem.toml"), &|_| Err(io::ErrorKind::NotFound.into()))
}

/// The same with a reservation file of any name.
fn parse_with_rows(text: &str, rows: &str) -> Result<Config, Mistakes> {
    Config::parse(text, Path::new("/etc/tandem/tandem.toml"), &|_| Ok(rows.to_owned()))
}

/// `line:column message: help`, or `file: message: help`, for each mistake.
fn told<T>(result: Result<T, Mistakes>) -> Vec<String> {
    let Err(mistakes) = result else { return Vec::new() };
    mistakes
        .iter()
        .map(|mistake| {
            let place = mistake.place.map_or_else(|| mistake.file.clone() + ":", |p| p.to_string());
            format!("{place} {}: {}", mistake.message, mistake.help)
        })
        .collect()
}
