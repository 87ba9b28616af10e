//! Debian's registry, as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use paddock_registry::{Client, Credentials, Error, Mirror, Platform, Settings};
use paddock_testkit::images::{Compression, Image, Tar, catalogue, host_architecture, sum};
use paddock_testkit::registry::{PASSWORD, Registry, USER};

use crate::{Place, client, resolve, settings};

/// Some content that does not compress away.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(bytes)
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_resolved_and_its_layers_arrive_as_they_are() {
    let registry = Registry::start();
    let layers = [Compression::Gzip, Compression::Zstd, Compression::None];
    let image = layers.iter().zip(1..).fold(Image::new(), |image, (&compression, seed)| {
        image.layer(Tar::default().file("data", 0o644, noise(3 << 20, seed)), compression)
    });
    let image = image
        .config("User", "app:staff")
        .config("Env", vec!["A=b", "PATH=/bin"])
        .config("WorkingDir", "/srv")
        .config("Entrypoint", vec!["/entry"])
        .config("Cmd", vec!["one", "two"])
        .config("Labels", serde_json::json!({"a": "b"}))
        .config("ExposedPorts", serde_json::json!({"80/tcp": {}}))
        .config("OnBuild", vec!["RUN true"]);
    registry.push(&image, "team/app:1");
    let client = client(&[registry.host()]);
    let found = resolve(&client, &format!("{}/team/app:1", registry.host())).await.unwrap();
    let config = &found.config;
    assert_eq!((config.user.as_str(), config.workdir.as_str()), ("app:staff", "/srv"));
    assert_eq!(
        (config.env.len(), config.entrypoint.as_slice(), config.cmd.len()),
        (2, &["/entry".to_owned()][..], 2)
    );
    assert_eq!((config.exposed.as_slice(), config.labels["a"].as_str()), (&["80/tcp".to_owned()][..], "b"));
    assert_eq!(config.onbuild, ["RUN true"]);
    let found_as: Vec<_> = found.layers.iter().map(|layer| layer.compression).collect();
    use paddock_registry::Compression as Found;
    assert_eq!(found_as, [Found::Gzip, Found::Zstd, Found::None]);

    let place = Place::new();
    let told = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&told);
    let progress = Arc::new(move |bytes| {
        seen.fetch_max(bytes, Ordering::Relaxed);
    });
    let objects = client.fetch_layers(&found, None, &place.store, progress).await.unwrap();
    assert_eq!(told.load(Ordering::Relaxed), found.size_bytes());
    assert_eq!((place.keys().len(), place.unfinished()), (3, 0));
    for (layer, object) in found.layers.iter().zip(&objects) {
        assert_eq!(sum(&place.content(layer)), object.digest.as_str());
        assert_eq!((object.id, object.size_bytes), (layer.id(), layer.size_bytes));
        assert!(object.id.is_of_content());
    }
    // What is named by its digest is the same, and its layers are not fetched again.
    let again = resolve(&client, &found.reference.to_string()).await.unwrap();
    assert_eq!(again.layers, found.layers);
    place.fetch(&client, &again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_list_the_one_for_this_host_is_taken() {
    let registry = Registry::start();
    let made_for = |name: &str| {
        Image::new().layer(Tar::default().file("for", 0o644, name), Compression::Gzip).config("User", name)
    };
    let other = if host_architecture() == "amd64" { "arm64" } else { "amd64" };
    registry.push_list(
        &[(made_for(other), other), (made_for(host_architecture()), host_architecture())],
        "both:1",
    );
    registry.push_list(&[(made_for(other), other)], "other:1");
    registry.push(&made_for(other).architecture(other), "alone:1");
    let client = client(&[registry.host()]);
    let found = resolve(&client, &format!("{}/both:1", registry.host())).await.unwrap();
    assert_eq!(found.config.user, host_architecture());
    for name in ["other:1", "alone:1"] {
        let error = resolve(&client, &format!("{}/{name}", registry.host())).await.unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, Error::NoPlatform { .. }) && text.contains(&format!("linux/{other}")),
            "{text}"
        );
    }
    let platform = Platform { os: "linux".to_owned(), architecture: other.to_owned() };
    let reference = format!("{}/both:1", registry.host()).parse().unwrap();
    assert_eq!(client.resolve(&reference, None, &platform).await.unwrap().config.user, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_stands_in_for_the_public_name_and_what_it_lacks_is_told() {
    let registry = Registry::start();
    registry.push(&catalogue::busybox(), "library/busybox:1.36");
    let mirror: Mirror = format!("docker.io=http://{}", registry.host()).parse().unwrap();
    let only = Settings { mirrors: vec![mirror], mirrors_only: true, ..settings(&[]) };
    let client = Client::new(only).unwrap();
    let found = resolve(&client, "busybox:1.36").await.unwrap();
    assert_eq!(found.reference.registry().as_str(), "docker.io");
    let place = Place::new();
    place.fetch(&client, &found).await.unwrap();
    assert_eq!(place.keys().len(), 1);
    let error = resolve(&client, "busybox:2").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.is_of_the_user(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_registry_lets_in_whoever_has_the_password() {
    let registry = Registry::start_private();
    registry.push(&catalogue::distroless(), "secret/app:1");
    let client = client(&[registry.host()]);
    let name = format!("{}/secret/app:1", registry.host());
    let error = resolve(&client, &name).await.unwrap_err();
    assert!(matches!(error, Error::NeedsCredentials { .. }), "{error}");
    let reference = name.parse().unwrap();
    let who = |password: &str| Credentials { username: USER.to_owned(), password: password.to_owned() };
    let wrong = client.resolve(&reference, Some(&who("guess")), &Platform::host()).await.unwrap_err();
    assert!(matches!(wrong, Error::Denied { .. }), "{wrong}");
    assert!(!wrong.to_string().contains("guess") && !format!("{wrong:?}").contains("guess"));
    let right = who(PASSWORD);
    let found = client.resolve(&reference, Some(&right), &Platform::host()).await.unwrap();
    assert_eq!(found.config.entrypoint, ["/echo"]);
    let place = Place::new();
    place.fetch_as(&client, &found, Some(&right)).await.unwrap();
    assert_eq!(place.keys().len(), 1);
    // What one has been let in for lets in nobody else.
    assert!(resolve(&client, &name).await.is_err());
    assert!(place.fetch(&client, &found).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_layers_arrive_in_their_order_and_equal_ones_once() {
    let registry = Registry::start();
    registry.push(&catalogue::layers(50), "many:1");
    let same = || Tar::default().file("same", 0o644, "same");
    let twice = Image::new()
        .layer(same(), Compression::Gzip)
        .layer(Tar::default().whiteout("same"), Compression::Gzip)
        .layer(Tar::default(), Compression::None)
        .layer(same(), Compression::Gzip);
    registry.push(&twice, "twice:1");
    let client = client(&[registry.host()]);
    let found = resolve(&client, &format!("{}/many:1", registry.host())).await.unwrap();
    assert_eq!(found.layers.len(), 50);
    let place = Place::new();
    let objects = client.fetch_layers(&found, None, &place.store, Arc::new(|_| ())).await.unwrap();
    assert!(objects.iter().zip(&found.layers).all(|(object, layer)| *object == layer.object()));
    assert_eq!(place.keys().len(), 50);
    let found = resolve(&client, &format!("{}/twice:1", registry.host())).await.unwrap();
    assert_eq!(found.layers.len(), 3, "the lower one of two equal layers is left out");
    let config = found.layers.iter().map(|layer| layer.diff_id.as_str()).collect::<Vec<_>>();
    assert_eq!(config.last().unwrap(), &sum(&same().finish()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_whole_system_tests_ask_for_is_there_under_the_public_names() {
    let registry = Registry::start();
    registry.fill();
    let mirror: Mirror = format!("docker.io=http://{}", registry.host()).parse().unwrap();
    let client =
        Client::new(Settings { mirrors: vec![mirror], mirrors_only: true, ..settings(&[]) }).unwrap();
    let debian = resolve(&client, "debian:12-slim").await.unwrap();
    let python = resolve(&client, "python:3.12-slim-bookworm").await.unwrap();
    assert_eq!((debian.layers.len(), python.layers.len()), (1, 2));
    assert_eq!(debian.layers[0], python.layers[0], "one layer for both");
    assert_eq!(python.config.cmd, ["python3"]);
    let place = Place::new();
    place.fetch(&client, &debian).await.unwrap();
    place.fetch(&client, &python).await.unwrap();
    assert_eq!(place.keys().len(), 2);
    for (name, layers) in [("busybox:1.36", 1), ("paddock/echo:1", 1), ("paddock/layers:50", 50)] {
        assert_eq!(resolve(&client, name).await.unwrap().layers.len(), layers, "{name}");
    }
}
