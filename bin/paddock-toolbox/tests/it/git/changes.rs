//! Adding, committing and looking back.

use serde_json::json;

use super::repository::Repo;
use super::toolbox::{Image, Toolbox, each_way};

#[test]
fn a_repository_is_made_filled_and_told() {
    // Made by the operations alone, so only the library's way.
    let toolbox = Toolbox::start(Image::WithoutGit);
    let body = json!({"path": "new/repo", "initial_branch": "trunk"});
    toolbox.post("init", body.clone()).ok(201);
    toolbox.post("init", body).error(409, "CONFLICT");
    let repo = Repo::at(toolbox.path("work/new/repo"));
    assert_eq!(toolbox.status(&repo)["currentBranch"], "trunk");
    assert_eq!(toolbox.get("history", &[("path", "new/repo")]).ok(200), json!([]));
    assert_eq!(
        toolbox.get("branches", &[("path", "new/repo")]).ok(200),
        json!({"branches": [], "current": "trunk"})
    );

    repo.write("a", "1\n");
    toolbox.post("add", json!({"path": "new/repo", "files": ["a"]})).ok(200);
    let body =
        json!({"path": "new/repo", "message": "first\n\nbody\n", "author": "Jürgen 山", "email": "j@x"});
    let hash = toolbox.post("commit", body).ok(200)["hash"].clone();
    assert_eq!(hash, repo.git(&["rev-parse", "trunk"]));
    assert_eq!(
        repo.git(&["log", "-1", "--format=%an|%ae|%cn|%ce|%B"]),
        "Jürgen 山|j@x|Jürgen 山|j@x|first\n\nbody"
    );
    let history = toolbox.get("history", &[("path", "new/repo")]).ok(200);
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["hash"], hash);
    assert_eq!(history[0]["author"], "Jürgen 山");
    assert_eq!(history[0]["email"], "j@x");
    assert_eq!(history[0]["message"], "first\n\nbody\n");
    let seconds = repo.git(&["log", "-1", "--format=%aI"]);
    assert_eq!(
        history[0]["timestamp"].as_str().unwrap().replace("+00:00", "Z"),
        seconds.replace("+00:00", "Z")
    );

    toolbox.post("init", json!({"path": "bare", "bare": true})).ok(201);
    assert_eq!(Repo::at(toolbox.path("work/bare")).git(&["rev-parse", "--is-bare-repository"]), "true");
    toolbox.post("init", json!({"path": "bare", "bare": true})).error(409, "CONFLICT");
    toolbox.post("init", json!({"path": "x", "initial_branch": "a..b"})).error(400, "BAD_REQUEST");
    toolbox.get("status", &[("path", "bare")]).error(400, "BAD_REQUEST");
}

#[test]
fn what_is_no_repository_is_not_found() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.write("below/file", "");
        // The repository is the directory itself, not one above it.
        for path in ["nothing", "repo/below", "repo/file", "/"] {
            for operation in ["status", "branches", "history", "remotes"] {
                toolbox.get(operation, &[("path", path)]).error(404, "GIT_REPO_NOT_FOUND");
            }
            toolbox.post("add", json!({"path": path, "files": ["."]})).error(404, "GIT_REPO_NOT_FOUND");
            toolbox.post("push", json!({"path": path})).error(404, "GIT_REPO_NOT_FOUND");
            toolbox.post("pull", json!({"path": path})).error(404, "GIT_REPO_NOT_FOUND");
            let body = json!({"path": path, "message": "m", "author": "a", "email": "e"});
            toolbox.post("commit", body).error(404, "GIT_REPO_NOT_FOUND");
        }
        toolbox.get("status", &[]).error(400, "BAD_REQUEST");
        toolbox.get("status", &[("path", "a\0")]).error(400, "BAD_REQUEST");
        toolbox.post("add", json!({"files": ["."]})).error(400, "INVALID_REQUEST_BODY");
        toolbox.post("add", json!({"path": "", "files": ["."]})).error(400, "BAD_REQUEST");
    });
}

#[test]
fn adding_takes_files_directories_deletions_and_strange_names() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.commit("dir/old", "x");
        repo.commit("gone", "x");
        repo.write(".gitignore", "*.log\n");
        repo.write("dir/new 文\n名", "1");
        repo.write("dir/[a]*", "1");
        repo.write("dir/a", "1");
        repo.write("dir/noise.log", "1");
        repo.write("forced.log", "1");
        repo.remove("dir/old");
        repo.remove("gone");
        let add = |files: &[&str]| toolbox.post("add", json!({"path": "repo", "files": files}));
        // A name is a name, not a pattern.
        add(&["dir/[a]*"]).ok(200);
        assert_eq!(repo.git(&["diff", "--cached", "--name-only", "--no-renames"]), "dir/[a]*");
        add(&["gone", "forced.log"]).ok(200);
        assert_eq!(
            repo.git(&["diff", "--cached", "--name-only", "--no-renames"]),
            "dir/[a]*\nforced.log\ngone"
        );
        add(&["./dir"]).ok(200);
        let staged = repo.git(&[
            "-c",
            "core.quotePath=false",
            "diff",
            "--cached",
            "--name-only",
            "--no-renames",
            "-z",
        ]);
        let staged: Vec<_> = staged.split('\0').filter(|name| !name.is_empty()).collect();
        assert_eq!(staged, ["dir/[a]*", "dir/a", "dir/new 文\n名", "dir/old", "forced.log", "gone"]);
        add(&["."]).ok(200);
        let all = [
            "A  .gitignore",
            "A  dir/[a]*",
            "A  dir/a",
            "A  dir/new 文\n名",
            "D  dir/old",
            "A  forced.log",
            "D  gone",
        ];
        assert_eq!(toolbox.files(&repo), all);
    });
}

