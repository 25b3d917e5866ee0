//! `tandem`: arguments to commands, nothing else.

fn main() {}
