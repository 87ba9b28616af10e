//! Shell globs for one name: `*`, `?`, `[a-z]`, `[^a]` and `\` before a character that is meant itself.
//!
//! As Go's `path/filepath.Match`, which the reference uses: `**` is nothing special, a name that begins with a dot
//! is like any other, and a malformed pattern matches nothing at all, whatever the name.

/// A pattern that is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Any characters, or none.
    Star,
    /// One character.
    Any,
    /// One character in one of these ranges, or in none of them.
    Class { ranges: Vec<(char, char)>, negated: bool },
    /// This character.
    Literal(char),
}

impl Glob {
    /// `None` if it is malformed: a `[` without its end, an empty or unordered range, or a `\` at the end.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let mut characters = pattern.chars();
        let mut parts = Vec::new();
        while let Some(character) = characters.next() {
            let part = match character {
                '*' if parts.last() == Some(&Part::Star) => continue,
                '*' => Part::Star,
                '?' => Part::Any,
                '[' => class(&mut characters)?,
                '\\' => Part::Literal(characters.next()?),
                character => Part::Literal(character),
            };
            parts.push(part);
        }
        Some(Self(parts))
    }

    /// Whether the whole of `name` matches. Takes at most the product of both lengths.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut part, mut at) = (0, 0);
        // Where to go on when what follows the last star does not fit: the star takes one character more. An earlier
        // star never needs to take more, since the last one can.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let fits = match (self.0.get(part), name.get(at)) {
                (None, None) => return true,
                (Some(Part::Star), _) => {
                    retry = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                (Some(wanted), Some(&character)) => wanted.accepts(character),
                _ => false,
            };
            if fits {
                (part, at) = (part + 1, at + 1);
                continue;
            }
            match retry {
                Some((after_star, taken)) if taken < name.len() => {
                    retry = Some((after_star, taken + 1));
                    (part, at) = (after_star, taken + 1);
                }
                _ => return false,
            }
        }
    }
}

impl Part {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Class { ranges, negated } => {
                ranges.iter().any(|&(low, high)| low <= character && character <= high) != *negated
            }
            Self::Literal(wanted) => *wanted == character,
        }
    }
}

/// What follows a `[`, its `]` included.
fn class(characters: &mut std::str::Chars<'_>) -> Option<Part> {
    let negated = characters.as_str().starts_with('^');
    if negated {
        characters.next();
    }
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && characters.as_str().starts_with(']') {
            characters.next();
            return Some(Part::Class { ranges, negated });
        }
        let low = class_member(characters)?;
        let mut high = low;
        if characters.as_str().starts_with('-') {
            characters.next();
            high = class_member(characters)?;
        }
        // Go takes an unordered range for one that holds nothing.
        ranges.push((low, high));
    }
}

fn class_member(characters: &mut std::str::Chars<'_>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        character => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> Option<bool> {
        Glob::parse(pattern).map(|glob| glob.matches(name))
    }

    /// The table of Go's own documentation of `Match`, as far as it concerns one name.
    #[test]
    fn the_usual_patterns_mean_the_usual() {
        for (pattern, name, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "a", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("ab[^e-g]", "abc", Some(true)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a?b", "a☺b", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a???b", "a☺b", Some(false)),
            ("[a-ζ]*", "α", Some(true)),
            ("*[a-ζ]", "A", Some(false)),
            ("[\\]a]", "]", Some(true)),
            ("[\\-]", "-", Some(true)),
            ("[x\\-]", "-", Some(true)),
            ("*.txt", ".txt", Some(true)),
            ("**", "anything", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[-x]", "x", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^", "a", None),
            ("[^bc", "a", None),
            ("a[", "ab", None),
            ("\\", "a", None),
            ("", "", Some(true)),
            ("", "a", Some(false)),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "*a".repeat(200) + "b";
        assert_eq!(matches(&pattern, &"a".repeat(255)), Some(false));
    }

    /// The definition itself, as slow as it may be.
    fn by_definition(parts: &[Part], name: &[char]) -> bool {
        match parts.split_first() {
            None => name.is_empty(),
            Some((Part::Star, rest)) => (0..=name.len()).any(|taken| by_definition(rest, &name[taken..])),
            Some((part, rest)) => name
                .split_first()
                .is_some_and(|(&first, left)| part.accepts(first) && by_definition(rest, left)),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(pattern in "[ab*?\\[\\]^\\\\-]{0,8}", name in "[ab\\]*-]{0,8}") {
            if let Some(glob) = Glob::parse(&pattern) {
                let characters: Vec<char> = name.chars().collect();
                prop_assert_eq!(glob.matches(&name), by_definition(&glob.0, &characters), "{} {}", pattern, name);
            }
        }

        #[test]
        fn every_name_matches_itself_when_it_is_escaped(name in "\\PC{0,12}") {
            let escaped: String = name.chars().flat_map(|character| ['\\', character]).collect();
            prop_assert_eq!(matches(&escaped, &name), Some(true));
        }

        #[test]
        fn no_pattern_is_too_odd(pattern in "\\PC{0,40}", name in "\\PC{0,40}") {
            let _ = matches(&pattern, &name);
        }
    }
}
