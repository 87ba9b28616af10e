//! Work on files, which may block, away from the one thread that serves.

use super::ApiError;

/// Runs `work` on a thread of the pool and gives back its result. If the caller stops waiting, the
/// work is done to its end all the same.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ApiError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(ApiError::internal("a defect in the toolbox, see its log")),
    }
}
