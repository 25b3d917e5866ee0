//! Figures and plots where README shows them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::table;
use crate::workspace;

/// Beside the measurements, from the checkout's top folder.
const FOLDER: &str = "benches/published";
/// Between these two README's figures are.
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --publish` -->\n";
const END: &str = "<!-- end of the figures -->";
/// Figures without a limit that README shows too.
const SHOWN: [&str; 4] = [
    "DORA, highest loss-free rate: ",
    "SARR, highest loss-free rate: ",
    "one packet and back, highest loss-free rate: ",
    "a pair, DORA, highest loss-free rate: ",
];

/// Copies what was written to `directory`, and puts what matters into README.
pub(super) fn publish(directory: &Path, machine: &Value, figures: &[&Value]) -> Result<()> {
    let root = workspace::root();
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder)?;
    remove_plots(&folder)?;
    let mut plots = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_plot = name.ends_with(".svg");
        if is_plot || ["results.md", "results.json"].contains(&name.as_str()) {
            fs::copy(&path, folder.join(&name))?;
        }
        if is_plot {
            plots.push(name);
        }
    }
    plots.sort();
    let is_shown = |figure: &Value| {
        let name = figure["name"].as_str().unwrap_or_default();
        !figure["limit"].is_null()
            || figure["failed"] == true
            || SHOWN.iter().any(|shown| name.starts_with(shown))
    };
    let shown: Vec<&Value> = figures.iter().copied().filter(|figure| is_shown(figure)).collect();
    let mut section = table::render(machine, &shown);
    for plot in plots {
        let name = plot.trim_end_matches(".svg");
        section.push_str(&format!("\n![{name}]({FOLDER}/{plot})\n"));
    }
    section.push_str(&format!("\n[All figures]({FOLDER}/results.md)\n"));
    let readme = root.join("README.md");
    let text = fs::read_to_string(&readme)?;
    fs::write(&readme, replaced(&text, &section).context("README has no place for figures")?)?;
    Ok(())
}

/// Removes the plots of an earlier run: one that has no points now is drawn by nobody.
pub(super) fn remove_plots(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The text with this between its marks.
fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{section}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_the_marks_stay() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        let once = replaced(&text, "new\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert_eq!(replaced("no marks", "new"), None);
    }
}
