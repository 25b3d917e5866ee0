//! The same numbers as `tandem status`, as Prometheus reads them (OpenMetrics text).
//!
//! Nothing is counted here: each scrape takes one status and writes it out.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::relationship::Relationship;
use super::status::{Latency, Status};

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `status` as OpenMetrics text.
///
/// # Errors
/// The encoder refuses, which a `String` gives it no cause for.
pub fn text(status: Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("tandem");
    registry.register_collector(Box::new(Scrape(status)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Scrape(Status);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let status = &self.0;
        let packets = &status.packets;
        let mut out = Writer(&mut encoder);
        out.gauge("serving", "1 while clients are answered", u64::from(status.serving))?;
        out.gauge("uptime_seconds", "Seconds since clients were first answered", status.uptime_s)?;
        out.counters("received", "Requests that reached a worker", "path", &packets.received)?;
        out.counters("sent", "Replies sent", "type", &packets.sent)?;
        out.counters("dropped", "Requests left unanswered", "reason", &packets.dropped)?;
        let help = "Those among them that were of DHCPv6";
        out.counters("dropped_dhcpv6", help, "reason", &packets.dropped_dhcpv6)?;
        out.counters("lost", "Requests that no worker had room for", "in", &packets.lost)?;
        out.counters("waited", "Packets that had to wait or be asked for", "for", &packets.waited)?;
        out.counters("xdp_verdicts", "Verdicts of the XDP program", "verdict", &packets.verdicts)?;
        out.interfaces(status)?;
        out.pools(status)?;
        out.latency("wire_to_wire", "Request to reply", &status.latency.wire_to_wire)?;
        out.latency("disk_wait", "Grant to stable storage", &status.latency.waiting_for_disk)?;
        out.journal(status)?;
        out.failover(status)?;
        out.reconfigure(status)?;
        out.counter("reloads", "Configurations taken", status.configuration.reloads)?;
        let refused = status.configuration.reloads_refused;
        out.counter("reloads_refused", "Configurations refused for their mistakes", refused)
    }
}

struct Writer<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Writer<'_, '_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        metric.encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstGauge::new(value);
        metric.encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: &BTreeMap<String, u64>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (what, count) in counts {
            let labels = [(label, what.as_str())];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        Ok(())
    }

    fn interfaces(&mut self, status: &Status) -> fmt::Result {
        let help = "1 for the mode that an interface came up in";
        let mut family =
            self.0.encode_descriptor("interface_mode", help, None, MetricType::Gauge)?;
        for interface in &status.interfaces {
            let labels =
                [("interface", interface.name.as_str()), ("mode", interface.mode.as_str())];
            family.encode_family(&labels)?.encode_gauge(&1_u64)?;
        }
        Ok(())
    }

    fn pools(&mut self, status: &Status) -> fmt::Result {
        let help = "Addresses of a pool by what they are";
        let mut family =
            self.0.encode_descriptor("pool_addresses", help, None, MetricType::Gauge)?;
        for pool in &status.pools {
            let states =
                [("active", pool.active), ("free", pool.free), ("abandoned", pool.abandoned)];
            for (state, count) in states {
                let labels = [
                    ("network", pool.network.as_str()),
                    ("first", pool.first.as_str()),
                    ("last", pool.last.as_str()),
                    ("state", state),
                ];
                family.encode_family(&labels)?.encode_gauge(&count)?;
            }
        }
        Ok(())
    }

    /// Labelled by relationship; nothing at all without one.
    fn failover(&mut self, status: &Status) -> fmt::Result {
        let all = &status.failover;
        if all.is_empty() {
            return Ok(());
        }
        let help = "1 for the state that each of the two servers is in, the partner's as last told";
        let mut family =
            self.0.encode_descriptor("failover_state", help, None, MetricType::Gauge)?;
        for it in all {
            let states = [("self", Some(&it.state)), ("partner", it.partner_state.as_ref())];
            for (of, state) in states {
                let Some(state) = state else { continue };
                let labels =
                    [("relationship", it.name.as_str()), ("of", of), ("state", state.as_str())];
                family.encode_family(&labels)?.encode_gauge(&1_u64)?;
            }
        }
        type Number = fn(&Relationship) -> Option<i64>;
        let gauges: [(&str, &str, Number); 5] = [
            ("linked", "1 while the partner is heard", |it| Some(it.is_linked().into())),
            ("queued", "Addresses that the partner must still be told", |it| count(it.queued)),
            ("unacknowledged", "Addresses told and unanswered", |it| count(it.unacknowledged)),
            ("skew_seconds", "How far the partner's clock is ahead", |it| Some(it.skew_s)),
            ("last_contact_age_seconds", "Since the partner was heard", |it| {
                it.last_contact_age_s.and_then(count)
            }),
        ];
        for (name, help, number) in gauges {
            let name = format!("failover_{name}");
            let mut family = self.0.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            for it in all {
                let Some(number) = number(it) else { continue };
                let labels = [("relationship", it.name.as_str())];
                family.encode_family(&labels)?.encode_gauge(&number)?;
            }
        }
        let help = "Updates answered: ours by the partner, and the partner's by us";
        let mut family =
            self.0.encode_descriptor("failover_updates", help, None, MetricType::Counter)?;
        for it in all {
            let taken_by_partner = it.acknowledged.saturating_sub(it.refused);
            for (outcome, count) in [
                ("acknowledged", taken_by_partner),
                ("refused", it.refused),
                ("taken", it.taken),
                ("rejected", it.rejected),
            ] {
                let labels = [("relationship", it.name.as_str()), ("outcome", outcome)];
                let mut metric = family.encode_family(&labels)?;
                metric.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        self.failover_traffic(all)?;
        self.failover_pools(all)
    }

    /// Nothing where DHCPv6 is not served.
    fn reconfigure(&mut self, status: &Status) -> fmt::Result {
        let Some(of) = &status.reconfigure else { return Ok(()) };
        let waiting = of.waiting + of.under_way;
        self.gauge("reconfigure_waiting", "Clients that are to come back and have not", waiting)?;
        self.counter("reconfigure_sent", "Reconfigures sent, repetitions included", of.sent)?;
        let counts =
            [("answered", of.answered), ("unanswered", of.unanswered), ("dropped", of.dropped)];
        let counts = counts.map(|(outcome, count)| (outcome.to_owned(), count)).into();
        let help = "Clients that were to come back, by what became of it";
        self.counters("reconfigure_clients", help, "outcome", &counts)
    }

    fn failover_traffic(&mut self, all: &[Relationship]) -> fmt::Result {
        let families = [
            ("failover_connections", "Connections by what became of them", "outcome"),
            ("failover_messages", "Messages on the link", "direction"),
        ];
        for (name, help, label) in families {
            let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
            for it in all {
                let of = &it.connections;
                let counts: &[_] = if label == "direction" {
                    &[("received", of.received), ("sent", of.sent)]
                } else {
                    &[
                        ("link", of.links),
                        ("duplicate", of.duplicates),
                        ("refused", of.refused),
                        ("malformed", of.malformed),
                        ("stranger", of.strangers),
                    ]
                };
                for (what, count) in counts {
                    let labels = [("relationship", it.name.as_str()), (label, *what)];
                    let mut metric = family.encode_family(&labels)?;
                    metric.encode_counter::<NoLabelSet, _, u64>(count, None)?;
                }
            }
        }
        Ok(())
    }

    /// What of a shared pool is not among `pool_addresses`.
    fn failover_pools(&mut self, all: &[Relationship]) -> fmt::Result {
        let help = "Addresses of a shared pool in what only a pair has";
        let mut family =
            self.0.encode_descriptor("failover_pool_addresses", help, None, MetricType::Gauge)?;
        for it in all {
            for pool in &it.pools {
                for (state, count) in pool.counts() {
                    let labels = [
                        ("relationship", it.name.as_str()),
                        ("first", pool.first.as_str()),
                        ("last", pool.last.as_str()),
                        ("state", state),
                    ];
                    family.encode_family(&labels)?.encode_gauge(&count)?;
                }
            }
        }
        Ok(())
    }

    fn latency(&mut self, name: &str, help: &str, latency: &Latency) -> fmt::Result {
        let name = format!("{name}_seconds");
        let mut family = self.0.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        let quantiles = [
            ("0.5", latency.p50_us),
            ("0.9", latency.p90_us),
            ("0.99", latency.p99_us),
            ("0.999", latency.p999_us),
            ("1", latency.max_us),
        ];
        for (quantile, us) in quantiles {
            family.encode_family(&[("quantile", quantile)])?.encode_gauge(&(us / 1e6))?;
        }
        Ok(())
    }

    fn journal(&mut self, status: &Status) -> fmt::Result {
        let journal = &status.journal;
        let healthy = u64::from(journal.health == "good");
        self.gauge("journal_healthy", "1 while grants can be made durable", healthy)?;
        self.gauge("journal_segments", "Segments behind the newest snapshot", journal.segments)?;
        self.gauge("journal_octets", "Octets of those segments", journal.segment_octets)?;
        let kept = journal.kept_octets;
        self.gauge("journal_kept_octets", "Octets of segments kept to be written over", kept)?;
        match journal.snapshot_age_s {
            Some(age) => self.gauge("snapshot_age_seconds", "Age of the newest snapshot", age),
            None => Ok(()),
        }
    }
}

/// More than 63 bits hold has nobody counted.
fn count(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::relationship;
    use crate::control::status::Pool;

    #[test]
    fn each_relationship_has_both_states_its_counters_and_what_only_a_pair_has() {
        let mut status = Status::default();
        assert!(!text(status.clone()).unwrap().contains("failover"), "none without a partner");
        status.failover.push(Relationship {
            name: "metro".into(),
            state: "normal".into(),
            partner_state: Some("normal".into()),
            communications: "ok".into(),
            skew_s: -3,
            acknowledged: 10,
            refused: 1,
            last_contact_age_s: Some(2),
            connections: relationship::Connections { strangers: 4, ..Default::default() },
            pools: vec![relationship::Pool {
                first: "10.0.0.1".into(),
                backup: 7,
                ..relationship::Pool::default()
            }],
            ..Relationship::default()
        });
        let text = text(status).unwrap();
        for line in [
            "failover_state{relationship=\"metro\",of=\"self\",state=\"normal\"} 1\n",
            "failover_state{relationship=\"metro\",of=\"partner\",state=\"normal\"} 1\n",
            "failover_linked{relationship=\"metro\"} 1\n",
            "failover_skew_seconds{relationship=\"metro\"} -3\n",
            "failover_last_contact_age_seconds{relationship=\"metro\"} 2\n",
            "failover_updates_total{relationship=\"metro\",outcome=\"acknowledged\"} 9\n",
            "failover_connections_total{relationship=\"metro\",outcome=\"stranger\"} 4\n",
            "first=\"10.0.0.1\",last=\"\",state=\"backup\"} 7\n",
        ] {
            assert!(text.contains(line), "no {line:?} in:\n{text}");
        }
    }

    #[test]
    fn a_scrape_has_counters_by_label_and_ends_as_openmetrics_does() {
        let mut status = Status { serving: true, ..Status::default() };
        status.packets.dropped.insert("malformed".into(), 7);
        status.latency.wire_to_wire.p99_us = 1_500.0;
        status.pools.push(Pool { first: "10.0.0.1".into(), active: 3, ..Pool::default() });
        let text = text(status).unwrap();
        for line in [
            "tandem_serving 1\n",
            "tandem_dropped_total{reason=\"malformed\"} 7\n",
            "tandem_wire_to_wire_seconds{quantile=\"0.99\"} 0.0015\n",
            "first=\"10.0.0.1\",last=\"\",state=\"active\"} 3\n",
        ] {
            assert!(text.contains(line), "no {line:?} in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
