//! Whose name and password a remote is shown: the call's, the URL's, or stored ones.
//!
//! The call's are shown unasked. Stored ones are looked up when a remote asks: the files of git's `store`
//! helper are read here, so that they work without a git program; any other helper is the program's to
//! ask.

pub(crate) mod store;

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use paddock_wire_toolbox::Secret;

use crate::program::{self, Program};
use crate::settings::Settings;
use crate::url::Parts;

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Credentials {
    /// Those of a call; one without the other is none.
    pub(crate) fn of_call(username: Option<&Secret>, password: Option<&Secret>) -> Option<Self> {
        let given =
            |secret: Option<&Secret>| secret.map(|secret| secret.0.clone()).filter(|text| !text.is_empty());
        Some(Self { username: given(username)?, password: given(password)? })
    }

    /// The value of an `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.username, self.password)))
    }

    /// As a credential helper of git's prints them. `None` if they cannot be printed so.
    pub(crate) fn for_helper(&self) -> Option<String> {
        let text = format!("username={}\npassword={}\n", self.username, self.password);
        let is_plain = !text.contains(['\0', '\r']) && text.matches('\n').count() == 2;
        is_plain.then_some(text)
    }
}

/// What the user's configuration has for a remote that asks, or `None`.
///
/// `url` is the remote's; `username` is the user that is meant, if one is.
pub(crate) fn stored(settings: &Settings, url: &str, username: Option<&str>) -> Option<Credentials> {
    let parts = Parts { username: username.map(str::to_owned), ..Parts::of(url)? };
    // What is for certain URLs only is the program's to match.
    let has_scoped =
        settings.iter().any(|(name, _)| name.starts_with("credential.") && name.matches('.').count() > 1);
    let files: Option<Vec<Vec<PathBuf>>> = helpers(settings).into_iter().map(store::files_of).collect();
    match files {
        Some(files) if !has_scoped || program::find().is_none() => {
            files.iter().flatten().find_map(|file| store::look_up(file, &parts))
        }
        _ => ask_program(&parts),
    }
}

/// The helpers in force: an empty one forgets those before it.
fn helpers(settings: &Settings) -> Vec<&str> {
    let mut helpers = Vec::new();
    for helper in settings.values("credential.helper") {
        if helper.is_empty() {
            helpers.clear();
        } else {
            helpers.push(helper);
        }
    }
    helpers
}

/// Asks all helpers, as the program does.
fn ask_program(parts: &Parts<'_>) -> Option<Credentials> {
    let program = Program::in_directory(&std::env::current_dir().ok()?)?;
    let mut question = format!("protocol={}\nhost={}\n", parts.scheme, parts.authority);
    if let Some(username) = &parts.username {
        question.push_str(&format!("username={username}\n"));
    }
    question.push('\n');
    let answer = program.run_with_input(["credential", "fill"], question.as_bytes()).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let value = |name: &str| {
        answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    Some(Credentials { username: value("username")?, password: value("password")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_without_the_other_is_none() {
        let secret = |text: &str| Secret(text.to_owned());
        assert!(Credentials::of_call(Some(&secret("u")), None).is_none());
        assert!(Credentials::of_call(Some(&secret("u")), Some(&secret(""))).is_none());
        let both = Credentials::of_call(Some(&secret("u")), Some(&secret("p"))).unwrap();
        assert_eq!(both.basic(), "Basic dTpw");
        assert_eq!(both.for_helper().unwrap(), "username=u\npassword=p\n");
        let broken = Credentials { username: "u\nhost=x".to_owned(), password: "p".to_owned() };
        assert_eq!(broken.for_helper(), None);
    }
}
