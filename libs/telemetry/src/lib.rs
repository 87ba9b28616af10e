//! How paddock's processes log: lines on standard error, fields by their dotted names.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Sends what the process logs to standard error from now on. `filter` is in tracing's syntax; one that
/// cannot be read means `info`. Steps worth timing are spans of level debug: their ends are logged with how long they
/// took (`cargo xtask bench --trace` reads that), and cost nothing at `info`.
pub fn init(filter: &str) {
    let parsed = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(std::io::stderr().is_terminal())
        // A line that cannot be written, on a full disk, is lost: to complain about it where it could not be written panics.
        .log_internal_errors(false)
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::warn!("logging was set up twice");
    }
}
