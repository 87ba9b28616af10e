//! Pushing and pulling over HTTP.

use serde_json::{Value, json};

use super::clone::Scene;
use super::repository::Repo;
use super::server::Manners;
use super::toolbox::{Image, say};

/// Every way of pushing and pulling: the library, and the program in a repository that needs it.
fn each_way(test: impl Fn(&Scene, &Repo)) {
    for image in [Image::WithoutGit, Image::WithGit] {
        say(&format!("with {image:?}"));
        let scene = Scene::new(image);
        let repo = scene.cloned("repo", json!({}));
        if image == Image::WithGit {
            repo.make_foreign();
        }
        test(&scene, &repo);
    }
}

fn post(scene: &Scene, operation: &str, extra: Value) -> crate::client::Answer {
    let mut body = json!({"path": "repo"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    scene.toolbox.post(operation, body)
}

/// Somebody else pushes a commit to `main`.
fn overtake(scene: &Scene, content: &str) -> String {
    scene.seed.git(&["pull", "--quiet", "--rebase", scene.origin.text(), "main"]);
    let commit = scene.seed.commit("file", content);
    scene.seed.git(&["push", "--quiet", scene.origin.text(), "main"]);
    commit
}

#[test]
fn a_push_goes_to_the_same_name() {
    each_way(|scene, repo| {
        post(scene, "push", json!({})).ok(200);
        let pushed = repo.commit("mine", "1");
        post(scene, "push", json!({})).ok(200);
        assert_eq!(scene.origin.git(&["rev-parse", "main"]), pushed);
        assert_eq!(repo.git(&["rev-parse", "origin/main"]), pushed);

        repo.git(&["branch", "feature"]);
        post(scene, "push", json!({"branch": "feature"})).ok(200);
        assert_eq!(scene.origin.git(&["rev-parse", "feature"]), pushed);
        assert!(super::repository::git(&repo.path, &["config", "branch.feature.remote"]).stdout.is_empty());
        post(scene, "push", json!({"branch": "feature", "set_upstream": true})).ok(200);
        assert_eq!(repo.git(&["config", "branch.feature.merge"]), "refs/heads/feature");
    });
}

#[test]
fn what_cannot_be_pushed_is_not_found() {
    each_way(|scene, repo| {
        post(scene, "push", json!({"remote": "none"})).error(404, "NOT_FOUND");
        post(scene, "push", json!({"remote": "/tmp"})).error(404, "NOT_FOUND");
        post(scene, "push", json!({"branch": "none"})).error(404, "GIT_BRANCH_NOT_FOUND");
        post(scene, "push", json!({"branch": "+main"})).error(404, "GIT_BRANCH_NOT_FOUND");
        post(scene, "push", json!({"branch": "main:x"})).error(404, "GIT_BRANCH_NOT_FOUND");
        repo.git(&["checkout", "--quiet", "--detach"]);
        post(scene, "push", json!({})).error(404, "NOT_FOUND");
        repo.git(&["checkout", "--quiet", "--orphan", "unborn"]);
        post(scene, "push", json!({})).error(404, "NOT_FOUND");
    });
}

#[test]
fn a_push_is_never_forced() {
    each_way(|scene, repo| {
        overtake(scene, "theirs\n");
        repo.commit("mine", "1");
        post(scene, "push", json!({})).error(409, "GIT_PUSH_REJECTED");
        // Also when it is known what is there.
        repo.git(&["fetch", "--quiet", "origin"]);
        post(scene, "push", json!({})).error(409, "GIT_PUSH_REJECTED");
    });
}

#[test]
fn what_the_remotes_hook_says_is_told() {
    each_way(|scene, repo| {
        scene.origin.hook("pre-receive", "echo 'policy: no Fridays' >&2; exit 1");
        repo.commit("mine", "1");
        let message = post(scene, "push", json!({})).error(422, "GIT_REMOTE_REJECTED");
        assert!(message.contains("no Fridays"), "{message}");
        assert!(message.contains("pre-receive hook declined"), "{message}");
    });
}

#[test]
fn pushes_and_pulls_show_credentials_and_keep_none() {
    each_way(|scene, repo| {
        scene.server.behave(Manners { user: Some("me:s3cret".to_owned()), ..Manners::default() });
        // It would be told of them.
        repo.hook("pre-push", "touch hook-ran");
        repo.hook("post-merge", "touch hook-ran");
        let given = json!({"username": "me", "password": "s3cret"});
        let pushed = repo.commit("mine", "1");
        post(scene, "push", given.clone()).ok(200);
        assert_eq!(scene.origin.git(&["rev-parse", "main"]), pushed);
        let pulled = overtake(scene, "theirs\n");
        post(scene, "pull", given).ok(200);
        assert_eq!(repo.git(&["rev-parse", "HEAD"]), pulled);
        assert!(!repo.exists("hook-ran"));
        assert!(!repo.read(".git/config").contains("s3cret"));

        let wrong = json!({"username": "me", "password": "wr0ng"});
        for operation in ["push", "pull"] {
            let message = post(scene, operation, wrong.clone()).error(401, "GIT_AUTH_FAILED");
            assert!(!message.contains("wr0ng"), "{message}");
        }
    });
}

#[test]
fn a_pull_moves_forward_or_not_at_all() {
    each_way(|scene, repo| {
        post(scene, "pull", json!({})).ok(200);
        let commit = overtake(scene, "theirs\n");
        repo.write("untracked", "kept");
        post(scene, "pull", json!({})).ok(200);
        assert_eq!(
            (repo.git(&["rev-parse", "HEAD"]), repo.read("file")),
            (commit.clone(), "theirs\n".into())
        );
        assert_eq!(repo.git(&["rev-parse", "origin/main"]), commit);
        assert_eq!(scene.toolbox.files(repo), ["?? untracked"]);

        overtake(scene, "again\n");
        repo.write("file", "mine\n");
        let message = post(scene, "pull", json!({})).error(409, "GIT_DIRTY_WORKTREE");
        assert!(message.contains("file"), "{message}");
        assert_eq!(repo.read("file"), "mine\n");
        repo.commit("file", "mine\n");
        post(scene, "pull", json!({})).error(409, "GIT_MERGE_CONFLICT");
        assert_eq!(repo.read("file"), "mine\n");
        // What is ahead of the remote is up to date.
        repo.git(&["reset", "--quiet", "--hard", "origin/main"]);
        repo.commit("ahead", "1");
        post(scene, "pull", json!({})).ok(200);
    });
}

#[test]
fn a_pull_takes_the_branch_and_remote_that_it_is_told() {
    each_way(|scene, repo| {
        let side = scene.seed.git(&["rev-parse", "side"]);
        post(scene, "pull", json!({"branch": "side", "remote": "origin"})).ok(200);
        assert_eq!(repo.git(&["rev-parse", "main"]), side);
        post(scene, "pull", json!({"branch": "none"})).error(404, "GIT_BRANCH_NOT_FOUND");
        post(scene, "pull", json!({"branch": "-x"})).error(404, "GIT_BRANCH_NOT_FOUND");
        post(scene, "pull", json!({"remote": "none"})).error(404, "NOT_FOUND");
        // Without an upstream it is the same name on origin.
        repo.git(&["checkout", "--quiet", "-b", "local-only"]);
        post(scene, "pull", json!({})).error(404, "NOT_FOUND");
        repo.git(&["checkout", "--quiet", "--detach"]);
        post(scene, "pull", json!({})).error(404, "NOT_FOUND");
    });
}

#[test]
fn before_the_first_commit_a_pull_brings_it() {
    each_way(|scene, _| {
        let fresh = scene.toolbox.repo("fresh");
        fresh.git(&["remote", "add", "origin", &scene.server.url("r.git")]);
        scene.toolbox.post("pull", json!({"path": "fresh"})).ok(200);
        assert_eq!(fresh.read("file"), "first\n");
        assert_eq!(scene.toolbox.files(&fresh), [""; 0]);
    });
}

#[test]
fn a_large_push_goes_out_in_chunks_also_to_one_who_asks_late() {
    let scene = Scene::new(Image::WithoutGit);
    let repo = scene.cloned("repo", json!({}));
    let body = json!({"username": "me", "password": "s3cret", "host": format!("localhost:{}", scene.server.port()), "protocol": "http"});
    scene.toolbox.post("credentials", body).ok(200);
    scene.server.behave(Manners {
        user: Some("me:s3cret".to_owned()),
        asks_late: true,
        ..Manners::default()
    });
    // What does not compress.
    let mut number = 1_u64;
    let noise: Vec<u8> = (0..8 << 20)
        .map(|_| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 33) as u8
        })
        .collect();
    repo.write("large", noise);
    let pushed = scene.toolbox.commit_all(&repo);
    scene.server.take_requests();
    post(&scene, "push", json!({})).ok(200);
    assert_eq!(scene.origin.git(&["rev-parse", "main"]), pushed);
    scene.origin.git(&["fsck"]);
    let requests = scene.server.take_requests();
    assert!(
        requests.iter().any(|request| request.header("transfer-encoding") == Some("chunked")),
        "{:?}",
        requests.len()
    );

    repo.commit("more", "1");
    scene.server.behave(Manners { user: Some("you:x".to_owned()), asks_late: true, ..Manners::default() });
    post(&scene, "push", json!({})).error(401, "GIT_AUTH_FAILED");
}