#[test]
fn adding_is_all_or_nothing() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.write("new", "1");
        let add = |files: &[&str]| toolbox.post("add", json!({"path": "repo", "files": files}));
        let message = add(&["new", "no/such"]).error(400, "BAD_REQUEST");
        assert!(message.contains("no/such"), "{message}");
        add(&["../outside"]).error(400, "BAD_REQUEST");
        add(&[".git/config"]).error(400, "BAD_REQUEST");
        add(&[""]).error(400, "BAD_REQUEST");
        assert_eq!(toolbox.files(&repo), ["?? new"]);
        add(&[]).ok(200);
        add(&[repo.path.join("new").to_str().unwrap()]).ok(200);
        assert_eq!(toolbox.files(&repo), ["A  new"]);
    });
}

#[test]
fn only_the_index_is_committed_and_an_empty_commit_has_to_be_asked_for() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        let commit = |extra: serde_json::Value| {
            let mut body =
                json!({"path": "repo", "message": "# not a comment\n", "author": "A B", "email": "a@b"});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            toolbox.post("commit", body)
        };
        repo.write("file", "unstaged\n");
        repo.write("untracked", "1");
        let message = commit(json!({})).error(409, "CONFLICT");
        assert!(message.contains("nothing to commit"), "{message}");
        let hash = commit(json!({"allow_empty": true})).ok(200)["hash"].clone();
        assert_eq!(hash, repo.git(&["rev-parse", "main"]));
        assert_eq!(repo.git(&["log", "-1", "--format=%an|%ae|%cn|%B"]), "A B|a@b|A B|# not a comment");
        repo.git(&["add", "untracked"]);
        commit(json!({})).ok(200);
        assert_eq!(repo.git(&["show", "--format=", "--name-only"]), "untracked");
        assert_eq!(toolbox.files(&repo), [" M file"]);
        commit(json!({"author": " "})).error(400, "BAD_REQUEST");
        commit(json!({"email": "a<b"})).error(400, "BAD_REQUEST");
        commit(json!({"message": "a\0b"})).error(400, "BAD_REQUEST");
    });
}

#[test]
fn a_merge_is_concluded_by_a_commit_once_its_conflicts_are_added() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        conflict(&repo);
        assert_eq!(toolbox.files(&repo), ["UU file"]);
        let body = json!({"path": "repo", "message": "merged", "author": "A", "email": "a@b"});
        toolbox.post("commit", body.clone()).error(409, "CONFLICT");
        repo.write("file", "both\n");
        toolbox.post("add", json!({"path": "repo", "files": ["file"]})).ok(200);
        toolbox.post("commit", body).ok(200);
        assert_eq!(repo.git(&["rev-list", "--parents", "-1", "HEAD"]).split(' ').count(), 3);
        assert_eq!(toolbox.files(&repo), [""; 0]);
        assert!(!repo.exists(".git/MERGE_HEAD"));
    });
}

/// Leaves a merge unfinished with a conflict in `file`.
pub(super) fn conflict(repo: &Repo) {
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.commit("file", "other\n");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit("file", "main\n");
    assert!(!super::repository::git(&repo.path, &["merge", "other"]).status.success());
}

#[test]
fn history_is_all_of_it_newest_first_in_whatever_letters() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        for number in 0..5 {
            repo.commit("file", &format!("{number}"));
        }
        repo.git(&[
            "-c",
            "i18n.commitEncoding=ISO-8859-1",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "caf\u{e9}",
        ]);
        let history = toolbox.get("history", &[("path", "repo")]).ok(200);
        let hashes: Vec<_> =
            history.as_array().unwrap().iter().map(|one| one["hash"].as_str().unwrap()).collect();
        assert_eq!(hashes[0], repo.git(&["rev-parse", "HEAD"]));
        let mut all = hashes.clone();
        all.sort_unstable();
        let mut known: Vec<_> = repo.git(&["rev-list", "HEAD"]).lines().map(str::to_owned).collect();
        known.sort();
        assert_eq!(all, known);
    });
}
