//! Patterns of names: those of `COPY` and `.dockerignore` (Go's `filepath.Match`, with `**`), and those of shells.

use std::path::Path;

use crate::Problem;

/// A pattern, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

/// From which end [`Pattern::cut`] cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Start,
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// `?`: one that is no slash.
    Any,
    /// `*`: any number that are no slashes.
    Star,
    /// `**`: any number of anything.
    Everything,
    /// `[a-z]`.
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// Reads a pattern of file names: `*` and `?` do not match a slash, `**` does; `**/` also matches no directory at all.
    ///
    /// # Errors
    /// [`Problem::BadPattern`].
    pub fn of_files(text: &str) -> Result<Self, Problem> {
        Self::read(text, true)
    }

    /// Reads a pattern of a shell's: `*` and `?` match slashes too.
    pub(crate) fn of_shell(text: &str) -> Result<Self, Problem> {
        let pieces = Self::read(text, false)?.0;
        let free = |piece| if piece == Piece::Star { Piece::Everything } else { piece };
        Ok(Self(pieces.into_iter().map(free).collect()))
    }

    fn read(text: &str, has_slashes: bool) -> Result<Self, Problem> {
        let bad = || Problem::BadPattern(text.chars().take(80).collect());
        let mut pieces = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            pieces.push(match c {
                '*' if has_slashes && rest.next_if_eq(&'*').is_some() => Piece::Everything,
                '*' => Piece::Star,
                '?' => Piece::Any,
                '\\' => Piece::Char(rest.next().ok_or_else(bad)?),
                '[' => class(&mut rest).ok_or_else(bad)?,
                c => Piece::Char(c),
            });
        }
        Ok(Self(pieces))
    }

    /// Whether it holds nothing but a name.
    pub fn is_literal(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Char(_)))
    }

    /// Whether all of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        self.ends(&name).last() == Some(&true)
    }

    /// Whether a file of this name matches, or a directory that it lies in.
    pub fn matches_or_holds(&self, path: &Path) -> bool {
        path.ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .any(|path| self.matches(&path.to_string_lossy()))
    }

    /// For each length, whether so many characters from the beginning match. Takes time and room in proportion to the
    /// product of both lengths, whatever the pattern.
    fn ends(&self, name: &[char]) -> Vec<bool> {
        let mut now = vec![false; name.len() + 1];
        now[0] = true;
        for (at, piece) in self.0.iter().enumerate() {
            let mut next = vec![false; name.len() + 1];
            // `**/` may stand for nothing: then the slash behind it does too.
            let is_slash_after_everything =
                *piece == Piece::Char('/') && at > 0 && self.0[at - 1] == Piece::Everything;
            for position in 0..=name.len() {
                if !now[position] {
                    continue;
                }
                match piece {
                    Piece::Star | Piece::Everything => {
                        let end = name[position..].iter().position(|c| *piece == Piece::Star && *c == '/');
                        let end = end.map_or(name.len(), |length| position + length);
                        next[position..=end].fill(true);
                    }
                    single => {
                        if name.get(position).is_some_and(|c| matches_one(single, *c)) {
                            next[position + 1] = true;
                        }
                        let is_start = position == 0 || name.get(position - 1) == Some(&'/');
                        if is_slash_after_everything && is_start {
                            next[position] = true;
                        }
                    }
                }
            }
            now = next;
        }
        now
    }

    /// The value without what matches at one end of it; the shortest match, or the longest.
    pub(crate) fn cut<'v>(&self, value: &'v str, side: Side, is_longest: bool) -> &'v str {
        let mut cuts: Vec<usize> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
        // From the shortest part on.
        if side == Side::End {
            cuts.reverse();
        }
        if is_longest {
            cuts.reverse();
        }
        let part = |cut: usize| if side == Side::Start { &value[..cut] } else { &value[cut..] };
        match cuts.into_iter().find(|cut| self.matches(part(*cut))) {
            Some(cut) if side == Side::Start => &value[cut..],
            Some(cut) => &value[..cut],
            None => value,
        }
    }

    /// The value with the first longest match, or every one, replaced.
    pub(crate) fn replace(&self, value: &str, replacement: &str, is_everywhere: bool) -> String {
        let chars: Vec<char> = value.chars().collect();
        let mut replaced = String::new();
        let mut at = 0;
        let mut is_done = false;
        while at < chars.len() {
            let length = self.ends(&chars[at..]).iter().rposition(|matches| *matches).unwrap_or(0);
            if length == 0 || is_done {
                replaced.push(chars[at]);
                at += 1;
                continue;
            }
            replaced.push_str(replacement);
            at += length;
            is_done = !is_everywhere;
        }
        replaced
    }
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Piece> {
    let is_negated = rest.next_if(|c| matches!(c, '^' | '!')).is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            ']' if !ranges.is_empty() => break,
            '\\' => rest.next()?,
            c => c,
        };
        let mut high = low;
        if rest.peek() == Some(&'-') {
            rest.next();
            match rest.next()? {
                ']' => {
                    ranges.extend([(low, low), ('-', '-')]);
                    break;
                }
                '\\' => high = rest.next()?,
                c => high = c,
            }
        }
        ranges.push((low, high));
    }
    Some(Piece::Class { is_negated, ranges })
}

fn matches_one(piece: &Piece, c: char) -> bool {
    match piece {
        Piece::Char(wanted) => *wanted == c,
        Piece::Any => c != '/',
        Piece::Class { is_negated, ranges } => {
            c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *is_negated
        }
        Piece::Star | Piece::Everything => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_of_files_stop_at_slashes() {
        for (pattern, name, wanted) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("d/*", "d/a", true),
            ("d/*", "d/a/b", false),
            ("**/a", "a", true),
            ("**/a", "x/y/a", true),
            ("**/a", "xa", false),
            ("a/**", "a/b/c", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/d/c", true),
            ("h?llo", "hello", true),
            ("h?llo", "h/llo", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("", "", true),
            ("ä*", "äö", true),
        ] {
            assert_eq!(Pattern::of_files(pattern).unwrap().matches(name), wanted, "{pattern} {name}");
        }
        for bad in ["[", "[a", "[a-", "\\"] {
            assert!(Pattern::of_files(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_that_matches_holds_what_is_in_it() {
        let pattern = Pattern::of_files("node_modules").unwrap();
        assert!(pattern.matches_or_holds(Path::new("node_modules/a/b")));
        assert!(!pattern.matches_or_holds(Path::new("x/node_modules")));
    }

    proptest! {
        #[test]
        fn a_name_without_special_characters_matches_itself_alone(name in "[a-z/.]{1,20}", other in "[a-z/.]{1,20}") {
            let pattern = Pattern::of_files(&name).unwrap();
            prop_assert!(pattern.is_literal());
            prop_assert!(pattern.matches(&name));
            prop_assert_eq!(pattern.matches(&other), name == other);
        }

        #[test]
        fn no_pattern_takes_long(pattern in "[*?a\\[\\]/-]{0,60}", name in "[a/]{0,200}") {
            if let Ok(pattern) = Pattern::of_files(&pattern) {
                let _ = pattern.matches(&name);
            }
        }

        #[test]
        fn everything_matches_everything(name in ".{0,40}") {
            prop_assert!(Pattern::of_files("**").unwrap().matches(&name));
        }
    }
}
