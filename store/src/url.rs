//! Where a store is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the records are kept.
#[derive(Clone)]
pub enum StoreUrl {
    /// In a SQLite file of this path. Made when it is not there.
    Sqlite(PathBuf),
    /// In a PostgreSQL database.
    Postgres(Box<tokio_postgres::Config>),
}

/// A text that names no store. The message is fit for whoever wrote the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidStoreUrl(String);

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    /// Reads `postgres://…` (or a PostgreSQL key-value text with a `host`), `sqlite:/path`, or a path.
    ///
    /// # Errors
    /// For an empty text, a malformed PostgreSQL address, and one with a host *name*: a static
    /// program has no resolver to trust, so hosts are addresses or directories of Unix sockets.
    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let is_postgres =
            ["postgres://", "postgresql://", "host="].iter().any(|start| text.starts_with(start));
        if !is_postgres {
            let path = text.strip_prefix("sqlite:").unwrap_or(text);
            if path.is_empty() {
                return Err(InvalidStoreUrl("the store's address is empty".to_owned()));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        let config: tokio_postgres::Config =
            text.parse().map_err(|error| InvalidStoreUrl(format!("not a PostgreSQL address: {error}")))?;
        let by_name = config.get_hosts().iter().any(|host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.parse::<std::net::IpAddr>().is_err(),
            tokio_postgres::config::Host::Unix(_) => false,
        });
        if by_name && config.get_hostaddrs().is_empty() {
            return Err(InvalidStoreUrl(
                "a PostgreSQL host must be an IP address or the directory of a Unix socket (or add hostaddr=)"
                    .to_owned(),
            ));
        }
        Ok(Self::Postgres(Box::new(config)))
    }
}

impl fmt::Debug for StoreUrl {
    /// Leaves out the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(config) => {
                write!(f, "postgres:{:?}/{:?}", config.get_hosts(), config.get_dbname())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_a_postgres_address_is_a_server() {
        assert!(matches!("/var/lib/x.db".parse(), Ok(StoreUrl::Sqlite(path)) if path.ends_with("x.db")));
        assert!(matches!("sqlite:x.db".parse(), Ok(StoreUrl::Sqlite(_))));
        assert!(matches!("postgres://u:p@127.0.0.1/d".parse(), Ok(StoreUrl::Postgres(_))));
        assert!(matches!("host=/run/postgresql user=u".parse(), Ok(StoreUrl::Postgres(_))));
    }

    #[test]
    fn a_host_name_is_refused_and_a_password_is_never_printed() {
        assert!("postgres://u:p@db.example.com/d".parse::<StoreUrl>().is_err());
        assert!("".parse::<StoreUrl>().is_err());
        let url: StoreUrl = "postgres://u:hunter2@127.0.0.1/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
