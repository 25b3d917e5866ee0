//! From a file to a checked [`Config`], or to all that is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv6Addr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::document;
use super::host;
use super::mistake::Mistakes;
use super::model::{Config, Prefix};
use super::notebook::{LONGEST_FILE, Notebook};

/// What a configuration is held against beside its own text.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Reads a file that the configuration names.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Whether a file, which holds a secret, is kept from being read and written by everybody.
    pub is_private: &'a dyn Fn(&Path) -> bool,
    /// The interfaces there are; `None` leaves unchecked whether an interface is there.
    pub interfaces: Option<&'a [HostInterface]>,
}

/// An interface of the host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostInterface {
    /// The kernel's name of it.
    pub name: String,
    /// IPv4 prefixes of its own addresses.
    pub networks: Vec<Prefix>,
    /// IPv6 prefixes of its own addresses, without the link-local one.
    pub networks6: Vec<Prefix<Ipv6Addr>>,
}

impl Config {
    /// Reads the file at `path` and the files it names, and holds them against this host.
    ///
    /// # Errors
    /// Every mistake there is, a file that cannot be read among them.
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        let interfaces = host::interfaces();
        let around = Surroundings {
            read: &read,
            is_private: &is_private,
            interfaces: interfaces.as_deref().ok(),
        };
        match read(path) {
            Ok(text) => Self::check(&text, path, around),
            Err(error) => {
                let notes = Notebook::default();
                let (_, whole) = notes.add_file(path, String::new());
                let message = format!("the configuration cannot be read: {error}");
                let help = match error.kind() {
                    io::ErrorKind::InvalidData => "write it as text in UTF-8",
                    _ => "give the path of a file that can be read",
                };
                notes.file_mistake(whole, message, help);
                Err(notes.into_mistakes())
            }
        }
    }

    /// Reads a configuration's text. `file` is its name in mistakes, and what it names is relative
    /// to that name's folder; `read` reads those files. Whether interfaces exist, and who else may
    /// read a file, is not checked.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn parse(
        text: &str,
        file: &Path,
        read: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, Mistakes> {
        Self::check(text, file, Surroundings { read, is_private: &|_| true, interfaces: None })
    }

    /// Reads a configuration's text like [`parse`](Self::parse) and holds it against `around`.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn check(text: &str, file: &Path, around: Surroundings<'_>) -> Result<Self, Mistakes> {
        let notes = Notebook::default();
        let (text, whole) = notes.add_file(file, text.to_owned());
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let span = whole.at(error.span().unwrap_or_default());
            let message = error.message().replace('\n', ", ");
            notes.syntax_mistake(
                span,
                &format!("this is not TOML: {message}"),
                "see https://toml.io",
            );
        }
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        let config = document::read(table.get_ref(), whole, &folder, around, &notes);
        if notes.is_clean() { Ok(config) } else { Err(notes.into_mistakes()) }
    }
}

/// Whether the mode of a file keeps everybody but owner and group out.
fn is_private(path: &Path) -> bool {
    const OTHERS: u32 = 0o006;
    path.metadata().is_ok_and(|metadata| metadata.mode() & OTHERS == 0)
}

/// Reads a file, and no more of it than is too much.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = LONGEST_FILE as u64 + 1;
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}
