//! What is wrong with a Dockerfile, for whoever wrote it.

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Dockerfile line {line}: {problem}")]
pub struct Error {
    /// The line that the instruction begins at, counted from 1.
    pub line: usize,
    /// What it is.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is longer than [`crate::MOST_BYTES`].
    #[error("the file is longer than {} KiB", crate::MOST_BYTES >> 10)]
    TooLong,
    /// More instructions than [`crate::MOST_INSTRUCTIONS`].
    #[error("the file has more than {} instructions", crate::MOST_INSTRUCTIONS)]
    TooMany,
    /// No `FROM` at all.
    #[error("there is no FROM instruction")]
    NoFrom,
    /// Something other than `ARG` before the first `FROM`.
    #[error("{0} cannot come before the first FROM")]
    BeforeFrom(String),
    /// No instruction is called so.
    #[error("unknown instruction {0:?}")]
    UnknownInstruction(String),
    /// An instruction has no option of that name.
    #[error("{instruction} has no option --{option}")]
    UnknownOption {
        /// The instruction.
        instruction: &'static str,
        /// The option.
        option: String,
    },
    /// An option's value makes no sense.
    #[error("--{option}: {problem}")]
    BadOption {
        /// The option.
        option: String,
        /// Why.
        problem: String,
    },
    /// What follows the instruction makes no sense.
    #[error("{instruction} {problem}")]
    Malformed {
        /// The instruction.
        instruction: &'static str,
        /// Why.
        problem: &'static str,
    },
    /// A here-document without its end.
    #[error("the here-document {0:?} has no end")]
    OpenDocument(String),
    /// A quotation without its end.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A `${` that is not closed, or holds what is no name.
    #[error("a variable is not written as $name or ${{name}}")]
    BadVariable,
    /// A modifier behind a variable's name that is not known.
    #[error("unknown modifier in ${{{0}}}")]
    UnknownModifier(String),
    /// `${name:?reason}` of a variable that is not set.
    #[error("{name}: {reason}")]
    Required {
        /// The variable.
        name: String,
        /// What its writer says.
        reason: String,
    },
    /// `ONBUILD` with what cannot wait.
    #[error("ONBUILD cannot hold {0}")]
    NotOnBuild(String),
    /// A stage's name that cannot be one, or is given twice.
    #[error("{0:?} cannot be the name of a stage")]
    BadStageName(String),
    /// A pattern that is none.
    #[error("{0:?} is no pattern")]
    BadPattern(String),
}

impl Problem {
    pub(crate) fn at(self, line: usize) -> Error {
        Error { line, problem: self }
    }
}
