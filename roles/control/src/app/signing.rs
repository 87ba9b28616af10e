//! Signed addresses of files: whoever holds one may read or write one file until it expires, without any
//! other credential (`spec/toolbox.md` 1.2).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use paddock_store::sandbox::Authorized;
use paddock_types::{SandboxId, SandboxState, Timestamp};
use paddock_wire_control::internal::SignedFile;
use sha2::Sha256;

use super::{App, Error};
use crate::auth::extract::not_found;
use crate::auth::secret;
use crate::clock;

/// Goes before every signature; another algorithm would have another.
const PREFIX: &str = "v1_";

/// The signing key of a sandbox, made when it is first asked for.
pub(crate) async fn key_of(app: &App, id: SandboxId) -> Result<String, Error> {
    if let Some(key) = app.store.signing_key(id).await? {
        return Ok(key);
    }
    let kept = app.store.keep_signing_key(id, secret::signing_key()).await?;
    kept.ok_or_else(|| not_found(&id.to_string()))
}

/// A new key in the place of the old one.
pub(crate) async fn rotate(app: &App, id: SandboxId) -> Result<String, Error> {
    let fresh = secret::signing_key();
    let is_there = app.store.replace_signing_key(id, fresh.clone()).await?;
    if is_there { Ok(fresh) } else { Err(not_found(&id.to_string())) }
}

/// Whether the holder of a signed address may do what it says. Nothing tells a wrong signature from a sandbox
/// that is not there.
pub(crate) async fn authorize(app: &App, sandbox: &str, file: &SignedFile) -> Result<Authorized, Error> {
    let id: SandboxId = sandbox.parse().map_err(|_| Error::Unauthenticated)?;
    let key = app.store.signing_key(id).await?.ok_or(Error::Unauthenticated)?;
    if !is_in_time(&file.expires, clock::now()) || !is_right(&key, file) {
        return Err(Error::Unauthenticated);
    }
    let found = app.store.load_sandbox(id).await?.ok_or(Error::Unauthenticated)?;
    if found.status.state == SandboxState::Destroyed {
        return Err(Error::Unauthenticated);
    }
    Ok(Authorized { sandbox: found.id, organization: found.organization, state: found.status.state })
}

/// Unix seconds in decimal digits; zero never comes.
fn is_in_time(expires: &str, now: Timestamp) -> bool {
    let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
    let Some(expires) = expires.parse::<u64>().ok().filter(|_| is_number) else { return false };
    expires == 0 || u64::try_from(now.0 / 1000).is_ok_and(|now| now <= expires)
}

fn is_right(key: &str, file: &SignedFile) -> bool {
    let Some(Ok(signature)) = file.signature.strip_prefix(PREFIX).map(|text| URL_SAFE_NO_PAD.decode(text))
    else {
        return false;
    };
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return false };
    let mut text = String::new();
    let _infallible = write!(text, "v1:files:{}:{}:{}", file.operation, file.path, file.expires);
    // Takes the same time wherever the difference is.
    mac.chain_update(text).verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use paddock_wire_control::internal::FileOperation;

    use super::*;

    const KEY: &str = "testsigningkey1234567890abcdefgh";

    fn signed(operation: FileOperation, path: &str, expires: &str, signature: &str) -> SignedFile {
        SignedFile {
            operation,
            path: path.to_owned(),
            expires: expires.to_owned(),
            signature: signature.to_owned(),
        }
    }

    /// The vectors of `spec/toolbox.md` 1.2.
    #[test]
    fn signatures_are_those_of_the_sdks() {
        let (get, post) = (FileOperation::Download, FileOperation::Upload);
        let vectors = [
            (get, "/home/user/report.pdf", "1781234567", "v1_QXoy36mypac2FAv33L7jnN44GEUx8KrdwT0vuKgKiQg"),
            (get, "/home/user/report.pdf", "0", "v1_lpj67Q-1iHxBviass5MZhGs36X80uk3DgCaRjjmyPrk"),
            (post, "/tmp/incoming/data.bin", "1781234567", "v1_CziiRdFkC9asB7q1mi0-fDvvwkpTxcI7yR8N35ht9Vw"),
            (get, "/path with spaces/f.txt", "1900000000", "v1_GynMaKcifGfdmrBJHusa_ucAXowjZ_g4KP6lcMJ4WXE"),
        ];
        for (operation, path, expires, signature) in vectors {
            assert!(is_right(KEY, &signed(operation, path, expires, signature)), "{path}");
            let other = if operation == get { post } else { get };
            assert!(!is_right(KEY, &signed(other, path, expires, signature)), "{path}");
            assert!(!is_right("another key", &signed(operation, path, expires, signature)));
            assert!(!is_right(KEY, &signed(operation, "/etc/passwd", expires, signature)));
            assert!(!is_right(KEY, &signed(operation, path, "1781234568", signature)));
            for broken in [&signature[3..], &signature.replace("v1_", "v2_"), "v1_", "", "v1_%%"] {
                assert!(!is_right(KEY, &signed(operation, path, expires, broken)), "{broken}");
            }
        }
    }

    #[test]
    fn an_address_ends_with_its_second_and_zero_never_does() {
        let now = Timestamp(1_781_234_567_900);
        assert!(is_in_time("0", now));
        assert!(is_in_time("1781234567", now));
        assert!(is_in_time("99999999999", now));
        for expired in
            ["1781234566", "1", "", "-1", "+1781234567", "1e12", "1781234567.0", "99999999999999999999999"]
        {
            assert!(!is_in_time(expired, now), "{expired}");
        }
    }
}
