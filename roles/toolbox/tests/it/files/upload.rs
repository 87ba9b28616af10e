//! Single uploads, new and old.

use serde_json::json;

use crate::server::Server;

const FORM: &str = "Content-Type: multipart/form-data; boundary=b\r\n";

fn form(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
    [head.as_bytes(), content, b"\r\n--b--\r\n"].concat()
}

#[test]
fn the_body_is_the_file_or_the_forms_file_part_is() {
    let server = Server::start();
    let mut client = server.client();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let answer = client.request("POST", "/files/upload-v2?path=a/raw.bin", "", &all_bytes).ok(200);
    assert_eq!(answer, json!({"name": "raw.bin", "path": "a/raw.bin", "type": "file"}));
    assert_eq!(server.read("a/raw.bin"), all_bytes);
    let answer = client.request("POST", "/files/upload-v2?path=form.bin", FORM, &form("file", &all_bytes));
    assert_eq!(answer.ok(200)["name"], "form.bin");
    assert_eq!(server.read("form.bin"), all_bytes);
    assert_eq!(client.request("POST", "/files/upload-v2?path=empty", "", b"").status, 200);
    assert_eq!(server.read("empty"), b"");
}

#[test]
fn the_old_operation_takes_forms_only_and_answers_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let answer = client.request("POST", "/files/upload?path=f", FORM, &form("file", b"old"));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(server.read("f"), b"old");
    client.request("POST", "/files/upload?path=g", "", b"raw").error(400, "BAD_REQUEST");
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn uploads_that_fail_are_told_after_the_whole_body() {
    let server = Server::start();
    server.write("file", "");
    let mut client = server.client();
    let large = vec![b'x'; 3 << 20];
    client.request("POST", "/files/upload-v2", "", &large).error(400, "BAD_REQUEST");
    client.request("POST", "/files/upload-v2?path=file/in", "", &large).error(400, "BAD_REQUEST");
    client.request("POST", "/files/upload-v2?path=/dev", "", &large).error(400, "BAD_REQUEST");
    client.request("POST", "/files/upload-v2?path=/dev/null", "", &large).error(400, "BAD_REQUEST");
    client.request("POST", "/files/upload-v2?path=x", FORM, &form("other", &large)).error(400, "BAD_REQUEST");
    client.request("POST", "/files/upload-v2?path=x", FORM, &large).error(400, "BAD_REQUEST");
    let no_boundary = "Content-Type: multipart/form-data\r\n";
    client.request("POST", "/files/upload-v2?path=x", no_boundary, &large).error(400, "BAD_REQUEST");
    assert_eq!(server.names(), ["file"]);
}

#[test]
fn an_upload_that_is_cut_leaves_the_old_file_and_nothing_else() {
    let server = Server::start();
    server.write("file", "old");
    let mut client = server.client();
    client.send("POST", "/files/upload-v2?path=file", "Content-Length: 10000000\r\n", &vec![b'n'; 2 << 20]);
    crate::server::eventually("the upload has begun", || (server.names().len() == 2).then_some(()));
    drop(client);
    crate::server::eventually("the temporary file is gone", || (server.names() == ["file"]).then_some(()));
    assert_eq!(server.read("file"), b"old");
}

#[test]
fn a_form_without_its_end_is_refused() {
    let server = Server::start();
    server.write("file", "old");
    let whole = form("file", b"new");
    let cut = &whole[..whole.len() - 12];
    let mut client = server.client();
    client.request("POST", "/files/upload-v2?path=file", FORM, cut).error(400, "BAD_REQUEST");
    assert_eq!(server.read("file"), b"old");
    assert_eq!(server.names(), ["file"]);
}

#[test]
fn paths_of_every_kind_come_out_as_they_went_in() {
    let server = Server::start();
    let mut client = server.client();
    for name in ["a b", "quote\"'", "percent%41", "日本語", "😀", "plus+", "back\\slash", "new\nline"] {
        let query: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let answer = client.request("POST", &format!("/files/upload-v2?path={query}"), "", name.as_bytes());
        assert_eq!(answer.ok(200)["path"], name);
        assert_eq!(server.read(name), name.as_bytes());
        let answer = client.get(&format!("/files/download?path={query}"));
        assert_eq!((answer.status, answer.body.as_slice()), (200, name.as_bytes()));
    }
}
