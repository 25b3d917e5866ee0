//! Under which licenses the dependencies come, as far as cargo knows without a network.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::step::output;
use crate::workspace;

/// Licenses that ask no more of a user than to pass on their text.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// A line for each dependency that may not be used.
pub(super) fn check() -> Result<Vec<String>> {
    let metadata = output(&mut workspace::cargo([
        "metadata",
        "--format-version=1",
        "--offline",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ]))
    .context("the dependencies are downloaded by any build")?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("metadata lists packages")?;
    Ok(packages.iter().filter_map(complaint).collect())
}

fn complaint(package: &Value) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    match package["license"].as_str() {
        Some(license) if is_allowed(license) => None,
        Some(license) => Some(format!("{name} is under {license}")),
        None => Some(format!("{name} names no license")),
    }
}

/// Whether one way to read an SPDX expression asks for allowed licenses only.
fn is_allowed(expression: &str) -> bool {
    // The slash is how it was written before there were expressions.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any(&mut words);
    allowed && words.next().is_none()
}

type Words<'a, I> = std::iter::Peekable<I>;

fn any<'a, I: Iterator<Item = &'a str>>(words: &mut Words<'a, I>) -> bool {
    let mut allowed = all(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all(words);
    }
    allowed
}

fn all<'a, I: Iterator<Item = &'a str>>(words: &mut Words<'a, I>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one<'a, I: Iterator<Item = &'a str>>(words: &mut Words<'a, I>) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let allowed = any(words);
        return words.next() == Some(")") && allowed;
    }
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next().unwrap_or_default();
        return ALLOWED.contains(&format!("{word} WITH {exception}").as_str())
            || ALLOWED.contains(&word);
    }
    ALLOWED.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-2.0-only OR MIT",
            "(MIT OR GPL-2.0-only) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0-only",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT", "MIT)", "", "MIT MIT", "OR"] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn a_package_without_a_license_is_named() {
        let package = serde_json::json!({ "name": "stray", "license": null });
        assert_eq!(complaint(&package).as_deref(), Some("stray names no license"));
    }
}
