//! What the library lacks: the program does it where it is, and its absence is an error that says so.

use serde_json::json;

use super::clone::Scene;
use super::repository::Repo;
use super::toolbox::{Image, Toolbox};

/// Puts a script in the directory of the toolbox.
fn script(toolbox: &Toolbox, name: &str, text: &str) -> String {
    let path = toolbox.path(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn hooks_are_run_and_have_their_say() {
    let toolbox = Toolbox::start(Image::WithGit);
    let repo = Repo::init(toolbox.path("work/repo"));
    repo.hook("pre-commit", "test ! -e forbid || { echo 'lint: tabs' >&2; exit 1; }");
    repo.hook("commit-msg", "echo 'Change-Id: I1' >> \"$1\"");
    repo.hook("post-checkout", "touch checked-out");
    repo.write("file", "1");
    toolbox.commit_all(&repo);
    assert!(repo.git(&["log", "-1", "--format=%B"]).contains("Change-Id: I1"));
    repo.write("forbid", "");
    repo.write("file", "2");
    toolbox.post("add", json!({"path": "repo", "files": ["file"]})).ok(200);
    let commit = json!({"path": "repo", "message": "m", "author": "a", "email": "e"});
    let message = toolbox.post("commit", commit.clone()).error(422, "UNPROCESSABLE_ENTITY");
    assert!(message.contains("lint: tabs"), "{message}");
    toolbox.post("branches", json!({"path": "repo", "name": "next"})).ok(201);
    assert!(repo.exists("checked-out"));

    let without = Toolbox::start(Image::WithoutGit);
    let body = json!({"path": repo.text(), "message": "m", "author": "a", "email": "e"});
    let message = without.post("commit", body.clone()).error(422, "UNPROCESSABLE_ENTITY");
    assert!(message.contains("hook pre-commit") && message.contains("git program"), "{message}");
    // Switched off, they are not missed.
    repo.git(&["config", "core.hooksPath", "/dev/null"]);
    without.post("commit", body).ok(200);
}

#[test]
fn formats_that_the_library_does_not_know_need_the_program() {
    let without = Toolbox::start(Image::WithoutGit);
    let repo = Repo::init(without.path("work/repo"));
    repo.commit("file", "1");
    repo.make_foreign();
    let message = without.get("status", &[("path", "repo")]).error(422, "UNPROCESSABLE_ENTITY");
    assert!(message.contains("git program"), "{message}");
    let with = Toolbox::start(Image::WithGit);
    assert_eq!(with.status(&repo)["currentBranch"], "main");
}

#[test]
fn filters_of_attributes_are_applied() {
    let toolbox = Toolbox::start(Image::WithGit);
    let repo = Repo::init(toolbox.path("work/repo"));
    repo.git(&["config", "filter.shout.clean", "tr a-z A-Z"]);
    repo.git(&["config", "filter.shout.smudge", "tr A-Z a-z"]);
    repo.write("sub/.gitattributes", "*.txt filter=shout\n");
    repo.write("sub/a.txt", "hello\n");
    toolbox.commit_all(&repo);
    assert_eq!(repo.git(&["show", "HEAD:sub/a.txt"]), "HELLO");
    assert_eq!(toolbox.files(&repo), [""; 0]);
    repo.write("sub/a.txt", "changed\n");
    toolbox.post("restore", json!({"path": "repo", "files": ["."]})).ok(200);
    assert_eq!(repo.read("sub/a.txt"), "hello\n");

    let home = toolbox.path("home/.gitconfig");
    std::fs::write(home, "[filter \"shout\"]\n smudge = tr A-Z a-z\n clean = tr a-z A-Z\n").unwrap();
    toolbox.post("clone", json!({"url": repo.text(), "path": "cloned"})).ok(200);
    let cloned = Repo::at(toolbox.path("work/cloned"));
    assert_eq!(cloned.read("sub/a.txt"), "hello\n");
    assert_eq!(toolbox.files(&cloned), [""; 0]);

    let without = Toolbox::start(Image::WithoutGit);
    let message = without.get("status", &[("path", repo.text())]).error(422, "UNPROCESSABLE_ENTITY");
    assert!(message.contains("filter shout"), "{message}");
    // One that nobody has configured is as good as none.
    without.post("clone", json!({"url": repo.text(), "path": "cloned"})).ok(200);
    let raw = std::fs::read_to_string(without.path("work/cloned/sub/a.txt")).unwrap();
    assert_eq!(raw, "HELLO\n");
}

#[test]
fn ssh_is_the_programs() {
    let scene = Scene::with(Toolbox::start_with(Image::WithGit, |command| {
        command.env("GIT_SSH_COMMAND", command.get_current_dir().unwrap().join("../ssh"));
    }));
    // What ssh would do on the other side. The first question is whether it is OpenSSH.
    script(
        &scene.toolbox,
        "ssh",
        "[ \"$1\" = -G ] && exit 1\nwhile [ $# -gt 1 ]; do shift; done\n\
         exec sh -c \"git -c safe.directory='*' ${1#git-}\"",
    );
    let side = scene.seed.git(&["rev-parse", "side"]);
    let url = format!("git@localhost:{}", scene.origin.text());
    let repo = scene.cloned("repo", json!({"url": url}));
    assert_eq!(repo.read("file"), "first\n");
    let at_side = scene.cloned(
        "side",
        json!({"url": format!("ssh://git@localhost{}", scene.origin.text()), "commit_id": side}),
    );
    assert_eq!(at_side.read("file"), "side\n");
    assert_eq!(at_side.git(&["for-each-ref", "refs/paddock"]), "");
    repo.write("mine", "1");
    let pushed = scene.toolbox.commit_all(&repo);
    scene.toolbox.post("push", json!({"path": "repo"})).ok(200);
    assert_eq!(scene.origin.git(&["rev-parse", "main"]), pushed);
    scene.toolbox.post("pull", json!({"path": "repo"})).ok(200);
    scene.clone("x", json!({"url": url, "branch": "none"})).error(404, "GIT_BRANCH_NOT_FOUND");
    scene.clone("x", json!({"url": "git@localhost:/no/such"})).error(404, "GIT_REPO_NOT_FOUND");
    scene.assert_nothing("x");

    let without = Toolbox::start(Image::WithoutGit);
    let message = without.post("clone", json!({"url": url, "path": "x"})).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("ssh") && message.contains("git program"), "{message}");
    assert!(!without.path("work/x").exists());
}

#[test]
fn signing_and_sparse_checkouts_are_not_passed_over() {
    let without = Toolbox::start(Image::WithoutGit);
    let repo = without_commit(&without);
    repo.git(&["config", "commit.gpgSign", "true"]);
    let commit = json!({"path": "repo", "message": "m", "author": "a", "email": "e", "allow_empty": true});
    let message = without.post("commit", commit.clone()).error(422, "UNPROCESSABLE_ENTITY");
    assert!(message.contains("gpgSign"), "{message}");
    repo.git(&["config", "core.sparseCheckout", "true"]);
    without.get("status", &[("path", "repo")]).error(422, "UNPROCESSABLE_ENTITY");

    let with = Toolbox::start(Image::WithGit);
    let signer =
        script(&with, "signer", "cat >/dev/null; echo '[GNUPG:] SIG_CREATED ' >&2; echo signed-by-test");
    repo.git(&["config", "gpg.program", &signer]);
    let mut commit = commit;
    commit["path"] = repo.text().into();
    with.post("commit", commit).ok(200);
    assert!(repo.git(&["cat-file", "commit", "HEAD"]).contains("signed-by-test"));
}

fn without_commit(toolbox: &Toolbox) -> Repo {
    let repo = Repo::init(toolbox.path("work/repo"));
    repo.commit("file", "1");
    repo
}
