//! Words as Dockerfiles write them: quotation marks, escapes, variables.

use crate::Problem;
use crate::pattern::{Pattern, Side};

/// Where the values of variables come from.
pub trait Variables {
    /// The value of a variable; `None` when it is not set.
    fn get(&self, name: &str) -> Option<&str>;
}

impl<F: Fn(&str) -> Option<&'static str>> Variables for F {
    fn get(&self, name: &str) -> Option<&str> {
        self(name)
    }
}

/// Divides a text at blanks outside of quotation marks. Quotation marks, escapes and variables stay as they are.
///
/// # Errors
/// [`Problem::OpenQuote`].
pub fn split(text: &str, escape: char) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        word.push(c);
        match quote {
            _ if c == escape && quote != Some('\'') => word.extend(rest.next()),
            Some(open) if open == c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    if quote.is_some() {
        return Err(Problem::OpenQuote);
    }
    words.extend(word);
    Ok(words)
}

/// What a word means: quotation marks and escapes removed, variables replaced.
///
/// `$name`, `${name}`, and with a modifier: `:-`, `-`, `:+`, `+`, `:?`, `?` as in POSIX shells, `#`, `##`, `%`, `%%` cut a pattern
/// off the beginning or the end, `/` and `//` replace one. A variable that is not set is empty.
///
/// # Errors
/// Quotation marks that are open, variables that are written badly, `:?` of one that is not set.
pub fn expand(word: &str, variables: &dyn Variables, escape: char) -> Result<String, Problem> {
    let mut expansion = Expansion { rest: word.chars().peekable(), variables, escape, depth: 0 };
    expansion.until(None)
}

/// Nested modifiers beyond this are no file that people write.
const MOST_DEPTH: usize = 16;
/// The longest value that a word may come to, in bytes: far more than a process may be given.
const MOST_VALUE: usize = 1 << 20;

struct Expansion<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    variables: &'a dyn Variables,
    escape: char,
    depth: usize,
}

