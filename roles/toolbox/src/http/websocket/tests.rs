//! Sockets against a client of another library.

use axum::Router;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::socket::Incoming;
use super::*;

type Client = WebSocketStream<UnixStream>;

/// Connects a client to an operation that does `serve` with each socket.
async fn connect<F, Fut>(
    sockets: &Sockets,
    protocols: &str,
    serve: F,
) -> (Client, tungstenite::handshake::client::Response)
where
    F: FnOnce(Socket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let sockets = sockets.clone();
    let router = Router::new().route(
        "/",
        get(async move |upgrade: Upgrade| upgrade.longest_message(2 << 20).accept(&sockets, serve)),
    );
    let (ours, theirs) = UnixStream::pair().unwrap();
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(theirs), TowerToHyperService::new(router));
    tokio::spawn(connection.with_upgrades());
    let mut request = "ws://toolbox/".into_client_request().unwrap();
    if !protocols.is_empty() {
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    }
    client_async(request, ours).await.unwrap()
}

async fn echo(mut socket: Socket) {
    let outcome = async {
        loop {
            match socket.receive().await? {
                Incoming::Text(text) if text == "bye" => return Ok(Close::new(4000, "as you wish")),
                Incoming::Text(text) => socket.send_text(text).await?,
                Incoming::Binary(bytes) => socket.send_binary(bytes).await?,
            }
        }
    };
    let outcome = outcome.await;
    socket.finish(outcome).await;
}

async fn close_of(client: &mut Client) -> (CloseCode, String) {
    loop {
        if let Message::Close(frame) = client.next().await.unwrap().unwrap() {
            let frame = frame.unwrap();
            // Answers the close.
            assert!(client.next().await.is_none());
            return (frame.code, frame.reason.to_string());
        }
    }
}

#[tokio::test]
async fn messages_go_both_ways_and_the_close_has_code_and_reason() {
    let (mut client, _) = connect(&Sockets::default(), "", echo).await;
    for message in [Message::text("é"), Message::binary(vec![0; 1 << 20]), Message::text("")] {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
    }
    client.send(Message::text("bye")).await.unwrap();
    assert_eq!(close_of(&mut client).await, (CloseCode::Library(4000), "as you wish".to_owned()));
}

#[tokio::test]
async fn the_answer_echoes_one_offered_token_and_none_if_none_was_offered() {
    let protocol = |response: tungstenite::handshake::client::Response| {
        response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap().to_owned())
    };
    let (_client, response) = connect(&Sockets::default(), "a, X-Daytona-Pty-Exit-Control", echo).await;
    assert_eq!(protocol(response).as_deref(), Some("X-Daytona-Pty-Exit-Control"));
    let (_client, response) = connect(&Sockets::default(), "", echo).await;
    assert_eq!(protocol(response), None);
}

#[tokio::test]
async fn a_ping_is_answered_between_two_frames_of_a_long_answer() {
    let (mut client, _) = connect(&Sockets::default(), "", |mut socket: Socket| async move {
        let outcome = async {
            socket.receive().await?;
            // More than the connection holds: the client has to read for it to end.
            for _ in 0..100 {
                socket.send_binary(vec![7; 64 << 10]).await?;
            }
            Ok(Close::normal())
        };
        let outcome = outcome.await;
        socket.finish(outcome).await;
    })
    .await;
    client.send(Message::text("go")).await.unwrap();
    client.send(Message::Ping("?".into())).await.unwrap();
    let mut before = 0;
    loop {
        match client.next().await.unwrap().unwrap() {
            Message::Pong(pong) => break assert_eq!(pong, "?"),
            _ => before += 1,
        }
    }
    assert!(before < 50, "the pong came after {before} frames");
    assert_eq!(close_of(&mut client).await.0, CloseCode::Normal);
}

#[tokio::test]
async fn a_stop_closes_every_socket_even_one_that_is_not_read() {
    let sockets = Sockets::default();
    let (mut idle, _) = connect(&sockets, "", echo).await;
    let flood = |mut socket: Socket| async move {
        let outcome = async {
            loop {
                socket.send_binary(vec![7; 64 << 10]).await?;
            }
        };
        let outcome = outcome.await;
        socket.finish(outcome).await;
    };
    let (mut unread, _) = connect(&sockets, "", flood).await;
    assert!(unread.next().await.unwrap().is_ok());
    let stop = sockets.stop();
    let ((), idle_close, unread_close) = tokio::join!(stop, close_of(&mut idle), close_of(&mut unread));
    assert_eq!(idle_close.0, CloseCode::Away);
    assert_eq!(unread_close.0, CloseCode::Away);
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_socket() {
    let (mut client, _) = connect(&Sockets::default(), "", echo).await;
    // The server may have gone before all of it is written.
    let _ = client.send(Message::binary(vec![0; 3 << 20])).await;
    let end = client.next().await;
    let is_closed = matches!(end, Some(Ok(Message::Close(_)) | Err(_)) | None);
    assert!(is_closed, "{end:?}");
}

#[tokio::test]
async fn a_peer_that_goes_away_ends_the_operation() {
    let sockets = Sockets::default();
    let (client, _) = connect(&sockets, "", echo).await;
    drop(client);
    sockets.open.close();
    sockets.open.wait().await;
}
