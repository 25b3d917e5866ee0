//! Text in the address of a request.

use std::fmt::Write as _;

/// `text` with everything but the unreserved characters as percent and hex (RFC 3986 §2.3).
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            let _ = write!(escaped, "%{octet:02X}"); // a String takes everything
        }
    }
    escaped
}
