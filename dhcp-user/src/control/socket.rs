//! The control socket's place in the file system, kept to the server's own user.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::SOCKET_NAME;

/// Who can look into a state directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Openness {
    /// Its owner alone.
    Private,
    /// Other users too: leases are customers' data, so this deserves a warning.
    Shared,
}

/// A listening control socket; its file goes when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the state directory if it is missing, mode 0700. One that is there keeps its mode: it
    /// may be somebody else's by mistake. Whether others can look into it is the answer.
    ///
    /// # Errors
    /// The file system refuses, or `state_dir` is not a directory.
    pub fn prepare_dir(state_dir: &Path) -> io::Result<Openness> {
        DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
        let mode = fs::metadata(state_dir)?.permissions().mode();
        Ok(if mode & 0o077 == 0 { Openness::Private } else { Openness::Shared })
    }

    /// Binds `state_dir`'s socket, mode 0600. The caller holds the directory's lock, so a socket
    /// that is already there was left by a server that died, and goes.
    ///
    /// # Errors
    /// The file system refuses; a path of more than 107 octets does not fit a socket's address.
    pub fn bind(state_dir: &Path) -> io::Result<Self> {
        // It is born in a directory that nobody else can enter and moves out with its final mode,
        // so there is no moment at which another user could connect.
        let nursery = state_dir.join(".control");
        match fs::remove_dir_all(&nursery) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => DirBuilder::new().mode(0o700).create(&nursery)?,
        }
        let newborn = nursery.join("sock");
        let listener = UnixListener::bind(&newborn)?;
        fs::set_permissions(&newborn, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let path = state_dir.join(SOCKET_NAME);
        fs::rename(&newborn, &path)?;
        fs::remove_dir(&nursery)?;
        Ok(Self { listener, path })
    }

    /// The listener, for a tokio runtime.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        tokio::net::UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // If it is gone already, that is what was wanted.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn directory_and_socket_keep_other_users_out() {
        let parent = tempfile::tempdir().unwrap();
        let state_dir = parent.path().join("a/b");
        ControlSocket::prepare_dir(&state_dir).unwrap();
        let _socket = ControlSocket::bind(&state_dir).unwrap();
        assert_eq!(mode(&state_dir), 0o700);
        assert_eq!(mode(&state_dir.join(SOCKET_NAME)), 0o600);
    }

    #[test]
    fn a_directory_open_to_others_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        assert_eq!(ControlSocket::prepare_dir(dir.path()).unwrap(), Openness::Private);
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(ControlSocket::prepare_dir(dir.path()).unwrap(), Openness::Shared);
        assert_eq!(mode(dir.path()), 0o755);
    }

    #[test]
    fn a_socket_left_by_a_killed_server_is_replaced_and_a_clean_stop_removes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SOCKET_NAME);
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = ControlSocket::bind(dir.path()).unwrap();
        assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
        drop(socket);
        assert!(!path.exists());
    }
}
