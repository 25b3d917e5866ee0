//! Figures as Markdown.

use std::fmt::Write as _;

use serde_json::Value;

/// The figures as Markdown.
pub(super) fn render(machine: &Value, figures: &[&Value]) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text = format!(
        "{}, {} cores, Linux {}; load at the end {}\n\n",
        word(&machine["processor"]),
        machine["cores"],
        word(&machine["kernel"]),
        word(&machine["load"]),
    );
    text.push_str("| what | median | spread | limit | |\n|---|---:|---:|---:|---|\n");
    for figure in figures {
        let values = figure["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut values: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
        values.sort_by(f64::total_cmp);
        let Some(median) = median(&values) else { continue };
        let spread = match values[..] {
            [least, .., most] => format!("{} to {}", number(least), number(most)),
            _ => "one run".to_owned(),
        };
        let limit = figure["limit"].as_f64().map_or_else(String::new, |limit| {
            let is_least = figure["least"] == true;
            let is_met = if is_least { median >= limit } else { median <= limit };
            let (sign, word) =
                (if is_least { "≥" } else { "≤" }, if is_met { "met" } else { "NOT MET" });
            format!("{sign} {} {word}", number(limit))
        });
        let (name, unit, note) = (&figure["name"], &figure["unit"], &figure["note"]);
        let (name, unit, note) = (word(name), word(unit), word(note));
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "| {name} | {} {unit} | {spread} | {limit} | {note} |", number(median));
    }
    text
}

/// Of sorted values, the one in the middle; of two in the middle, the lower.
fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_limit_is_held_against_the_median_and_not_against_the_worst() {
        let figure = |values: [f64; 3]| json!({ "name": "a", "unit": "s", "values": values, "limit": 5.0, "note": "" });
        let table = render(&Value::Null, &[&figure([9.0, 4.0, 3.0]), &figure([6.0, 4.0, 7.0])]);
        let rows: Vec<_> = table.lines().rev().take(2).collect();
        assert_eq!(rows[1], "| a | 4.00 s | 3.00 to 9.00 | ≤ 5.00 met |  |");
        assert_eq!(rows[0], "| a | 6.00 s | 4.00 to 7.00 | ≤ 5.00 NOT MET |  |");
    }

    #[test]
    fn a_limit_may_be_the_least_that_is_enough() {
        let figure = |least: f64| json!({ "name": "a", "unit": "×", "values": [0.9], "limit": least, "least": true, "note": "" });
        let table = render(&Value::Null, &[&figure(0.85), &figure(0.95)]);
        let rows: Vec<_> = table.lines().rev().take(2).collect();
        assert_eq!(rows[1], "| a | 0.90 × | one run | ≥ 0.85 met |  |");
        assert_eq!(rows[0], "| a | 0.90 × | one run | ≥ 0.95 NOT MET |  |");
    }
}
