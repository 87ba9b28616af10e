//! The end of a terminal, in the words that clients know.

use paddock_wire_toolbox::PtyExit;

use crate::http::websocket::{Close, Offered};

/// What ends a terminal that is deleted.
pub(super) const KILLED: i32 = 128 + libc::SIGKILL;

/// What a shell gives to a program that cannot be run; no client is told, since it is a failure of the start.
pub(super) const NOT_STARTED: i32 = 126;

/// Status and words for an exit code.
pub(super) fn exit(exit_code: i32) -> PtyExit {
    let exit_reason = match exit_code {
        0 => None,
        130 => Some("Ctrl+C".to_owned()),
        KILLED => Some("SIGKILL".to_owned()),
        143 => Some("SIGTERM".to_owned()),
        signal if signal > 128 => Some(format!("signal {}", signal - 128)),
        _ => Some("non-zero exit".to_owned()),
    };
    PtyExit { exit_code, exit_reason }
}

/// How the socket of a client is closed. Go's takes 1011 for a failure of the connection, so whoever hears of
/// the exit by a message gets 1000; others know by the code.
pub(super) fn close(exit: &PtyExit, offered: &Offered) -> Close {
    let code = match exit.exit_code {
        0 => Close::NORMAL,
        _ if offered.wants_pty_exit() => Close::NORMAL,
        _ => Close::INTERNAL,
    };
    Close::new(code, serde_json::to_string(exit).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_have_words() {
        let words = |code| exit(code).exit_reason.unwrap_or_default();
        assert_eq!(words(0), "");
        assert_eq!(words(1), "non-zero exit");
        assert_eq!(words(128), "non-zero exit");
        assert_eq!(words(129), "signal 1");
        assert_eq!(words(130), "Ctrl+C");
        assert_eq!(words(137), "SIGKILL");
        assert_eq!(words(143), "SIGTERM");
    }
}
