//! What the keys of DHCPv6 clients for Reconfigures are made of: a file in the state directory.
//!
//! Clients keep the key that they were told, so the secret is made once, durable before any client is
//! told a key, and changed by nobody but whoever removes the file. It is one line of hex digits, for the
//! server's user alone; copied with the server's DUID it goes to a server that takes this one's place.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::state_file;
use crate::server::v6::SECRET_LEN;

/// In the state directory.
const NAME: &str = "reconfigure-secret";

/// The secret that the state directory has, or one made now and kept there.
///
/// # Errors
/// It cannot be read, or not be made durable: no client may be told a key.
pub fn load_or_make(state_dir: &Path) -> io::Result<[u8; SECRET_LEN]> {
    let file = state_dir.join(NAME);
    match fs::read_to_string(&file) {
        Ok(text) => read(text.trim()).ok_or_else(|| {
            let file = file.display();
            let text = format!("{file} holds no secret: put the server's back, or remove it");
            io::Error::new(ErrorKind::InvalidData, text)
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let secret = state_file::random::<SECRET_LEN>()?;
            let line = secret.iter().fold(String::new(), |mut line, octet| {
                // A String takes it.
                let _ = write!(line, "{octet:02x}");
                line
            });
            state_file::keep(state_dir, NAME, &line)?;
            Ok(secret)
        }
        Err(error) => Err(error),
    }
}

fn read(text: &str) -> Option<[u8; SECRET_LEN]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|it| u8::try_from(it.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * SECRET_LEN)?;
    let mut secret = [0; SECRET_LEN];
    for (octet, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = pair[0] << 4 | pair[1];
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_once_and_for_the_server_alone() {
        let [dir, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let first = load_or_make(dir.path()).unwrap();
        assert_eq!(load_or_make(dir.path()).unwrap(), first);
        assert_ne!(load_or_make(other.path()).unwrap(), first);
        let mode = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn one_that_cannot_be_read_is_not_replaced() {
        for text in ["", "0123", &"g".repeat(64), &"0".repeat(66)] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(NAME), text).unwrap();
            let refused = load_or_make(dir.path()).unwrap_err();
            assert!(refused.to_string().contains(NAME), "{refused}");
            assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), text);
        }
    }
}
