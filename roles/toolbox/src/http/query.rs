//! A request's query parameters.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::ApiError;

/// Names and values of the query, decoded. Of a name that comes twice the first counts.
#[derive(Debug, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// A parameter that is there and not empty.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there and not empty; else 400.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name).ok_or_else(|| ApiError::bad_request(format!("{name} is required")))
    }

    /// A yes or no in any spelling that clients use; absent is no, anything else 400.
    pub(crate) fn is_set(&self, name: &str) -> Result<bool, ApiError> {
        match self.optional(name) {
            None | Some("false" | "False" | "FALSE" | "f" | "F" | "0") => Ok(false),
            Some("true" | "True" | "TRUE" | "t" | "T" | "1") => Ok(true),
            Some(other) => Err(ApiError::bad_request(format!("{name} must be true or false, not {other:?}"))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let query = Query::parse("path=%2Ftmp%2Fa+b%20%E2%82%AC%25&depth=&path=second");
        assert_eq!(query.required("path").unwrap(), "/tmp/a b €%");
        assert_eq!(query.optional("depth"), None);
        assert!(query.required("depth").is_err());
        assert!(query.required("none").is_err());
    }

    #[test]
    fn yes_and_no_have_many_spellings() {
        let query = Query::parse("a=true&b=True&c=1&d=t&e=false&f=False&g=0&h=f&i=yes");
        for name in ["a", "b", "c", "d"] {
            assert!(query.is_set(name).unwrap(), "{name}");
        }
        for name in ["e", "f", "g", "h", "absent"] {
            assert!(!query.is_set(name).unwrap(), "{name}");
        }
        assert!(query.is_set("i").is_err());
    }
}
