//! Reading the query of a request, as forgiving about form as clients need and as strict about values.
//!
//! Arrays come as repeated keys, with or without `[]`; numbers as `100` or `100.0`; an empty value is an
//! absent one.

use std::str::FromStr;

use paddock_types::Timestamp;

use crate::{Invalid, parse_time};

/// The most values of one array. Ours: a query is bounded, and so is the statement that it becomes.
const MOST_VALUES: usize = 200;
/// The longest value, in bytes. Ours.
const LONGEST_VALUE: usize = 16_384;

/// The query of a request, while it is being read.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    problems: Vec<String>,
}

/// Which end of a range a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The least number that belongs to it.
    Least,
    /// The greatest number that belongs to it.
    Most,
}

impl Query {
    /// Splits a query as it stands in the address. Never fails: what is no pair is ignored.
    pub fn parse(text: Option<&str>) -> Self {
        let mut problems = Vec::new();
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned() {
            if value.contains('\0') {
                problems.push(format!("{} must not contain NUL characters", printable(&name)));
            } else if value.len() > LONGEST_VALUE {
                problems.push(format!("{} is too long", printable(&name)));
            } else if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        Self { pairs, problems }
    }

    /// Notes that something is wrong.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish(self) -> Result<(), Invalid> {
        if self.problems.is_empty() { Ok(()) } else { Err(Invalid(self.problems)) }
    }

    /// A text; of several, the last.
    pub fn text(&self, name: &str) -> Option<String> {
        self.pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    }

    /// A name to look for: not longer than any name is.
    pub fn name(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() > 255 {
            self.problems.push(format!("{name} must have at most 255 characters"));
            return None;
        }
        Some(text)
    }

    /// All values of an array, without repetitions, in order.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for (found, value) in &self.pairs {
            let is_it = found == name || found.strip_suffix("[]") == Some(name);
            if is_it && !values.contains(value) {
                if values.len() == MOST_VALUES {
                    self.problems.push(format!("{name} must have at most {MOST_VALUES} values"));
                    return Vec::new();
                }
                values.push(value.clone());
            }
        }
        values
    }

    /// All values of an array of an enum.
    pub fn spelled<T: FromStr>(&mut self, name: &str, all: &[&str]) -> Vec<T> {
        let texts = self.texts(name);
        let parsed: Option<Vec<T>> = texts.iter().map(|text| text.parse().ok()).collect();
        parsed.unwrap_or_else(|| {
            self.problems.push(format!("each value in {name} must be one of: {}", all.join(", ")));
            Vec::new()
        })
    }

    /// A truth value.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.problems.push(format!("{name} must be true or false"));
                None
            }
        }
    }

    /// A whole number of at least `least` and at most `most`.
    pub fn integer(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let text = self.text(name)?;
        let whole = text.strip_suffix(".0").unwrap_or(&text).parse().ok();
        let found = whole.filter(|number| (least..=most).contains(number));
        if found.is_none() {
            let range = if most == i64::MAX {
                format!("at least {least}")
            } else {
                format!("between {least} and {most}")
            };
            self.problems.push(format!("{name} must be an integer number, {range}"));
        }
        found
    }

    /// The end of a range of whole numbers, at least `least`; it may have a fraction, and is rounded into the range.
    pub fn bound(&mut self, name: &str, least: i64, side: Side) -> Option<i64> {
        let text = self.text(name)?;
        let found = read_bound(&text, side).filter(|number| *number >= least);
        if found.is_none() {
            self.problems.push(format!("{name} must be a number, at least {least}"));
        }
        found
    }

    /// A time.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let time = parse_time(&text);
        if time.is_none() {
            self.problems.push(format!("{name} must be a valid ISO 8601 date"));
        }
        time
    }

    /// One of the spellings in `all`.
    pub fn one_of<T: Copy>(&mut self, name: &str, all: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = all.iter().find(|(spelling, _)| *spelling == text).map(|(_, value)| *value);
        if found.is_none() {
            let spellings: Vec<&str> = all.iter().map(|(spelling, _)| *spelling).collect();
            self.problems.push(format!("{name} must be one of: {}", spellings.join(", ")));
        }
        found
    }
}

/// Digits, perhaps with a fraction; `None` for what is no such number or too long for one.
fn read_bound(text: &str, side: Side) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    match side {
        Side::Least if fraction.bytes().any(|digit| digit != b'0') => whole.checked_add(1),
        Side::Least | Side::Most => Some(whole),
    }
}

/// A caller's own text, fit for a message.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_in_every_known_form() {
        let mut query = Query::parse(Some("states=a&states=b&states[]=c&states%5B%5D=d&states=a"));
        assert_eq!(query.texts("states"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn numbers_may_have_a_zero_fraction_and_must_be_in_range() {
        let mut query = Query::parse(Some("a=100&b=100.0&c=201&d=x&e=1e2&f=&g=0"));
        let mut read = |name| query.integer(name, 1, 200);
        assert_eq!((read("a"), read("b")), (Some(100), Some(100)));
        assert_eq!(
            (read("c"), read("d"), read("e"), read("f"), read("g"), read("h")),
            (None, None, None, None, None, None)
        );
        assert_eq!(query.finish().unwrap_err().0.len(), 4, "absent values are not wrong");
    }

    #[test]
    fn the_ends_of_a_range_are_rounded_into_it() {
        let mut query =
            Query::parse(Some("a=2&b=2.0&c=2.25&d=0.5&e=-1&f=x&g=1e3&h=.5&i=99999999999999999999&j=5."));
        let mut read = |name, side| query.bound(name, 1, side);
        assert_eq!(
            [read("a", Side::Least), read("b", Side::Least), read("c", Side::Least)],
            [Some(2), Some(2), Some(3)]
        );
        assert_eq!([read("a", Side::Most), read("b", Side::Most), read("c", Side::Most)], [Some(2); 3]);
        assert_eq!((read("d", Side::Least), read("d", Side::Most)), (Some(1), None));
        for wrong in ["e", "f", "g", "h", "i", "j"] {
            assert_eq!(read(wrong, Side::Least), None, "{wrong}");
        }
        assert_eq!(read("absent", Side::Least), None);
        assert_eq!(query.finish().unwrap_err().0.len(), 7);
    }

    #[test]
    fn hostile_queries_are_answered_not_obeyed() {
        let many: String = (0..300).map(|n| format!("x={n}&")).collect();
        let mut query = Query::parse(Some(&many));
        assert_eq!(query.texts("x"), Vec::<String>::new());
        assert!(query.finish().is_err());
        assert!(Query::parse(Some("a=%00")).finish().is_err());
        assert!(Query::parse(Some(&format!("a={}", "x".repeat(20_000)))).finish().is_err());
        assert!(Query::parse(Some("%ff=%fe&&&=&=x")).finish().is_ok());
    }
}
