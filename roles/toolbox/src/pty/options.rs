//! What a request says about a terminal that is to be made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use paddock_wire_toolbox::PtyCreateRequest;

use super::terminal::Size;
use crate::environment::is_valid_name;
use crate::http::websocket::Offered;
use crate::http::{ApiError, Query};
use crate::toolbox::Shared;

/// The largest size in either direction.
const LARGEST: i64 = 1000;

const DEFAULT: Size = Size { cols: 80, rows: 24 };

const DEFAULT_TERM: (&str, &str) = ("TERM", "xterm-256color");

/// Padding is not sent, and not minded.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A terminal that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) id: String,
    pub(super) directory: PathBuf,
    /// With `TERM`.
    pub(super) envs: BTreeMap<String, String>,
    pub(super) size: Size,
    pub(super) is_lazy: bool,
}

impl Options {
    /// Of a request's body.
    pub(super) fn of_request(request: PtyCreateRequest, shared: &Shared) -> Result<Self, ApiError> {
        let PtyCreateRequest { id, cwd, envs, cols, rows, lazy_start } = request;
        let size = Size { cols: or(cols, DEFAULT.cols, "cols")?, rows: or(rows, DEFAULT.rows, "rows")? };
        let is_lazy = lazy_start.unwrap_or(false);
        Self::new(id.as_deref(), cwd.as_deref(), envs.unwrap_or_default(), size, shared)
            .map(|options| Self { is_lazy, ..options })
    }

    /// Of a query and what was offered beside it, where the environment is.
    pub(super) fn of_query(query: &Query, offered: &Offered, shared: &Shared) -> Result<Self, ApiError> {
        // A size that is no number means none.
        let number = |name: &str| query.optional(name).and_then(|text| text.parse().ok());
        let size = Size {
            cols: or(number("cols"), DEFAULT.cols, "cols")?,
            rows: or(number("rows"), DEFAULT.rows, "rows")?,
        };
        let envs = match offered.pty_envs() {
            Some(encoded) => decode(encoded)?,
            None => BTreeMap::new(),
        };
        Self::new(query.optional("id"), query.optional("cwd"), envs, size, shared)
    }

    fn new(
        id: Option<&str>,
        cwd: Option<&str>,
        mut envs: BTreeMap<String, String>,
        size: Size,
        shared: &Shared,
    ) -> Result<Self, ApiError> {
        let id = id.filter(|id| !id.is_empty()).ok_or_else(|| ApiError::bad_request("id is required"))?;
        let cwd = cwd.filter(|cwd| !cwd.is_empty());
        if cwd.is_some_and(|cwd| cwd.contains('\0')) {
            return Err(ApiError::bad_request("a NUL byte in the directory"));
        }
        for (name, value) in &envs {
            if !is_valid_name(name) {
                return Err(ApiError::bad_request(format!("invalid environment variable name: {name:?}")));
            }
            if value.contains('\0') {
                return Err(ApiError::bad_request(format!("a NUL byte in the variable {name}")));
            }
        }
        let (term, default) = DEFAULT_TERM;
        envs.entry(term.to_owned()).or_insert_with(|| default.to_owned());
        let directory = cwd.map_or_else(|| shared.work_dir.clone(), |cwd| shared.resolve(cwd));
        Ok(Self { id: id.to_owned(), directory, envs, size, is_lazy: false })
    }
}

/// A size that a request asks for: 1 to 1000 in both directions.
pub(super) fn size(cols: i64, rows: i64) -> Result<Size, ApiError> {
    Ok(Size { cols: in_range(cols, "cols")?, rows: in_range(rows, "rows")? })
}

fn or(wanted: Option<i64>, default: u16, name: &str) -> Result<u16, ApiError> {
    wanted.filter(|&wanted| wanted != 0).map_or(Ok(default), |wanted| in_range(wanted, name))
}

fn in_range(wanted: i64, name: &str) -> Result<u16, ApiError> {
    u16::try_from(wanted)
        .ok()
        .filter(|_| (1..=LARGEST).contains(&wanted))
        .ok_or_else(|| ApiError::bad_request(format!("{name} must be between 1 and {LARGEST}")))
}

/// The environment of a subprotocol. What it holds is not told in errors.
fn decode(encoded: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let undecodable = || ApiError::bad_request("the environment in the subprotocol cannot be decoded");
    let json = BASE64.decode(encoded).map_err(|_| undecodable())?;
    serde_json::from_slice(&json).map_err(|_| undecodable())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_environment_comes_through_the_subprotocol(
            envs in prop::collection::btree_map(".*", ".*", 0..5),
        ) {
            let encoded = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&envs).unwrap());
            prop_assert_eq!(decode(&encoded).unwrap(), envs);
        }

        #[test]
        fn anything_else_is_refused_and_no_panic(encoded in "[ -~]{0,60}") {
            let _ = decode(&encoded);
        }
    }

    #[test]
    fn an_environment_is_an_object_of_strings_and_errors_do_not_show_it() {
        for json in ["[]", "{\"A\":1}", "\"secret\"", "{\"A\":\"secret\""] {
            let error = decode(&URL_SAFE_NO_PAD.encode(json)).unwrap_err();
            assert!(!error.message().contains("secret"), "{error:?}");
        }
        assert!(decode("not base64!").is_err());
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        assert_eq!(or(None, 80, "cols").unwrap(), 80);
        assert_eq!(or(Some(0), 80, "cols").unwrap(), 80);
        assert_eq!(or(Some(1000), 80, "cols").unwrap(), 1000);
        for bad in [-1, 1001, i64::MAX, i64::MIN] {
            assert!(or(Some(bad), 80, "cols").is_err(), "{bad}");
        }
        assert!(size(0, 24).is_err());
        assert_eq!(size(30, 100).unwrap(), Size { cols: 30, rows: 100 });
    }
}
