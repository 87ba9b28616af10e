//! Remotes that cannot be reached, trusted or understood.

use std::net::TcpListener;

use serde_json::json;

use super::clone::Scene;
use super::server::{Manners, Server};
use super::toolbox::{Image, Toolbox};

#[test]
fn what_a_server_answers_decides_the_error() {
    let scene = Scene::new(Image::WithoutGit);
    for (status, code, expected) in [
        (403, "FORBIDDEN", 403),
        (404, "GIT_REPO_NOT_FOUND", 404),
        (500, "GIT_TRANSPORT_FAILED", 502),
        (503, "GIT_TRANSPORT_FAILED", 502),
        (204, "GIT_TRANSPORT_FAILED", 502),
        (418, "GIT_TRANSPORT_FAILED", 502),
    ] {
        scene.server.behave(Manners { status: Some(status), ..Manners::default() });
        scene.clone("x", json!({})).error(expected, code);
        scene.assert_nothing("x");
    }
    scene.server.behave(Manners { content_type: Some("text/html"), ..Manners::default() });
    let message = scene.clone("x", json!({})).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("text/html"), "{message}");
}

#[test]
fn a_remote_that_hangs_up_is_told_and_leaves_nothing() {
    let scene = Scene::new(Image::WithoutGit);
    let repo = scene.cloned("repo", json!({}));
    scene.server.behave(Manners { hangs_up: true, ..Manners::default() });
    scene.clone("x", json!({})).error(502, "GIT_TRANSPORT_FAILED");
    scene.assert_nothing("x");
    scene.seed.commit("file", "new\n");
    scene.seed.git(&["push", "--quiet", scene.origin.text(), "main"]);
    scene.toolbox.post("pull", json!({"path": "repo"})).error(502, "GIT_TRANSPORT_FAILED");
    assert_eq!(repo.read("file"), "first\n");
    scene.server.behave(Manners::default());
    scene.toolbox.post("pull", json!({"path": "repo"})).ok(200);

    // One who takes the connection and closes it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    std::thread::spawn(move || silent.incoming().for_each(drop));
    for scheme in ["http", "https", "git"] {
        let url = format!("{scheme}://127.0.0.1:{port}/r.git");
        scene.clone("x", json!({"url": url, "insecure_skip_tls": true})).error(502, "GIT_TRANSPORT_FAILED");
    }
}

#[test]
fn a_refused_connection_and_an_unknown_name_are_told() {
    let scene = Scene::new(Image::WithoutGit);
    for scheme in ["http", "git"] {
        let message = scene
            .clone("x", json!({"url": format!("{scheme}://127.0.0.1:1/r")}))
            .error(502, "GIT_TRANSPORT_FAILED");
        assert!(message.to_lowercase().contains("connection refused"), "{message}");
        // This name exists nowhere, whoever answers for the rest.
        let url = format!("{scheme}://nowhere.invalid/r");
        let message = scene.clone("x", json!({"url": url})).error(502, "GIT_TRANSPORT_FAILED");
        assert!(message.contains("could not resolve host"), "{message}");
    }
    scene.clone("x", json!({"url": "http:///r"})).error(400, "BAD_REQUEST");
    scene.clone("x", json!({"url": "git://127.0.0.1/"})).error(400, "BAD_REQUEST");
    scene.assert_nothing("x");
}

#[test]
fn certificates_are_checked_unless_told_otherwise() {
    let place = tempfile_path();
    let authority = place.join("authority.pem");
    std::fs::create_dir_all(&place).unwrap();
    let with = |file: Option<&std::path::Path>| {
        Toolbox::start_with(Image::WithoutGit, |command| {
            command.envs(file.map(|file| ("SSL_CERT_FILE", file)));
        })
    };
    let trusting = Scene::with({
        // The file is there before anybody reads it.
        with(Some(&authority))
    });
    let server = Server::start_tls(trusting.toolbox.path("served"), &authority);
    let url = json!({"url": server.url("r.git")});
    let repo = trusting.cloned("trusted", url.clone());
    assert_eq!(repo.read("file"), "first\n");
    repo.write("mine", "1");
    let pushed = trusting.toolbox.commit_all(&repo);
    trusting.toolbox.post("push", json!({"path": "trusted"})).ok(200);
    assert_eq!(trusting.origin.git(&["rev-parse", "main"]), pushed);
    // Another name than the certificate's.
    let other = server.url("r.git").replace("localhost", "127.0.0.1");
    let message = trusting.clone("other", json!({"url": other})).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("TLS"), "{message}");

    let stranger = Server::start_tls(trusting.toolbox.path("served"), &place.join("stranger.pem"));
    let url = json!({"url": stranger.url("r.git")});
    let message = trusting.clone("x", url.clone()).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("TLS"), "{message}");
    trusting.assert_nothing("x");
    trusting.cloned("insecure", json!({"url": stranger.url("r.git"), "insecure_skip_tls": true}));

    std::fs::write(place.join("no-certificates"), "nothing").unwrap();
    let without = with(Some(&place.join("no-certificates")));
    let body = json!({"url": server.url("r.git"), "path": "x"});
    let message = without.post("clone", body).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("no-certificates"), "{message}");
    std::fs::remove_dir_all(place).unwrap();
}

fn tempfile_path() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("tls-{}", uuid::Uuid::new_v4().simple()))
}

#[test]
fn gits_own_protocol_works_both_ways() {
    let scene = Scene::new(Image::WithoutGit);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The program itself, since `git daemon` only starts it.
    let programs = std::process::Command::new("git").arg("--exec-path").output().unwrap().stdout;
    let program = format!("{}/git-daemon", String::from_utf8(programs).unwrap().trim());
    let mut daemon = std::process::Command::new(program)
        .args(["--export-all", "--enable=receive-pack", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", scene.toolbox.path("served").display()))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    crate::sandbox::eventually("the daemon listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let repo = scene.cloned("repo", json!({"url": format!("git://localhost:{port}/r.git")}));
    repo.write("mine", "1");
    let pushed = scene.toolbox.commit_all(&repo);
    scene.toolbox.post("push", json!({"path": "repo"})).ok(200);
    assert_eq!(scene.origin.git(&["rev-parse", "main"]), pushed);
    scene
        .clone("x", json!({"url": format!("git://localhost:{port}/none.git")}))
        .error(404, "GIT_REPO_NOT_FOUND");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[test]
fn a_proxy_is_used_where_one_is_set() {
    use std::io::{Read, Write};
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let (heard, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap() == 0 {
                    break;
                }
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            heard.send(head.lines().next().unwrap().to_owned()).unwrap();
            let mut upstream =
                std::net::TcpStream::connect(target.replace("git.example", "127.0.0.1")).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let (mut from, mut to) = (stream.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || std::io::copy(&mut upstream, &mut stream));
        }
    });
    let scene = Scene::with(Toolbox::start_with(Image::WithoutGit, |command| {
        command.env("http_proxy", format!("http://{address}")).env("NO_PROXY", "localhost");
    }));
    scene.cloned("direct", json!({}));
    assert!(hears.try_recv().is_err());
    // A name that only the proxy knows.
    let url = scene.server.url("r.git").replace("localhost", "git.example");
    scene.cloned("through", json!({"url": url}));
    assert_eq!(hears.recv().unwrap(), format!("CONNECT git.example:{} HTTP/1.1", scene.server.port()));
}
