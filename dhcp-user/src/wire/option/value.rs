//! What a configuration says an option is, whatever the file's format.

use std::fmt;

/// A value as an operator writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text: also addresses, names, hexadecimal octets.
    Text(&'a str),
    /// Several of them.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The elements of a list; what is no list is the only element of one, so that a single router
    /// needs no brackets.
    pub(super) fn elements(&self) -> &[Value<'a>] {
        match self {
            Self::List(elements) => elements,
            single => std::slice::from_ref(single),
        }
    }
}

impl fmt::Display for Value<'_> {
    /// As TOML would have it, so that a mistake is quoted as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::List(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
        }
    }
}
