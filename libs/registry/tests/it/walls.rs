//! Where the client does not go, and what it tells nobody.

use paddock_registry::{Client, Credentials, Error, ImageReference, Platform, Settings};
use paddock_testkit::images::{Compression, Image, Tar};
use paddock_testkit::registry::bad::{Bad, Trick};

use crate::{Place, client, resolve, settings};

fn image() -> Image {
    Image::new().layer(Tar::default().file("data", 0o644, "content"), Compression::Gzip)
}

fn who() -> Credentials {
    Credentials { username: "someone".to_owned(), password: "hunter2".to_owned() }
}

/// `Basic someone:hunter2`, as it travels.
const AS_HEADER: &str = "Basic c29tZW9uZTpodW50ZXIy";

fn authorizations(bad: &Bad) -> Vec<String> {
    let seen = bad.seen();
    let headers = seen.iter().filter_map(|seen| seen.headers.get("authorization"));
    headers.map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nobody_is_led_to_this_host_or_its_neighbours() {
    let bad = Bad::start().await;
    bad.add(image(), "app", "1");
    let client = Client::new(settings(&[])).unwrap();
    let port = bad.host().rsplit_once(':').unwrap().1;
    for host in [
        bad.host().to_owned(),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("2130706433:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        "10.0.0.1".to_owned(),
        "192.168.0.1:5000".to_owned(),
        "169.254.169.254".to_owned(),
    ] {
        let error = resolve(&client, &format!("{host}/app:1")).await.unwrap_err();
        assert!(matches!(error, Error::Forbidden { .. }), "{host}: {error:?}");
        assert!(error.is_of_the_user());
    }
    assert!(bad.seen().is_empty());
    // Private networks may be allowed, this host's own addresses never are by that.
    let all = Settings { private: "yes".parse().unwrap(), ..settings(&[]) };
    let client = Client::new(all).unwrap();
    for host in [bad.host(), "169.254.169.254"] {
        assert!(matches!(
            resolve(&client, &format!("{host}/app:1")).await.unwrap_err(),
            Error::Forbidden { .. }
        ));
    }
}

#[tokio::test]
async fn a_redirect_goes_only_where_a_name_could_and_takes_no_credential_along() {
    let [bad, other, inside] = [Bad::start().await, Bad::start().await, Bad::start().await];
    let layer = bad.add(image(), "app", "1").remove(0);
    other.add(image(), "app", "1");
    inside.add(image(), "app", "1");
    let client = client(&[bad.host(), other.host()]);
    let reference: ImageReference = format!("{}/app:1", bad.host()).parse().unwrap();
    // The registry wants credentials, and then sends on to another server, as many do.
    bad.play("manifests/", Trick::Status(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())]), 1);
    let found = client.resolve(&reference, Some(&who()), &Platform::host()).await.unwrap();
    bad.play(&layer, Trick::Redirect(format!("http://{}", other.host())), 100);
    let place = Place::new();
    place.fetch_as(&client, &found, Some(&who())).await.unwrap();
    assert!(
        authorizations(&bad).iter().all(|header| header == AS_HEADER) && !authorizations(&bad).is_empty()
    );
    assert!(!other.seen().is_empty() && authorizations(&other).is_empty());
    // To where nobody may be led, it does not lead.
    bad.behave();
    for to in [format!("http://{}", inside.host()), "http://169.254.169.254".to_owned(), "file://".to_owned()]
    {
        bad.play("manifests/", Trick::Redirect(to.clone()), 1);
        let error = resolve(&client, &reference.to_string()).await.unwrap_err();
        assert!(matches!(error, Error::Forbidden { .. }), "{to}: {error:?}");
    }
    assert!(inside.seen().is_empty());
    bad.play("manifests/", Trick::Redirect(format!("http://{}", bad.host())), 100);
    let error = resolve(&client, &reference.to_string()).await.unwrap_err();
    assert!(error.to_string().contains("on and on"), "{error}");
}

#[tokio::test]
async fn tokens_are_asked_for_once_and_renewed_when_they_end() {
    let bad = Bad::start().await;
    bad.add(image(), "app", "1");
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"tests\"", bad.host());
    let refuse = |times| {
        bad.play("manifests/", Trick::Status(401, vec![("www-authenticate", challenge.clone())]), times)
    };
    bad.play(
        "/token",
        Trick::Text("application/json", br#"{"token":"first","expires_in":3600}"#.to_vec()),
        1,
    );
    bad.play("/token", Trick::Text("application/json", br#"{"access_token":"second"}"#.to_vec()), 1);
    let client = client(&[bad.host()]);
    let reference: ImageReference = format!("{}/app:1", bad.host()).parse().unwrap();
    let (who, host) = (who(), Platform::host());
    let ask = || client.resolve(&reference, Some(&who), &host);
    refuse(1);
    ask().await.unwrap();
    ask().await.unwrap();
    let asked = |bad: &Bad| bad.seen().iter().filter(|seen| seen.path.starts_with("/token")).count();
    assert_eq!(asked(&bad), 1);
    let token = bad.seen().into_iter().find(|seen| seen.path.starts_with("/token")).unwrap();
    assert!(
        token.path.contains("service=tests") && token.path.contains("scope=repository%3Aapp%3Apull"),
        "{}",
        token.path
    );
    assert_eq!(token.headers["authorization"], AS_HEADER);
    // It does not let in any more.
    refuse(1);
    ask().await.unwrap();
    assert_eq!(asked(&bad), 2);
    assert!(authorizations(&bad).contains(&"Bearer second".to_owned()));
    // Nothing lets in.
    for answer in ["{}", "not json"] {
        let (fresh, bad) = (crate::client(&[bad.host()]), &bad);
        bad.behave();
        refuse(100);
        bad.play("/token", Trick::Text("application/json", answer.as_bytes().to_vec()), 100);
        let error = fresh.resolve(&reference, Some(&who), &host).await.unwrap_err();
        assert!(matches!(error, Error::Strange { .. }), "{error:?}");
    }
    bad.behave();
    refuse(100);
    bad.play("/token", Trick::Text("application/json", br#"{"token":"useless"}"#.to_vec()), 100);
    let error = ask().await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"));
    bad.behave();
    refuse(100);
    bad.play("/token", Trick::Status(401, vec![]), 100);
    let error = client.resolve(&reference, None, &Platform::host()).await.unwrap_err();
    assert!(matches!(error, Error::NeedsCredentials { .. }), "{error:?}");
}

#[tokio::test]
async fn a_mirror_never_sees_the_registrys_credentials() {
    let [mirror, registry] = [Bad::start().await, Bad::start().await];
    registry.add(image(), "app", "1");
    for bad in [&mirror, &registry] {
        bad.play(
            "manifests/",
            Trick::Status(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())]),
            1,
        );
    }
    let of = format!("{}=http://{}/cache", registry.host(), mirror.host());
    let settings = Settings { mirrors: vec![of.parse().unwrap()], ..settings(&[registry.host()]) };
    let client = Client::new(settings).unwrap();
    let reference: ImageReference = format!("{}/app:1", registry.host()).parse().unwrap();
    client.resolve(&reference, Some(&who()), &Platform::host()).await.unwrap();
    assert_eq!(mirror.seen()[0].path, "/v2/cache/app/manifests/1");
    assert!(authorizations(&mirror).is_empty() && !authorizations(&registry).is_empty());
}
