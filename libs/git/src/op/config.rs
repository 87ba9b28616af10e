//! `GET` and `POST /git/config`, and `POST /git/config/user`.

use std::path::{Path, PathBuf};

use git2::{Config, ErrorCode as GitCode};
use paddock_wire_toolbox::{
    GitConfigResponse, GitConfigureUserRequest, GitGetConfigRequest, GitSetConfigRequest,
};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Need, Opened, open};

/// Where a setting is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Global,
    Local(PathBuf),
    System,
}

impl Scope {
    fn of(scope: Option<&str>, path: Option<&str>) -> Result<Self, Failure> {
        match scope.unwrap_or_default() {
            "" | "global" => Ok(Self::Global),
            "system" => Ok(Self::System),
            "local" => match path.filter(|path| !path.is_empty()) {
                Some(path) => Ok(Self::Local(PathBuf::from(path))),
                None => Err(Failure::bad_request("the scope local needs path")),
            },
            other => {
                Err(Failure::bad_request(format!("scope must be global, local or system, not {other:?}")))
            }
        }
    }
}

/// The files of a scope.
enum Files {
    /// Read in this order, the last one wins; written is `write`.
    Here { read: Vec<PathBuf>, write: PathBuf },
    /// Only the program knows where.
    Program(Program),
}

fn files(scope: &Scope) -> Result<Files, Failure> {
    match scope {
        Scope::Global => {
            let (read, write) = global_files()?;
            Ok(Files::Here { read, write })
        }
        Scope::System => {
            let file = std::env::var_os("GIT_CONFIG_SYSTEM").unwrap_or_else(|| "/etc/gitconfig".into());
            Ok(Files::Here { read: vec![PathBuf::from(&file)], write: file.into() })
        }
        Scope::Local(path) => match open(path)? {
            Opened::Known(repository) => {
                let file = repository.commondir().join("config");
                Ok(Files::Here { read: vec![file.clone()], write: file })
            }
            Opened::Foreign(need) => program_for(path, &need).map(Files::Program),
        },
    }
}

fn program_for(path: &Path, need: &Need) -> Result<Program, Failure> {
    Program::in_directory(path).ok_or_else(|| need.unmet())
}

/// The user's files: those to read, in order, and the one to write.
pub(super) fn global_files() -> Result<(Vec<PathBuf>, PathBuf), Failure> {
    if let Some(file) = std::env::var_os("GIT_CONFIG_GLOBAL").filter(|file| !file.is_empty()) {
        return Ok((vec![PathBuf::from(&file)], file.into()));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let home = home.ok_or_else(|| Failure::internal("the user has no home directory"))?;
    let xdg = std::env::var_os("XDG_CONFIG_HOME").filter(|xdg| !xdg.is_empty()).map(PathBuf::from);
    let xdg = xdg.unwrap_or_else(|| home.join(".config")).join("git/config");
    let own = home.join(".gitconfig");
    let write = if !own.exists() && xdg.exists() { xdg.clone() } else { own.clone() };
    Ok((vec![xdg, own], write))
}

/// Refuses what is no `section.name` or `section.subsection.name`.
fn check_key(key: &str) -> Result<(), Failure> {
    let is_word = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
    };
    let parts = key.split_once('.').zip(key.rsplit_once('.'));
    let is_key = parts.is_some_and(|((section, _), (_, name))| {
        is_word(section)
            && is_word(name)
            && name.as_bytes()[0].is_ascii_alphabetic()
            && !key.contains(['\n', '\0'])
    });
    if is_key { Ok(()) } else { Err(Failure::bad_request(format!("not a key: {key:?}"))) }
}

/// One setting's value, the last one if it has several.
pub(super) fn get(request: &GitGetConfigRequest) -> Result<Answer, Failure> {
    check_key(&request.key)?;
    let scope = Scope::of(request.scope.as_deref(), request.path.as_deref())?;
    let value = match files(&scope)? {
        Files::Here { read, .. } => {
            let mut value = None;
            for file in read.iter().filter(|file| file.exists()) {
                let config = Config::open(file)?.snapshot()?;
                match config.get_bytes(&request.key) {
                    Ok(bytes) => value = Some(String::from_utf8_lossy(bytes).into_owned()),
                    Err(error) if error.code() == GitCode::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
            value
        }
        Files::Program(program) => {
            let output = program.run(["config", "--local", "-z", "--get", &request.key]).ok();
            output.map(|output| String::from_utf8_lossy(&output).trim_end_matches('\0').to_owned())
        }
    };
    Answer::json(&GitConfigResponse { value })
}

/// Sets one setting.
pub(super) fn set(request: &GitSetConfigRequest) -> Result<Answer, Failure> {
    let scope = Scope::of(request.scope.as_deref(), request.path.as_deref())?;
    put(&scope, &[(&request.key, &request.value)])
}

/// Sets `user.name` and `user.email`.
pub(super) fn configure_user(request: &GitConfigureUserRequest) -> Result<Answer, Failure> {
    let scope = Scope::of(request.scope.as_deref(), request.path.as_deref())?;
    put(&scope, &[("user.name", &request.name), ("user.email", &request.email)])
}

fn put(scope: &Scope, settings: &[(&str, &str)]) -> Result<Answer, Failure> {
    for (key, value) in settings {
        check_key(key)?;
        if value.contains('\0') {
            return Err(Failure::bad_request("the value has a NUL in it"));
        }
    }
    match files(scope)? {
        Files::Here { write, .. } => {
            let mut config = open_for_writing(&write)?;
            for (key, value) in settings {
                replace(&mut config, key, value)?;
            }
        }
        Files::Program(program) => {
            for (key, value) in settings {
                program.run(["config", "--local", "--replace-all", key, value])?;
            }
        }
    }
    Ok(Answer::Empty)
}

/// A file that may not be there yet.
pub(super) fn open_for_writing(file: &Path) -> Result<Config, Failure> {
    if !file.exists() {
        // Made here, because the library says less about why it cannot be.
        std::fs::File::create(file).map_err(|error| Failure::file(&file.display().to_string(), &error))?;
    }
    Ok(Config::open(file)?)
}

/// Sets a value in the place of all that the key has.
fn replace(config: &mut Config, key: &str, value: &str) -> Result<(), Failure> {
    match config.set_str(key, value) {
        Ok(()) => Ok(()),
        Err(_) if config.multivar(key, None)?.count_rest() > 1 => {
            config.remove_multivar(key, ".*")?;
            Ok(config.set_str(key, value)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// How many entries an iterator of the library has left.
trait CountRest {
    fn count_rest(self) -> usize;
}

impl CountRest for git2::ConfigEntries<'_> {
    fn count_rest(mut self) -> usize {
        let mut count = 0;
        while let Some(Ok(_)) = self.next() {
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_section_and_a_name() {
        for good in ["user.name", "remote.a b.url", "http.https://h/x.sslVerify", "a-1.b-2"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "user", ".name", "user.", "user.1x", "us er.name", "user.na me", "a.b\n.c", "-a.b"] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_local_setting_needs_a_repository() {
        assert!(Scope::of(Some("local"), None).is_err());
        assert!(Scope::of(Some("worktree"), None).is_err());
        assert_eq!(Scope::of(None, Some("/r")).unwrap(), Scope::Global);
    }
}
