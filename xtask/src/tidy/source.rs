//! A Rust file as the checks read it: code without its comments, texts and tests.

use std::ops::Range;

/// One file of the checkout.
pub(crate) struct Source {
    /// From the checkout's top folder, with slashes.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// The text with comments, and what stands between quotes, blanked out; lines stay lines.
    pub(crate) code: String,
    /// The code with items under `#[cfg(test)]` blanked out as well; all of it in a test's file.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let code = without_comments_and_texts(&text);
        let product = if is_test_file(path) { hidden(&code) } else { without_tests(&code) };
        Self { path: path.to_owned(), text, code, product }
    }

    /// The paths, without their `.rs`, of the modules that this file declares for tests only.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let folder = match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        test_items(&self.code)
            .filter_map(|item| self.code[item].trim_end().strip_suffix(';')?.rsplit_once("mod "))
            .map(|(_, module)| format!("{folder}/{}", module.trim()))
            .collect()
    }

    /// Takes the whole file for a test.
    pub(crate) fn take_for_tests(&mut self) {
        self.product = hidden(&self.code);
    }

    /// Paths that begin with `root::` in the product's code, each with its line: the segments after
    /// the root, and one entry for each name in braces.
    pub(crate) fn paths_from(&self, root: &str) -> Vec<(usize, String)> {
        let opening = format!("{root}::");
        let mut found = Vec::new();
        for (at, _) in self.product.match_indices(&opening) {
            if self.product[..at].ends_with(is_word) || self.product[..at].ends_with("::") {
                continue;
            }
            let rest = &self.product[at + opening.len()..];
            let line = line_of(&self.product, at);
            match rest.strip_prefix('{') {
                Some(list) => found.extend(names_in(list).map(|name| (line, name))),
                None => found.push((line, path_at(rest))),
            }
        }
        found
    }

    /// Lines of `within` (a text of this file) where `word` stands by itself.
    pub(crate) fn lines_with<'a>(
        within: &'a str,
        word: &'a str,
    ) -> impl Iterator<Item = usize> + 'a {
        // An end of the word that is no letter, such as a dot, may stand next to anything.
        let continues = |text: &str| word.ends_with(is_word) && text.starts_with(is_word);
        let continued = |text: &str| word.starts_with(is_word) && text.ends_with(is_word);
        within
            .match_indices(word)
            .filter(move |(at, _)| {
                !continued(&within[..*at]) && !continues(&within[at + word.len()..])
            })
            .map(|(at, _)| line_of(within, at))
    }
}

/// The number of the line that the octet at `at` stands in, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// Files that hold nothing but tests.
fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|folder| ["tests", "benches", "fuzz"].contains(&folder))
        || name == "tests.rs"
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// `a::b::c` up to where it ends.
fn path_at(text: &str) -> String {
    text.chars().take_while(|&character| is_word(character) || character == ':').collect()
}

/// The outermost paths of a brace list whose opening brace was just read.
fn names_in(list: &str) -> impl Iterator<Item = String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut fresh = true;
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if fresh && depth == 0 && is_word(character) => {
                names.push(path_at(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names.into_iter()
}

/// Spaces for `range`, with line ends kept.
fn blank(text: &str, range: Range<usize>) -> String {
    let mut blanked = String::with_capacity(text.len());
    blanked.push_str(&text[..range.start]);
    // An octet for an octet, so that places in the one text are places in the other.
    blanked
        .extend(text[range.clone()].bytes().map(|octet| if octet == b'\n' { '\n' } else { ' ' }));
    blanked.push_str(&text[range.end..]);
    blanked
}

fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (kept, hidden) = token(rest, character, code.ends_with(is_word));
        code.push_str(&rest[..kept]);
        code.push_str(&blank(&rest[kept..kept + hidden], 0..hidden));
        rest = &rest[kept + hidden..];
    }
    code
}

