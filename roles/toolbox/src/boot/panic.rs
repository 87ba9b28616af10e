//! What a defect does: a line in the log, and the request that met it fails.

use std::io::Write;

/// Panics write one line and unwind to whoever catches them: a request's own layer, or the runtime.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|panic| log(&format!("defect: {panic}"))));
}

/// One line on standard error, which the runner keeps. Lost if nobody reads it.
pub(super) fn log(message: &str) {
    let mut line = message.replace('\n', " ");
    line.push('\n');
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_unwinds_and_ends_nothing() {
        install_hook();
        let caught = std::panic::catch_unwind(|| panic!("on purpose"));
        assert!(caught.is_err());
    }
}
