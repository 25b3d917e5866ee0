//! Figures as Markdown.

use serde_json::Value;

/// The figures as Markdown.
pub(super) fn render(machine: &Value, figures: &[&Value]) -> String {
    let mut text = format!(
        "{}, {} cores, {} GiB, Linux {}, journal on {}; load at the end {}; {}{}, {}\n\n",
        word(&machine["processor"]),
        machine["cores"],
        word(&machine["memory"]),
        word(&machine["kernel"]),
        word(&machine["file-system"]),
        word(&machine["load"]),
        word(&machine["revision"]),
        if machine["changed"] == true { " and changes" } else { "" },
        word(&machine["date"]),
    );
    text.push_str("| what | median | spread | limit | |\n|---|---:|---:|---:|---|\n");
    for figure in figures {
        text.push_str(&row(figure));
    }
    text
}

/// One figure's.
fn row(figure: &Value) -> String {
    let values = figure["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    let values: Vec<Option<f64>> = values.iter().map(Value::as_f64).collect();
    let mut measured: Vec<f64> = values.iter().copied().flatten().collect();
    measured.sort_by(f64::total_cmp);
    let unit = word(&figure["unit"]);
    let shown = median(&measured)
        .map_or_else(|| "not measured".to_owned(), |median| format!("{} {unit}", number(median)));
    let mut spread = match measured[..] {
        [] => String::new(),
        [least, .., most] => format!("{} to {}", number(least), number(most)),
        _ => "one run".to_owned(),
    };
    let missing = values.len() - measured.len();
    if missing > 0 && !measured.is_empty() {
        spread.push_str(&format!(", {missing} of {} runs not measured", values.len()));
    }
    let (name, note, limit) =
        (word(&figure["name"]), word(&figure["note"]), limit(figure, &values));
    format!("| {name} | {shown} | {spread} | {limit} | {note} |\n")
}

/// The limit and whether it is met, of a figure that has one. A run without a value is worse than any
/// other; a measurement that failed meets nothing.
fn limit(figure: &Value, values: &[Option<f64>]) -> String {
    if figure["failed"] == true {
        return "NOT MET".to_owned();
    }
    let Some(limit) = figure["limit"].as_f64() else { return String::new() };
    let is_least = figure["least"] == true;
    let worst = if is_least { f64::NEG_INFINITY } else { f64::INFINITY };
    let mut judged: Vec<f64> = values.iter().map(|value| value.unwrap_or(worst)).collect();
    judged.sort_by(f64::total_cmp);
    let median = median(&judged).unwrap_or(worst);
    let is_met = if is_least { median >= limit } else { median <= limit };
    let (sign, word) = (if is_least { "≥" } else { "≤" }, if is_met { "met" } else { "NOT MET" });
    format!("{sign} {} {word}", number(limit))
}

/// How long each measurement took, in seconds, and all of them together.
pub(super) fn times(took: &[(String, f64)]) -> String {
    let mut text = "| measurement | seconds |\n|---|---:|\n".to_owned();
    let all = ("all".to_owned(), took.iter().map(|(_, seconds)| seconds).sum());
    for (name, seconds) in took.iter().chain([&all]) {
        text.push_str(&format!("| {name} | {seconds:.0} |\n"));
    }
    text
}

/// Text without its quotes, on one line; anything else as JSON has it, and nothing for nothing.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace('\n', " "),
        other => other.to_string(),
    }
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

    /// The row of a figure with these values and a limit.
    fn judged(values: &Value, least: bool) -> String {
        row(&json!({ "name": "a", "unit": "s", "values": values, "limit": 5.0, "least": least }))
    }

    #[test]
    fn a_limit_without_a_value_is_not_met() {
        let row = "| a | not measured |  | ≤ 5.00 NOT MET |  |\n";
        assert_eq!(judged(&json!([]), false), row);
        assert_eq!(judged(&json!([null, null]), false), row);
        assert!(judged(&json!([]), true).contains("≥ 5.00 NOT MET"));
    }

    #[test]
    fn a_run_that_could_not_be_measured_is_worse_than_any_other() {
        let row = "| a | 4.00 s | 4.00 to 4.00, 1 of 3 runs not measured | ≤ 5.00 met |  |\n";
        assert_eq!(judged(&json!([4.0, null, 4.0]), false), row);
        assert!(judged(&json!([4.0, null, null]), false).contains("NOT MET"));
        assert!(judged(&json!([6.0, null, null]), true).contains("NOT MET"));
        assert!(judged(&json!([6.0, null, 6.0]), true).contains("≥ 5.00 met"));
    }

    #[test]
    fn a_measurement_that_failed_has_a_row_and_meets_nothing() {
        let failed = json!({ "name": "flood", "values": [], "failed": true, "note": "a\nb" });
        assert_eq!(row(&failed), "| flood | not measured |  | NOT MET | a b |\n");
    }

    #[test]
    fn the_time_of_each_is_shown_and_their_sum() {
        let table = times(&[("a".to_owned(), 1.2), ("b".to_owned(), 2.3)]);
        assert!(table.ends_with("| a | 1 |\n| b | 2 |\n| all | 4 |\n"), "{table}");
    }
}
