//! Who is silent, slow, or one too many.

use std::time::Duration;

use futures_util::future::join_all;
use paddock_control::EventLimits;
use paddock_testkit::eventually;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Stream;
use super::stream::upgrade;
use crate::world::World;

/// The code of a server that goes away.
const AWAY: Option<u16> = Some(1001);

#[tokio::test]
async fn the_defaults_are_the_protocols() {
    let world = World::start().await;
    let address = world.serve().await;
    let stream = TcpStream::connect(address).await.unwrap();
    let mut socket = upgrade(stream, address, "EIO=4&transport=websocket").await.unwrap();
    let greeting = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
    let Message::Text(greeting) = greeting else { panic!("{greeting:?}") };
    let greeting: Value = serde_json::from_str(&greeting[1..]).unwrap();
    assert_eq!((&greeting["pingInterval"], &greeting["pingTimeout"]), (&json!(25_000), &json!(20_000)));
    assert_eq!(greeting["maxPayload"], 1_000_000);
}

#[tokio::test]
async fn who_answers_no_heartbeat_is_dropped_and_who_answers_stays() {
    let interval = Duration::from_millis(60);
    let limits =
        EventLimits { ping_interval: interval, ping_timeout: interval * 2, ..EventLimits::default() };
    let world = World::start_with_limits(limits).await;
    let address = world.serve().await;
    let mut alive = Stream::listen(address, &world.key).await;
    let began = Instant::now();
    let dead = Stream::listen(address, &world.key).await;
    let (end, ()) = tokio::join!(dead.end_in_silence(), async {
        while alive.beats < 10 {
            assert_eq!(alive.event_now().await, None);
        }
    });
    assert_eq!((end.code, end.texts), (AWAY, vec!["2".to_owned()]));
    assert!(began.elapsed() >= interval * 3, "not before interval and timeout are over");
}

#[tokio::test]
async fn who_does_not_say_who_he_is_is_dropped() {
    let limits = EventLimits { connect_timeout: Duration::from_millis(100), ..EventLimits::default() };
    let world = World::start_with_limits(limits).await;
    let address = world.serve().await;
    let stream = Stream::open(address).await;
    assert_eq!(stream.end().await.code, AWAY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_slowly_is_cut_off_and_delays_nobody() {
    cut_off(EventLimits { most_unsent_bytes: 4 << 20, ..EventLimits::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_too_much_waits_for_all_together_the_slow_are_cut_off() {
    let most_unsent_bytes = usize::MAX;
    cut_off(EventLimits { most_unsent_bytes_of_all: 4 << 20, most_unsent_bytes, ..EventLimits::default() })
        .await;
}

/// A client that does not read beside one that does.
async fn cut_off(limits: EventLimits) {
    let world = World::start_with_limits(limits).await;
    let address = world.serve().await;
    let small = TcpSocket::new_v4().unwrap();
    small.set_recv_buffer_size(4096).unwrap();
    let mut slow = Stream::open_on(small.connect(address).await.unwrap(), address).await;
    slow.connect(&world.key).await;
    let mut quick = Stream::listen(address, &world.key).await;
    // 20 MiB of events: more than kernels hold for one connection.
    let heavy = json!({"env": {"A": "x".repeat(100_000)}, "labels": {"b": "y".repeat(100_000)}});
    let mut heard = 0;
    for _ in 0..35 {
        let id = world.sandbox(heavy.clone()).await;
        heard += quick.until(&id, "state creating>started").await.len();
        world.delete(&format!("/api/sandbox/{id}")).await;
        heard += quick.until(&id, "state destroying>destroyed").await.len();
    }
    assert!(heard >= 35 * 5, "{heard}");
    // It reads now, and finds an end instead of the rest.
    let end = slow.end().await;
    assert!(end.texts.len() < heard, "it was cut off: {} of {heard}", end.texts.len());
    assert_eq!(end.code, None, "without a word that it would not have read");
}

#[tokio::test]
async fn there_are_no_more_sockets_than_allowed_and_a_closed_one_gives_its_place_back() {
    let limits = EventLimits { most_sockets: 3, most_sockets_of_organization: 2, ..EventLimits::default() };
    let world = World::start_with_limits(limits).await;
    let address = world.serve().await;
    let first = Stream::listen(address, &world.key).await;
    let _second = Stream::listen(address, &world.key).await;
    let mut third = Stream::open(address).await;
    let fourth =
        upgrade(TcpStream::connect(address).await.unwrap(), address, "EIO=4&transport=websocket").await;
    let Err(Error::Http(response)) = fourth else { panic!("a fourth socket") };
    assert_eq!(response.status(), 503);
    third.say(&format!("40{}", json!({"token": world.key}))).await;
    let refused = third.end().await;
    assert_eq!(refused.texts, [r#"44{"message":"too many event streams of this organization"}"#]);
    drop(first);
    eventually("a place to be free", async || {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut socket = upgrade(stream, address, "EIO=4&transport=websocket").await.ok()?;
        let mut stream = Stream {
            socket: {
                futures_util::StreamExt::next(&mut socket).await?.ok()?;
                socket
            },
            beats: 0,
        };
        stream.say(&format!("40{}", json!({"token": world.key}))).await;
        stream.text().await.starts_with("40").then_some(())
    })
    .await;
    let stranger = world.organization("Other").await;
    eventually("another organization to have its own", async || {
        let mut stream = Stream::open(address).await;
        stream.say(&format!("40{}", json!({"token": stranger}))).await;
        stream.text().await.starts_with("40").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sockets_hear_the_same() {
    let world = World::start().await;
    let address = world.serve().await;
    let streams = join_all((0..1000).map(|_| Stream::listen(address, &world.key))).await;
    let id = world.sandbox(json!({})).await;
    let heard = join_all(streams.into_iter().map(async |mut stream| {
        let events = stream.until(&id, "state creating>started").await;
        (events, stream)
    }))
    .await;
    let first = &heard[0].0;
    assert_eq!(first.len(), 2);
    assert!(heard.iter().all(|(events, _)| events == first));
}

#[tokio::test]
async fn sockets_end_when_the_server_stops() {
    let mut world = World::start().await;
    let address = world.serve().await;
    let waiting = Stream::open(address).await;
    let listening = Stream::listen(address, &world.key).await;
    world.restart_control().await;
    assert_eq!(waiting.end().await.code, AWAY);
    assert_eq!(listening.end().await.code, AWAY);
}
