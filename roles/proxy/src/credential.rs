//! What a caller presents, in the order in which it counts (`spec/toolbox.md` 1.1, "Credential order").

use axum::extract::Request;
use http::{HeaderMap, HeaderValue, header};
use paddock_wire_control::internal::{Credential, SignedFile};

use crate::route::{QUERY_KEY, Target, decode};

/// The header that carries a sandbox's token.
pub(crate) const TOKEN_HEADER: &str = "x-daytona-preview-token";
/// Before the sandbox's id in the name of the cookie.
const COOKIE_PREFIX: &str = "daytona-sandbox-auth-";
/// How long the cookie is good, in seconds (`spec/control-plane.md` G.5).
const COOKIE_LIFE: u32 = 3600;

/// Where a credential was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Authorization,
    Header,
    Query,
    Cookie,
    /// The address is signed.
    Signature,
    /// Nothing was presented, and nothing is needed.
    Nothing,
}

/// Everything that was presented.
#[derive(Debug)]
pub(crate) struct Presented(Vec<(Carrier, Credential)>);

impl Presented {
    pub(crate) fn of(request: &Request, sandbox: &str) -> Self {
        let headers = request.headers();
        let mut found = Vec::new();
        if let Some(key) = bearer(headers) {
            found.push((Carrier::Authorization, Credential::Bearer(key.to_owned())));
        }
        let mut token = |carrier, text: Option<String>| {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                found.push((carrier, Credential::PreviewToken(text)));
            }
        };
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        token(Carrier::Header, headers.get(TOKEN_HEADER).and_then(text));
        token(Carrier::Query, query_key(request.uri().query().unwrap_or_default()));
        token(Carrier::Cookie, cookie(headers, &format!("{COOKIE_PREFIX}{sandbox}")));
        Self(found)
    }

    /// A signed address: nothing else counts.
    pub(crate) fn signed(file: SignedFile) -> Self {
        Self(vec![(Carrier::Signature, Credential::SignedFile(file))])
    }

    /// The same without a cookie that comes with a page of another host: the pages of all sandboxes are of one *site*, so
    /// that browsers send the cookie of one along with what another's page asks.
    pub(crate) fn without_foreign_cookie(mut self, request: &Request) -> Self {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let is_foreign = text(header::ORIGIN).is_some_and(|origin| {
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            !text(header::HOST).is_some_and(|own| own.eq_ignore_ascii_case(host))
        });
        if is_foreign {
            self.0.retain(|(carrier, _)| *carrier != Carrier::Cookie);
        }
        self
    }

    /// What was presented, or nothing where that may be enough.
    pub(crate) fn or_nothing(mut self) -> Self {
        self.0.push((Carrier::Nothing, Credential::None));
        self
    }

    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Carrier, &Credential)> {
        self.0.iter().map(|(carrier, credential)| (*carrier, credential))
    }

    /// The cookie to set when the token in the query was what let the caller in.
    /// It counts for the address that it was given for and what lies below: addresses without host names of their own
    /// share one origin.
    pub(crate) fn cookie_after(&self, by: Carrier, target: &Target) -> Option<HeaderValue> {
        let (_, credential) = self.in_order().find(|(carrier, _)| *carrier == by && by == Carrier::Query)?;
        let Credential::PreviewToken(token) = credential else { return None };
        let text = format!(
            "{COOKIE_PREFIX}{}={token}; Max-Age={COOKIE_LIFE}; Path={}/; HttpOnly; SameSite=Lax",
            target.sandbox, target.prefix
        );
        HeaderValue::from_str(&text).ok()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn query_key(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix(QUERY_KEY)?.strip_prefix('=')).map(decode)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// Takes the cookies that carry tokens out, those of other sandboxes too: a browser sends them all, and what runs
/// in one sandbox is to learn no way into another.
pub(crate) fn remove_cookies(headers: &mut HeaderMap) {
    let header::Entry::Occupied(cookies) = headers.entry(header::COOKIE) else { return };
    let (_, values) = cookies.remove_entry_mult();
    let kept: Vec<HeaderValue> = values.filter_map(|value| without_ours(&value)).collect();
    for value in kept {
        headers.append(header::COOKIE, value);
    }
}

/// The cookies of one header that are not ours, byte for byte.
fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let is_ours = |pair: &&[u8]| pair.trim_ascii().starts_with(COOKIE_PREFIX.as_bytes());
    let pairs: Vec<&[u8]> = value.as_bytes().split(|&byte| byte == b';').collect();
    if !pairs.iter().any(is_ours) {
        return Some(value.clone());
    }
    let kept: Vec<&[u8]> = pairs.into_iter().filter(|pair| !is_ours(pair)).map(<[u8]>::trim_ascii).collect();
    if kept.is_empty() { None } else { HeaderValue::from_bytes(&kept.join(b"; ".as_slice())).ok() }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn credentials_are_tried_in_the_order_of_the_specification() {
        let request = Request::builder()
            .uri("/toolbox/abc/x?DAYTONA_SANDBOX_AUTH_KEY=in%2Dquery")
            .header("cookie", "a=b; daytona-sandbox-auth-abc=in-cookie")
            .header("x-daytona-preview-token", "in-header")
            .header("authorization", "bearer key")
            .body(Body::empty())
            .unwrap();
        let presented = Presented::of(&request, "abc");
        let found: Vec<_> = presented.in_order().map(|(_, credential)| credential.clone()).collect();
        let token = |text: &str| Credential::PreviewToken(text.to_owned());
        assert_eq!(
            found,
            [Credential::Bearer("key".to_owned()), token("in-header"), token("in-query"), token("in-cookie")]
        );
        let target = Target {
            sandbox: "abc".to_owned(),
            service: crate::route::Service::Toolbox,
            path_and_query: "/".to_owned(),
            prefix: "/preview/abc/22222".to_owned(),
        };
        assert!(presented.cookie_after(Carrier::Header, &target).is_none());
        let cookie = presented.cookie_after(Carrier::Query, &target).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.starts_with("daytona-sandbox-auth-abc=in-query; Max-Age=3600; Path=/preview/abc/22222/;")
        );
    }

    #[test]
    fn a_page_of_another_host_does_not_come_in_with_our_cookie() {
        let carriers = |origin: &str| {
            let request = Request::builder()
                .uri("/x")
                .header("host", "22222-abc.h:4000")
                .header("origin", origin)
                .header("cookie", "daytona-sandbox-auth-abc=t")
                .header("x-daytona-preview-token", "t")
                .body(Body::empty())
                .unwrap();
            let presented = Presented::of(&request, "abc").without_foreign_cookie(&request);
            presented.in_order().map(|(carrier, _)| carrier).collect::<Vec<_>>()
        };
        assert_eq!(carriers("http://22222-abc.h:4000"), [Carrier::Header, Carrier::Cookie]);
        for foreign in ["http://3000-evil.h:4000", "null", "http://22222-abc.h", ""] {
            assert_eq!(carriers(foreign), [Carrier::Header], "{foreign}");
        }
    }

    #[test]
    fn another_sandboxs_cookie_is_nothing() {
        let request = Request::builder()
            .uri("/toolbox/abc/x")
            .header("cookie", "daytona-sandbox-auth-abcd=t")
            .header("authorization", "Basic eDp5")
            .body(Body::empty())
            .unwrap();
        assert_eq!(Presented::of(&request, "abc").in_order().count(), 0);
    }

    #[test]
    fn no_sandboxs_token_goes_on_in_a_cookie() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=b; daytona-sandbox-auth-abc=t;c=d"));
        headers.append("cookie", HeaderValue::from_static("daytona-sandbox-auth-other=t"));
        headers.append("cookie", HeaderValue::from_static("e=f;g"));
        remove_cookies(&mut headers);
        let left: Vec<&str> = headers.get_all("cookie").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(left, ["a=b; c=d", "e=f;g"]);
    }
}
