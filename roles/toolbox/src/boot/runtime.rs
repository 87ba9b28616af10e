//! The event loop.

use std::io;
use std::os::unix::net;
use std::process::ExitCode;
use std::time::Duration;

use paddock_wire_toolbox::Startup;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::descriptors::Report;
use super::panic::log;
use crate::VERSION;
use crate::http::Listener;
use crate::toolbox::Toolbox;

/// How many threads work on files at most. Each costs some 16 KiB while it is idle.
const FILE_THREADS: usize = 32;

/// Threads are kept for good: see [`build`].
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(u32::MAX as u64);

/// A loop of one thread, and a pool for work on files that has its first thread already.
///
/// That thread stays, since the pool cannot do without one when the sandbox's limit on processes is
/// used up: it would panic for want of a thread. With one, work waits its turn.
pub(super) fn build() -> io::Result<Runtime> {
    keep_the_heap_small();
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(FILE_THREADS)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()?;
    runtime.spawn_blocking(|| {});
    Ok(runtime)
}

/// Serves until SIGTERM, having reported that it does.
pub(super) fn serve(
    runtime: Runtime,
    toolbox: Toolbox,
    socket: net::UnixListener,
    report: Report,
) -> ExitCode {
    let served = runtime.block_on(async {
        let listener = Listener::Unix(UnixListener::from_std(socket)?);
        let mut terminate = signal(SignalKind::terminate())?;
        report.send(&Startup::Ready { version: VERSION.to_owned() });
        let shutdown = async move {
            terminate.recv().await;
        };
        toolbox.run(listener, shutdown).await
    });
    stop(runtime);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&format!("the toolbox had to stop: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends the loop without waiting for its threads: one may hang on a file system for ever.
pub(super) fn stop(runtime: Runtime) {
    runtime.shutdown_background();
}

/// Has the C library give memory back: one heap for all threads, and large pieces (captured output)
/// always mapped by themselves, where it would otherwise learn from the first to keep them.
#[expect(unsafe_code, reason = "the C library's allocator has no safe form")]
fn keep_the_heap_small() {
    // SAFETY: plain calls on constants that the C library documents, before any thread is started.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 256 << 10);
    }
}
