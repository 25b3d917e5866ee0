//! Which cores a thread runs on.
#![allow(unsafe_code, reason = "sched_getaffinity and sched_setaffinity")]

use std::io;

/// The cores that this thread may run on, ascending.
pub(super) fn allowed() -> io::Result<Vec<usize>> {
    // SAFETY: a `cpu_set_t` is an array of integers, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a whole `cpu_set_t` of the size we name; 0 is the calling thread.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let most = 8 * size_of::<libc::cpu_set_t>();
    // SAFETY: `core` is below the number of bits in `set`.
    Ok((0..most).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect())
}

/// Binds the calling thread to `core`.
pub(super) fn pin(core: usize) -> io::Result<()> {
    bind(&[core])
}

/// Keeps the calling thread, and those that it starts from now on, off the cores in `taken`; where
/// they are all that it may run on it stays as it is.
pub(super) fn keep_off(taken: &[usize]) -> io::Result<()> {
    let mut left = allowed()?;
    left.retain(|core| !taken.contains(core));
    if left.is_empty() { Ok(()) } else { bind(&left) }
}

fn bind(cores: &[usize]) -> io::Result<()> {
    if cores.iter().any(|core| *core >= 8 * size_of::<libc::cpu_set_t>()) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: a `cpu_set_t` is an array of integers, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for core in cores {
        // SAFETY: `core` is below the number of bits in `set`.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: `set` is a whole `cpu_set_t` of the size we name; 0 is the calling thread.
    let result =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_run_on_its_core_alone() {
        std::thread::spawn(|| {
            let last = *allowed().unwrap().last().unwrap();
            pin(last).unwrap();
            assert_eq!(allowed().unwrap(), [last]);
        })
        .join()
        .unwrap();
        assert!(pin(1 << 20).is_err());
    }

    #[test]
    fn a_thread_keeps_off_what_is_taken_unless_nothing_is_left() {
        std::thread::spawn(|| {
            let all = allowed().unwrap();
            keep_off(&all).unwrap();
            assert_eq!(allowed().unwrap(), all);
            keep_off(&all[1..]).unwrap();
            let heir = std::thread::spawn(|| allowed().unwrap());
            assert_eq!(heir.join().unwrap(), all[..1]);
        })
        .join()
        .unwrap();
    }
}
