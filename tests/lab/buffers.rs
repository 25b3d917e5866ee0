//! Room in sockets' buffers for programs that ask for none.

use std::fs;

const DEFAULT: &str = "/proc/sys/net/core/rmem_default";
const MAX: &str = "/proc/sys/net/core/rmem_max";

/// While this lives a socket's receive buffer is by default the largest that the host allows to ask for.
#[derive(Debug)]
pub struct LargeBuffers {
    default: String,
}

impl LargeBuffers {
    /// Sets the host's default.
    ///
    /// # Panics
    /// If it cannot be set.
    #[must_use]
    pub fn begin() -> Self {
        let default = fs::read_to_string(DEFAULT).expect("the host's default");
        let max = fs::read_to_string(MAX).expect("the host's limit");
        fs::write(DEFAULT, max).expect("the host's default is set");
        Self { default }
    }
}

impl Drop for LargeBuffers {
    fn drop(&mut self) {
        let _ = fs::write(DEFAULT, &self.default);
    }
}
