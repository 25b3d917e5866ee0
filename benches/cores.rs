//! Where the machine's time went, core by core.

use std::fs;

use anyhow::Result;

/// What the kernel has counted since its start (`proc_stat(5)`), for each core.
pub(crate) struct Cores(Vec<[u64; 8]>);

/// Columns of the file, by what they are called there.
const USER: usize = 0;
const NICE: usize = 1;
const SYSTEM: usize = 2;
const IRQ: usize = 5;
const SOFTIRQ: usize = 6;
const STEAL: usize = 7;

impl Cores {
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let cores = text.lines().filter(|line| {
            line.strip_prefix("cpu")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        let numbers = cores.map(|line| {
            let mut numbers = [0; 8];
            let words = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok());
            numbers.iter_mut().zip(words).for_each(|(number, word)| *number = word);
            numbers
        });
        Ok(Self(numbers.collect()))
    }

    /// What they did from then to `later`, in words.
    pub(crate) fn until(&self, later: &Self) -> String {
        let each = self.0.iter().zip(&later.0).enumerate().map(|(core, (from, to))| {
            let spent = |column: usize| to[column].saturating_sub(from[column]);
            let all: u64 = (0..8).map(spent).sum();
            let percent = |columns: &[usize]| {
                100 * columns.iter().map(|column| spent(*column)).sum::<u64>() / all.max(1)
            };
            format!(
                "core {core}: user {} %, system {} %, softirq {} %, stolen {} %",
                percent(&[USER, NICE]),
                percent(&[SYSTEM]),
                percent(&[IRQ, SOFTIRQ]),
                percent(&[STEAL]),
            )
        });
        each.collect::<Vec<_>>().join("; ")
    }
}
