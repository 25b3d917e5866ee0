//! Numbers that clients cannot foresee: SHA-256 of a secret and a counter.
//!
//! The kernel is asked once, for the secret, when a worker is made; a draw is no system call.

use std::fs::File;
use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256};

/// One thread's.
pub struct Chance {
    secret: [u8; 32],
    drawn: u64,
    /// The other half of the last digest.
    left: Option<u128>,
}

impl Chance {
    /// By a secret of the kernel's.
    ///
    /// # Errors
    /// There is no `/dev/urandom`.
    pub fn new() -> io::Result<Self> {
        let mut secret = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut secret)?;
        Ok(Self::by(secret))
    }

    fn by(secret: [u8; 32]) -> Self {
        Self { secret, drawn: 0, left: None }
    }

    /// The next number: any of 128 bits, each as likely.
    pub fn draw(&mut self) -> u128 {
        if let Some(left) = self.left.take() {
            return left;
        }
        let digest = Sha256::new()
            .chain_update(self.secret)
            .chain_update(self.drawn.to_be_bytes())
            .finalize();
        self.drawn += 1;
        let half = |octets: &[u8]| octets.iter().fold(0, |it, octet| it << 8 | u128::from(*octet));
        let (one, other) = digest.split_at(16);
        self.left = Some(half(other));
        half(one)
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chance").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_do_not_repeat_and_two_workers_draw_others() {
        let mut chances = [Chance::by([1; 32]), Chance::by([2; 32]), Chance::new().unwrap()];
        let drawn: HashSet<u128> = chances
            .iter_mut()
            .flat_map(|it| (0..1_000).map(|_| it.draw()).collect::<Vec<_>>())
            .collect();
        assert_eq!(drawn.len(), 3_000);
        let ones: u32 = drawn.iter().map(|it| it.count_ones()).sum();
        // Of 384,000 bits half; six standard deviations are 1,860.
        assert!(ones.abs_diff(192_000) < 1_900, "{ones}");
    }
}
