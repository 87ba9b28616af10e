//! What is said, and what is not to be said.

use axum::http::{HeaderMap, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::stream::upgrade;
use super::{End, Stream};
use crate::world::World;

/// The code of a protocol that is violated.
const PROTOCOL: Option<u16> = Some(1002);

#[tokio::test]
async fn anything_but_engine_io_4_on_a_websocket_is_refused() {
    let world = World::start().await;
    let address = world.serve().await;
    for (query, word) in [
        ("", "EIO"),
        ("EIO=3&transport=websocket", "EIO"),
        ("EIO=4", "transport"),
        ("EIO=4&transport=polling", "transport"),
        ("EIO=4&transport=websocket&transport=polling&EIO=%00", ""),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        match upgrade(stream, address, query).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 400, "{query}");
                let body: serde_json::Value =
                    serde_json::from_slice(response.body().as_deref().unwrap_or_default())
                        .unwrap_or_default();
                if !body.is_null() {
                    assert!(body["message"].as_str().unwrap().contains(word), "{query} {body}");
                }
            }
            Ok(_) => assert_eq!(word, "", "{query}"),
            Err(error) => panic!("{query}: {error}"),
        }
    }
    for path in ["/api/socket.io/?EIO=4&transport=websocket", "/api/socket.io?EIO=4&transport=websocket"] {
        let answer = world.call(Method::GET, path, "", None).await;
        assert_eq!(answer.status, 400, "no upgrade: {answer:?}");
        assert_ne!(answer.headers, HeaderMap::new());
    }
}

#[tokio::test]
async fn what_is_no_frame_of_the_protocol_ends_that_socket_alone() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut witness = Stream::listen(address, &world.key).await;
    let long = format!("42[\"{}\"]", "x".repeat(20_000));
    let wrong = ["", "x", "4", "49", "40/\u{202e},", "\u{0}\u{0}\u{0}", "0{}", &long].map(Message::text);
    let binary = [vec![], vec![4], vec![0xff; 5000], vec![0; 20_000]].map(Message::binary);
    for message in wrong.into_iter().chain(binary) {
        for is_let_in in [false, true] {
            let mut stream = Stream::open(address).await;
            if is_let_in {
                stream.connect(&world.key).await;
            }
            drop(futures_util::SinkExt::send(&mut stream.socket, message.clone()).await);
            let End { code, texts } = stream.end().await;
            let too_long = message.len() > 16 << 10;
            assert!(code == PROTOCOL || too_long && code.is_none(), "{code:?} for {message:?}");
            assert_eq!(texts, Vec::<String>::new(), "{message:?}");
        }
    }
    let id = world.sandbox(json!({})).await;
    witness.until(&id, "state creating>started").await;
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_the_connection() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut witness = Stream::listen(address, &world.key).await;
    // A seed, so that a failure can be had again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..200 {
        let stream = Stream::open(address).await;
        let mut raw = stream.socket.into_inner();
        let bytes: Vec<u8> = (0..64)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                u8::try_from(state & 0xff).unwrap()
            })
            .collect();
        drop(raw.write_all(&bytes).await);
        raw.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let reading = raw.read_to_end(&mut rest);
        let ended = tokio::time::timeout(paddock_testkit::PATIENCE, reading).await;
        assert!(ended.is_ok(), "round {round} is not ended");
    }
    let id = world.sandbox(json!({})).await;
    witness.until(&id, "state creating>started").await;
}

#[tokio::test]
async fn other_namespaces_are_refused_and_what_a_client_emits_is_ignored() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::open(address).await;
    stream.say("40/admin,{\"token\":\"x\"}").await;
    assert_eq!(stream.text().await, r#"44/admin,{"message":"Invalid namespace"}"#);
    stream.connect(&world.key).await;
    stream.say("40/admin,").await;
    assert_eq!(stream.text().await, r#"44/admin,{"message":"Invalid namespace"}"#);
    for idle in [r#"42["sandbox.created",{"id":"x"}]"#, r#"427["ask"]"#, "430[]", "2probe", "5", "3"] {
        stream.say(idle).await;
    }
    let id = world.sandbox(json!({})).await;
    assert_eq!(stream.until(&id, "state creating>started").await.len(), 2);
    stream.say("41").await;
    assert_eq!(stream.end().await.code, Some(1000));
}

#[tokio::test]
async fn who_connects_twice_or_floods_is_cut_off() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut twice = Stream::listen(address, &world.key).await;
    twice.say(&format!("40{}", json!({"token": world.key}))).await;
    assert_eq!(twice.end().await.code, PROTOCOL);
    for is_let_in in [false, true] {
        let mut flood = Stream::open(address).await;
        if is_let_in {
            flood.connect(&world.key).await;
        }
        for _ in 0..200 {
            flood.say("3").await;
        }
        let end = flood.end().await;
        assert!(end.code == PROTOCOL || end.code.is_none(), "{end:?}");
    }
}