impl Expansion<'_> {
    /// Everything up to `end`, which is taken, or to the end of the word.
    fn until(&mut self, end: Option<char>) -> Result<String, Problem> {
        let mut value = String::new();
        loop {
            if value.len() > MOST_VALUE {
                return Err(Problem::TooLong);
            }
            match self.rest.next() {
                None if end.is_some() => return Err(Problem::BadVariable),
                None => return Ok(value),
                Some(c) if Some(c) == end => return Ok(value),
                Some('\'') => self.single_quoted(&mut value)?,
                Some('"') => self.double_quoted(&mut value)?,
                Some('$') => value.push_str(&self.variable()?),
                // At the end of the word it escapes nothing.
                Some(c) if c == self.escape => value.push(self.rest.next().unwrap_or(c)),
                Some(c) => value.push(c),
            }
        }
    }

    fn single_quoted(&mut self, value: &mut String) -> Result<(), Problem> {
        loop {
            match self.rest.next() {
                None => return Err(Problem::OpenQuote),
                Some('\'') => return Ok(()),
                Some(c) => value.push(c),
            }
        }
    }

    fn double_quoted(&mut self, value: &mut String) -> Result<(), Problem> {
        loop {
            match self.rest.next() {
                None => return Err(Problem::OpenQuote),
                Some('"') => return Ok(()),
                Some('$') => value.push_str(&self.variable()?),
                Some(c) if c == self.escape => match self.rest.next() {
                    Some(escaped) if matches!(escaped, '"' | '$') || escaped == self.escape => {
                        value.push(escaped)
                    }
                    // Before anything else it stands for itself.
                    Some(other) => value.extend([c, other]),
                    None => return Err(Problem::OpenQuote),
                },
                Some(c) => value.push(c),
            }
        }
    }

    /// What stands behind a `$`.
    fn variable(&mut self) -> Result<String, Problem> {
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            // A lone `$` is itself.
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value(&name).unwrap_or_default() });
        }
        let name = self.name();
        if name.is_empty() {
            return Err(Problem::BadVariable);
        }
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Problem::BadVariable);
        }
        let value = match self.rest.next() {
            Some('}') => Ok(self.value(&name).unwrap_or_default()),
            Some(':') => match self.rest.next() {
                Some(modifier @ ('-' | '+' | '?')) => self.alternative(&name, modifier, true),
                _ => Err(Problem::UnknownModifier(name)),
            },
            Some(modifier @ ('-' | '+' | '?')) => self.alternative(&name, modifier, false),
            Some('#') => self.cut(&name, '#', Side::Start),
            Some('%') => self.cut(&name, '%', Side::End),
            Some('/') => self.replace(&name),
            Some(_) => Err(Problem::UnknownModifier(name)),
            None => Err(Problem::BadVariable),
        };
        self.depth -= 1;
        value
    }

    fn alternative(&mut self, name: &str, modifier: char, is_empty_unset: bool) -> Result<String, Problem> {
        let word = self.until(Some('}'))?;
        let value = self.value(name).filter(|value| !(is_empty_unset && value.is_empty()));
        match (modifier, value) {
            ('-', value) => Ok(value.unwrap_or(word)),
            ('+', value) => Ok(value.map_or_else(String::new, |_| word)),
            (_, Some(value)) => Ok(value),
            (_, None) => {
                let reason = if word.is_empty() { "is not set".to_owned() } else { word };
                Err(Problem::Required { name: name.to_owned(), reason })
            }
        }
    }

    fn cut(&mut self, name: &str, mark: char, side: Side) -> Result<String, Problem> {
        let is_longest = self.rest.next_if_eq(&mark).is_some();
        let pattern = Pattern::of_shell(&self.until(Some('}'))?)?;
        let value = self.value(name).unwrap_or_default();
        Ok(pattern.cut(&value, side, is_longest).to_owned())
    }

    fn replace(&mut self, name: &str) -> Result<String, Problem> {
        let is_everywhere = self.rest.next_if_eq(&'/').is_some();
        let pattern = Pattern::of_shell(&self.until(Some('/'))?)?;
        let replacement = self.until(Some('}'))?;
        let value = self.value(name).unwrap_or_default();
        Ok(pattern.replace(&value, &replacement, is_everywhere))
    }

    /// A name, or as much of one as there is.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .rest
            .next_if(|c| c.is_ascii_alphabetic() || *c == '_' || !name.is_empty() && c.is_ascii_digit())
        {
            name.push(c);
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(ToOwned::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(name: &str) -> Option<&'static str> {
        match name {
            "A" => Some("one"),
            "EMPTY" => Some(""),
            "PATH_" => Some("/usr/lib/python3.11"),
            _ => None,
        }
    }

    fn expanded(word: &str) -> Result<String, Problem> {
        expand(word, &known, '\\')
    }

    #[test]
    fn words_mean_what_the_reference_says() {
        for (word, wanted) in [
            ("plain", "plain"),
            ("$A-${A}b", "one-oneb"),
            ("'$A'", "$A"),
            ("\"$A \\\"x\\\" \\n\"", "one \"x\" \\n"),
            ("a\\ b\\$A", "a b$A"),
            ("$", "$"),
            ("$-", "$-"),
            ("${B:-x$A}", "xone"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY-x}", ""),
            ("${A:+set}${B:+set}", "set"),
            ("${B:-${C:-deep}}", "deep"),
            ("${A:?never}", "one"),
            ("${PATH_##*/}", "python3.11"),
            ("${PATH_%/*}", "/usr/lib"),
            ("${PATH_/python/py}", "/usr/lib/py3.11"),
            ("${PATH_//[0-9]/n}", "/usr/lib/pythonn.nn"),
            ("$1", "$1"),
        ] {
            assert_eq!(expanded(word).as_deref(), Ok(wanted), "{word}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(expanded("'a"), Err(Problem::OpenQuote));
        assert_eq!(expanded("${A"), Err(Problem::BadVariable));
        assert_eq!(expanded("${}"), Err(Problem::BadVariable));
        assert_eq!(expanded("${A^^}"), Err(Problem::UnknownModifier("A".to_owned())));
        let required = Problem::Required { name: "B".to_owned(), reason: "say it".to_owned() };
        assert_eq!(expanded("${B:?say it}"), Err(required));
        assert!(expanded(&"${B:-".repeat(40)).is_err());
    }

    #[test]
    fn words_are_divided_outside_of_quotation_marks() {
        let words = split(r#"A=1  B="x y" C=a\ b D='q"'"#, '\\').unwrap();
        assert_eq!(words, [r"A=1", r#"B="x y""#, r"C=a\ b", r#"D='q"'"#]);
        assert_eq!(split("'", '\\'), Err(Problem::OpenQuote));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[ -~é]{0,60}") {
            let _ = expanded(&text);
            let _ = split(&text, '\\');
        }

        #[test]
        fn what_is_quoted_means_itself(text in "[^']{0,40}") {
            prop_assert_eq!(expanded(&format!("'{text}'")).unwrap(), text);
        }
    }
}
