//! A request's JSON body.

use axum::extract::{FromRequest, Request};
use bytes::{BufMut, BytesMut};
use http_body_util::BodyExt;
use paddock_wire_toolbox::ErrorCode;
use serde::de::DeserializeOwned;

use super::{ApiError, drain};

/// The longest body that is held in memory. The specification sets no limit to a command's length;
/// this is far beyond any that a client has been seen to send.
const LIMIT_BYTES: usize = 64 << 20;

/// The body as JSON, whatever content type it claims.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let mut body = request.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| invalid(format!("the body is cut short: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > LIMIT_BYTES {
                drain(body).await;
                return Err(invalid(format!("longer than {} MiB", LIMIT_BYTES >> 20)));
            }
            bytes.put(data);
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| invalid(error.to_string()))
    }
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequestBody, message)
}
