//! Puts files into the image that is being built around this process, and takes files out of it.
//!
//! The work is done inside the sandbox of a build, as root of that sandbox, in a process of its own that `bin/paddock-toolbox`
//! becomes when the toolbox asks ([`run`]). There names, links, owners and modes mean what they mean in the image, whoever wrote
//! it: a link that leads out of the image leads nowhere else. It needs nothing of the image, no shell, no `tar`, no `/proc`.
//!
//! What `COPY` and `ADD` mean: the public reference of Dockerfiles, and where that is silent what BuildKit does. Where a copy
//! lands, whose it is and which mode it has is decided in [`put`]; which files a source names, in [`take`].

mod owner;
mod put;
mod take;
mod xattr;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use paddock_wire_toolbox::BuildStep;

pub use put::put;
pub use take::take;

/// Why a step failed. The messages are for whoever wrote the Dockerfile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of the image, or of what comes, is not as it must be.
    #[error("{0}")]
    Refused(String),
    /// The system refused.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// On what.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The stream of files is broken.
    #[error("the files could not be read: {0}")]
    Stream(#[source] io::Error),
}

impl Error {
    fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { action, path, source }
    }

    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// Does one step: input from standard input, output to standard output, what went wrong to standard error.
#[must_use]
pub fn run(step: &str) -> ExitCode {
    let done = serde_json::from_str(step)
        .map_err(|error| Error::refused(format!("not a step: {error}")))
        .and_then(|step| perform(step, io::stdin().lock(), io::stdout().lock()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started it reads it or does not care.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(step: BuildStep, input: impl Read, output: impl Write) -> Result<(), Error> {
    // Modes are what a step says, whatever the mask of whoever started this.
    rustix::process::umask(rustix::fs::Mode::empty());
    match step {
        BuildStep::Put(wanted) => put(&wanted, input),
        BuildStep::Take(wanted) => take(&wanted, output),
        BuildStep::MakeDirectory { path } => put::make_directory(path.as_ref()),
        BuildStep::Run { .. } => Err(Error::refused("not a step of this program")),
    }
}
