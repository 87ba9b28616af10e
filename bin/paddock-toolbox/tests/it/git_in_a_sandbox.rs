//! Git as PID 1 has it done: in an image with nothing in it, and as the sandbox's user.

use serde_json::json;

use crate::git::repository::Repo;
use crate::git::server::Server;
use crate::root::Root;
use crate::sandbox::Sandbox;

/// A server of one repository, and the directory that it serves.
fn served() -> (std::path::PathBuf, Server) {
    let place = std::env::temp_dir().join(format!("served-{}", uuid::Uuid::new_v4().simple()));
    let origin = Repo::bare(place.join("r.git"));
    let seed = Repo::init(place.join("seed"));
    seed.commit("file", "first\n");
    seed.git(&["push", "--quiet", origin.text(), "main"]);
    let server = Server::start(&place);
    (place, server)
}

#[test]
fn an_empty_root_clones_commits_and_pushes() {
    let (place, server) = served();
    let sandbox = Sandbox::ready(Root::empty(), &[]);
    let mut client = sandbox.client();
    // Without /etc/hosts and /etc/resolv.conf.
    client.post_json("/git/clone", &json!({"url": server.url("r.git"), "path": "/deep/repo"})).ok(200);
    assert_eq!(client.get("/files/download?path=/deep/repo/file").body, b"first\n");
    client.request("POST", "/files/upload-v2?path=/deep/repo/new", "", b"mine").ok(200);
    client.post_json("/git/add", &json!({"path": "/deep/repo", "files": ["."]})).ok(200);
    let commit = json!({"path": "/deep/repo", "message": "m", "author": "a", "email": "e"});
    let hash = client.post_json("/git/commit", &commit).ok(200)["hash"].clone();
    client.post_json("/git/push", &json!({"path": "/deep/repo"})).ok(200);
    assert_eq!(Repo::at(place.join("r.git")).git(&["rev-parse", "main"]), hash);
    let secure = json!({"url": "https://localhost:1/r", "path": "/x"});
    let message = client.post_json("/git/clone", &secure).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("ca-certificates"), "{message}");
    let unknown = json!({"url": "http://git.example/r", "path": "/x"});
    let message = client.post_json("/git/clone", &unknown).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("could not resolve host: git.example"), "{message}");
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn the_sandboxes_user_owns_what_is_cloned_and_works_in_what_others_own() {
    let (place, server) = served();
    let sandbox = Sandbox::ready(Root::with_accounts(), &[("PADDOCK_USER", "daytona")]);
    let mut client = sandbox.client();
    client.post_json("/git/clone", &json!({"url": server.url("r.git"), "path": "repo"})).ok(200);
    let (code, owners) =
        sandbox.execute("find /home/daytona/repo ! -user daytona; umask; stat -c %a repo/file");
    assert_eq!((code, owners.as_str()), (0, "0022\n644\n"));
    let denied = json!({"url": server.url("r.git"), "path": "/root/repo"});
    assert_eq!(client.post_json("/git/clone", &denied).status, 403);

    let foreign = Repo::init(sandbox.root.path().join("srv/foreign"));
    foreign.commit("file", "1");
    let status = client.get("/git/status?path=/srv/foreign").ok(200);
    assert_eq!(status["currentBranch"], "main");
    let create = json!({"path": "/srv/foreign", "name": "mine"});
    client.post_json("/git/branches", &create).error(403, "FORBIDDEN");
    client.post_json("/git/init", &json!({"path": "/srv/own"})).error(403, "FORBIDDEN");
    std::fs::remove_dir_all(place).unwrap();
}
