//! Being let in: what a registry asks for in `WWW-Authenticate`, and the tokens that it is given in return.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Credentials;

/// How long a token lasts that does not say so (OCI distribution).
const USUAL: Duration = Duration::from_secs(60);
/// Tokens that are kept at most; beyond them the oldest are asked for again.
const MOST_TOKENS: usize = 1000;
/// The longest token: it has to fit a header.
const MOST_TOKEN_BYTES: usize = 32 << 10;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A user name and password.
    Basic,
    /// A token of this service.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The first of a kind that we know. `None`: there is none.
    pub(crate) fn find(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(WWW_AUTHENTICATE).into_iter().filter_map(|value| value.to_str().ok());
        let (mut basic, mut bearer) = (None, None);
        for text in texts.filter(|text| text.len() <= 8192) {
            let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            } else if scheme.eq_ignore_ascii_case("bearer") {
                let mut words = parameters(rest);
                let realm = words.remove("realm");
                let (service, scope) = (words.remove("service"), words.remove("scope"));
                bearer = bearer.or(realm.map(|realm| Self::Bearer { realm, service, scope }));
            }
        }
        bearer.or(basic)
    }
}

/// `key="value",key=value`. What is broken ends the list.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start();
    while let Some((key, behind)) = rest.split_once('=') {
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut letters = quoted.char_indices();
                let end = loop {
                    match letters.next() {
                        None => return found,
                        Some((at, '"')) => break at + 1,
                        Some((_, '\\')) => value.extend(letters.next().map(|(_, letter)| letter)),
                        Some((_, letter)) => value.push(letter),
                    }
                };
                (value, quoted.get(end..).unwrap_or_default())
            }
            None => {
                let (value, behind) = behind.split_at(behind.find(',').unwrap_or(behind.len()));
                (value.trim().to_owned(), behind)
            }
        };
        found.entry(key.trim().to_ascii_lowercase()).or_insert(value);
        rest = behind.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

/// What goes into `Authorization`. Marked so that nobody prints it.
pub(crate) fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let text = format!("{}:{}", credentials.username, credentials.password);
    sensitive(&format!("Basic {}", STANDARD.encode(text)))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a token service answers with.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// For what a token is: the same for all who come with the same credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenKey([u8; 32]);

impl TokenKey {
    /// `server` is who is asked with it.
    pub(crate) fn new(server: &str, scope: &str, credentials: Option<&Credentials>) -> Self {
        let mut hasher = Sha256::new();
        let (username, password) =
            credentials.map_or(("", ""), |found| (found.username.as_str(), found.password.as_str()));
        for part in [server, scope, username, password] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

/// Headers that let us in, for as long as they do.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<TokenKey, (HeaderValue, Instant)>>);

impl Tokens {
    pub(crate) fn get(&self, key: &TokenKey) -> Option<HeaderValue> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(key).filter(|(_, end)| *end > Instant::now()).map(|(value, _)| value.clone())
    }

    pub(crate) fn forget(&self, key: &TokenKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    pub(crate) fn keep(&self, key: TokenKey, value: HeaderValue, lasts: Duration) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if tokens.len() >= MOST_TOKENS {
            tokens.retain(|_, (_, end)| *end > now);
        }
        while tokens.len() >= MOST_TOKENS {
            tokens.pop_first();
        }
        // A little early: it has to last until it arrives.
        let lasts = lasts.saturating_sub(Duration::from_secs(5)).min(Duration::from_secs(3600));
        tokens.insert(key, (value, now + lasts));
    }
}

/// The token in a service's answer, and how long it lasts.
pub(crate) fn token(answer: &[u8]) -> Option<(HeaderValue, Duration)> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let text =
        answer.token.or(answer.access_token).filter(|text| (1..=MOST_TOKEN_BYTES).contains(&text.len()))?;
    let value = sensitive(&format!("Bearer {text}"))?;
    Some((value, answer.expires_in.map_or(USUAL, Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(texts: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(text).unwrap());
        }
        Challenge::find(&headers)
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        let hub = r#"Bearer realm="https://auth.example.com/token",service="r.example.com",scope="repository:a/b:pull,push""#;
        let scope = Some("repository:a/b:pull,push");
        assert_eq!(challenge(&[hub]), bearer("https://auth.example.com/token", Some("r.example.com"), scope));
        assert_eq!(challenge(&["Basic realm=\"x\"", hub]), challenge(&[hub]));
        assert_eq!(challenge(&["basic"]), Some(Challenge::Basic));
        assert_eq!(challenge(&["bearer realm=https://a , service=b"]), bearer("https://a", Some("b"), None));
        assert_eq!(challenge(&[r#"Bearer realm="a\"b""#]), bearer("a\"b", None, None));
        for nothing in ["", "Negotiate", "Bearer", "Bearer realm=\"open", "Bearer service=\"x\""] {
            assert_eq!(challenge(&[nothing]), None, "{nothing}");
        }
    }

    #[test]
    fn tokens_end_and_belong_to_whoever_asked() {
        let tokens = Tokens::default();
        let someone = Credentials { username: "a".to_owned(), password: "b".to_owned() };
        let [mine, theirs] = [Some(&someone), None].map(|who| TokenKey::new("r", "s", who));
        let (value, lasts) = token(br#"{"token":"t","expires_in":300}"#).unwrap();
        assert_eq!(lasts, Duration::from_secs(300));
        tokens.keep(mine.clone(), value.clone(), lasts);
        assert_eq!((tokens.get(&mine), tokens.get(&theirs)), (Some(value.clone()), None));
        tokens.keep(mine.clone(), value, Duration::ZERO);
        assert_eq!(tokens.get(&mine), None);
        for broken in ["", "{}", "[]", r#"{"token":""}"#, r#"{"token":"a\nb"}"#] {
            assert!(token(broken.as_bytes()).is_none(), "{broken}");
        }
        assert!(token(br#"{"access_token":"t"}"#).is_some_and(|(_, lasts)| lasts == USUAL));
    }
}
