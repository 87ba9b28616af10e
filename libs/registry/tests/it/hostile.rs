//! A registry, or an image, that wants something.

use paddock_registry::{Client, Error, Limits, Settings};
use paddock_testkit::images::{Compression, Image, Tar, sum};
use paddock_testkit::registry::bad::{Bad, Trick};
use serde_json::{Value, json};

use crate::{Place, client, resolve, settings};

fn image() -> Image {
    Image::new().layer(Tar::default().file("data", 0o644, "content"), Compression::Gzip)
}

/// The image's manifest, changed, as `app:changed`.
async fn changed(change: impl FnOnce(&mut Value)) -> (Bad, Client, String) {
    let bad = Bad::start().await;
    bad.add(image(), "app", "1");
    let mut manifest: Value = serde_json::from_slice(&bad.get("app/manifests/1").unwrap()).unwrap();
    change(&mut manifest);
    let kind =
        manifest["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json").to_owned();
    bad.put("app/manifests/changed", &kind, manifest.to_string().into_bytes());
    let client = client(&[bad.host()]);
    let name = format!("{}/app:changed", bad.host());
    (bad, client, name)
}

async fn unsupported(why: &str, change: impl FnOnce(&mut Value)) {
    let (_bad, client, name) = changed(change).await;
    let error = resolve(&client, &name).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains(why), "{why}: {error}");
}

#[tokio::test]
async fn what_is_no_image_is_told_why() {
    unsupported("of the first schema", |manifest| {
        *manifest = json!({"schemaVersion": 1, "fsLayers": [], "history": []})
    })
    .await;
    unsupported("kind that is not known", |manifest| manifest["mediaType"] = json!("application/x")).await;
    unsupported("no image of a file system", |manifest| {
        manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    })
    .await;
    let layer =
        |kind: &'static str| move |manifest: &mut Value| manifest["layers"][0]["mediaType"] = json!(kind);
    unsupported("is encrypted", layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")).await;
    unsupported("must not be had", layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")).await;
    unsupported("a layer of it is of a kind", layer("text/html")).await;
    unsupported("a digest in it is none", |manifest| manifest["layers"][0]["digest"] = json!("sha512:00"))
        .await;
    unsupported("a digest in it is none", |manifest| manifest["config"]["digest"] = json!("../../../x"))
        .await;
    unsupported("different layers", |manifest| manifest["layers"] = json!([])).await;
    // One document that is both, for those who look at another part of it.
    unsupported("kind that is not known", |manifest| manifest["manifests"] = json!([])).await;
}

#[tokio::test]
async fn sizes_are_bounded_before_anything_is_read() {
    let (bad, client, name) = changed(|manifest| manifest["layers"][0]["size"] = json!(30u64 << 30)).await;
    let error = resolve(&client, &name).await.unwrap_err();
    assert!(error.to_string().contains("at most 21474836480"), "{error}");
    assert!(
        !bad.seen().iter().any(|seen| seen.path.contains("blobs/") && seen.headers.contains_key("range"))
    );
    let (_bad, client, name) = changed(|manifest| manifest["config"]["size"] = json!(1u64 << 40)).await;
    assert!(matches!(resolve(&client, &name).await.unwrap_err(), Error::TooLarge { .. }));
    let (_bad, client, name) = changed(|manifest| manifest["layers"][0]["size"] = json!(-1)).await;
    assert!(matches!(resolve(&client, &name).await.unwrap_err(), Error::Strange { .. }));
    // A manifest that is told to be long, and one that is long without saying so.
    let bad = Bad::start().await;
    let client = crate::client(&[bad.host()]);
    let name = format!("{}/app:1", bad.host());
    bad.put("app/manifests/1", "application/vnd.oci.image.manifest.v1+json", vec![b' '; 5 << 20]);
    assert!(matches!(resolve(&client, &name).await.unwrap_err(), Error::TooLarge { .. }));
    bad.play("manifests/", Trick::Endless, 1);
    assert!(matches!(resolve(&client, &name).await.unwrap_err(), Error::TooLarge { .. }));
    let (bad, _, name) = changed(|_| ()).await;
    let limits = Limits { layers: 0, ..Limits::default() };
    let client = Client::new(Settings { limits, ..settings(&[bad.host()]) }).unwrap();
    assert!(resolve(&client, &name).await.unwrap_err().to_string().contains("the number of its layers is 1"));
}

#[tokio::test]
async fn a_list_that_leads_on_and_on_ends() {
    let bad = Bad::start().await;
    let kind = "application/vnd.oci.image.index.v1+json";
    let mut inner = json!({"schemaVersion": 2, "mediaType": kind, "manifests": []}).to_string().into_bytes();
    for _ in 0..10 {
        let digest = sum(&inner);
        bad.put(&format!("app/manifests/sha256:{digest}"), kind, inner.clone());
        let entry = json!({"mediaType": kind, "digest": format!("sha256:{digest}"), "size": inner.len()});
        inner = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}).to_string().into_bytes();
    }
    bad.put("app/manifests/1", kind, inner);
    let client = client(&[bad.host()]);
    let error = resolve(&client, &format!("{}/app:1", bad.host())).await.unwrap_err();
    assert!(error.to_string().contains("on and on"), "{error}");
    assert!(bad.seen().len() < 6);
}

