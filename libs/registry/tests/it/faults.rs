//! What goes wrong on the way, and what is made of it.

use std::sync::Arc;
use std::time::Duration;

use paddock_registry::{Client, Error, Settings};
use paddock_testkit::images::{Compression, Image, Tar, sum};
use paddock_testkit::registry::bad::{Bad, Trick};

use crate::{Place, client, resolve, settings};

/// An image of one layer of two parts of an object, and a bit.
fn image(seed: u8) -> Image {
    let content: Vec<u8> =
        (0..40u32 << 20).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 13) as u8 ^ seed).collect();
    Image::new().layer(Tar::default().file("data", 0o644, content), Compression::None)
}

fn small(seed: u8) -> Image {
    let content: Vec<u8> =
        (0..60_000u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 13) as u8 ^ seed).collect();
    Image::new().layer(Tar::default().file("data", 0o644, content), Compression::None)
}

/// A registry with one image, a client for it, and a place.
async fn scene(image: Image) -> (Bad, Client, Place, String, String) {
    let bad = Bad::start().await;
    let layer = bad.add(image, "app", "1").remove(0);
    let client = client(&[bad.host()]);
    let name = format!("{}/app:1", bad.host());
    (bad, client, Place::new(), name, layer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_goes_on_where_it_was_cut() {
    let (bad, client, place, name, layer) = scene(image(1)).await;
    let found = resolve(&client, &name).await.unwrap();
    for at in [10, 5 << 20, 20 << 20, 1, 0] {
        bad.play("blobs/", Trick::Cut(at), 1);
    }
    bad.play("blobs/", Trick::Status(503, vec![]), 1);
    place.fetch(&client, &found).await.unwrap();
    assert_eq!(sum(&place.content(&found.layers[0])), layer);
    assert_eq!(place.unfinished(), 0);
    let starts: Vec<u64> = bad
        .seen()
        .iter()
        .filter(|seen| seen.path.contains(&layer))
        .filter_map(|seen| Some(seen.headers.get("range")?.to_str().unwrap().to_owned()))
        .map(|range| range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap())
        .collect();
    // What was sent right before a cut may be lost with it.
    assert!(starts.is_sorted() && starts.len() >= 5, "{starts:?}");
    assert!(starts.iter().any(|&start| start > 20 << 20), "{starts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_without_ranges_sends_again_what_is_there() {
    let (bad, client, place, name, layer) = scene(small(2)).await;
    let found = resolve(&client, &name).await.unwrap();
    bad.play("blobs/", Trick::Cut(30_000), 1);
    bad.play("blobs/", Trick::NoRanges, 1);
    place.fetch(&client, &found).await.unwrap();
    assert_eq!(sum(&place.content(&found.layers[0])), layer);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_never_gets_the_name_of_the_layer() {
    for (trick, expected) in [
        (Trick::Lie, "digest"),
        (Trick::Shorter, "size"),
        (Trick::Endless, "size"),
        (Trick::Text("application/octet-stream", vec![b'x'; 100]), "size"),
    ] {
        let (bad, client, place, name, layer) = scene(small(3)).await;
        let found = resolve(&client, &name).await.unwrap();
        bad.play(&layer, trick.clone(), 100);
        let error = place.fetch(&client, &found).await.unwrap_err();
        match expected {
            "digest" => assert!(matches!(error, Error::WrongDigest { .. }), "{trick:?}: {error:?}"),
            _ => assert!(matches!(error, Error::WrongSize { .. }), "{trick:?}: {error:?}"),
        }
        assert!(!error.is_retryable());
        assert_eq!((place.keys().len(), place.unfinished()), (0, 0), "{trick:?}");
        // Once it behaves, all is well.
        bad.behave();
        place.fetch(&client, &found).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_silent_drips_or_is_down_is_given_up() {
    let hasty = |host: &str| {
        let mut settings = settings(&[host]);
        settings.times.tries = 2;
        settings.times.answer = Duration::from_millis(300);
        Client::new(settings).unwrap()
    };
    for (trick, why) in [(Trick::Silent, "nothing for"), (Trick::Drip(Duration::from_millis(20)), "bytes in")]
    {
        let (bad, _, place, name, layer) = scene(small(4)).await;
        let client = hasty(bad.host());
        let found = resolve(&client, &name).await.unwrap();
        bad.play(&layer, trick, 100);
        let error = place.fetch(&client, &found).await.unwrap_err();
        assert!(matches!(&error, Error::TooSlow { .. }) && error.to_string().contains(why), "{error}");
        assert_eq!(place.keys().len(), 0);
        bad.behave();
        bad.play("manifests/", Trick::Silent, 100);
        let error = resolve(&client, &name).await.unwrap_err();
        assert!(matches!(error, Error::TooSlow { .. } | Error::Unreachable { .. }), "{error}");
    }
    // A port that nobody listens at.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = resolve(&hasty(&host), &format!("{host}/app:1")).await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached: the connection was refused"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_wants_to_be_left_alone_is_left_alone_as_long_as_it_says() {
    let (bad, client, place, name, _) = scene(small(5)).await;
    bad.play("manifests/", Trick::Status(429, vec![("retry-after", "1".to_owned())]), 1);
    let begun = std::time::Instant::now();
    let found = resolve(&client, &name).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    place.fetch(&client, &found).await.unwrap();
    bad.play("manifests/", Trick::Status(429, vec![]), 100);
    let error = resolve(&client, &name).await.unwrap_err();
    assert!(matches!(error, Error::Limited { .. }) && error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_one_layer_get_it_fetched_once() {
    let (bad, client, place, name, layer) = scene(image(6)).await;
    let found = resolve(&client, &name).await.unwrap();
    let all = (0..6).map(|_| place.fetch(&client, &found));
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    let whole = bad
        .seen()
        .iter()
        .filter(|seen| seen.path.contains(&layer) && !seen.headers.contains_key("range"))
        .count();
    assert_eq!(whole, 1);
    assert_eq!(sum(&place.content(&found.layers[0])), layer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_fetch_is_gone_on_with_and_none_disturbs_the_other() {
    let (bad, client, place, name, layer) = scene(image(7)).await;
    let found = resolve(&client, &name).await.unwrap();
    // Stuck behind the first part; then nobody waits for it any more.
    bad.play(&layer, Trick::Cut(18 << 20), 1);
    bad.play(&layer, Trick::Silent, 1);
    let stuck = {
        let (client, found, store) = (client.clone(), found.clone(), Arc::clone(&place.store));
        tokio::spawn(
            async move { client.fetch_layers(&found, None, &store, Arc::new(|_| ())).await.map(drop) },
        )
    };
    paddock_testkit::eventually("the first part to be there", async || {
        (place.unfinished() == 2).then_some(())
    })
    .await;
    stuck.abort();
    assert!(stuck.await.is_err());
    bad.behave();
    place.fetch(&client, &found).await.unwrap();
    assert_eq!(sum(&place.content(&found.layers[0])), layer);
    assert_eq!(place.unfinished(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mirror_gets_wrong_the_registry_gets_right() {
    let [mirror, registry] = [Bad::start().await, Bad::start().await];
    let layer = mirror.add(small(8), "app", "1").remove(0);
    registry.add(small(8), "app", "1");
    let of = format!("{}=http://{}", registry.host(), mirror.host());
    let settings = Settings { mirrors: vec![of.parse().unwrap()], ..settings(&[registry.host()]) };
    let client = Client::new(settings).unwrap();
    let name = format!("{}/app:1", registry.host());
    let found = resolve(&client, &name).await.unwrap();
    assert!(registry.seen().is_empty(), "the mirror is asked first");
    for trick in
        [Trick::Lie, Trick::Shorter, Trick::Status(404, vec![]), Trick::Status(401, vec![]), Trick::Cut(100)]
    {
        let place = Place::new();
        mirror.play(&layer, trick.clone(), 100);
        place.fetch(&client, &found).await.unwrap_or_else(|error| panic!("{trick:?}: {error:?}"));
        assert_eq!(sum(&place.content(&found.layers[0])), layer, "{trick:?}");
        mirror.behave();
    }
    mirror.play("manifests/", Trick::Status(500, vec![]), 100);
    resolve(&client, &name).await.unwrap();
}
