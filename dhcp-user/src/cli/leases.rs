//! `tandem leases`: who has which address.

use std::io::{self, BufWriter, Write};

use serde_json::Value;

use super::{Failure, locate::Locate};
use crate::control::ClientError;
use crate::control::filter::{Filter, Subnet, Wanted};
use crate::control::leases::LeaseState;

/// Arguments of `tandem leases`.
#[derive(Debug, clap::Args)]
pub(super) struct LeasesCommand {
    #[command(flatten)]
    server: Locate,
    /// Only this address, or delegated prefix
    #[arg(long)]
    address: Option<Wanted>,
    /// Only this client: its identifier, DUID or hardware address in hex, its host name, circuit-id,
    /// remote-id or interface-id
    #[arg(long)]
    client: Option<String>,
    /// Only addresses and prefixes in this prefix, such as 10.0.0.0/8 or 2001:db8::/32
    #[arg(long, value_name = "PREFIX")]
    subnet: Option<Subnet>,
    /// Only leases in this state
    #[arg(long)]
    state: Option<LeaseState>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl LeasesCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let filter = Filter {
            address: self.address,
            client: self.client.map(Into::into),
            subnet: self.subnet,
            state: self.state,
            from: None,
        };
        let mut out = BufWriter::new(io::stdout().lock());
        let path = format!("/leases{}", filter.query());
        let client = self.server.client()?;
        let outcome = if self.json {
            client.get(&path, |piece| out.write_all(piece))
        } else {
            let mut table = Table::new(&mut out);
            client.get(&path, |piece| table.take(piece))
        };
        match outcome.and_then(|()| out.flush().map_err(ClientError::Output)) {
            // Whoever reads us has seen enough: `head` and the like.
            Err(ClientError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome.map_err(Failure::other),
        }
    }
}

/// JSON lines in, however they are cut; columns out.
struct Table<W> {
    out: W,
    /// The part of a line that has come so far.
    rest: Vec<u8>,
    /// Whether the headings are out.
    begun: bool,
}

impl<W: Write> Table<W> {
    fn new(out: W) -> Self {
        Self { out, rest: Vec::new(), begun: false }
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.rest.extend_from_slice(piece);
        let Some(last) = self.rest.iter().rposition(|&octet| octet == b'\n') else {
            return Ok(());
        };
        let rest = self.rest.split_off(last + 1);
        let lines = std::mem::replace(&mut self.rest, rest);
        for line in lines.split(|&octet| octet == b'\n').filter(|line| !line.is_empty()) {
            let lease: Value = serde_json::from_slice(line)?;
            self.row(&lease)?;
        }
        Ok(())
    }

    /// Widths are fixed, so that nothing waits for ten million rows to be measured.
    fn row(&mut self, lease: &Value) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            let [address, state, expires, hardware] = ["address", "state", "expires", "hardware"];
            writeln!(self.out, "{address:15}  {state:9}  {expires:20}  {hardware:17}  client")?;
        }
        let text = |key: &str| lease[key].as_str().unwrap_or("-");
        let infinite = lease["infinite"].as_bool() == Some(true);
        let client = ["host-name", "fqdn", "client-id", "duid", "circuit-id", "remote-id"];
        let client = client.into_iter().find_map(|key| lease[key].as_str()).unwrap_or("-");
        writeln!(
            self.out,
            "{:15}  {:9}  {:20}  {:17}  {}",
            lease["prefix"].as_str().unwrap_or(text("address")),
            text("state"),
            match text("expires") {
                _ if infinite => "never",
                expires => expires,
            },
            text("hw-address"),
            client.escape_debug(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_whole_however_the_lines_were_cut() {
        let lines = concat!(
            "{\"address\":\"10.0.0.1\",\"state\":\"active\",\"expires\":\"2026-01-01T00:00:00Z\",",
            "\"hw-address\":\"02:00:00:00:00:01\",\"host-name\":\"a\\u001bb\"}\n",
            "{\"address\":\"10.0.0.2\",\"state\":\"abandoned\",\"infinite\":true}\n",
            "{\"address\":\"10.0.0.3\",\"state\":\"backup\",\"expires\":null}\n",
            "{\"prefix\":\"2001:db8::/56\",\"state\":\"free\",\"duid\":\"00:04:09\",\"iaid\":1}\n",
        );
        for cut in 1..lines.len() {
            let mut out = Vec::new();
            let mut table = Table::new(&mut out);
            for piece in lines.as_bytes().chunks(cut) {
                table.take(piece).unwrap();
            }
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.lines().count(), 5, "{text}");
            assert!(text.contains("10.0.0.1         active     2026-01-01T00:00:00Z  02:00:00"));
            assert!(text.contains("10.0.0.2         abandoned  never"));
            assert!(text.contains("10.0.0.3         backup     -"), "{text}");
            assert!(text.contains("2001:db8::/56    free       -"), "{text}");
            assert!(text.contains("00:04:09"), "{text}");
            assert!(!text.contains('\u{1b}'), "a client must not write to the terminal");
        }
    }
}
