//! What a defect does: a line in the log, and the request that met it fails.

use std::io::Write;

/// Panics write one line and unwind. Never an abort: the kernel ignores the signal of it for PID 1,
/// and what the C library does next is worse than an exit.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        log(&format!("defect: {panic}"));
        if std::thread::panicking() {
            // A panic while another unwinds would be an abort.
            std::process::exit(70);
        }
    }));
}

/// One line on standard error, which the runner keeps. Lost if nobody reads it.
pub(super) fn log(message: &str) {
    let mut line = message.replace('\n', " ");
    line.push('\n');
    let _ = std::io::stderr().write_all(line.as_bytes());
}
