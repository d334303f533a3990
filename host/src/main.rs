//! The program: `innkeeper` on the command line. Everything is in the library.

use std::process::ExitCode;

/// Many small allocations of different threads: the system's allocator takes twice the memory for an idle connection.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    innkeeper::cli::main()
}
