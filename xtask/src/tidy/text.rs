//! What does not belong in a line: unsafe code outside its rooms, leftovers, a machine's paths.

use super::{Finding, Source};

/// Where unsafe code may live, each place below a safe face.
const UNSAFE_ROOMS: [&str; 5] = [
    "dhcp-ebpf/",
    "dhcp-user/src/dataplane/",
    "dhcp-user/src/lease/epoch.rs",
    "dhcp-user/src/lease/slot.rs",
    "dhcp-user/src/journal/map.rs",
];
/// Macros that mark something unfinished.
const LEFTOVERS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
/// A file longer than this holds two concepts.
const MAX_LINES: usize = 600;
/// A reason shorter than this explains nothing.
const MIN_REASON: usize = 8;
/// Folders that exist on one machine; in parts, so that this file does not name them itself.
const MACHINE_PATHS: [&str; 3] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
/// Where tests may write, and nobody else.
const SCRATCH: &str = concat!("/t", "mp/");

/// Checks of Rust code.
pub(super) fn check_rust(source: &Source, findings: &mut Vec<Finding>) {
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        findings.push(Finding::new(source, lines, format!("{lines} lines, {MAX_LINES} at most")));
    }
    if !UNSAFE_ROOMS.iter().any(|room| source.path.starts_with(room)) {
        for line in Source::lines_with(&source.code, "unsafe")
            .chain(Source::lines_with(&source.code, "allow(unsafe_code"))
        {
            findings.push(Finding::new(source, line, "unsafe code outside its rooms".to_owned()));
        }
    }
    for leftover in LEFTOVERS {
        for line in Source::lines_with(&source.code, leftover) {
            findings.push(Finding::new(source, line, format!("{leftover} left behind")));
        }
    }
    for line in Source::lines_with(&source.product, ".unwrap()") {
        findings.push(Finding::new(source, line, "unwrap outside tests".to_owned()));
    }
    for (at, opening) in source.product.match_indices(".expect(\"") {
        // The product's texts are blank: the reason is read where it still stands.
        let line = super::source::line_of(&source.product, at);
        let reason = source.text.lines().nth(line - 1).unwrap_or_default();
        let reason = reason.split(opening).nth(1).unwrap_or_default();
        if reason.split('"').next().unwrap_or_default().len() < MIN_REASON {
            let what = "an expect says why it holds".to_owned();
            findings.push(Finding::new(source, line, what));
        }
    }
}

/// Checks of any text.
pub(super) fn check_any(source: &Source, findings: &mut Vec<Finding>) {
    for path in MACHINE_PATHS {
        for line in lines_with_path(&source.text, path) {
            findings.push(Finding::new(source, line, format!("{path}… is a path of one machine")));
        }
    }
    // Outside tests: where the product's code is not blank, or the file is no Rust.
    let is_rust = source.path.ends_with(".rs");
    for line in lines_with_path(&source.text, SCRATCH) {
        let in_product =
            source.product.lines().nth(line - 1).is_some_and(|code| !code.trim().is_empty());
        if !is_rust || in_product {
            findings.push(Finding::new(source, line, format!("{SCRATCH}… outside tests")));
        }
    }
}

/// Lines where `path` begins a path, and is not the middle of a longer one or of an address.
fn lines_with_path<'a>(text: &'a str, path: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(path)
        .filter(|(at, _)| {
            !text[..*at].ends_with(|c: char| c.is_alphanumeric() || ".~}_-".contains(c))
        })
        .map(|(at, _)| super::source::line_of(text, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_in;

    const SERVER: &str = "dhcp-user/src/server/v4.rs";

    #[test]
    fn unsafe_code_is_caught_outside_its_rooms_and_let_be_inside() {
        let text = "#![allow(unsafe_code, reason = \"r\")]\nfn f() { unsafe { g() } }";
        assert_eq!(findings_in(SERVER, text, check_rust).len(), 2);
        assert_eq!(findings_in("dhcp-user/src/dataplane/xsk/umem.rs", text, check_rust), [""; 0]);
        assert_eq!(findings_in("dhcp-user/src/lease/slot.rs", text, check_rust), [""; 0]);
    }

    #[test]
    fn talk_of_unsafe_code_is_none() {
        let text = "// unsafe\n#![deny(unsafe_code)]\nfn f() { say(\"unsafe\") }";
        assert_eq!(findings_in(SERVER, text, check_rust), [""; 0]);
    }

    #[test]
    fn leftovers_are_caught_in_tests_too() {
        for leftover in LEFTOVERS {
            let text = format!("#[cfg(test)]\nmod tests {{ fn f() {{ {leftover}() }} }}");
            assert_eq!(findings_in(SERVER, &text, check_rust).len(), 1, "{leftover}");
        }
    }

    #[test]
    fn unwrap_is_caught_outside_tests_only() {
        let text = "fn f() { g().unwrap(); h().unwrap_or(1); }";
        assert_eq!(findings_in(SERVER, text, check_rust), ["1: unwrap outside tests"]);
        let text = "#[cfg(test)]\nmod tests { fn f() { g().unwrap() } }";
        assert_eq!(findings_in(SERVER, text, check_rust), [""; 0]);
        assert_eq!(findings_in("tests/kill.rs", "fn f() { g().unwrap() }", check_rust), [""; 0]);
    }

    #[test]
    fn an_expect_without_a_reason_is_caught() {
        let text = "fn f() { g().expect(\"ok\") }\nfn h() { g().expect(\"checked just above\") }";
        let found = findings_in(SERVER, text, check_rust);
        assert_eq!(found, ["1: an expect says why it holds"]);
    }

    #[test]
    fn a_file_of_601_lines_is_caught_and_one_of_600_is_not() {
        assert_eq!(findings_in(SERVER, &"\n".repeat(601), check_rust).len(), 1);
        assert_eq!(findings_in(SERVER, &"\n".repeat(600), check_rust), [""; 0]);
    }

    #[test]
    fn a_machines_paths_are_caught_in_any_file() {
        for path in MACHINE_PATHS {
            let text = format!("see {path}x for more");
            assert_eq!(findings_in("README.md", &text, check_any).len(), 1, "{path}");
        }
    }

    #[test]
    fn the_middle_of_an_address_or_a_path_is_no_machines() {
        let text = format!("https://example.com{0}x ~{0}x $HOME{0}x ..{0}x", MACHINE_PATHS[1]);
        assert_eq!(findings_in("README.md", &text, check_any), [""; 0]);
    }

    #[test]
    fn scratch_is_for_tests() {
        let text = format!("fn f() {{ open(\"{SCRATCH}x\") }}");
        assert_eq!(findings_in(SERVER, &text, check_any).len(), 1);
        let text = format!("#[cfg(test)]\nmod tests {{ fn f() {{ open(\"{SCRATCH}x\") }} }}");
        assert_eq!(findings_in(SERVER, &text, check_any), [""; 0]);
    }
}
