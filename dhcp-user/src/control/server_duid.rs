//! Who the server is to its DHCPv6 clients, for ever: a file in the state directory.
//!
//! Clients keep the DUID of the server that they have their leases from, so it is made once, durable before
//! any client hears of it, and changed by nobody but whoever removes the file. It is one line of hex
//! digits, and may be copied to a server that takes this one's place.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use tracing::{info, warn};

use super::state_file;
use crate::config::model::ServerDuid;
use crate::wire::dhcpv6::Duid;
use crate::wire::{HardwareAddress, Stamp};

/// In the state directory.
const NAME: &str = "server-duid";

/// The DUID that the state directory has, or one made now as `by` says and kept there. A host without
/// `hardware` gets a random one.
///
/// # Errors
/// It cannot be read, or not be made durable: clients must not be told of it.
pub fn load_or_make(
    state_dir: &Path,
    by: &ServerDuid,
    hardware: Option<HardwareAddress>,
    now: Stamp,
) -> io::Result<Duid> {
    let file = state_dir.join(NAME);
    match fs::read_to_string(&file) {
        Ok(text) => {
            let found: Duid = text.trim().parse().map_err(|_| damaged(&file))?;
            if let ServerDuid::Given(wanted) = by
                && **wanted != *found.octets()
            {
                warn!(file = %file.display(), duid = %found, "the server keeps the DUID that it has \
                    had; remove the file before a start to have it take that of the configuration");
            }
            Ok(found)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let duid = made(by, hardware, now)?;
            state_file::keep(state_dir, NAME, &duid.to_string())?;
            info!(%duid, file = %file.display(), "the server has a DUID");
            Ok(duid)
        }
        Err(error) => Err(error),
    }
}

fn made(by: &ServerDuid, hardware: Option<HardwareAddress>, now: Stamp) -> io::Result<Duid> {
    Ok(match (by, hardware) {
        (ServerDuid::Given(octets), _) => {
            Duid::new(octets).ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?
        }
        (ServerDuid::LinkLayerTime, Some(hardware)) => Duid::link_layer_time(now, &hardware),
        (ServerDuid::LinkLayer, Some(hardware)) => Duid::link_layer(&hardware),
        (ServerDuid::Uuid, _) | (_, None) => Duid::uuid(random_uuid()?),
    })
}

/// Version 4, variant 1 (RFC 9562 §5.4).
fn random_uuid() -> io::Result<[u8; 16]> {
    let mut uuid = state_file::random::<16>()?;
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    Ok(uuid)
}

fn damaged(file: &Path) -> io::Error {
    let file = file.display();
    io::Error::new(ErrorKind::InvalidData, format!("{file} holds no DUID: put the server's back"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Stamp = Stamp(1_000_000_000);

    fn ethernet(last: u8) -> Option<HardwareAddress> {
        HardwareAddress::new(1, &[2, 0, 0, 0, 0, last])
    }

    #[test]
    fn it_is_made_once_and_stays_whatever_the_configuration_the_hardware_and_the_time_are() {
        let dir = tempfile::tempdir().unwrap();
        let by = &ServerDuid::LinkLayerTime;
        let first = load_or_make(dir.path(), by, ethernet(1), NOW).unwrap();
        assert_eq!(first, Duid::link_layer_time(NOW, &ethernet(1).unwrap()));
        let given = ServerDuid::Given([0, 4, 1].into());
        for (by, hardware) in [(&given, ethernet(2)), (by, None), (&ServerDuid::Uuid, None)] {
            let later = Stamp(NOW.0 + 9);
            assert_eq!(load_or_make(dir.path(), by, hardware, later).unwrap(), first);
        }
    }

    #[test]
    fn it_is_made_as_the_configuration_says() {
        let made = |by: ServerDuid, hardware| {
            let dir = tempfile::tempdir().unwrap();
            load_or_make(dir.path(), &by, hardware, NOW).unwrap()
        };
        let given = ServerDuid::Given([0, 2, 9, 9].into());
        assert_eq!(made(given, ethernet(1)).octets(), [0, 2, 9, 9]);
        let link_layer = made(ServerDuid::LinkLayer, ethernet(1));
        assert_eq!(link_layer, Duid::link_layer(&ethernet(1).unwrap()));
        for (by, hardware) in [(ServerDuid::Uuid, ethernet(1)), (ServerDuid::LinkLayerTime, None)] {
            let [one, other] = [made(by.clone(), hardware), made(by, hardware)];
            assert_eq!((one.octets().len(), &one.octets()[..2]), (18, &[0, 4][..]));
            assert_ne!(one, other, "each server has its own");
        }
    }

    #[test]
    fn one_that_cannot_be_read_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), "00:03:zz").unwrap();
        let refused = load_or_make(dir.path(), &ServerDuid::Uuid, None, NOW).unwrap_err();
        assert!(refused.to_string().contains(NAME), "{refused}");
        assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), "00:03:zz");
    }
}
