//! Steps of a build: what control asks of a sandbox that an image is being made in. No SDK knows of them.
//!
//! `POST /internal/build/step`: the body is one line of JSON, a [`BuildStep`], and behind it the step's input. The answer is
//! 200 and a row of frames: one byte, the [`BuildFrame`]'s kind; four bytes, its length, the greatest first; its content. The
//! last is [`BuildFrame::END`], a [`BuildEnd`] as JSON; an answer without it was cut.

use serde::{Deserialize, Serialize};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildStep {
    /// Runs a program to its end, with the environment of the sandbox. Its standard output and error, in the order written,
    /// are the output; it has no input.
    Run {
        /// The program and its arguments; at least one.
        arguments: Vec<String>,
        /// Where; made if it is not there.
        directory: String,
    },
    /// Puts files into the sandbox: the input is [`BuildSources`]' stream.
    Put(BuildPut),
    /// Takes files out of it: the output is a line of JSON, [`BuildSources`], and the stream of its files.
    Take(BuildTake),
    /// Makes a directory, with those above it.
    MakeDirectory {
        /// Absolute.
        path: String,
    },
}

/// Where files go, as `COPY` means it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPut {
    /// What comes.
    pub sources: BuildSources,
    /// Absolute. One that ends with a slash, or is a directory, gets the files by their names.
    pub destination: String,
    /// `user`, `user:group`, names of the image or numbers. `None`: as the stream says.
    pub owner: Option<String>,
    /// Octal, or as `chmod` takes it. `None`: as the stream says.
    pub mode: Option<String>,
}

/// What a stream of files holds: a tar stream in which everything of the first source lies beneath `0/`, or is `0`, and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSources(pub Vec<BuildSource>);

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSource {
    /// What it is called if it goes into a directory: a path that may have several parts, none of them `..`.
    pub name: String,
    /// Whether it is a directory, whose content goes where it is wanted.
    pub is_directory: bool,
    /// Whether it is an archive whose content, a part of the stream, goes where it is wanted.
    pub is_archive: bool,
}

/// Which files are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildTake {
    /// Paths or patterns, from the root.
    pub sources: Vec<String>,
    /// Patterns of what is left out, from each source.
    pub exclude: Vec<String>,
    /// Whether the names keep the directories above them.
    pub keeps_parents: bool,
}

/// The kinds of frames of an answer.
#[derive(Debug)]
pub struct BuildFrame;

impl BuildFrame {
    /// Output.
    pub const OUTPUT: u8 = 1;
    /// The end.
    pub const END: u8 = 2;
    /// The most bytes of one frame.
    pub const MOST_BYTES: usize = 256 << 10;
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildEnd {
    /// 0 is well.
    pub exit_code: i32,
    /// What the step says besides its output, if it failed: fit for users.
    pub message: Option<String>,
}
