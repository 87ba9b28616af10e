//! Folders, deletion, moves and permissions.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::server::{Server, encoded};

fn mode(server: &Server, name: &str) -> u32 {
    std::fs::metadata(server.path(name)).unwrap().mode() & 0o7777
}

#[test]
fn folders_are_made_with_their_parents() {
    let server = Server::start();
    let mut client = server.client();
    let answer = client.post("/files/folder?path=a/b/c&mode=750");
    assert_eq!((answer.status, answer.body.len()), (201, 0));
    assert_eq!(mode(&server, "a/b"), 0o750);
    assert_eq!(mode(&server, "a/b/c"), 0o750);
    assert_eq!(client.post("/files/folder?path=a/b&mode=0700").status, 201);
    assert_eq!(mode(&server, "a/b"), 0o750, "an existing folder keeps its mode");
    assert_eq!(client.post("/files/folder?path=d").status, 201);
    assert_eq!(mode(&server, "d"), 0o755);
}

#[test]
fn folders_that_cannot_be_made_are_told() {
    let server = Server::start();
    server.write("file", "");
    let mut client = server.client();
    client.post("/files/folder?mode=755").error(400, "BAD_REQUEST");
    client.post("/files/folder?path=x&mode=9").error(400, "BAD_REQUEST");
    client.post("/files/folder?path=file/x&mode=755").error(400, "BAD_REQUEST");
    client.post("/files/folder?path=file&mode=755").error(400, "BAD_REQUEST");
}

#[test]
fn files_are_deleted_and_directories_only_when_meant() {
    let server = Server::start();
    server.write("file", "");
    server.write("full/deep/file", "");
    std::fs::create_dir(server.path("empty")).unwrap();
    let mut client = server.client();
    let answer = client.request("DELETE", "/files?path=file", "", b"");
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let mut delete = |query: &str| client.request("DELETE", &format!("/files?{query}"), "", b"");
    delete("path=file").error(404, "FILE_NOT_FOUND");
    delete("path=empty").error(400, "BAD_REQUEST");
    delete("path=full&recursive=false").error(400, "BAD_REQUEST");
    delete("path=full&recursive=perhaps").error(400, "BAD_REQUEST");
    delete("").error(400, "BAD_REQUEST");
    assert_eq!(delete("path=empty&recursive=true").status, 204);
    assert_eq!(delete("path=full&recursive=True").status, 204);
    assert_eq!(server.names(), [""; 0]);
}

#[test]
fn of_a_link_only_the_link_is_deleted() {
    let server = Server::start();
    server.write("directory/file", "");
    symlink("directory", server.path("link")).unwrap();
    symlink("nowhere", server.path("dangling")).unwrap();
    let mut client = server.client();
    let mut delete = |query: &str| client.request("DELETE", &format!("/files?{query}"), "", b"");
    delete("path=link").error(400, "BAD_REQUEST");
    assert_eq!(delete("path=link&recursive=true").status, 204);
    assert_eq!(delete("path=dangling").status, 204);
    assert_eq!(server.names(), ["directory"]);
    assert!(server.path("directory/file").exists());
}

#[test]
fn the_root_is_not_deleted() {
    let server = Server::start();
    let mut client = server.client();
    for path in ["/", "//", "/."] {
        let answer = client.request("DELETE", &format!("/files?path={path}&recursive=true"), "", b"");
        answer.error(400, "BAD_REQUEST");
    }
}

#[test]
fn files_and_directories_move() {
    let server = Server::start();
    server.write("file", "content");
    server.write("directory/in", "in");
    let mut client = server.client();
    let answer = client.post("/files/move?source=file&destination=directory/moved");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(client.post("/files/move?source=directory&destination=other").status, 200);
    assert_eq!(server.read("other/moved"), b"content");
    assert_eq!(server.read("other/in"), b"in");
    assert_eq!(server.names(), ["other"]);
}

#[test]
fn a_move_never_replaces_and_never_makes_parents() {
    let server = Server::start();
    server.write("file", "content");
    server.write("taken", "old");
    std::fs::create_dir(server.path("empty")).unwrap();
    symlink("nowhere", server.path("dangling")).unwrap();
    let mut client = server.client();
    for taken in ["taken", "empty", "dangling", "file"] {
        let answer = client.post(&format!("/files/move?source=file&destination={taken}"));
        assert!(answer.error(409, "CONFLICT").starts_with("conflict: "));
    }
    client.post("/files/move?source=no&destination=x").error(404, "FILE_NOT_FOUND");
    client.post("/files/move?source=file&destination=no/x").error(404, "FILE_NOT_FOUND");
    client.post("/files/move?source=empty&destination=empty/in").error(400, "BAD_REQUEST");
    client.post("/files/move?source=file").error(400, "BAD_REQUEST");
    client.post("/files/move?destination=x").error(400, "BAD_REQUEST");
    assert_eq!(server.names(), ["dangling", "empty", "file", "taken"]);
    assert_eq!(server.read("taken"), b"old");
}

#[test]
fn a_move_to_another_file_system_copies() {
    // Memory, which no temporary directory of a test shares unless it is there itself.
    let shared_memory = std::path::Path::new("/dev/shm");
    let server = Server::start();
    let device = |path: &std::path::Path| std::fs::metadata(path).unwrap().dev();
    assert_ne!(device(shared_memory), device(&server.work()), "both are on one file system");
    server.write("directory/in/file", "content");
    symlink("in/file", server.path("directory/link")).unwrap();
    let name = format!("toolbox-move-{}", uuid::Uuid::new_v4());
    let there = shared_memory.join(name);
    let mut client = server.client();
    let target = encoded(&there);
    assert_eq!(client.post(&format!("/files/move?source=directory&destination={target}")).status, 200);
    assert_eq!(server.names(), [""; 0]);
    client.post(&format!("/files/move?source={target}/in&destination={target}")).error(409, "CONFLICT");
    assert_eq!(std::fs::read(there.join("link")).unwrap(), b"content");
    assert_eq!(client.post(&format!("/files/move?source={target}&destination=back")).status, 200);
    assert!(!there.exists());
    assert_eq!(server.read("back/in/file"), b"content");
}

#[test]
fn permissions_change_what_is_given() {
    let server = Server::start();
    server.write("file", "");
    let mut client = server.client();
    let answer = client.post("/files/permissions?path=file&mode=600");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(mode(&server, "file"), 0o600);
    let me = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(client.post(&format!("/files/permissions?path=file&owner={me}")).status, 200);
    assert_eq!(mode(&server, "file"), 0o600);
    assert_eq!(client.post("/files/permissions?path=file&mode=4755").status, 200);
    assert_eq!(mode(&server, "file"), 0o4755);
}

#[test]
fn permissions_that_cannot_be_are_told_and_nothing_changes() {
    let server = Server::start();
    let path = server.write("file", "");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o640)).unwrap();
    let mut client = server.client();
    let mut post = |query: &str| client.post(&format!("/files/permissions?{query}"));
    let message = post("path=file&owner=nobody-of-that-name&mode=777").error(400, "BAD_REQUEST");
    assert!(message.contains("user not found"), "{message}");
    let message = post("path=file&group=nobody-of-that-name&mode=777").error(400, "BAD_REQUEST");
    assert!(message.contains("group not found"), "{message}");
    post("path=file&mode=abc").error(400, "BAD_REQUEST");
    post("mode=755").error(400, "BAD_REQUEST");
    post("path=no&mode=755").error(404, "FILE_NOT_FOUND");
    assert_eq!(mode(&server, "file"), 0o640);
}
