//! What an image says of the sandboxes that are made of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::OsUser;

/// The configuration of an image, in the words of the OCI image specification. What an image leaves out is empty here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// `NAME=value`, each name once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Where processes start. `None`: the user's home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_dir: Option<String>,
    /// As whom, and in which group: `user`, `user:group`, names or numbers. `None`: root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The program that it runs, and its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// More arguments, or the program where there is no entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// What runs commands of a Dockerfile that are text. Empty: `/bin/sh -c`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
    /// What its maker notes on it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `80/tcp` and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exposed_ports: Vec<String>,
    /// Directories that its maker wants to be volumes. Here they are directories like others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Instructions of a Dockerfile for builds that begin with this image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    /// The signal that ends its program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

/// A configuration that no sandbox can be given. The message is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the image's configuration {0}")]
pub struct InvalidImage(&'static str);

/// The longest configuration, in bytes of all its texts: far more than any has, and few enough to be copied into each
/// sandbox's record.
const MOST_BYTES: usize = 256 << 10;
/// The longest text that Linux gives to a process, with its NUL (`MAX_ARG_STRLEN`).
const LONGEST_TEXT: usize = 131_072;

impl ImageConfig {
    /// Checks what a stranger wrote.
    ///
    /// # Errors
    /// When it is too long, or holds what no process can be given.
    pub fn check(self) -> Result<Self, InvalidImage> {
        let lists = [&self.env, &self.entrypoint, &self.command, &self.shell];
        let others = [&self.exposed_ports, &self.volumes, &self.on_build];
        let texts = lists.into_iter().chain(others).flatten();
        let texts = texts.chain(self.labels.iter().flat_map(|(name, value)| [name, value]));
        let texts = texts.chain([&self.work_dir, &self.user, &self.stop_signal].into_iter().flatten());
        let mut total = 0usize;
        for text in texts {
            total = total.saturating_add(text.len() + 1);
            if text.contains('\0') {
                return Err(InvalidImage("holds a zero byte"));
            }
            if text.len() >= LONGEST_TEXT || total > MOST_BYTES {
                return Err(InvalidImage("is too long"));
            }
        }
        let is_variable = |text: &String| text.split_once('=').is_some_and(|(name, _)| !name.is_empty());
        if !self.env.iter().all(is_variable) {
            return Err(InvalidImage("has a variable without a name"));
        }
        if self.work_dir.as_deref().is_some_and(|path| !path.is_empty() && !path.starts_with('/')) {
            return Err(InvalidImage("has a working directory that is not absolute"));
        }
        Ok(self)
    }

    /// As whom sandboxes run unless their maker says otherwise: without a group, which the image's accounts tell. A name that
    /// can be no user's is root.
    pub fn os_user(&self) -> OsUser {
        let named = self.user.as_deref().map(|user| user.split(':').next().unwrap_or_default());
        let named = named.filter(|name| !name.is_empty()).unwrap_or("root");
        OsUser::try_from(named.to_owned()).unwrap_or_else(|_| OsUser::root())
    }

    /// What it runs: its entrypoint with its command behind.
    pub fn arguments(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().find_map(|text| text.strip_prefix(name)?.strip_prefix('='))
    }

    /// Sets a variable.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        let text = format!("{name}={value}");
        let known = self
            .env
            .iter_mut()
            .find(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')));
        match known {
            Some(known) => *known = text,
            None => self.env.push(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_process_can_be_given_is_refused() {
        let with = |env: &str| ImageConfig { env: vec![env.to_owned()], ..ImageConfig::default() };
        assert!(with("A=1").check().is_ok());
        assert_eq!(
            with("A=\0").check().unwrap_err().to_string(),
            "the image's configuration holds a zero byte"
        );
        assert!(with("=1").check().is_err());
        assert!(with("A").check().is_err());
        assert!(with(&format!("A={}", "x".repeat(LONGEST_TEXT))).check().is_err());
        let work_dir = Some("relative".to_owned());
        assert!(ImageConfig { work_dir, ..ImageConfig::default() }.check().is_err());
    }

    #[test]
    fn the_user_is_without_its_group_and_root_when_there_is_none() {
        let of = |user: &str| {
            let user = Some(user.to_owned());
            ImageConfig { user, ..ImageConfig::default() }.os_user().to_string()
        };
        assert_eq!(of("web:staff"), "web");
        assert_eq!(of("1000:1000"), "1000");
        assert_eq!(of(""), "root");
        assert_eq!(ImageConfig::default().os_user().to_string(), "root");
    }

    #[test]
    fn a_variable_is_set_once() {
        let mut config = ImageConfig::default();
        for (name, value) in [("A", "1"), ("AB", "2"), ("A", "3")] {
            config.set_variable(name, value);
        }
        assert_eq!(config.env, ["A=3", "AB=2"]);
        assert_eq!(config.variable("A"), Some("3"));
        assert_eq!(config.variable("B"), None);
    }

    #[test]
    fn what_is_left_out_is_empty_and_is_left_out_again() {
        let config: ImageConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, ImageConfig::default());
        assert_eq!(serde_json::to_string(&config).unwrap(), "{}");
    }
}
