//! The files of git's `store` helper: one URL with a name and a password a line, percent-encoded.
//!
//! Written as git writes them: the new line first, older ones for the same protocol, host and name left
//! out, through a lock file that takes the old one's place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Credentials;
use crate::url::{Parts, decode, encode};

/// The files that a configured helper reads, in order; the first is written if none is there. `None` if
/// it is another helper than `store`.
pub(crate) fn files_of(helper: &str) -> Option<Vec<PathBuf>> {
    let mut words = helper.split_whitespace();
    if words.next()? != "store" {
        return None;
    }
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Some(default_files()),
        (Some("--file"), Some(file), None) => Some(vec![expand(file)]),
        (Some(option), None, None) => Some(vec![expand(option.strip_prefix("--file=")?)]),
        _ => None,
    }
}

fn default_files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let xdg = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|xdg| !xdg.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")));
    [home.map(|home| home.join(".git-credentials")), xdg.map(|xdg| xdg.join("git/credentials"))]
        .into_iter()
        .flatten()
        .collect()
}

fn expand(file: &str) -> PathBuf {
    match (file.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(file),
    }
}

/// The first line of `file` for this host, and for this user if the URL names one.
pub(crate) fn look_up(file: &Path, wanted: &Parts<'_>) -> Option<Credentials> {
    let text = std::fs::read(file).ok()?;
    String::from_utf8_lossy(&text).lines().find_map(|line| {
        let entry = Parts::of(line)?;
        let fits = is_same_host(&entry, wanted.scheme, wanted.authority)
            && (wanted.username.is_none() || wanted.username == entry.username);
        fits.then_some(Credentials { username: entry.username?, password: entry.password? })
    })
}

/// Puts a line into `file`, which is made if it is not there, readable for its owner alone.
pub(crate) fn put(file: &Path, protocol: &str, host: &str, credentials: &Credentials) -> io::Result<()> {
    let old = match std::fs::read_to_string(file) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut lock_name = file.as_os_str().to_owned();
    lock_name.push(".lock");
    let lock = PathBuf::from(lock_name);
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock)?;
    let written =
        write_lines(&mut new, &old, protocol, host, credentials).and_then(|()| std::fs::rename(&lock, file));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&lock);
    }
    written
}

fn write_lines(
    file: &mut File,
    old: &str,
    protocol: &str,
    host: &str,
    Credentials { username, password }: &Credentials,
) -> io::Result<()> {
    writeln!(file, "{protocol}://{}:{}@{host}", encode(username), encode(password))?;
    for line in old.lines() {
        let is_older = Parts::of(line).is_some_and(|entry| {
            is_same_host(&entry, protocol, host) && entry.username.as_ref() == Some(username)
        });
        if !is_older {
            writeln!(file, "{line}")?;
        }
    }
    file.sync_all()
}

fn is_same_host(entry: &Parts<'_>, scheme: &str, authority: &str) -> bool {
    entry.scheme == scheme && decode(entry.authority).eq_ignore_ascii_case(&decode(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials { username: username.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn what_is_put_is_found_and_takes_the_place_of_an_older_one() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("credentials");
        put(&file, "https", "h:8443", &credentials("u@x", "old")).unwrap();
        put(&file, "https", "h", &credentials("other", "p")).unwrap();
        put(&file, "https", "h:8443", &credentials("u@x", "n:w/")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, "https://u%40x:n%3Aw%2F@h:8443\nhttps://other:p@h\n");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let found = |url: &str| look_up(&file, &Parts::of(url).unwrap()).map(|found| found.password);
        assert_eq!(found("https://h:8443/a/b").as_deref(), Some("n:w/"));
        assert_eq!(found("https://H/a").as_deref(), Some("p"));
        assert_eq!(found("https://other@h/a").as_deref(), Some("p"));
        assert_eq!(found("https://nobody@h/a"), None);
        assert_eq!(found("http://h/a"), None);
    }

    #[test]
    fn only_the_store_helper_is_read_here() {
        assert_eq!(files_of("store --file=/c"), Some(vec![PathBuf::from("/c")]));
        assert_eq!(files_of("store --file /c"), Some(vec![PathBuf::from("/c")]));
        assert!(files_of("store").is_some());
        assert_eq!(files_of("cache"), None);
        assert_eq!(files_of("!f() { :; }"), None);
        assert_eq!(files_of("store --what"), None);
    }

    #[test]
    fn a_lock_of_another_is_respected() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("credentials");
        std::fs::write(directory.path().join("credentials.lock"), "").unwrap();
        let error = put(&file, "https", "h", &credentials("u", "p")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(!file.exists());
    }
}
