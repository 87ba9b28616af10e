//! The image's git program, where it is there and needed.
//!
//! It never asks anybody anything, speaks English, and hears of credentials only through a memory file
//! that it inherits: neither its arguments nor its environment nor any file name it.

mod words;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use paddock_wire_toolbox::ErrorCode;
use rustix::fs::{Access, MemfdFlags, access, memfd_create};

use crate::credentials::Credentials;
use crate::failure::Failure;
pub(crate) use words::cause;

/// How many lines of what the program says go into a message.
const TOLD_LINES: usize = 12;

/// How many bytes of what the program says are kept.
const KEPT_BYTES: u64 = 1 << 20;

/// The program, ready to work in one directory.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    directory: PathBuf,
    /// Read by the program's credential helper. Absent: the user's own helpers are asked.
    credentials: Option<OwnedFd>,
    skip_tls_check: bool,
}

/// Whether the image has the program.
pub(crate) fn find() -> Option<PathBuf> {
    find_in_path("git")
}

/// The first file of this name in `PATH` that may be run.
pub(crate) fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file() && access(candidate, Access::EXEC_OK).is_ok())
}

impl Program {
    /// The program in `directory`, or `None` if the image has none.
    pub(crate) fn in_directory(directory: &Path) -> Option<Self> {
        Some(Self {
            path: find()?,
            directory: directory.to_owned(),
            credentials: None,
            skip_tls_check: false,
        })
    }

    /// Has it use these credentials and no others, run no hooks, and ask no helper of the user's.
    pub(crate) fn with_credentials(mut self, credentials: Option<&Credentials>) -> Result<Self, Failure> {
        if let Some(credentials) = credentials {
            let kept = credentials.for_helper().ok_or_else(|| {
                Failure::bad_request("a user name or password must not contain line breaks or NUL")
            })?;
            self.credentials =
                Some(memory_file(kept.as_bytes()).map_err(|error| {
                    Failure::internal(format!("could not pass the credentials: {error}"))
                })?);
        }
        Ok(self)
    }

    /// Has it accept any certificate.
    pub(crate) fn skipping_tls_check(mut self, skip: bool) -> Self {
        self.skip_tls_check = skip;
        self
    }

    /// Runs it and gives back what it prints.
    ///
    /// # Errors
    ///
    /// What its messages say, recognized by [`cause`]; else 500.
    pub(crate) fn run(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Vec<u8>, Failure> {
        self.run_command(self.command(arguments), b"")
    }

    /// The same, with `input` on its standard input.
    pub(crate) fn run_with_input(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        self.run_command(self.command(arguments), input)
    }

    /// Starts it and gives back the stream of what it prints. Its messages are lost.
    pub(crate) fn stream(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<(Child, ChildStdout)> {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        Ok((child, output))
    }

    /// One line of output, without its end.
    pub(crate) fn line(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<String, Failure> {
        let output = self.run(arguments)?;
        Ok(String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned())
    }

    /// The command, to be changed further.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.directory);
        // What the user asks for in a directory of somebody else's is done, as the library does it.
        command.args(["-c", "safe.directory=*"]);
        if let Some(file) = &self.credentials {
            // An empty helper forgets the user's. The file is opened anew each time, since a remote may
            // ask more than once.
            let helper = format!(
                "credential.helper=!f() {{ test \"$1\" = get && cat /proc/self/fd/{}; }}; f",
                file.as_raw_fd()
            );
            command.args(["-c", "core.hooksPath=/dev/null", "-c", "credential.helper=", "-c"]).arg(helper);
        }
        if self.skip_tls_check {
            command.args(["-c", "http.sslVerify=false"]);
        }
        command.args(arguments);
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        // Empty, and so better than absent: it keeps others from being asked.
        command.env("GIT_ASKPASS", "").env_remove("SSH_ASKPASS").env("SSH_ASKPASS_REQUIRE", "never");
        command.env("GIT_EDITOR", "true").env("GIT_OPTIONAL_LOCKS", "0");
        if ["GIT_SSH_COMMAND", "GIT_SSH"].iter().all(|name| std::env::var_os(name).is_none())
            && !self.has_own_ssh_command()
        {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        command
    }

    /// Whether the configuration names an ssh command, which the environment would overrule.
    fn has_own_ssh_command(&self) -> bool {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.directory).args(["config", "--get", "core.sshCommand"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Runs what [`Program::command`] has given.
    pub(crate) fn run_command(&self, mut command: Command, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed =
            |error: io::Error| Failure::internal(format!("could not run {}: {error}", self.path.display()));
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let stdin = child.stdin.take();
        let stderr = child.stderr.take();
        let mut output = Vec::new();
        let told = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A program that does not read to the end has said why.
                let _ = stdin.map(|mut stdin| stdin.write_all(input));
            });
            let told = scope.spawn(move || stderr.map(kept).unwrap_or_default());
            if let Some(mut stdout) = child.stdout.take() {
                let _ = stdout.read_to_end(&mut output);
            }
            told.join().unwrap_or_default()
        });
        let status = child.wait().map_err(failed)?;
        if status.success() {
            return Ok(output);
        }
        // Some refusals are told on standard output.
        let mut text = String::from_utf8_lossy(&told).into_owned();
        if cause(&text).is_none() {
            text = format!(
                "{}{text}",
                String::from_utf8_lossy(&output[..output.len().min(KEPT_BYTES as usize)])
            );
        }
        Err(self.failure(&text, &status.to_string()))
    }

    fn failure(&self, text: &str, status: &str) -> Failure {
        let told = last_lines(text);
        let message = if told.is_empty() { format!("git failed: {status}") } else { told };
        Failure::new(cause(text).unwrap_or(ErrorCode::InternalServerError), message)
    }
}

/// Reads to the end and keeps the last part.
fn kept(mut stream: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let count = Read::take(&mut stream, KEPT_BYTES).read_to_end(&mut all).unwrap_or(0);
        if count == 0 {
            return all;
        }
        let extra = all.len().saturating_sub(KEPT_BYTES as usize);
        all.drain(..extra);
    }
}

/// The last lines that say something. Of a line that was overwritten while it showed progress, what is
/// left at its end.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default().trim_end())
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .collect();
    lines[lines.len().saturating_sub(TOLD_LINES)..].join("\n")
}

/// A file in memory that programs started here inherit under its number.
fn memory_file(content: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create("credentials", MemfdFlags::empty())?;
    let mut file = File::from(fd);
    file.write_all(content)?;
    Ok(file.into())
}

/// Arguments made of paths in the repository, never taken for options or patterns.
pub(crate) fn literal_paths<'a>(paths: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = OsString> {
    std::iter::once(OsString::from("--"))
        .chain(paths.into_iter().map(|path| OsString::from(format!(":(literal){path}"))).collect::<Vec<_>>())
}

/// Refuses a remote that is not configured: the program would take its name for a path.
pub(crate) fn check_remote(program: &Program, name: &str) -> Result<(), Failure> {
    let names = program.run(["remote"])?;
    if String::from_utf8_lossy(&names).lines().any(|known| known == name) {
        return Ok(());
    }
    Err(Failure::not_found(format!("no remote named {name:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_without_progress_and_hints() {
        let text = "Cloning into 'x'...\nreceiving 10%\rreceiving 100%\r\nhint: try harder\n\nfatal: no\n";
        assert_eq!(last_lines(text), "Cloning into 'x'...\nreceiving 100%\nfatal: no");
    }
}
