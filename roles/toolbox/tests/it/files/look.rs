//! Listing and information.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::server::{Server, encoded};

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|info| info["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn information_has_every_field_as_clients_read_it() {
    let server = Server::start();
    let path = server.write("a file.txt", "12345");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let time = UNIX_EPOCH + Duration::new(1_781_277_253, 120_000_000);
    std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    let owner = std::fs::metadata(&path).unwrap();
    let info = server.client().get(&format!("/files/info?path={}", encoded(&path))).ok(200);
    assert_eq!(
        info,
        json!({
            "name": "a file.txt", "isDir": false, "size": 5, "mode": "-rw-r-----", "permissions": "0640",
            "modTime": "2026-06-12 15:14:13.12 +0000 UTC", "modifiedAt": "2026-06-12T15:14:13.12Z",
            "owner": owner.uid().to_string(), "group": owner.gid().to_string(), "path": path,
        })
    );
}

#[test]
fn old_go_clients_get_no_fields_that_they_do_not_know() {
    let server = Server::start();
    server.write("f", "");
    let ask = |version: &str| {
        let headers = format!("X-Daytona-Source: sdk-go\r\nX-Daytona-SDK-Version: {version}\r\n");
        let mut client = server.client();
        let info = client.request("GET", "/files/info?path=f", &headers, b"").ok(200);
        let list = client.request("GET", "/files", &headers, b"").ok(200);
        assert_eq!(list[0], info);
        info.get("modifiedAt").is_some() && info.get("path").is_some()
    };
    assert!(!ask("0.187.0"));
    assert!(ask("0.188.0"));
    assert!(ask("0.0.0-dev"));
}

#[test]
fn information_follows_links_and_misses_what_they_miss() {
    let server = Server::start();
    server.write("target", "123");
    symlink("target", server.path("link")).unwrap();
    symlink("nowhere", server.path("dangling")).unwrap();
    let mut client = server.client();
    let info = client.get("/files/info?path=link").ok(200);
    assert_eq!(
        (&info["name"], &info["size"], &info["mode"]),
        (&json!("link"), &json!(3), &json!("-rw-r--r--"))
    );
    let message = client.get("/files/info?path=dangling").error(404, "FILE_NOT_FOUND");
    assert!(message.contains("not found") && message.contains("no such file"), "{message}");
    client.get("/files/info?path=no/such").error(404, "FILE_NOT_FOUND");
    client.get("/files/info").error(400, "BAD_REQUEST");
    client.get("/files/info?path=").error(400, "BAD_REQUEST");
    assert_eq!(client.get("/files/info?path=/").ok(200)["name"], "/");
    assert_eq!(client.get("/files/info?path=.").ok(200)["name"], ".");
    assert_eq!(client.get("/files/info?path=/tmp/").ok(200)["mode"], "dtrwxrwxrwx");
    assert_eq!(client.get("/files/info?path=/dev/null").ok(200)["mode"], "Dcrw-rw-rw-");
}

#[test]
fn a_list_is_ordered_by_bytes_and_never_null() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.get("/files").ok(200), json!([]));
    for name in ["b", "B", "a", ".hidden", "é", "a b"] {
        server.write(name, "");
    }
    let list = client.get("/files").ok(200);
    assert_eq!(names(&list), [".hidden", "B", "a", "a b", "b", "é"]);
    assert_eq!(list[2]["path"], json!(server.path("a")));
    assert_eq!(client.get("/files/").ok(200), list);
    assert_eq!(client.get(&format!("/files?path={}", encoded(&server.work()))).ok(200), list);
}

#[test]
fn a_deeper_list_is_flat_with_each_directory_before_its_entries() {
    let server = Server::start();
    for file in ["a/1", "a/b/2", "a/b/c/3", "z"] {
        server.write(file, "");
    }
    std::fs::create_dir(server.path("m")).unwrap();
    symlink("a", server.path("link-to-a")).unwrap();
    symlink("nowhere", server.path("dangling")).unwrap();
    symlink("..", server.path("a/up")).unwrap();
    let mut client = server.client();
    let mut paths = |query: &str| -> Vec<String> {
        let list = client.get(&format!("/files?{query}")).ok(200);
        let base = server.work();
        let relative = |info: &Value| {
            std::path::Path::new(info["path"].as_str().unwrap()).strip_prefix(&base).unwrap().to_owned()
        };
        list.as_array().unwrap().iter().map(|info| relative(info).to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths("depth=1"), ["a", "link-to-a", "m", "z"]);
    assert_eq!(paths("depth=2"), ["a", "a/1", "a/b", "a/up", "link-to-a", "m", "z"]);
    assert_eq!(
        paths("path=.&depth=99"),
        ["a", "a/1", "a/b", "a/b/2", "a/b/c", "a/b/c/3", "a/up", "link-to-a", "m", "z"]
    );
}

#[test]
fn what_cannot_be_listed_is_told() {
    let server = Server::start();
    server.write("file", "");
    let mut client = server.client();
    client.get("/files?path=file").error(400, "BAD_REQUEST");
    client.get("/files?path=no/such").error(404, "FILE_NOT_FOUND");
    for depth in ["0", "-1", "x", "1.5"] {
        client.get(&format!("/files?depth={depth}")).error(400, "BAD_REQUEST");
    }
}
