//! `tandem`: arguments to commands, nothing else.

use std::process::ExitCode;

use clap::Parser as _;
use dhcp_user::cli::Arguments;

/// Bindings are small and many; this allocator spends no header on each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Arguments::parse().run()
}
