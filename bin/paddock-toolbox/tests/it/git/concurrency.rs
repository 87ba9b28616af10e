//! Several at once, helpers that die, and clients that leave.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::repository::Repo;
use super::server::Server;
use super::toolbox::{Image, Toolbox, each_way};
use crate::sandbox::eventually;

#[test]
fn a_repository_in_use_is_a_conflict_that_says_so() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.write("new", "1");
        repo.write(".git/index.lock", "");
        let message = toolbox.post("add", json!({"path": "repo", "files": ["new"]})).error(409, "CONFLICT");
        assert!(message.contains("index.lock"), "{message}");
        toolbox.post("reset", json!({"path": "repo", "mode": "hard"})).error(409, "CONFLICT");
        // Looking needs no lock.
        assert_eq!(toolbox.files(&repo), ["?? new"]);
        repo.remove(".git/index.lock");
        toolbox.commit_all(&repo);
    });
}

#[test]
fn many_at_once_on_many_repositories_all_succeed() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let toolbox = &toolbox;
            scope.spawn(move || {
                let name = format!("repo{number}");
                let repo = toolbox.repo(&name);
                for round in 0..5 {
                    repo.write("file", format!("{round}"));
                    toolbox.commit_all(&repo);
                }
                assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "5");
            });
        }
    });
}

#[test]
fn a_helper_that_dies_is_an_error_and_its_clone_leaves_nothing() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    let origin = Repo::bare(toolbox.path("served/r.git"));
    let server = Server::start(toolbox.path("served"));
    let seed = toolbox.repo_with_commit("seed");
    seed.git(&["push", "--quiet", origin.text(), "main"]);
    let held = server.hold();
    let mut client = toolbox.client();
    let body = json!({"url": server.url("r.git"), "path": "a/b"}).to_string();
    client.send("POST", "/git/clone", &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
    let helper = eventually("the helper asks", || held.is_waiting().then(|| helper_of(&toolbox)).flatten());
    // Its target is taken meanwhile, under any name.
    let again = json!({"url": server.url("r.git"), "path": "a/./b"});
    let message = toolbox.post("clone", again.clone()).error(409, "CONFLICT");
    assert!(message.contains("another clone"), "{message}");
    kill_process(helper, Signal::KILL).unwrap();
    let message = client.answer("POST").error(500, "INTERNAL_SERVER_ERROR");
    assert!(message.contains("git helper"), "{message}");
    assert!(!toolbox.path("work/a").exists());
    held.release();
    toolbox.post("clone", again).ok(200);
}

#[test]
fn a_clone_whose_client_leaves_goes_on_to_its_end() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    let origin = Repo::bare(toolbox.path("served/r.git"));
    let server = Server::start(toolbox.path("served"));
    let seed = toolbox.repo_with_commit("seed");
    seed.git(&["push", "--quiet", origin.text(), "main"]);
    let held = server.hold();
    let mut client = toolbox.client();
    let body = json!({"url": server.url("r.git"), "path": "left"}).to_string();
    client.send("POST", "/git/clone", &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
    eventually("the helper asks", || held.is_waiting().then_some(()));
    drop(client);
    held.release();
    let cloned = toolbox.path("work/left/file");
    eventually("the clone is there", || cloned.exists().then_some(()));
}

/// The one helper that runs.
fn helper_of(toolbox: &Toolbox) -> Option<Pid> {
    toolbox.helpers().first().copied()
}
