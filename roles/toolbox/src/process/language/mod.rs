//! How a program of each language is started.
//!
//! The source never stands on a command line. Python and JavaScript read it from standard input,
//! which is a file in memory: it is at its end when the program begins, so that a program that reads
//! its input gets end-of-file. TypeScript needs a file with the right name.

mod javascript;
mod python;
mod scratch;
mod typescript;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;

pub(crate) use python::CHART_REPORTER;
pub(super) use scratch::Scratch;

use super::artifacts::Author;
use crate::environment::Environment;
use crate::http::ApiError;
use crate::toolbox::Shared;

/// A language that `code-run` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    JavaScript,
    TypeScript,
}

impl Language {
    /// The language of that name. Empty is Python: some clients send it so for sandboxes that no
    /// client has labelled.
    pub(super) fn named(name: &str) -> Result<Self, ApiError> {
        match name {
            "" | "python" => Ok(Self::Python),
            "javascript" => Ok(Self::JavaScript),
            "typescript" => Ok(Self::TypeScript),
            other => Err(ApiError::bad_request(format!(
                "unsupported language {other:?}: use python, javascript or typescript"
            ))),
        }
    }
}

/// A program that is ready to be started.
#[derive(Debug)]
pub(super) struct Program {
    /// The interpreter, to be looked for in PATH.
    pub(super) name: OsString,
    pub(super) arguments: Vec<OsString>,
    /// Standard input, if it is not to be at its end.
    pub(super) source: Option<OwnedFd>,
    /// Who writes lines with charts.
    pub(super) author: Author,
    /// Files that must be there while it runs.
    pub(super) scratch: Option<Scratch>,
}

impl Program {
    /// Readies `code` to be run with `arguments` as its own.
    pub(super) async fn prepare(
        language: Language,
        code: String,
        arguments: Vec<String>,
        environment: &mut Environment,
        shared: &Shared,
    ) -> Result<Self, ApiError> {
        let prepared = match language {
            Language::Python => python::prepare(&code, arguments),
            Language::JavaScript => javascript::prepare(&code, arguments),
            Language::TypeScript => typescript::prepare(&code, arguments, environment, shared),
        };
        prepared
            .map_err(|error: io::Error| ApiError::internal(format!("could not keep the program: {error}")))
    }
}
