//! What protects the link of a relationship: a shared secret, and TLS (draft-12 §11).

use std::path::{Path, PathBuf};

use super::load::Surroundings;
use super::model::{Protocol, Secret, Tls};
use super::notebook::{Notebook, quote};
use super::reader::{Section, Value};

/// Where files are that hold what nobody is to see.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    /// What relative paths begin at.
    pub(super) folder: &'a Path,
    pub(super) around: Surroundings<'a>,
    pub(super) notes: &'a Notebook,
}

/// Reads `secret` or `secret-file`, of which a good one has so many octets.
pub(super) fn secret(
    section: &mut Section<'_>,
    shortest: usize,
    files: Files<'_>,
) -> Option<Secret> {
    let inline = section.take("secret");
    let file = section.take("secret-file");
    if let (Some(inline), Some(file)) = (inline, file) {
        let message = "`secret` and `secret-file` both give the secret";
        files.notes.clash(file.key_span, inline.key_span, message, "keep one; `secret` is at");
    }
    let inline = inline.and_then(|value| long_enough(value, value.text()?, shortest));
    let file = file.and_then(|value| {
        let (_, text) = private_file(value, files)?;
        // The line's end is the editor's.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        long_enough(value, text.strip_suffix('\r').unwrap_or(text), shortest)
    });
    inline.or(file)
}

fn long_enough(value: Value<'_>, secret: &str, shortest: usize) -> Option<Secret> {
    if secret.len() < shortest {
        return value.wrong(format!("a secret has at least {shortest} octets"));
    }
    Some(Secret(secret.as_bytes().into()))
}

/// Fewer octets of a relationship's secret are guessed too soon.
const SHORTEST_OF_RELATIONSHIP: usize = 8;

/// Reads the secret of a relationship: DHCPv6 has no digest in its messages (RFC 8156 §10).
pub(super) fn of_relationship(section: &mut Section<'_>, files: Files<'_>) -> Option<Secret> {
    if section.protocol == Some(Protocol::Dhcpv6) {
        for key in ["secret", "secret-file"] {
            section.refuse(key, "DHCPv6 failover is protected by `tls` alone (RFC 8156 §10)");
        }
        return None;
    }
    secret(section, SHORTEST_OF_RELATIONSHIP, files)
}

/// Reads `tls`, and for DHCPv6 `insecure`: to go without must be said there (RFC 8156 §10).
pub(super) fn tls_of(section: &mut Section<'_>, files: Files<'_>) -> Option<Tls> {
    let value = section.take("tls");
    let insecure = section.take_of(Protocol::Dhcpv6, "insecure");
    let is_insecure = insecure.is_some_and(|value| value.flag() == Some(true));
    match (value, insecure) {
        (Some(tls), Some(insecure)) if is_insecure => {
            let message = "`insecure` goes without TLS, and there is `tls`";
            files.notes.clash(insecure.key_span, tls.key_span, message, "keep one; `tls` is at");
        }
        (None, _) if section.protocol == Some(Protocol::Dhcpv6) && !is_insecure => {
            let help = "add `tls`, or insecure = true where nobody else can reach the link";
            files.notes.mistake(section.span, "a relationship of DHCPv6 without `tls`", help);
        }
        _ => {}
    }
    let mut tls = value?.section("tls")?;
    tls.protocol = section.protocol;
    read_tls(tls, files)
}

fn read_tls(mut section: Section<'_>, files: Files<'_>) -> Option<Tls> {
    let certificate = section.require("certificate", "certificate = \"server.pem\"");
    let key = section.require("key", "key = \"server.key\"");
    let authority = section.require("authority", "authority = \"ca.pem\"");
    let peer_name = section.take("peer-name").map(Value::name);
    let is_required = section.take_of(Protocol::Dhcpv4, "require").and_then(Value::flag);
    section.finish();
    let certificate = certificate.and_then(|value| Some(readable_file(value, files)?.0));
    let key = key.and_then(|value| Some(private_file(value, files)?.0));
    let authority = authority.and_then(|value| Some(readable_file(value, files)?.0));
    Some(Tls {
        certificate: certificate?,
        key: key?,
        authority: authority?,
        peer_name: peer_name.flatten().map(str::to_owned),
        is_required: is_required.unwrap_or(true),
    })
}

/// The path of a file that can be read as text, and what is in it.
fn readable_file(value: Value<'_>, files: Files<'_>) -> Option<(PathBuf, String)> {
    let path = files.folder.join(value.name()?);
    match (files.around.read)(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", quote(path.display()));
            value.wrong_because(message, "relative paths begin at the configuration's folder")
        }
    }
}

/// The same, of a file that is none of everybody's business.
fn private_file(value: Value<'_>, files: Files<'_>) -> Option<(PathBuf, String)> {
    let (path, text) = readable_file(value, files)?;
    if !(files.around.is_private)(&path) {
        let message = format!("{} can be read or written by everybody", quote(path.display()));
        return value.wrong_because(message, "chmod o-rw it, and change the secret in it");
    }
    Some((path, text))
}