/// How many octets at the start of `rest` to keep, and how many after them to hide.
fn token(rest: &str, character: char, in_word: bool) -> (usize, usize) {
    let up_to = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len() - from, |at| at + end.len())
    };
    if rest.starts_with("//") {
        return (0, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (0, block_comment(rest));
    }
    if !in_word && let Some(raw) = rest.strip_prefix('r').or_else(|| rest.strip_prefix("br")) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let opening = rest.len() - raw.len() + hashes + 1;
            return (opening, up_to(&format!("\"{}", "#".repeat(hashes)), opening));
        }
    }
    match character {
        '"' => (1, 1 + closing(&rest[1..], '"')),
        // A character, and not a lifetime: 'x' or an escape.
        '\'' if rest[1..].starts_with('\\') => (1, 1 + closing(&rest[1..], '\'')),
        '\'' if rest.chars().nth(2) == Some('\'') => {
            (1, rest[1..].chars().next().map_or(0, char::len_utf8))
        }
        _ => (character.len_utf8(), 0),
    }
}

/// The length of a block comment, with those nested in it.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The octets before the `quote` that closes, of which the caller hides one more: the quote itself.
fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at,
            _ => {}
        }
    }
    rest.len().saturating_sub(1)
}

/// Nothing but spaces and line ends.
fn hidden(code: &str) -> String {
    blank(code, 0..code.len())
}

/// Blanks every item for tests.
fn without_tests(code: &str) -> String {
    test_items(code).fold(code.to_owned(), |product, item| blank(&product, item))
}

/// Where the items stand that `#[cfg(test)]`, or a `cfg` with `test` in an `all`, keeps for tests.
fn test_items(code: &str) -> impl Iterator<Item = Range<usize>> {
    code.match_indices("#[cfg(").filter_map(|(at, opening)| {
        let end = at + code[at..].find(']')?;
        let condition = &code[at + opening.len()..end];
        let for_tests = Source::lines_with(condition, "test").next().is_some()
            && !condition.contains("not(test")
            && !condition.contains("any(");
        for_tests.then(|| at..end + item_len(&code[end..]))
    })
}

/// The length of an item: up to its closing brace, or its semicolon if that comes first.
fn item_len(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("dhcp-user/src/wire/sample.rs", text.to_owned())
    }

    #[test]
    fn comments_and_texts_are_no_code() {
        let sample = "a /* b /* c */ */ d // e\n\"f \\\" g\" r#\"h \" i\"# 'j' b\"k\" '\\'' l<'m>";
        let code = source(sample).code;
        let letters: String = code.chars().filter(char::is_ascii_lowercase).collect();
        assert_eq!(letters, "adrblm");
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn tests_are_no_product_and_what_follows_them_is() {
        let sample = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if c {} } }\nfn d() {}\n\
                      #[cfg(all(test, loom))]\nmod tests;\nfn e() {}";
        let product = source(sample).product;
        for (name, stays) in [("a()", true), ("b()", false), ("d()", true), ("e()", true)] {
            assert_eq!(product.contains(name), stays, "{name}");
        }
        assert!(!product.contains("mod tests"));
    }

    #[test]
    fn modules_for_tests_are_known_by_where_they_are_declared() {
        let text = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(all(test, not(loom)))]\npub(crate) mod c;\n\
                    #[cfg(test)]\nmod tests { fn d() {} }\n#[cfg(not(test))]\nmod e;\n";
        for (path, found) in [
            ("dhcp-user/src/lease/mod.rs", ["dhcp-user/src/lease/b", "dhcp-user/src/lease/c"]),
            (
                "dhcp-user/src/lease/slot.rs",
                ["dhcp-user/src/lease/slot/b", "dhcp-user/src/lease/slot/c"],
            ),
        ] {
            assert_eq!(Source::new(path, text.to_owned()).test_modules(), found);
        }
    }

    #[test]
    fn a_file_of_tests_is_no_product() {
        let sample = Source::new("tests/kill.rs", "fn a() {}\n".to_owned());
        assert_eq!(sample.product.trim(), "");
    }

    #[test]
    fn imports_are_found_alone_and_in_braces() {
        let sample = "use crate::wire::Frame;\nuse crate::{config::{A, B}, lease};\nnot_crate::x;";
        let found: Vec<_> = source(sample).paths_from("crate");
        let names: Vec<_> = found.iter().map(|(line, name)| (*line, name.as_str())).collect();
        assert_eq!(names, [(1, "wire::Frame"), (2, "config::"), (2, "lease")]);
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        let found: Vec<_> =
            Source::lines_with("unsafe {\nunsafe_code\nnot_unsafe", "unsafe").collect();
        assert_eq!(found, [1]);
    }
}
