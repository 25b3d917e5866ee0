//! Socket options for which no library has a function.
#![allow(unsafe_code, reason = "system calls that the standard library does not have")]

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What an option may be read as.
///
/// # Safety
/// It is made of integers alone: any octets are a value of it.
pub(super) unsafe trait Integers {}

// SAFETY: an integer.
unsafe impl Integers for i32 {}
// SAFETY: two integers.
unsafe impl Integers for [u32; 2] {}
// SAFETY: `if_xdp.h`: integers.
unsafe impl Integers for libc::xdp_statistics {}
// SAFETY: `if_xdp.h`: integers.
unsafe impl Integers for libc::xdp_mmap_offsets {}

/// Sets an option to a value that is, with whatever it points to, valid for the length of the call.
pub(super) fn set<T>(fd: impl AsFd, level: i32, option: i32, value: &T) -> io::Result<()> {
    set_raw(fd.as_fd(), level, option, std::ptr::from_ref(value).cast(), size_of::<T>())
}

/// Sets an option to so many octets.
pub(super) fn set_bytes(fd: impl AsFd, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    set_raw(fd.as_fd(), level, option, value.as_ptr(), value.len())
}

/// What an option says. What the kernel leaves out is zero.
pub(super) fn get<T: Integers>(fd: impl AsFd, level: i32, option: i32) -> io::Result<T> {
    // SAFETY: all zeros is a value, as any octets are.
    let mut value: T = unsafe { zeroed() };
    let mut len = size_of::<T>() as libc::socklen_t;
    let (fd, place) = (fd.as_fd().as_raw_fd(), (&raw mut value).cast());
    // SAFETY: `value` is writable for the length that `len` names, and any octets are a value of it.
    let result = unsafe { libc::getsockopt(fd, level, option, place, &raw mut len) };
    done(result).map(|()| value)
}

fn set_raw(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    value: *const u8,
    len: usize,
) -> io::Result<()> {
    let (fd, len) = (fd.as_raw_fd(), len as libc::socklen_t);
    // SAFETY: both callers have a value of that length behind the pointer.
    done(unsafe { libc::setsockopt(fd, level, option, value.cast(), len) })
}

fn done(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_is_set_is_what_is_read_and_what_does_not_exist_is_said() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for on in [1, 0] {
            set(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST, &on).unwrap();
            assert_eq!(get::<i32>(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST).unwrap(), on);
        }
        set_bytes(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST, &1_i32.to_ne_bytes()).unwrap();
        assert_eq!(get::<i32>(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST).unwrap(), 1);
        let none = get::<i32>(&socket, libc::SOL_SOCKET, 9_999).unwrap_err();
        assert_eq!(none.raw_os_error(), Some(libc::ENOPROTOOPT));
    }
}
