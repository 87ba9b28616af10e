//! From environment and file to checked settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::settings::SETTINGS;
use crate::{Config, Images, Objects, S3, StorageKind, VolumeKind};

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
        volumes: volumes(&values)?,
        volume_max_size_gib: values.at_least("volumes.max_size_gib", 1)?,
        objects: objects(&values)?,
        images: Images {
            mirrors: values.text("images.mirrors"),
            mirrors_only: values.checked("images.mirrors_only", |text| match text {
                "yes" | "true" => Ok(true),
                "no" | "false" => Ok(false),
                _ => Err("must be yes or no".to_owned()),
            })?,
            insecure_registries: values.text("images.insecure_registries"),
            allow_private_registries: values.text("images.allow_private_registries"),
            ca_file: values
                .optional("images.ca_file")
                .or_else(|| values.optional("sandbox.extra_ca_file"))
                .map(PathBuf::from),
        },
        runtime: values.text("runtime.program"),
        max_pids: values.at_least("sandbox.max_pids", 16)?,
        spare_namespaces: values.at_least("sandbox.spare_namespaces", 0)?,
        extra_ca_file: values.optional("sandbox.extra_ca_file").map(PathBuf::from),
        log: values.text("log"),
    };
    Ok(config)
}

/// A bucket when an endpoint is set, which then needs the others too.
fn objects(values: &Values<'_>) -> Result<Objects, Error> {
    let is_needed = |text: &str| match text {
        "" => Err("is needed with objects.s3.endpoint".to_owned()),
        text => Ok(text.to_owned()),
    };
    if values.optional("objects.s3.endpoint").is_none() {
        let beneath_data = || Ok(values.path("data")?.join("objects"));
        let named = values.optional("objects.directory").map(|_| values.path("objects.directory"));
        return Ok(Objects::Directory(named.unwrap_or_else(beneath_data)?));
    }
    Ok(Objects::S3(S3 {
        endpoint: values.checked("objects.s3.endpoint", |text| {
            let is_url = text.starts_with("https://") || text.starts_with("http://");
            if is_url { Ok(text.to_owned()) } else { Err("must begin with https:// or http://".to_owned()) }
        })?,
        bucket: values.checked("objects.s3.bucket", is_needed)?,
        region: values.text("objects.s3.region"),
        access_key: values.checked("objects.s3.access_key", is_needed)?,
        secret_key_file: values.path("objects.s3.secret_key_file")?,
        prefix: values.text("objects.s3.prefix"),
    }))
}

/// The bucket's settings are those of objects. What the client's own options are divided by cannot be in them.
fn volumes(values: &Values<'_>) -> Result<VolumeKind, Error> {
    let kind = values.checked("volumes.kind", |text| match text {
        "local" | "s3" => Ok(text == "s3"),
        _ => Err("must be local or s3".to_owned()),
    })?;
    match objects(values)? {
        _ if !kind => Ok(VolumeKind::Local),
        Objects::Directory(_) => {
            values.checked("volumes.kind", |_| Err("s3 needs objects.s3.endpoint".to_owned()))
        }
        Objects::S3(bucket) => {
            for key in ["endpoint", "bucket", "region", "access_key", "prefix"] {
                values.checked(&format!("objects.s3.{key}"), |text| match text {
                    text if text.contains([',', ' ', '\n']) => {
                        Err("volumes need it without commas and blanks".to_owned())
                    }
                    _ => Ok(()),
                })?;
            }
            Ok(VolumeKind::S3(bucket))
        }
    }
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
    fn objects_lie_in_the_data_directory_or_where_is_said() {
        let objects = |pairs: &[(&str, &str)]| from(pairs).unwrap().objects;
        assert_eq!(objects(&[("PADDOCK_DATA", "/d")]), Objects::Directory("/d/objects".into()));
        assert_eq!(objects(&[("PADDOCK_OBJECTS_DIRECTORY", "/o")]), Objects::Directory("/o".into()));
        let bucket = [
            ("PADDOCK_OBJECTS_S3_ENDPOINT", "https://s3.example.com"),
            ("PADDOCK_OBJECTS_S3_BUCKET", "b"),
            ("PADDOCK_OBJECTS_S3_ACCESS_KEY", "k"),
            ("PADDOCK_OBJECTS_S3_SECRET_KEY_FILE", "/secret"),
        ];
        let Objects::S3(s3) = objects(&bucket) else { panic!("it is a bucket") };
        assert_eq!((s3.region.as_str(), s3.prefix.as_str()), ("us-east-1", "paddock/"));
        for missing in 1..bucket.len() {
            let some: Vec<_> =
                bucket.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, one)| *one).collect();
            let message = from(&some).unwrap_err().to_string();
            assert!(message.contains(bucket[missing].0), "{message}");
        }
    }

    #[test]
    fn volumes_lie_in_a_bucket_only_when_there_is_one_that_their_client_can_name() {
        assert_eq!(from(&[]).unwrap().volumes, VolumeKind::Local);
        let s3 = ("PADDOCK_VOLUMES_KIND", "s3");
        assert!(from(&[s3]).unwrap_err().to_string().contains("objects.s3.endpoint"));
        assert!(from(&[("PADDOCK_VOLUMES_KIND", "nfs")]).unwrap_err().to_string().contains("local or s3"));
        let mut bucket = vec![
            s3,
            ("PADDOCK_OBJECTS_S3_ENDPOINT", "https://s3.example.com"),
            ("PADDOCK_OBJECTS_S3_BUCKET", "b"),
            ("PADDOCK_OBJECTS_S3_ACCESS_KEY", "k"),
            ("PADDOCK_OBJECTS_S3_SECRET_KEY_FILE", "/secret"),
        ];
        assert!(matches!(from(&bucket).unwrap().volumes, VolumeKind::S3(_)));
        bucket.push(("PADDOCK_OBJECTS_S3_PREFIX", "a,b/"));
        assert!(from(&bucket).unwrap_err().to_string().contains("commas"));
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
