//! `[guard]`: token buckets in front of the server.

use super::model::Guard;
use super::notebook::Notebook;
use super::reader::{Section, Value};

/// Reads the guard; `None` if neither bucket has a rate, which is off.
pub(super) fn read(mut section: Section<'_>, notes: &Notebook) -> Option<Guard> {
    let (client_rate, client_burst) = bucket(&mut section, "client-rate", "client-burst", notes);
    let (relay_rate, relay_burst) = bucket(&mut section, "relay-rate", "relay-burst", notes);
    section.finish();
    (client_rate > 0 || relay_rate > 0).then_some(Guard {
        client_rate,
        client_burst,
        relay_rate,
        relay_burst,
    })
}

/// A rate, and the burst that goes with it: a second's worth if the file does not say.
fn bucket(
    section: &mut Section<'_>,
    rate_key: &'static str,
    burst_key: &'static str,
    notes: &Notebook,
) -> (u32, u32) {
    let in_range = |value: Value<'_>| value.integer(0..=1_000_000_000_u32);
    let rate_value = section.take(rate_key);
    let rate = rate_value.and_then(in_range);
    let burst_value = section.take(burst_key);
    let burst = burst_value.and_then(in_range);
    if let Some(value) = burst_value
        && (rate_value.is_none() || rate == Some(0))
    {
        let message = format!("`{burst_key}` without `{rate_key}` has no effect");
        notes.mistake(value.key_span, message, format!("add `{rate_key}`, or take it out"));
    }
    if let (Some(value), Some(0), Some(1..)) = (burst_value, burst, rate) {
        value.wrong::<()>("a bucket that holds nothing lets nothing through: at least 1");
    }
    let rate = rate.unwrap_or(0);
    (rate, burst.unwrap_or(rate))
}
