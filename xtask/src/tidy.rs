//! `cargo xtask tidy`: what no compiler checks.

mod floors;
mod licenses;
mod source;
mod text;

use std::{fmt, fs};

use anyhow::bail;

use crate::Outcome;
use crate::step::output;
use crate::workspace;
use source::Source;

/// Something to mend.
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(source: &Source, line: usize, what: String) -> Self {
        Self { path: source.path.clone(), line, what }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks every file that git knows or would add, and the dependencies' licenses.
pub(crate) fn run() -> Outcome {
    let listed = output(workspace::command("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut sources: Vec<_> = listed
        .lines()
        // What is no text, or was deleted and not yet committed, is not checked.
        .filter_map(|path| Some((path, fs::read_to_string(workspace::root().join(path)).ok()?)))
        .map(|(path, text)| Source::new(path, text))
        .collect();
    hide_test_modules(&mut sources);

    let mut findings = Vec::new();
    for source in &sources {
        text::check_any(source, &mut findings);
        if source.path.ends_with(".rs") {
            text::check_rust(source, &mut findings);
            floors::check(source, &mut findings);
        }
    }
    let mut complaints: Vec<_> = findings.iter().map(Finding::to_string).collect();
    complaints.extend(licenses::check()?);
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{} to mend:\n{}", complaints.len(), complaints.join("\n"));
}

/// Takes modules that are declared for tests, and all below them, for tests.
fn hide_test_modules(sources: &mut [Source]) {
    let modules: Vec<_> = sources.iter().flat_map(Source::test_modules).collect();
    let is_below = |path: &str, module: &String| {
        path.strip_prefix(module.as_str())
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    for source in sources {
        if modules.iter().any(|module| is_below(&source.path, module)) {
            source.take_for_tests();
        }
    }
}

#[cfg(test)]
fn findings_in(path: &str, text: &str, check: fn(&Source, &mut Vec<Finding>)) -> Vec<String> {
    let mut findings = Vec::new();
    check(&Source::new(path, text.to_owned()), &mut findings);
    findings.iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
}
