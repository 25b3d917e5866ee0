//! `[journal]`: stable storage.

use super::model::Journal;
use super::reader::{Section, Value};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Segments of 64 MiB, a snapshot after 512 MiB, every grant durable.
pub(super) const DEFAULT: Journal =
    Journal { segment_len: 64 * MIB, snapshot_after: 512 * MIB, durable: true };

/// Segments are preallocated in whole pages, and one holds many records of the longest kind.
const PAGE: u64 = 4 * KIB;

/// Reads the journal's settings.
pub(super) fn read(mut section: Section<'_>) -> Journal {
    let segment = section.take("segment-len");
    let snapshot = section.take("snapshot-after");
    let durable = section.take("durable").and_then(Value::flag);
    section.finish();

    let segment_len = segment.and_then(|v| size(v, MIB, 4 * GIB)).unwrap_or(DEFAULT.segment_len);
    if let Some(value) = segment
        && !segment_len.is_multiple_of(PAGE)
    {
        value.wrong::<()>("a segment is a multiple of 4KiB long");
    }
    let snapshot_after = snapshot.and_then(|v| size(v, MIB, 1 << 40));
    if let (Some(value), Some(after)) = (snapshot, snapshot_after)
        && after < segment_len
    {
        value.wrong::<()>(format!("it is at least one segment, {segment_len} octets"));
    }
    Journal {
        segment_len,
        snapshot_after: snapshot_after.unwrap_or(DEFAULT.snapshot_after.max(segment_len)),
        durable: durable.unwrap_or(DEFAULT.durable),
    }
}

/// A size in octets, or with a unit as in `"64MiB"`.
fn size(value: Value<'_>, least: u64, most: u64) -> Option<u64> {
    let octets = match value.as_integer() {
        Some(number) => u64::try_from(number).ok(),
        None => value.as_text().and_then(parse_size),
    };
    octets.filter(|octets| (least..=most).contains(octets)).or_else(|| {
        let (least, most) = (least / MIB, most / MIB);
        value.wrong(format!("a size is like \"64MiB\", from {least}MiB to {most}MiB"))
    })
}

fn parse_size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 3] = [("KiB", KIB), ("MiB", MIB), ("GiB", GIB)];
    let (unit, octets) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?;
    let plain = number.bytes().all(|octet| octet.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(*octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(parse_size("64MiB"), Some(64 << 20));
        assert_eq!(parse_size("2GiB"), Some(2 << 30));
        for text in ["64", "64MB", "MiB", "-1KiB", "+1KiB", "1.5GiB", "99999999999999999GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
