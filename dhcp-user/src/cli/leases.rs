//! `tandem leases`: who has which address.

use std::io::{self, BufWriter, Write};

use serde_json::Value;

use super::columns::Columns;
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
            let outcome = client.get(&path, |piece| table.take(piece));
            // What has come is shown, whatever became of the rest.
            outcome.and(table.show().map_err(ClientError::Output))
        };
        match outcome.and_then(|()| out.flush().map_err(ClientError::Output)) {
            // Whoever reads us has seen enough: `head` and the like.
            Err(ClientError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome.map_err(Failure::other),
        }
    }
}

/// Rows that are measured together: nothing waits for ten million of them.
const MEASURED: usize = 1_000;

/// JSON lines in, however they are cut; columns out.
struct Table<W> {
    out: W,
    /// The part of a line that has come so far.
    rest: Vec<u8>,
    columns: Columns,
}

impl<W: Write> Table<W> {
    fn new(out: W) -> Self {
        let headings = ["address", "state", "expires", "hardware", "client"];
        // What any lease of IPv4 fits in, so that those stand under one line of headings.
        let columns = Columns::at_least(&headings, &[15, 9, 20, 17]);
        Self { out, rest: Vec::new(), columns }
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
            self.row(&lease);
            if self.columns.len() >= MEASURED {
                self.show()?;
            }
        }
        Ok(())
    }

    fn row(&mut self, lease: &Value) {
        let text = |key: &str| lease[key].as_str().unwrap_or("-");
        let infinite = lease["infinite"].as_bool() == Some(true);
        let client = ["host-name", "fqdn", "client-id", "duid", "circuit-id", "remote-id"];
        let client = client.into_iter().find_map(|key| lease[key].as_str()).unwrap_or("-");
        let expires = if infinite { "never" } else { text("expires") };
        self.columns.row([
            lease["prefix"].as_str().unwrap_or(text("address")).to_owned(),
            text("state").to_owned(),
            expires.to_owned(),
            text("hw-address").to_owned(),
            client.escape_debug().to_string(),
        ]);
    }

    /// Shows what has come since the last time.
    fn show(&mut self) -> io::Result<()> {
        if self.columns.len() == 0 { Ok(()) } else { write!(self.out, "{}", self.columns.take()) }
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
            "{\"address\":\"2001:db8:1:2:3:4:5:6\",\"state\":\"active\",\"duid\":\"00:04:08\"}\n",
            "{\"prefix\":\"2001:db8::/56\",\"state\":\"free\",\"duid\":\"00:04:09\",\"iaid\":1}\n",
        );
        for cut in 1..lines.len() {
            let mut out = Vec::new();
            let mut table = Table::new(&mut out);
            for piece in lines.as_bytes().chunks(cut) {
                table.take(piece).unwrap();
            }
            table.show().unwrap();
            let text = String::from_utf8(out).unwrap();
            let expected = [
                "address               state      expires               hardware           client",
                "10.0.0.1              active     2026-01-01T00:00:00Z  02:00:00:00:00:01  a\\u{1b}b",
                "10.0.0.2              abandoned  never                 -                  -",
                "10.0.0.3              backup     -                     -                  -",
                "2001:db8:1:2:3:4:5:6  active     -                     -                  00:04:08",
                "2001:db8::/56         free       -                     -                  00:04:09",
            ];
            assert_eq!(text.lines().collect::<Vec<_>>(), expected);
            assert!(!text.contains('\u{1b}'), "a client must not write to the terminal");
        }
    }
}
