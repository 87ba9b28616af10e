//! `.dockerignore`: what of a context is not sent to builds.

use std::path::Path;

use crate::{Pattern, Problem};

/// The patterns of one file, in order; the last that matches decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore(Vec<(bool, Pattern)>);

impl Ignore {
    /// Reads a file, or a list of patterns.
    ///
    /// # Errors
    /// A pattern that is none.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let patterns = lines.filter_map(|line| {
            let (is_kept, pattern) = match line.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim()),
                None => (false, line),
            };
            let pattern = clean(pattern);
            (!pattern.is_empty()).then(|| Ok((is_kept, Pattern::of_files(&pattern)?)))
        });
        Ok(Self(patterns.collect::<Result<_, _>>()?))
    }

    /// Whether a file, by its path from the context's root, is left out.
    pub fn leaves_out(&self, path: &Path) -> bool {
        let last = self.0.iter().rev().find(|(_, pattern)| pattern.matches_or_holds(path));
        last.is_some_and(|(is_kept, _)| !is_kept)
    }
}

/// A pattern without `/` around it, `.` and `..` in it.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let ignore = Ignore::parse("# comment\n*.md\n!README.md\n/build/\n**/*.pyc\n../x\n!\n").unwrap();
        for (path, wanted) in [
            ("a.md", true),
            ("README.md", false),
            ("docs/a.md", false),
            ("build", true),
            ("build/deep/x", true),
            ("src/build", false),
            ("a/b/c.pyc", true),
            ("x", true),
            ("src/main.rs", false),
        ] {
            assert_eq!(ignore.leaves_out(Path::new(path)), wanted, "{path}");
        }
        assert!(Ignore::parse("[").is_err());
        assert_eq!(Ignore::parse("").unwrap(), Ignore::default());
    }
}
