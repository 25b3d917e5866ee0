//! Plots of what was measured, as SVG, from the points of a results file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::prelude::*;
use serde::Deserialize;

/// A plot, and how it is to be read.
struct Plot {
    /// The file's name, and what its points say.
    name: &'static str,
    caption: &'static str,
    x: &'static str,
    y: &'static str,
}

const PLOTS: [Plot; 6] = [
    Plot {
        name: "latency-p99",
        caption: "Whole exchanges behind relays: 99th percentile",
        x: "exchanges a second, at equal distances",
        y: "µs from the intended DISCOVER to the ACK",
    },
    Plot {
        name: "latency-p50",
        caption: "Whole exchanges behind relays: median",
        x: "exchanges a second, at equal distances",
        y: "µs from the intended DISCOVER to the ACK",
    },
    Plot {
        name: "latency-p99-dhcpv6",
        caption: "Whole exchanges of DHCPv6 behind relays: 99th percentile",
        x: "exchanges a second, at equal distances",
        y: "µs from the intended Solicit to the Reply",
    },
    Plot {
        name: "latency-p50-dhcpv6",
        caption: "Whole exchanges of DHCPv6 behind relays: median",
        x: "exchanges a second, at equal distances",
        y: "µs from the intended Solicit to the Reply",
    },
    Plot {
        name: "cost-by-leases",
        caption: "What a renewal costs, by how many leases there are; Kea does not flush",
        x: "leases",
        y: "µs each, as fast as the server answers",
    },
    Plot {
        name: "restart-by-leases",
        caption: "From the start to the first answer, by how many leases there are",
        x: "leases",
        y: "seconds",
    },
];

const SIZE: (u32, u32) = (1080, 520);
/// Of that the names of the lines have so much on the right.
const NAMES_WIDTH: u32 = 320;
/// Told apart by people who do not see all colours, on white (after Okabe and Ito, "Color Universal
/// Design").
const COLOURS: [RGBColor; 9] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
    RGBColor(120, 120, 120),
    RGBColor(120, 60, 20),
];

/// The results file, but for what is no plot's.
#[derive(Deserialize)]
struct Results {
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    plot: String,
    series: String,
    group: String,
    at: [f64; 2],
}

/// Lines of a plot by name, each with its points from left to right.
type Lines = BTreeMap<String, Vec<(f64, f64)>>;

/// By the lines' names.
type Colours<'a> = BTreeMap<&'a str, RGBColor>;

/// Draws all plots that there are points of, beside the results.
pub(crate) fn draw(directory: &Path) -> Result<()> {
    let file = directory.join("results.json");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let results: Results = serde_json::from_str(&text)?;
    // A series has its colour in every plot.
    let names: BTreeSet<&str> = results.points.iter().map(|point| &*point.series).collect();
    let colours: Colours = names.into_iter().zip(COLOURS.into_iter().cycle()).collect();
    for plot in &PLOTS {
        let lines = lines_of(plot.name, &results.points);
        if !lines.is_empty() {
            plot.draw(&directory.join(plot.name).with_extension("svg"), &lines, &colours)?;
        }
    }
    Ok(())
}

/// The plot's lines; of points that repeat each other the median.
fn lines_of(plot: &str, points: &[Point]) -> Lines {
    let mut groups: BTreeMap<(&str, &str), [Vec<f64>; 2]> = BTreeMap::new();
    for point in points.iter().filter(|point| point.plot == plot) {
        let [xs, ys] = groups.entry((&point.series, &point.group)).or_default();
        xs.push(point.at[0]);
        ys.push(point.at[1]);
    }
    let mut lines = Lines::new();
    for ((series, _), repeated) in groups {
        let [x, y] = repeated.map(median);
        lines.entry(series.to_owned()).or_default().push((x, y));
    }
    for line in lines.values_mut() {
        line.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    }
    lines
}

/// Of two in the middle, the lower.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

impl Plot {
    fn draw(&self, path: &Path, lines: &Lines, colours: &Colours<'_>) -> Result<()> {
        let whole = SVGBackend::new(path, SIZE).into_drawing_area();
        whole.fill(&WHITE)?;
        let (area, names) = whole.split_horizontally(SIZE.0 - NAMES_WIDTH);
        let points = || lines.values().flatten();
        let mut chart = ChartBuilder::on(&area)
            .caption(self.caption, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d(
                around(points().map(|(x, _)| *x)).log_scale(),
                around(points().map(|(_, y)| *y)).log_scale(),
            )?;
        let number = |value: &f64| match *value {
            1e6.. => format!("{} M", value / 1e6),
            1e3.. => format!("{} k", value / 1e3),
            _ => value.to_string(),
        };
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&number)
            .y_label_formatter(&number)
            .light_line_style(WHITE)
            .draw()?;
        for (row, (name, line)) in (0..).zip(lines) {
            let colour = colours[name.as_str()];
            chart.draw_series(LineSeries::new(line.iter().copied(), colour.stroke_width(2)))?;
            chart.draw_series(line.iter().map(|&at| Circle::new(at, 3, colour.filled())))?;
            let y = 60 + 22 * row;
            names.draw(&PathElement::new([(0, y), (22, y)], colour.stroke_width(3)))?;
            names.draw(&Text::new(name.as_str(), (30, y - 6), ("sans-serif", 13)))?;
        }
        whole.present()?;
        Ok(())
    }
}

/// From somewhat less than the least to somewhat more than the most; what is not above zero has no
/// place on a logarithmic axis.
fn around(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let values = values.filter(|value| *value > 0.0);
    let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    least.min(most) / 1.5..most * 1.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_repeat_each_other_are_one() {
        let point = |group: &str, x, y| Point {
            plot: "a".to_owned(),
            series: "s".to_owned(),
            group: group.to_owned(),
            at: [x, y],
        };
        let points = [
            point("2", 20.0, 5.0),
            point("1", 9.0, 1.0),
            point("1", 10.0, 7.0),
            point("1", 11.0, 2.0),
        ];
        assert_eq!(lines_of("a", &points)["s"], [(10.0, 2.0), (20.0, 5.0)]);
        assert!(lines_of("b", &points).is_empty());
    }
}
