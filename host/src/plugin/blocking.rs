//! Work that may take its time, or waits for a disk.

use super::error::LoadProblem;

/// Works on a thread where that may take its time.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadProblem> {
    tokio::task::spawn_blocking(work).await.map_err(|lost| LoadProblem::Register { source: lost.into() })
}
