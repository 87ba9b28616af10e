//! Finding by content, finding by name, replacing.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::server::Server;

fn find(server: &Server, path: &str, pattern: &str) -> Value {
    server.client().get(&format!("/files/find?path={path}&pattern={pattern}")).ok(200)
}

fn search(server: &Server, path: &str, pattern: &str) -> Vec<String> {
    let answer = server.client().get(&format!("/files/search?path={path}&pattern={pattern}")).ok(200);
    let mut files: Vec<String> = serde_json::from_value(answer["files"].clone()).unwrap();
    files.sort();
    files
}

#[test]
fn lines_are_found_with_file_number_and_content() {
    let server = Server::start();
    server.write("b/two.txt", "nothing\r\nTODO: that\r\n");
    server.write("a.txt", "TODO: this\nnot\nmore TODO\n");
    server.write("b/日本 語.txt", [b"\xffTODO\xfe".as_slice(), b"\n"].concat());
    assert_eq!(
        find(&server, ".", "TODO"),
        json!([
            {"file": "a.txt", "line": 1, "content": "TODO: this"},
            {"file": "a.txt", "line": 3, "content": "more TODO"},
            {"file": "b/two.txt", "line": 2, "content": "TODO: that"},
            {"file": "b/日本 語.txt", "line": 1, "content": "\u{fffd}TODO\u{fffd}"},
        ])
    );
    assert_eq!(find(&server, "b/two.txt", "that").as_array().unwrap().len(), 1, "a file may be the root");
    let absolute = server.path("b");
    let found = find(&server, absolute.to_str().unwrap(), "that");
    assert_eq!(found[0]["file"], absolute.join("two.txt").to_str().unwrap());
}

#[test]
fn the_pattern_is_a_text_and_not_an_expression() {
    let server = Server::start();
    server.write("f", "a.c\nabc\n");
    assert_eq!(find(&server, ".", "a.c").as_array().unwrap().len(), 1);
    assert_eq!(find(&server, ".", "a*"), json!([]));
}

#[test]
fn what_is_no_text_or_not_there_is_left_out() {
    let server = Server::start();
    server.write("binary", b"needle\0");
    server.write("text", "needle");
    server.write("closed", "needle");
    std::fs::create_dir(server.path("loop")).unwrap();
    symlink("..", server.path("loop/up")).unwrap();
    symlink("text", server.path("link")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, server.path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let found = find(&server, ".", "needle");
    let files: Vec<&str> =
        found.as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["closed", "text"]);
    assert_eq!(find(&server, "nowhere", "needle"), json!([]));
    for query in ["", "path=.", "path=.&pattern=", "pattern=x"] {
        server.client().get(&format!("/files/find?{query}")).error(400, "BAD_REQUEST");
        server.client().get(&format!("/files/search?{query}")).error(400, "BAD_REQUEST");
    }
}

#[test]
fn a_long_line_is_found_and_told() {
    let server = Server::start();
    let line = "x".repeat(200_000) + "needle" + &"y".repeat(200_000);
    server.write("long", format!("{line}\nneedle"));
    let found = find(&server, ".", "needle");
    assert_eq!(found[0]["content"].as_str().unwrap().len(), line.len());
    assert_eq!(found[1]["line"], 2);
}

#[test]
fn names_are_matched_as_globs() {
    let server = Server::start();
    for name in ["a.txt", "b.TXT", ".hidden.txt", "dir/c.txt", "dir/sub.txt/d", "dir/日本.txt", "x[1].txt"]
    {
        server.write(name, "");
    }
    let all = [".hidden.txt", "a.txt", "dir/c.txt", "dir/sub.txt", "dir/日本.txt", "x[1].txt"];
    assert_eq!(search(&server, ".", "*.txt"), all);
    assert_eq!(search(&server, "./dir//", "?.txt"), ["dir/c.txt"]);
    assert_eq!(search(&server, ".", "x%5C%5B1].txt"), ["x[1].txt"]);
    assert_eq!(search(&server, "dir", "dir"), ["dir"], "the root is an entry like any other");
    assert_eq!(search(&server, ".", "["), [] as [&str; 0]);
    assert_eq!(search(&server, "nowhere", "*"), [] as [&str; 0]);
}

