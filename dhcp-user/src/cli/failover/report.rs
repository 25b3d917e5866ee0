//! One relationship as a page for people.

use std::fmt;

use super::advice::{self, span};
use crate::cli::amount::{amount, available};
use crate::cli::columns::Columns;
use crate::control::Relationship;
use crate::wire::failover::State;

/// A relationship for people, and the arguments that find its server.
pub(super) struct Report<'a>(pub(super) &'a Relationship, pub(super) &'a str);

/// So many characters stand on a line of prose, behind its heading.
const WIDTH: usize = 88;

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.0;
        let age = span(now.since_age_s);
        writeln!(f, "{} ({}): {} for {age}, since {}", now.name, now.role, now.state, now.since)?;
        self.partner(f)?;
        prose(f, "clients", &advice::meaning(now))?;
        prose(f, "to do", &advice::what_to_do(now, self.1))?;
        self.updates(f)?;
        self.pools(f)
    }
}

impl Report<'_> {
    fn partner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.0;
        let software = now.partner_software.as_deref().unwrap_or_default().escape_debug();
        let software =
            if now.partner_software.is_some() { format!(" ({software})") } else { String::new() };
        let heard = match (now.is_linked(), now.last_contact_age_s) {
            (true, _) => "heard".to_owned(),
            (false, Some(age)) => format!("NOT HEARD for {}", span(age)),
            (false, None) => "NOT HEARD since this server started".to_owned(),
        };
        let state = match (&now.partner_state, &now.partner_since) {
            (Some(state), Some(since)) => format!("{state} since {since}"),
            _ => "state not known".to_owned(),
        };
        writeln!(f, "partner  {}{software}: {heard}; {state}", now.partner)?;
        if now.skew_s.abs() > 10 {
            let ahead = if now.skew_s > 0 { "ahead" } else { "behind" };
            let seconds = now.skew_s.unsigned_abs();
            writeln!(f, "clocks   the partner's is {seconds} s {ahead}: SET THEM RIGHT")?;
        }
        Ok(())
    }

    fn updates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.0;
        writeln!(
            f,
            "updates  {} to be told, {} told and unanswered; since the start {} answered, {} of them \
             refused; of the partner's {} taken, {} refused",
            now.queued, now.unacknowledged, now.acknowledged, now.refused, now.taken, now.rejected
        )?;
        // One that was before both agreed is none of today's.
        let is_over = |at: &str| now.known_state() == Some(State::Normal) && *at < *now.since;
        if let Some(refusal) = now.last_refusal.as_ref().filter(|it| !is_over(&it.at)) {
            let who = if refusal.by == "us" { "this server" } else { "the partner" };
            let reason = refusal.reason.map_or(String::new(), |reason| format!(" ({reason})"));
            let what = refusal.what.escape_debug();
            writeln!(f, "refusal  at {} by {who}{reason}: {what}", refusal.at)?;
        }
        let Some(conflict) = &now.last_conflict else { return Ok(()) };
        let what = conflict.what.escape_debug();
        writeln!(f, "conflict {} at {}: {what}", conflict.address, conflict.at)
    }

    fn pools(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free, backup) = if self.0.role == "primary" {
            ("free (ours)", "backup (partner's)")
        } else {
            ("free (partner's)", "backup (ours)")
        };
        let mut table = Columns::new(&[
            "pool",
            free,
            backup,
            "leased",
            "expired",
            "released",
            "reset",
            "abandoned",
            "total",
        ]);
        for pool in &self.0.pools {
            let [free, backup] = available(pool.free, pool.backup, pool.split);
            table.row([
                format!("{}-{}", pool.first, pool.last),
                free,
                backup,
                pool.active.to_string(),
                pool.expired.to_string(),
                pool.released.to_string(),
                pool.reset.to_string(),
                pool.abandoned.to_string(),
                amount(pool.total),
            ]);
        }
        write!(f, "\n{table}")
    }
}

/// Text under a heading, its lines broken between words.
fn prose(f: &mut fmt::Formatter<'_>, heading: &str, text: &str) -> fmt::Result {
    let mut line = String::new();
    let mut heading = heading;
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            writeln!(f, "{heading:<8} {line}")?;
            (heading, line) = ("", String::new());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.is_empty() { Ok(()) } else { writeln!(f, "{heading:<8} {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::relationship::{Conflict, Pool, Refusal};

    #[test]
    fn a_page_has_both_states_what_they_mean_and_every_pool() {
        let now = Relationship {
            name: "metro".into(),
            role: "primary".into(),
            state: "communications-interrupted".into(),
            since: "2026-11-21T00:10:00Z".into(),
            since_age_s: 725,
            partner: "192.0.2.2:647".into(),
            partner_software: Some("isc-4.4.3-P1\u{1b}[2J".into()),
            partner_state: Some("normal".into()),
            partner_since: Some("2026-11-20T10:00:00Z".into()),
            communications: "interrupted".into(),
            last_contact_age_s: Some(745),
            skew_s: -17,
            last_refusal: Some(Refusal {
                at: "2026-11-21T00:09:00Z".into(),
                by: "partner".into(),
                reason: Some(4),
                what: "time offset too large".into(),
            }),
            last_conflict: Some(Conflict {
                address: "10.0.0.7".into(),
                what: "two clients".into(),
                ..Conflict::default()
            }),
            mclt_s: 3_600,
            pools: vec![
                Pool {
                    first: "10.0.0.1".into(),
                    last: "10.0.0.9".into(),
                    free: 3,
                    backup: 4,
                    total: 9,
                    ..Pool::default()
                },
                Pool { free: 8, split: true, ..Pool::default() },
            ],
            ..Relationship::default()
        };
        let text = Report(&now, "").to_string();
        for part in [
            "metro (primary): communications-interrupted for 12m 5s",
            "NOT HEARD for 12m 25s; normal since",
            "17 s behind",
            "by the partner (4): time offset too large",
            "one of the 7 addresses",
            "partner-down --name metro",
            "conflict 10.0.0.7",
            "10.0.0.1-10.0.0.9",
            "backup (partner's)",
            "8 of both",
        ] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "a partner must not write to the terminal");
        assert!(text.lines().all(|line| line.len() < 160), "{text}");
    }
}
