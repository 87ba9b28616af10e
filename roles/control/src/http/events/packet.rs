//! The frames of Socket.IO v4 over Engine.IO v4, as far as a stream from server to client needs them.
//!
//! A frame is a text: one digit of Engine.IO, and in messages (`4`) one digit of Socket.IO, then perhaps a
//! namespace (`/name,`) and JSON. What a client sends is read here and nowhere else; nothing in it can panic.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The server's heartbeat.
pub(super) const PING: &str = "2";
/// What the reference names as the most bytes of one HTTP long-polling payload. There is no polling here; clients
/// only keep the number. What a socket takes is [`LONGEST_MESSAGE`].
const MAX_PAYLOAD: u32 = 1_000_000;
/// The longest message that a client may send: a CONNECT with a token is the longest that any has to.
pub(super) const LONGEST_MESSAGE: usize = 16 << 10;
/// The longest name of a namespace that is answered.
const LONGEST_NAMESPACE: usize = 64;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// The answer to a heartbeat.
    Pong,
    /// It wants events, with this token. `None`: it sent no token, or none that is text.
    Connect { token: Option<String> },
    /// It wants a namespace that is not there.
    ConnectElsewhere { namespace: String },
    /// It says good bye.
    Disconnect,
    /// It says something to which there is nothing to say: an event, an acknowledgement, an upgrade.
    Idle,
    /// It does not speak this protocol.
    Wrong,
}

#[derive(Deserialize)]
struct Auth {
    token: Option<String>,
}

/// Reads a text frame of a client.
pub(super) fn read(frame: &str) -> Packet {
    match frame.as_bytes() {
        [b'3', ..] => Packet::Pong,
        [b'1', ..] => Packet::Disconnect,
        [b'2' | b'5' | b'6', ..] => Packet::Idle,
        [b'4', kind, ..] => read_message(*kind, frame.get(2..).unwrap_or_default()),
        _ => Packet::Wrong,
    }
}

fn read_message(kind: u8, rest: &str) -> Packet {
    let (namespace, data) = match rest.strip_prefix('/') {
        Some(named) => named.split_once(',').unwrap_or((named, "")),
        None => ("", rest),
    };
    // The default namespace may be spelt `/?query`.
    let namespace = namespace.split('?').next().unwrap_or_default();
    let is_plain =
        namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/'));
    match kind {
        _ if namespace.len() > LONGEST_NAMESPACE || !is_plain => Packet::Wrong,
        b'0' if !namespace.is_empty() => Packet::ConnectElsewhere { namespace: namespace.to_owned() },
        b'0' => {
            let token = serde_json::from_str(data).ok().and_then(|Auth { token }| token);
            Packet::Connect { token: token.filter(|token| !token.is_empty()) }
        }
        b'1' if namespace.is_empty() => Packet::Disconnect,
        b'1'..=b'6' => Packet::Idle,
        _ => Packet::Wrong,
    }
}

/// The first frame of a server.
pub(super) fn open(sid: &str, ping_interval: Duration, ping_timeout: Duration) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Open<'a> {
        sid: &'a str,
        upgrades: [&'a str; 0],
        ping_interval: u128,
        ping_timeout: u128,
        max_payload: u32,
    }
    let (ping_interval, ping_timeout) = (ping_interval.as_millis(), ping_timeout.as_millis());
    frame("0", &Open { sid, upgrades: [], ping_interval, ping_timeout, max_payload: MAX_PAYLOAD })
}

/// The answer to a good CONNECT.
pub(super) fn connected(sid: &str) -> String {
    #[derive(Serialize)]
    struct Connected<'a> {
        sid: &'a str,
    }
    frame("40", &Connected { sid })
}

/// The answer to a CONNECT that is refused.
pub(super) fn refused(namespace: &str, message: &str) -> String {
    #[derive(Serialize)]
    struct Refused<'a> {
        message: &'a str,
    }
    let namespace = if namespace.is_empty() { String::new() } else { format!("/{namespace},") };
    frame(&format!("44{namespace}"), &Refused { message })
}

/// An event.
pub(super) fn event(name: &str, payload: &impl Serialize) -> String {
    frame("42", &(name, payload))
}

fn frame(prefix: &str, data: &impl Serialize) -> String {
    // Only maps with keys that are no text cannot be written, and the wire has none.
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    format!("{prefix}{json}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_handshake_is_spelt_as_clients_expect_it() {
        let open = open("abc", Duration::from_secs(25), Duration::from_secs(20));
        assert_eq!(
            open,
            r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
        assert_eq!(connected("x"), r#"40{"sid":"x"}"#);
        assert_eq!(refused("", "no \"way\""), r#"44{"message":"no \"way\""}"#);
        assert_eq!(refused("admin", "no"), r#"44/admin,{"message":"no"}"#);
        assert_eq!(event("a.b", &[1]), r#"42["a.b",[1]]"#);
    }

    #[test]
    fn a_token_is_read_from_the_connect_packet_alone() {
        let connect = |token: Option<&str>| Packet::Connect { token: token.map(str::to_owned) };
        assert_eq!(read(r#"40{"token":"dtn_x","more":[1]}"#), connect(Some("dtn_x")));
        assert_eq!(read(r#"40/,{"token":"dtn_x"}"#), connect(Some("dtn_x")));
        assert_eq!(read(r#"40/?a=b,{"token":"dtn_x"}"#), connect(Some("dtn_x")));
        for nothing in [
            "40",
            "40{}",
            r#"40{"token":null}"#,
            r#"40{"token":5}"#,
            r#"40{"token":""}"#,
            "40[",
            "40nonsense",
        ] {
            assert_eq!(read(nothing), connect(None), "{nothing}");
        }
    }

    #[test]
    fn other_frames_have_their_meaning_or_none() {
        assert_eq!(read("3"), Packet::Pong);
        assert_eq!(read("1"), Packet::Disconnect);
        assert_eq!(read("41"), Packet::Disconnect);
        assert_eq!(read("40/admin,"), Packet::ConnectElsewhere { namespace: "admin".to_owned() });
        for idle in
            ["2probe", "5", "6", r#"42["hello"]"#, r#"42/admin,7["x"]"#, "43[]", "41/admin,", "451-[]"]
        {
            assert_eq!(read(idle), Packet::Idle, "{idle}");
        }
        for wrong in ["", "x", "4", "0", "49", "4ü", "40/\"},{", &format!("40/{},", "x".repeat(65))] {
            assert_eq!(read(wrong), Packet::Wrong, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_client_is_too_much(text in "\\PC*", digits in "[0-9]{0,3}") {
            let _ = read(&text);
            let _ = read(&format!("{digits}{text}"));
        }
    }
}
