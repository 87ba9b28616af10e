//! Reading the JSON object of a request.
//!
//! A derived deserializer stops at the first wrong field and says where in the text it was. Users are
//! better served by all of them at once, by name: so each field is asked for in turn and what is
//! wrong is collected. `null` is an absent field everywhere, and so is an empty text where a name is
//! wanted; fields that nobody asks for are ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// Everything that is wrong with a request. Shown joined with commas: clients want one string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub Vec<String>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Invalid {}

/// The JSON object of a request, while it is being read.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    problems: Vec<String>,
}

impl Fields {
    /// Parses a body. An empty one is an empty object, and so is `null`.
    ///
    /// # Errors
    /// When it is not JSON, or not an object.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { object: Map::new(), problems: Vec::new() });
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self { object, problems: Vec::new() }),
            Ok(Value::Null) => Ok(Self { object: Map::new(), problems: Vec::new() }),
            Ok(_) => Err(Invalid(vec!["the body must be a JSON object".to_owned()])),
            Err(error) => Err(Invalid(vec![format!("the body is not valid JSON: {error}")])),
        }
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

    /// Whether the field is there with any value but `null`.
    pub fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// The field as it is, unless absent.
    pub fn raw(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    /// A text; the empty one is absent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.raw(name)? {
            Value::String(text) => self.checked(name, text).filter(|text| !text.is_empty()),
            _ => self.refuse(name, "a string"),
        }
    }

    /// A truth value; absent is false.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.raw(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => self.refuse(name, "a boolean").unwrap_or(false),
        }
    }

    /// A whole number, also when written with a zero fraction.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let value = self.raw(name)?;
        match &value {
            Value::Number(number) => match whole(number) {
                Some(whole) => Some(whole),
                None => self.refuse(name, "an integer number"),
            },
            _ => self.refuse(name, "an integer number"),
        }
    }

    /// An object whose values are texts; absent is empty.
    pub fn map(&mut self, name: &str) -> BTreeMap<String, String> {
        let object = match self.raw(name) {
            None => return BTreeMap::new(),
            Some(Value::Object(object)) => object,
            Some(_) => return self.refuse(name, "an object of strings").unwrap_or_default(),
        };
        let mut map = BTreeMap::new();
        for (key, value) in object {
            let Value::String(value) = value else {
                return self.refuse(&format!("{name}.{key}"), "a string").unwrap_or_default();
            };
            if let (Some(key), Some(value)) = (self.checked(name, key), self.checked(name, value)) {
                map.insert(key, value);
            }
        }
        map
    }

    /// An array of texts; absent is `None`.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let Value::Array(items) = self.raw(name)? else { return self.refuse(name, "an array of strings") };
        let texts: Option<Vec<String>> =
            items.into_iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect();
        match texts {
            Some(texts) => texts.into_iter().map(|text| self.checked(name, text)).collect(),
            None => self.refuse(name, "an array of strings"),
        }
    }

    /// Refuses NUL: neither a process nor a database can hold it in a text.
    fn checked(&mut self, name: &str, text: String) -> Option<String> {
        if text.contains('\0') {
            self.problems.push(format!("{name} must not contain NUL characters"));
            return None;
        }
        Some(text)
    }

    fn refuse<T>(&mut self, name: &str, wanted: &str) -> Option<T> {
        self.problems.push(format!("{name} must be {wanted}"));
        None
    }
}

/// The number if it is whole and fits.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // Beyond 2^53 a float says nothing exact.
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut fields = fields(r#"{"a": 1, "b": "x", "c": [], "d": {"k": 2}, "e": "1", "f": 1.5}"#);
        assert_eq!(fields.text("a"), None);
        assert!(!fields.flag("b"));
        assert_eq!(fields.map("c"), BTreeMap::new());
        assert_eq!(fields.map("d"), BTreeMap::new());
        assert_eq!(fields.integer("e"), None);
        assert_eq!(fields.integer("f"), None);
        assert_eq!(
            fields.finish().unwrap_err().to_string(),
            "a must be a string, b must be a boolean, c must be an object of strings, d.k must be a string, \
             e must be an integer number, f must be an integer number"
        );
    }

    #[test]
    fn null_and_the_empty_text_are_absent_and_unknown_fields_are_ignored() {
        let mut fields = fields(r#"{"a": null, "b": "", "c": null, "d": null, "new": {"x": []}}"#);
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.text("b"), None);
        assert_eq!(fields.map("c"), BTreeMap::new());
        assert!(!fields.has("d"));
        assert!(fields.has("new"));
        fields.finish().unwrap();
    }

    #[test]
    fn a_number_may_have_a_zero_fraction() {
        let mut fields = fields(r#"{"a": 15.0, "b": -1, "c": 1e3, "d": 1e300}"#);
        assert_eq!(
            (fields.integer("a"), fields.integer("b"), fields.integer("c")),
            (Some(15), Some(-1), Some(1000))
        );
        assert_eq!(fields.integer("d"), None);
        assert!(fields.finish().is_err());
    }

    #[test]
    fn nul_is_refused_in_every_text() {
        let mut fields =
            fields(r#"{"a": "x\u0000", "b": {"k\u0000": "v"}, "c": {"k": "\u0000"}, "d": ["\u0000"]}"#);
        fields.text("a");
        fields.map("b");
        fields.map("c");
        fields.texts("d");
        assert_eq!(fields.finish().unwrap_err().0.len(), 4);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["[]", "1", "\"x\"", "{", "nul", "{\"a\":1}x", "\u{feff}{}"] {
            assert!(Fields::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Fields::parse(&[0xff, 0xfe]).is_err());
        assert!(Fields::parse(&b"[".repeat(100_000)).is_err());
        assert!(Fields::parse(b" \n").is_ok());
        assert!(Fields::parse(b"null").is_ok());
    }
}
