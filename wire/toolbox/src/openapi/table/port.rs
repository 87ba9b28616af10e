//! Ports, and the ways to them.

use crate::openapi::operation::{Kind, Operation, get};
use crate::{IsPortInUseResponse, PortList};

/// Every method goes on; these are those that a document can name.
const FORWARDED: [(&str, &str); 7] = [
    ("get", "ForwardGet"),
    ("head", "ForwardHead"),
    ("post", "ForwardPost"),
    ("put", "ForwardPut"),
    ("patch", "ForwardPatch"),
    ("delete", "ForwardDelete"),
    ("options", "ForwardOptions"),
];

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        get("GetPorts", "/port", "The TCP ports on which something in the sandbox listens.")
            .gives::<PortList>(200, "Ascending.")
            .refuses(&[500]),
        get("IsPortInUse", "/port/{port}/in-use", "Whether something listens on a port.")
            .of_path("port", Kind::Port, "From 3000 to 9999, as the reference has it.")
            .gives::<IsPortInUseResponse>(200, "It is known.")
            .refuses(&[400]),
        get(
            "OpenTunnel",
            "/tunnel/{port}",
            "A connection to any TCP port, with `Upgrade: tcp`. paddock's own.",
        )
        .of_path("port", Kind::Port, "Also of a server that is bound to a loopback address.")
        .gives_nothing(101, "From here on the port's own bytes, both ways.")
        .refuses(&[400, 502]),
        get(
            "OpenTerminal",
            "/terminal/ws",
            "A socket with a shell of its own, for the page of the web terminal. paddock's own.",
        )
        .gives_nothing(101, "Text both ways; a JSON object with `rows` and `cols` is a size.")
        .refuses(&[400]),
    ];
    operations.extend(FORWARDED.map(|(method, id)| {
        Operation::new(
            method,
            id,
            "/proxy/{port}/{path}",
            "One request to an HTTP server inside the sandbox.",
        )
        .deprecated()
        .of_path("port", Kind::Port, "The server's.")
        .of_path("path", Kind::Text, "Of any depth; may be empty.")
        .gives_nothing(200, "The server's answer, whatever its status.")
        .refuses(&[400, 502])
    }));
    operations
}
