//! `innkeeper compile-component`: how a server runs this program as its child, to compile one component.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::app::{self, ChildLimits, MemoryLayout};

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// Bytes that are reserved for a linear memory, where code has to check its accesses
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<usize>,
    /// Memory that this process may take
    #[arg(long, value_name = "BYTES")]
    memory_bytes_max: usize,
    /// Time of one core that this process may take
    #[arg(long, value_name = "SECONDS")]
    cpu_seconds_max: u64,
}

pub(super) fn compile(args: &CompileArgs) -> ExitCode {
    let layout = args.memory_reservation.map_or(MemoryLayout::Reserved, MemoryLayout::Checked);
    let limits = ChildLimits { memory_bytes: args.memory_bytes_max, cpu: Duration::from_secs(args.cpu_seconds_max) };
    app::compile_component(layout, limits)
}