#[test]
fn names_that_are_no_text_are_told_as_far_as_they_are() {
    let server = Server::start();
    let name = std::ffi::OsStr::from_bytes(b"bad\xffname\n");
    std::fs::write(server.work().join(name), "needle").unwrap();
    assert_eq!(search(&server, ".", "bad*"), ["bad\u{fffd}name\n"]);
    assert_eq!(find(&server, ".", "needle")[0]["file"], "bad\u{fffd}name\n");
}

#[test]
fn a_hundred_thousand_files_in_a_folder_are_listed_and_searched() {
    let server = Server::start();
    let folder = server.path("many");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..100_000 {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.join(format!("file-{number:06}")),
            rustix::fs::FileType::RegularFile,
            0o600.into(),
            0,
        )
        .unwrap();
    }
    let found = search(&server, "many", "file-0999??");
    assert_eq!(found.len(), 100);
    let listed = server.client().get("/files?path=many").ok(200);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 100_000);
    assert_eq!((&listed[0]["name"], &listed[99_999]["name"]), (&json!("file-000000"), &json!("file-099999")));
    server.client().request("DELETE", "/files?path=many&recursive=true", "", b"").ok(204);
}

#[test]
fn a_reader_who_leaves_ends_the_search() {
    let server = Server::start();
    server.write("big", "needle in a line\n".repeat(400_000));
    let mut client = server.client();
    client.send("GET", "/files/find?path=.&pattern=needle", "", b"");
    client.read_raw_until(b"needle");
    drop(client);
    // The daemon stops gracefully within its five seconds, so the work did not go on for ever.
    assert_eq!(find(&server, ".", "no%20such")[0], Value::Null);
}

fn replace(server: &Server, files: &[&str], pattern: &str, new_value: &str) -> Value {
    let body = json!({"files": files, "pattern": pattern, "newValue": new_value});
    server.client().post_json("/files/replace", &body).ok(200)
}

#[test]
fn replacing_keeps_the_mode_and_tells_each_files_outcome() {
    let server = Server::start();
    let path = server.write("a.sh", "echo old old\n");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o751)).unwrap();
    server.write("none", "nothing");
    let before = std::fs::metadata(server.path("none")).unwrap();
    std::fs::create_dir(server.path("dir")).unwrap();
    let results = replace(&server, &["a.sh", "missing", "none", "dir"], "old", "new");
    assert_eq!(results[0], json!({"file": "a.sh", "success": true}));
    assert_eq!((&results[1]["file"], &results[1]["success"]), (&json!("missing"), &json!(false)));
    assert!(results[1]["error"].as_str().unwrap().contains("not found"), "{results}");
    assert_eq!(results[2], json!({"file": "none", "success": true}));
    assert_eq!(results[3]["success"], false);
    assert_eq!(server.read("a.sh"), b"echo new new\n");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o751);
    let after = std::fs::metadata(server.path("none")).unwrap();
    assert_eq!((before.ino(), before.modified().unwrap()), (after.ino(), after.modified().unwrap()));
}

#[test]
fn replacing_by_nothing_deletes_and_an_empty_pattern_is_refused() {
    let server = Server::start();
    server.write("f", "a-b-c");
    replace(&server, &["f"], "-", "");
    assert_eq!(server.read("f"), b"abc");
    for body in [json!({"files": ["f"], "pattern": "", "newValue": "x"}), json!({"files": ["f"]}), json!({})]
    {
        server.client().post_json("/files/replace", &body).error(400, "BAD_REQUEST");
    }
    server.client().request("POST", "/files/replace", "", b"no json").error(400, "INVALID_REQUEST_BODY");
    assert_eq!(server.read("f"), b"abc");
}

#[test]
fn a_large_file_is_replaced_through_a_file() {
    let server = Server::start();
    let text = "some text before the needle and after it\n".repeat(500_000);
    server.write("big", &text);
    replace(&server, &["big"], "needle", "pin");
    assert!(server.read("big") == text.replace("needle", "pin").into_bytes());
    assert_eq!(server.names(), ["big"]);
}
