//! `--name=value` before the arguments of an instruction.

use crate::{Error, Problem};

/// The options of one instruction, each taken once by whoever knows it.
pub(crate) struct Options {
    instruction: &'static str,
    line: usize,
    given: Vec<(String, Option<String>)>,
}

impl Options {
    /// Reads the options at the beginning of `text`, and gives back what follows them.
    pub(crate) fn read<'t>(instruction: &'static str, text: &'t str, line: usize) -> (Self, &'t str) {
        let mut given = Vec::new();
        let mut rest = text.trim_start();
        while let Some(named) = rest.strip_prefix("--") {
            let end = named.find(char::is_whitespace).unwrap_or(named.len());
            let (word, behind) = named.split_at(end);
            if word.is_empty() {
                break;
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word, None),
            };
            given.push((name.to_owned(), value));
            rest = behind.trim_start();
        }
        (Self { instruction, line, given }, rest)
    }

    /// The value of an option that is given at most once.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>, Error> {
        let mut values = self.values(name)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(self.bad(name, "is given twice")),
        }
    }

    /// The values of an option that may be given more than once.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let (taken, left) = std::mem::take(&mut self.given).into_iter().partition(|(known, _)| known == name);
        self.given = left;
        let taken: Vec<(String, Option<String>)> = taken;
        taken.into_iter().map(|(_, value)| value.ok_or_else(|| self.bad(name, "needs a value"))).collect()
    }

    /// Whether a switch is on.
    pub(crate) fn switch(&mut self, name: &str) -> Result<bool, Error> {
        let at = self.given.iter().position(|(known, _)| known == name);
        let Some(at) = at else { return Ok(false) };
        match self.given.remove(at).1.as_deref() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(_) => Err(self.bad(name, "must be true or false")),
        }
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.given.into_iter().next() {
            Some((option, _)) => {
                Err(Problem::UnknownOption { instruction: self.instruction, option }.at(self.line))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn bad(&self, option: &str, problem: impl Into<String>) -> Error {
        Problem::BadOption { option: option.to_owned(), problem: problem.into() }.at(self.line)
    }
}
