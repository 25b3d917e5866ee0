//! `tandem status`: how a running server is doing.

use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use super::amount::{amount, available};
use super::columns::Columns;
use super::{Failure, locate::Locate};
use crate::control::status::{Latency, Status};

/// Arguments of `tandem status`.
#[derive(Debug, clap::Args)]
pub(super) struct StatusCommand {
    #[command(flatten)]
    server: Locate,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl StatusCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut answer = Vec::new();
        let ask = self.server.client()?;
        ask.get("/status", |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })
        .map_err(Failure::other)?;
        if !self.json {
            let status: Status = serde_json::from_slice(&answer)
                .map_err(|error| Failure::other(format!("the server's status: {error}")))?;
            answer = Report(&status).to_string().into_bytes();
        } else if answer.last() != Some(&b'\n') {
            answer.push(b'\n');
        }
        io::stdout().write_all(&answer).map_err(Failure::other)
    }
}

/// A status for people.
struct Report<'a>(&'a Status);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0;
        let up = humantime::format_duration(Duration::from_secs(status.uptime_s));
        writeln!(
            f,
            "tandem {} (pid {}), up {up}: {}",
            status.version,
            status.pid,
            serving(status)
        )?;
        let configuration = &status.configuration;
        write!(f, "configuration {} of {}", configuration.file, configuration.loaded)?;
        match configuration.reloads_refused {
            0 => writeln!(f)?,
            refused => writeln!(f, "; {refused} reloads were refused since the start")?,
        }
        if let Some(duid) = &status.server_duid {
            writeln!(f, "DHCPv6 server {duid}")?;
        }
        if let Some(it) = status.reconfigure.filter(|it| it.sent > 0 || it.waiting > 0) {
            writeln!(
                f,
                "reconfigure: {} to be told, {} told and not back; {} came, {} did not, {} were dropped",
                it.waiting, it.under_way, it.answered, it.unanswered, it.dropped
            )?;
        }
        for it in &status.failover {
            let partner = it.partner_state.as_deref().unwrap_or("unknown");
            let heard = if it.is_linked() { "" } else { ", NOT HEARD" };
            writeln!(
                f,
                "failover {} ({}): {}; partner {partner}{heard}; {} to be told",
                it.name, it.role, it.state, it.queued
            )?;
        }
        self.interfaces(f)?;
        self.packets(f)?;
        self.pools(f)?;
        self.latencies(f)?;
        self.journal(f)
    }
}

/// Whether clients are answered: of a pair's server each relationship says so for itself.
fn serving(status: &Status) -> String {
    if !status.serving {
        return "NOT SERVING".to_owned();
    }
    let silent: Vec<_> = status
        .failover
        .iter()
        .filter(|it| it.is_silent())
        .map(|it| match it.waits_s {
            Some(left) => format!("{} ({}, {left} s left)", it.name, it.state),
            None => format!("{} ({})", it.name, it.state),
        })
        .collect();
    if silent.is_empty() {
        "serving".to_owned()
    } else {
        format!("NOT SERVING {}", silent.join(", "))
    }
}

