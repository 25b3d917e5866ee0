//! Sets up, builds, runs, tests and measures Tandem.
fn main() {}
