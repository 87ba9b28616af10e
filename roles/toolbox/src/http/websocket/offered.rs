//! What a client offers in `Sec-WebSocket-Protocol`: its version and options, for those that cannot
//! set headers.
//!
//! The header may hold variables of a terminal's environment, so it is never logged, and has no
//! `Debug` that shows it.

use std::fmt;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

/// The client understands the terminal's `exited` message.
const PTY_EXIT_CONTROL: &str = "X-Daytona-Pty-Exit-Control";

/// Before the client's version.
const VERSION_PREFIX: &str = "X-Daytona-SDK-Version~";

/// Before a terminal's environment: base64url without padding of a JSON object of strings.
const PTY_ENVS_PREFIX: &str = "X-Daytona-Pty-Envs~";

/// The tokens of a request, in order. Several header lines count as one list.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Offered(Vec<String>);

impl Offered {
    /// Tokens that are not text are left out: nothing that we know is among them.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let texts = lines.filter_map(|line| line.to_str().ok());
        let tokens = texts.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty());
        Self(tokens.map(str::to_owned).collect())
    }

    /// The client's version, if a token tells it.
    pub(crate) fn version(&self) -> Option<&str> {
        self.after(VERSION_PREFIX)
    }

    /// Whether the client wants to be told a terminal's exit by a message.
    pub(crate) fn wants_pty_exit(&self) -> bool {
        self.0.iter().any(|token| token == PTY_EXIT_CONTROL)
    }

    /// A terminal's environment, still encoded.
    pub(crate) fn pty_envs(&self) -> Option<&str> {
        self.after(PTY_ENVS_PREFIX)
    }

    /// The one token to answer with. Browsers and Node fail a connection whose answer has none, or
    /// one that they did not offer in this very spelling. `None` only if none was offered.
    pub(crate) fn echo(&self) -> Option<HeaderValue> {
        let known = |wanted: &dyn Fn(&str) -> bool| self.0.iter().find(|token| wanted(token));
        known(&|token| token == PTY_EXIT_CONTROL)
            .or_else(|| known(&|token| token.starts_with(VERSION_PREFIX)))
            .or_else(|| self.0.first())
            .and_then(|token| HeaderValue::from_str(token).ok())
    }

    fn after(&self, prefix: &str) -> Option<&str> {
        self.0.iter().find_map(|token| token.strip_prefix(prefix))
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offered({} tokens)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offered(lines: &[&str]) -> Offered {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(line).unwrap());
        }
        Offered::of(&headers)
    }

    #[test]
    fn exactly_one_offered_token_is_echoed_and_the_known_ones_first() {
        let echo = |lines: &[&str]| offered(lines).echo().map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(echo(&[]), None);
        assert_eq!(echo(&["", " , "]), None);
        assert_eq!(echo(&["chat, more"]).as_deref(), Some("chat"));
        assert_eq!(
            echo(&["chat", " X-Daytona-SDK-Version~0.9.0 ,x"]).as_deref(),
            Some("X-Daytona-SDK-Version~0.9.0")
        );
        assert_eq!(
            echo(&["X-Daytona-SDK-Version~0.9.0", "a,X-Daytona-Pty-Exit-Control"]).as_deref(),
            Some("X-Daytona-Pty-Exit-Control")
        );
    }

    #[test]
    fn version_and_options_are_found_over_several_lines() {
        let all =
            offered(&["X-Daytona-SDK-Version~1.2.3", "X-Daytona-Pty-Envs~e30 ,X-Daytona-Pty-Exit-Control"]);
        assert_eq!((all.version(), all.pty_envs(), all.wants_pty_exit()), (Some("1.2.3"), Some("e30"), true));
        let none = offered(&["x-daytona-pty-exit-controls"]);
        assert_eq!((none.version(), none.pty_envs(), none.wants_pty_exit()), (None, None, false));
    }

    #[test]
    fn nothing_of_an_environment_is_shown() {
        let shown = format!("{:?}", offered(&["X-Daytona-Pty-Envs~c2VjcmV0"]));
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }

    proptest! {
        #[test]
        fn whatever_is_offered_the_echo_is_one_of_it(lines in prop::collection::vec("[ -~]{0,40}", 0..4)) {
            let tokens: Vec<String> = lines.iter().flat_map(|line| line.split(','))
                .map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            match offered(&lines).echo() {
                Some(echo) => prop_assert!(tokens.contains(&echo.to_str().unwrap().to_owned())),
                None => prop_assert!(tokens.is_empty()),
            }
        }
    }
}