impl Report<'_> {
    fn interfaces(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Columns::new(&["interface", "mode", "queues", "workers", "why"]);
        for it in &self.0.interfaces {
            table.row([
                it.name.clone(),
                it.mode.clone(),
                it.queues.to_string(),
                it.workers.to_string(),
                it.why.clone(),
            ]);
        }
        write!(f, "\n{table}")
    }

    fn packets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets = &self.0.packets;
        let mut table = Columns::new(&["packets", "", ""]);
        let groups = [
            ("received", &packets.received),
            ("sent", &packets.sent),
            ("dropped", &packets.dropped),
            ("lost", &packets.lost),
            ("waited", &packets.waited),
            ("program", &packets.verdicts),
        ];
        for (group, counts) in groups {
            for (what, count) in counts.iter().filter(|&(_, &count)| count > 0) {
                table.row([group.to_owned(), what.clone(), count.to_string()]);
            }
        }
        write!(f, "\n{table}")
    }

    fn pools(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Columns::new(&[
            "pool",
            "network",
            "leased",
            "free",
            "backup",
            "abandoned",
            "total",
            "fill",
        ]);
        for pool in &self.0.pools {
            let permille = pool.fill_permille;
            let [free, backup] = available(pool.free, pool.backup, pool.split);
            table.row([
                format!("{}-{}", pool.first, pool.last),
                pool.network.clone(),
                pool.active.to_string(),
                free,
                backup,
                pool.abandoned.to_string(),
                amount(pool.total),
                format!("{}.{} %", permille / 10, permille % 10),
            ]);
        }
        write!(f, "\n{table}")?;
        if self.0.limits.is_empty() {
            return Ok(());
        }
        let mut table = Columns::new(&["limit", "leases each"]);
        for limit in &self.0.limits {
            table.row([limit.name.clone(), limit.leases.to_string()]);
        }
        write!(f, "\n{table}")
    }

    fn latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            Columns::new(&["latency, µs", "count", "p50", "p90", "p99", "p99.9", "max"]);
        let mut row = |name: &str, it: &Latency| {
            let [p50, p90, p99, p999, max] =
                [it.p50_us, it.p90_us, it.p99_us, it.p999_us, it.max_us]
                    .map(|us| format!("{us:.1}"));
            table.row([name.to_owned(), it.count.to_string(), p50, p90, p99, p999, max]);
        };
        row("wire to wire", &self.0.latency.wire_to_wire);
        row("waiting for disk", &self.0.latency.waiting_for_disk);
        write!(f, "\n{table}")
    }

    fn journal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let journal = &self.0.journal;
        write!(f, "\njournal {}", journal.health)?;
        if !journal.detail.is_empty() {
            write!(f, ": {}", journal.detail)?;
        }
        if !journal.durable {
            write!(f, "; NOT DURABLE by configuration")?;
        }
        write!(f, "; {} octets in {} segments", journal.segment_octets, journal.segments)?;
        if journal.kept_octets > 0 {
            write!(f, ", {} kept", journal.kept_octets)?;
        }
        match journal.snapshot_age_s {
            Some(age) => {
                let age = humantime::format_duration(Duration::from_secs(age));
                writeln!(f, "; snapshot {age} old")
            }
            None => writeln!(f, "; no snapshot yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Relationship;
    use crate::control::status::{Interface, Journal, Pool};

    fn sample() -> Status {
        Status {
            version: "1.2.3".into(),
            serving: true,
            uptime_s: 3_725,
            interfaces: vec![Interface {
                name: "eth0".into(),
                mode: "socket".into(),
                why: "the driver has no XDP".into(),
                workers: 2,
                ..Interface::default()
            }],
            pools: vec![Pool {
                first: "10.0.0.1".into(),
                last: "10.0.0.10".into(),
                total: 10,
                active: 3,
                fill_permille: 300,
                ..Pool::default()
            }],
            journal: Journal { health: "good".into(), durable: true, ..Journal::default() },
            ..Status::default()
        }
    }

    #[test]
    fn the_text_names_mode_reason_fill_and_health() {
        let text = Report(&sample()).to_string();
        for part in ["up 1h 2m 5s: serving", "the driver has no XDP", "30.0 %", "journal good"] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
        assert!(!text.contains("NOT"), "{text}");
    }

    #[test]
    fn a_partner_that_is_not_heard_is_told_in_a_line() {
        let mut status = sample();
        status.failover.push(Relationship {
            name: "metro".into(),
            role: "primary".into(),
            state: "communications-interrupted".into(),
            partner_state: Some("normal".into()),
            queued: 7,
            ..Relationship::default()
        });
        let text = Report(&status).to_string();
        let line = "failover metro (primary): communications-interrupted; partner normal, NOT \
                    HEARD; 7 to be told\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_server_that_cannot_grant_says_so_and_why() {
        let mut status = sample();
        status.serving = false;
        status.journal.health = "full".into();
        status.journal.detail = "no space left on device".into();
        let text = Report(&status).to_string();
        assert!(text.contains("NOT SERVING"), "{text}");
        assert!(text.contains("journal full: no space left on device"), "{text}");
    }
}
