//! A figure, and a point of a plot, as they are handed to `cargo xtask bench`: one line of JSON.

use serde::Serialize;

/// What was measured, once for each repetition; null for one in which it could not be.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    values: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    /// Whether the limit is the least, and not the most, that the median may be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    least: bool,
    /// It says why something could not be measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    note: String,
}

impl Figure {
    /// In place of figures that could not be taken: the bench goes on and ends with a status of 1.
    pub(crate) fn failed(name: impl Into<String>, error: &anyhow::Error) -> Self {
        Self { failed: true, ..Self::new(name, "", [None; 0]).note(format!("{error:#}")) }
    }

    /// A figure without a limit.
    pub(crate) fn new(
        name: impl Into<String>,
        unit: &'static str,
        values: impl IntoIterator<Item = impl Into<Option<f64>>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        let name = name.into();
        Self { name, unit, values, limit: None, least: false, failed: false, note: String::new() }
    }

    /// The median may be this at the most.
    pub(crate) fn at_most(self, limit: f64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The median must be this at the least.
    pub(crate) fn at_least(self, limit: f64) -> Self {
        Self { limit: Some(limit), least: true, ..self }
    }

    /// What one must know to read it.
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// Prints it.
    pub(crate) fn say(&self) {
        println!("{}", serde_json::to_string(self).expect("numbers and text serialize"));
    }
}

/// What was measured of one as a share of what was of the other in the same repetition, where both were.
pub(crate) fn ratios(of: &[Option<f64>], over: &[Option<f64>]) -> Vec<Option<f64>> {
    let both = of.iter().zip(over).map(|(of, over)| of.zip(*over));
    both.map(|both| both.map(|(of, over)| of / over)).collect()
}

/// A point of a plot: one line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Point<'a> {
    /// Which plot.
    pub(crate) plot: &'a str,
    /// Which line of it.
    pub(crate) series: &'a str,
    /// What it has in common with its like of other repetitions, whose median is shown.
    pub(crate) group: String,
    pub(crate) at: [f64; 2],
}

impl Point<'_> {
    /// Prints it.
    pub(crate) fn say(&self) {
        println!("{}", serde_json::to_string(self).expect("numbers and text serialize"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_without_one_of_both_has_no_ratio_and_shifts_no_other() {
        let of = [Some(10.0), Some(20.0), Some(30.0)];
        assert_eq!(ratios(&of, &[Some(5.0), None, Some(3.0)]), [Some(2.0), None, Some(10.0)]);
        let figure = Figure::new("a", "×", ratios(&[Some(1.0), None], &[Some(0.0), Some(1.0)]));
        assert!(serde_json::to_string(&figure).unwrap().contains("[null,null]"));
    }
}