#[tokio::test]
async fn what_a_digest_names_is_what_has_it() {
    let bad = Bad::start().await;
    bad.add(image(), "app", "1");
    let client = client(&[bad.host()]);
    let name = format!("{}/app:1", bad.host());
    let found = resolve(&client, &name).await.unwrap();
    bad.play("manifests/sha256", Trick::Lie, 100);
    let error = resolve(&client, &found.reference.to_string()).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    bad.behave();
    bad.play("blobs/", Trick::Lie, 100);
    assert!(matches!(resolve(&client, &name).await.unwrap_err(), Error::WrongDigest { .. }));
    bad.behave();
    for garbage in [&b"{"[..], b"[]", b"null", b"{}", b"\xff\xfe", b"{\"schemaVersion\":2,\"manifests\":7}"] {
        bad.play("manifests/", Trick::Text("application/json", garbage.to_vec()), 1);
        let error = resolve(&client, &name).await.unwrap_err();
        assert!(matches!(error, Error::Strange { .. } | Error::Unsupported { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn knowing_the_digest_of_somebodys_layer_does_not_bring_it() {
    // Somebody's private layer is in the store.
    let theirs = Bad::start().await;
    let secret: Vec<u8> = (0..200_000u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 11) as u8).collect();
    let private = Image::new().layer(Tar::default().file("secret", 0o600, secret), Compression::None);
    theirs.add(private, "private", "1");
    let mine = Bad::start().await;
    let client = client(&[theirs.host(), mine.host()]);
    let place = Place::new();
    let found = resolve(&client, &format!("{}/private:1", theirs.host())).await.unwrap();
    place.fetch(&client, &found).await.unwrap();
    // A manifest that names it, in a registry that does not have it, or says that it does.
    let digest = found.layers[0].digest.as_str();
    for path in ["manifests/1", &format!("blobs/sha256:{}", found.config_digest)] {
        let content = theirs.get(&format!("private/{path}")).unwrap().to_vec();
        mine.put(&format!("stolen/{path}"), "application/vnd.oci.image.manifest.v1+json", content);
    }
    let stolen = resolve(&client, &format!("{}/stolen:1", mine.host())).await.unwrap();
    assert_eq!(stolen.layers, found.layers);
    assert!(matches!(place.fetch(&client, &stolen).await.unwrap_err(), Error::NotFound { .. }));
    let size = usize::try_from(found.layers[0].size_bytes).unwrap();
    mine.put(&format!("stolen/blobs/sha256:{digest}"), "application/octet-stream", vec![7; size]);
    assert!(matches!(place.fetch(&client, &stolen).await.unwrap_err(), Error::WrongDigest { .. }));
    mine.play(digest, Trick::NoRanges, 100);
    assert!(matches!(place.fetch(&client, &stolen).await.unwrap_err(), Error::WrongDigest { .. }));
    mine.behave();
    // Whoever has it, gets it; without ranges too.
    place.fetch(&client, &found).await.unwrap();
    theirs.play(digest, Trick::NoRanges, 100);
    place.fetch(&client, &found).await.unwrap();
    assert_eq!(place.keys().len(), 1);
}
