//! No text upsets the reader.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{WHOLE, parse, parse_with_rows};

const ROWS: &str = "hw-address,client-id,circuit-id,remote-id,address,host-name\n\
    00:00:5e:00:53:09,,,,10.0.9.9,nine\n,0x0102,,,10.0.9.10,\n# note\n,,port 1,,10.0.9.11,\n";

/// Tokens that mean something, in an order that means little.
fn token() -> impl Strategy<Value = String> {
    let words = "[[subnet4]]\n|[journal]\n|[|]|{|}|=|,|\n|\"|\"\"\"|'|subnet|pools|options|class|match|\
                 \"10.0.0.0/8\"|\"10.0.0.1-10.0.0.9\"|true|-1|0x7f|1e9|inf|1979-05-27|a.b|[[class]]\n|name|\
                 \"infinite\"|\u{0}|é|lease-time|reservation4|[[reservation4]]\n|address|interface";
    prop::sample::select(words.split('|').map(str::to_owned).collect::<Vec<_>>())
}

/// `text` with a few characters put in, taken out or doubled.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let change = (
        any::<Index>(),
        any::<Index>(),
        prop_oneof![Just(String::new()), any::<char>().prop_map(String::from), token(),],
    );
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, len, replacement) in changes {
            let start = at.index(chars.len() + 1);
            let end = (start + len.index(12)).min(chars.len());
            chars.splice(start..end, replacement.chars());
        }
        chars.into_iter().collect()
    })
}

/// Mistakes show what was written: they must not be upset by it either.
fn read(text: &str, rows: &str) {
    if let Err(mistakes) = parse_with_rows(text, rows) {
        assert!(mistakes.len() > 0);
        assert!(!mistakes.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read(&text, ROWS);
    }

    #[test]
    fn any_tokens_are_read_or_refused(tokens in prop::collection::vec(token(), 0..40)) {
        read(&tokens.join(" "), ROWS);
        read(&tokens.concat(), ROWS);
    }

    #[test]
    fn a_changed_configuration_is_read_or_refused(text in mutated(WHOLE)) {
        read(&text, ROWS);
    }

    #[test]
    fn a_changed_reservation_file_is_read_or_refused(rows in mutated(ROWS)) {
        read(WHOLE, &rows);
    }
}

#[test]
fn deep_nesting_is_refused() {
    let lists = format!("options = {{ routers = {}1{} }}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(parse(&lists).is_err());
    let keys = format!("{}a = 1", "a.".repeat(5_000));
    assert!(parse(&keys).is_err());
}

#[test]
fn the_end_of_line_does_not_matter() {
    let dos = WHOLE.replace('\n', "\r\n");
    let rows = ROWS.replace('\n', "\r\n");
    assert_eq!(parse_with_rows(&dos, &rows).unwrap().reservations.len(), 7);
}
