//! From environment and file to checked settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::settings::SETTINGS;
use crate::{Config, StorageKind};

/// Where the file is unless `PADDOCK_CONFIG` says otherwise.
const DEFAULT_FILE: &str = "/etc/paddock/paddock.toml";

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was named cannot be read.
    #[error("could not read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A key of the file is no setting.
    #[error("{path}: there is no setting {key:?}")]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value cannot be one.
    #[error("{key} ({variable}): {reason}, got {value:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its environment variable.
        variable: &'static str,
        /// What is wrong.
        reason: String,
        /// What was given.
        value: String,
    },
}

/// The settings from `environment` (by variable name) and the file that it names.
pub fn load(environment: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
    let file = read_file(environment("PADDOCK_CONFIG").map(PathBuf::from))?;
    let values = Values { environment: &environment, file };
    let config = Config {
        instance: values.checked("instance", check_instance)?,
        data: values.path("data")?,
        cache: values.path("cache")?,
        listen: values.parsed("listen", "not an IP address")?,
        api_port: values.parsed("api.port", "not a port")?,
        proxy_port: values.parsed("proxy.port", "not a port")?,
        public_url: values.optional("public_url"),
        database_url: values.optional("database_url"),
        front_user: values.text("front_user"),
        storage: values.checked("storage.kind", |text| match text {
            "btrfs" => Ok(StorageKind::Btrfs),
            "dir" => Ok(StorageKind::Dir),
            _ => Err("must be btrfs or dir".to_owned()),
        })?,
        pool_gib: values.at_least("storage.pool_gib", 1)?,
        pool_reserve_mib: values.at_least("storage.reserve_mib", 0)?,
        runtime: values.text("runtime.program"),
        max_pids: values.at_least("sandbox.max_pids", 16)?,
        spare_namespaces: values.at_least("sandbox.spare_namespaces", 0)?,
        extra_ca_file: values.optional("sandbox.extra_ca_file").map(PathBuf::from),
        log: values.text("log"),
    };
    Ok(config)
}

fn check_instance(text: &str) -> Result<String, String> {
    let valid = (1..=20).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if valid {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 20 of a-z, 0-9 and -, starting with a letter".to_owned())
    }
}

fn read_file(named: Option<PathBuf>) -> Result<BTreeMap<String, String>, Error> {
    let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(BTreeMap::new());
        }
        other => other.map_err(|source| Error::Read { path: path.clone(), source })?,
    };
    let table: toml::Table =
        text.parse().map_err(|source| Error::Syntax { path: path.clone(), source: Box::new(source) })?;
    let mut values = BTreeMap::new();
    flatten("", &table, &mut values);
    match values.keys().find(|key| !SETTINGS.iter().any(|setting| setting.key == **key)) {
        Some(key) => Err(Error::Unknown { path, key: key.clone() }),
        None => Ok(values),
    }
}

fn flatten(prefix: &str, table: &toml::Table, values: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{key}."), inner, values),
            toml::Value::String(text) => drop(values.insert(key, text.clone())),
            other => drop(values.insert(key, other.to_string())),
        }
    }
}

struct Values<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: BTreeMap<String, String>,
}

impl Values<'_> {
    fn variable(key: &str) -> (&'static str, &'static str, &'static str) {
        SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .map_or(("", "", ""), |setting| (setting.key, setting.variable, setting.default))
    }

    fn text(&self, key: &str) -> String {
        let (_, variable, default) = Self::variable(key);
        let given = (self.environment)(variable).filter(|text| !text.is_empty());
        given.or_else(|| self.file.get(key).cloned()).unwrap_or_else(|| default.to_owned())
    }

    fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    fn checked<T>(&self, key: &str, check: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Error> {
        let value = self.text(key);
        let (key, variable, _) = Self::variable(key);
        check(&value).map_err(|reason| Error::Value { key, variable, reason, value })
    }

    fn parsed<T: FromStr>(&self, key: &str, reason: &str) -> Result<T, Error> {
        self.checked(key, |text| text.parse().map_err(|_| reason.to_owned()))
    }

    fn at_least(&self, key: &str, minimum: u32) -> Result<u32, Error> {
        self.checked(key, |text| match text.parse::<u32>() {
            Ok(number) if number >= minimum => Ok(number),
            _ => Err(format!("must be a whole number of at least {minimum}")),
        })
    }

    fn path(&self, key: &str) -> Result<PathBuf, Error> {
        self.checked(key, |text| {
            if Path::new(text).is_absolute() {
                Ok(text.into())
            } else {
                Err("must be an absolute path".to_owned())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Config, Error> {
        load(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_setting_has_a_default_that_is_valid() {
        let config = from(&[]).unwrap();
        assert_eq!((config.api_port, config.proxy_port), (3000, 4000));
        assert_eq!(config.public_url, None);
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("paddock.toml");
        std::fs::write(&file, "instance = \"blue\"\n[api]\nport = 3001\n[proxy]\nport = 4001\n").unwrap();
        let config = from(&[("PADDOCK_CONFIG", file.to_str().unwrap()), ("PADDOCK_API_PORT", "0")]).unwrap();
        assert_eq!((config.instance.as_str(), config.api_port, config.proxy_port), ("blue", 0, 4001));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |pairs: &[(&str, &str)]| from(pairs).unwrap_err().to_string();
        assert!(message(&[("PADDOCK_API_PORT", "x")]).contains("PADDOCK_API_PORT"));
        assert!(message(&[("PADDOCK_INSTANCE", "Bad Name")]).contains("instance"));
        assert!(message(&[("PADDOCK_DATA", "relative")]).contains("absolute"));
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("paddock.toml");
        std::fs::write(&file, "[api]\nprot = 3001\n").unwrap();
        assert!(message(&[("PADDOCK_CONFIG", file.to_str().unwrap())]).contains("api.prot"));
    }
}
