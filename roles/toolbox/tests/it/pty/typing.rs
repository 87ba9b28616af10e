//! Input and output of terminals.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use super::{connect, create, create_connect, server};

#[test]
fn it_is_a_terminal_with_an_interactive_login_shell() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    socket.send_binary(b"test -t 0 && test -t 1 && test -t 2 && echo a-terminal; tty; echo $-\n");
    let output = socket.read_until("/dev/pts/");
    assert!(output.contains("a-terminal\r\n"), "{output}");
    // Job control: a background job has a group of its own.
    socket.send_binary(b"sleep 300 & echo job-$!; kill %1; echo killed\n");
    socket.read_until("killed\r\n");
}

#[test]
fn text_and_binary_messages_are_both_typed() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    socket.send(Message::text("echo te"));
    socket.send_binary(b"xt-and-");
    socket.send(Message::text("binary | tr a-z A-Z\n"));
    socket.read_until("TEXT-AND-BINARY");
}

#[test]
fn control_characters_are_signals() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    socket.send_binary(b"echo now-$((1+1)); sleep 300\n");
    socket.read_until("now-2");
    socket.send_binary(b"\x03");
    socket.send_binary(b"echo still-$((1+1))\n");
    socket.read_until("still-2");
}

#[test]
fn all_clients_see_the_output_and_any_may_type() {
    let server = server();
    create(&server, "s");
    let mut first = connect(&server, "s", &[]);
    let mut second = connect(&server, "s", &[]);
    first.send_binary(b"echo from-$((0+1))\n");
    first.read_until("from-1");
    second.read_until("from-1");
    second.send_binary(b"echo from-$((1+1))\n");
    first.read_until("from-2");
    second.read_until("from-2");
}

#[test]
fn a_megabyte_of_input_in_one_message_comes_whole() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    socket.send_binary(b"stty -echo; wc -l; echo done\n");
    socket.read_until("done\r\n");
    let line = format!("{}\n", "x".repeat(63));
    let mut input = line.repeat(1 << 14).into_bytes();
    assert_eq!(input.len(), 1 << 20);
    input.push(4);
    socket.send_binary(&input);
    socket.read_until("16384\r\ndone");
}

#[test]
fn a_shell_that_does_not_read_holds_its_client_back_and_still_shows_output() {
    let server = server();
    let mut socket = create_connect(&server, "id=s", &[]);
    socket.send_binary(b"stty raw -echo; echo begun; while ! test -e go; do sleep 0.01; done; echo went\n");
    socket.read_until("begun\n");
    // More than is queued for a terminal: the writes block at last.
    socket.stream().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let flood = vec![b'x'; 1 << 20];
    let held_back = (0..64).any(|_| socket.try_send_binary(&flood).is_err());
    assert!(held_back, "64 MiB were taken");
    server.write("go", "");
    socket.read_until("went");
}
