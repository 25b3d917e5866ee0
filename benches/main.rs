//! The measurements.

/// As in the server, whose memory and speed are to be measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    tandem_benches::run(None)
}
