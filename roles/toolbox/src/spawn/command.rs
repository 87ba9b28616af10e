//! What to start, in the form that a forked child can use without allocating.

use std::ffi::{CString, NulError, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access};

use crate::environment::{DEFAULT_PATH, Environment};

/// A command that cannot be started on any system. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidCommand {
    #[error("a NUL byte in {what}")]
    Nul { what: &'static str, source: NulError },
}

/// The session, in the kernel's sense, that a program starts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// The daemon's, in a process group of its own.
    Shared,
    /// One of its own, without a terminal.
    Own,
    /// One of its own, whose controlling terminal is its standard input.
    OwnTerminal,
}

/// A program with its arguments, environment, directory and descriptors.
///
/// Descriptors are handed over: they are closed in the parent once the child has been forked.
#[derive(Debug)]
pub(crate) struct Command {
    /// The paths to try in order, as `execvp` does.
    pub(super) candidates: Vec<CString>,
    /// How the program was named, for messages.
    pub(super) name: String,
    pub(super) arguments: Vec<CString>,
    pub(super) environment: Vec<CString>,
    pub(super) directory: CString,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    /// Goes where `stdout` goes if absent.
    pub(super) stderr: Option<OwnedFd>,
    pub(super) session: Session,
    /// Stay open in the program as [`super::INHERITED_FD`] and the numbers below it.
    pub(super) inherited: Vec<OwnedFd>,
    /// The program itself, in the place of the paths.
    pub(super) executable: Option<Arc<OwnedFd>>,
}

impl Command {
    /// `program` with `arguments` (without the zeroth, which is the program's name), in `directory`.
    /// Both standard output and standard error are `output`; standard input is at end-of-file, unless
    /// told otherwise.
    ///
    /// A program without a slash is looked for in the `PATH` of `environment`.
    pub(crate) fn new(
        program: &OsStr,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: &Environment,
        directory: &Path,
        output: OwnedFd,
    ) -> Result<Self, InvalidCommand> {
        let mut argv = vec![c_string(program.as_bytes(), "the program")?];
        for argument in arguments {
            argv.push(c_string(argument.as_ref().as_bytes(), "an argument")?);
        }
        let envp = environment
            .iter()
            .map(|(name, value)| {
                c_string([name.as_bytes(), b"=", value.as_bytes()].concat(), "the environment")
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            candidates: candidates(program, environment)?,
            name: program.to_string_lossy().into_owned(),
            arguments: argv,
            environment: envp,
            directory: c_string(directory.as_os_str().as_bytes(), "the directory")?,
            stdin: None,
            stdout: output,
            stderr: None,
            session: Session::Shared,
            inherited: Vec::new(),
            executable: None,
        })
    }

    /// Reads standard input from `file` instead of being at its end.
    pub(crate) fn stdin(mut self, file: OwnedFd) -> Self {
        self.stdin = Some(file);
        self
    }

    /// Writes standard error to `file` instead of where standard output goes.
    pub(crate) fn stderr(mut self, file: OwnedFd) -> Self {
        self.stderr = Some(file);
        self
    }

    /// Starts the program as the leader of a session of its own.
    pub(crate) fn session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// Runs this file, whatever path it has by now. It needs no `/proc`.
    pub(crate) fn executable(mut self, file: Arc<OwnedFd>) -> Self {
        self.executable = Some(file);
        self
    }

    /// Leaves `file` open in the program as [`super::INHERITED_FD`]; the next one, if asked again, as
    /// the number below that. Seven at most.
    pub(crate) fn inherit(mut self, file: OwnedFd) -> Self {
        self.inherited.push(file);
        self
    }
}

/// Whether a program of this name can be found now by [`Command::new`].
pub(crate) fn is_in_path(program: &OsStr, environment: &Environment) -> bool {
    candidates(program, environment)
        .is_ok_and(|paths| paths.iter().any(|path| access(path.as_c_str(), Access::EXEC_OK).is_ok()))
}

/// The paths under which a program may be found, never empty.
fn candidates(program: &OsStr, environment: &Environment) -> Result<Vec<CString>, InvalidCommand> {
    if program.as_bytes().contains(&b'/') {
        return Ok(vec![c_string(program.as_bytes(), "the program")?]);
    }
    let path = environment.get("PATH").unwrap_or(OsStr::new(DEFAULT_PATH));
    path.as_bytes()
        .split(|&byte| byte == b':')
        .map(|directory| match directory {
            // An empty entry is the working directory, as everywhere.
            b"" => c_string([b"./", program.as_bytes()].concat(), "the program"),
            directory => c_string([directory, b"/", program.as_bytes()].concat(), "the program"),
        })
        .collect()
}

fn c_string(bytes: impl Into<Vec<u8>>, what: &'static str) -> Result<CString, InvalidCommand> {
    CString::new(bytes).map_err(|source| InvalidCommand::Nul { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(program: &str, path: &str) -> Vec<String> {
        let mut environment = Environment::default();
        environment.set("PATH", path);
        let paths = candidates(OsStr::new(program), &environment).unwrap();
        paths.into_iter().map(|path| path.into_string().unwrap()).collect()
    }

    #[test]
    fn programs_are_looked_for_in_the_childs_own_path() {
        assert_eq!(found("sh", "/a:/b"), ["/a/sh", "/b/sh"]);
        assert_eq!(found("sh", "/a::rel"), ["/a/sh", "./sh", "rel/sh"]);
        assert_eq!(found("./sh", "/a"), ["./sh"]);
        assert_eq!(found("sh", ""), ["./sh"]);
    }

    #[test]
    fn a_nul_byte_is_an_error_and_not_a_shorter_command() {
        let (_, output) = rustix::pipe::pipe().unwrap();
        let refused =
            Command::new(OsStr::new("sh"), ["a\0b"], &Environment::default(), Path::new("/"), output);
        assert!(matches!(refused, Err(InvalidCommand::Nul { what: "an argument", .. })));
    }
}
