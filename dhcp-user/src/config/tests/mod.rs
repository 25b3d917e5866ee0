//! The floor as its users see it: whole files in, a configuration or all mistakes out.

mod dhcpv6;
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

/// The same with a file of any name; `hosts6.csv`, of DHCPv6, has a row of its own.
fn parse_with_rows(text: &str, rows: &str) -> Result<Config, Mistakes> {
    let read = |path: &Path| {
        let rows = if path.ends_with("hosts6.csv") { ROWS6 } else { rows };
        Ok(rows.to_owned())
    };
    Config::parse(text, Path::new("/etc/tandem/tandem.toml"), &read)
}

const ROWS6: &str = "duid,addresses,prefixes\n\
    0x00030001020000000099,2001:db8:1:1::98  2001:db8:1:1::99,2001:db8:8000:9900::/56\n";

/// Texts, each with all that is said of it, from the beginning of each mistake.
type Table = [(&'static str, &'static [&'static str])];

/// Holds what is said of each text against its table.
fn check_table(table: &Table, read: impl Fn(&str) -> Result<Config, Mistakes>) {
    let mut differences = Vec::new();
    for (text, expected) in table {
        let told = told(read(text));
        let agree = told.len() == expected.len()
            && told.iter().zip(*expected).all(|(told, expected)| told.starts_with(expected));
        if !agree {
            differences.push(format!("{text}\ntold: {told:#?}\nexpected: {expected:#?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
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
