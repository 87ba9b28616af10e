//! Making, deleting and changing branches.

use serde_json::json;

use super::repository::Repo;
use super::toolbox::each_way;

#[test]
fn a_branch_is_made_where_head_is_and_checked_out() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.write("file", "changed\n");
        let create = |name: &str| toolbox.post("branches", json!({"path": "repo", "name": name}));
        create("feature/一").ok(201);
        assert_eq!(toolbox.status(&repo)["currentBranch"], "feature/一");
        assert_eq!(toolbox.files(&repo), [" M file"]);
        for taken in ["main", "main/below", "feature"] {
            create(taken).error(409, "GIT_BRANCH_EXISTS");
        }
        for bad in ["", "a b", "a..b", "-x", "x.lock", "a\0b", "HEAD"] {
            create(bad).error(400, "BAD_REQUEST");
        }
        let branches = toolbox.get("branches", &[("path", "repo")]).ok(200);
        assert_eq!(branches, json!({"branches": ["feature/一", "main"], "current": "feature/一"}));

        let unborn = toolbox.repo("unborn");
        toolbox.post("branches", json!({"path": "unborn", "name": "first"})).ok(201);
        assert_eq!(toolbox.status(&unborn)["currentBranch"], "first");
    });
}

#[test]
fn a_branch_is_deleted_merged_or_not_but_not_the_current_one() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.git(&["checkout", "--quiet", "-b", "unmerged"]);
        repo.commit("file", "2");
        repo.git(&["checkout", "--quiet", "main"]);
        let delete = |name: &str| toolbox.delete("branches", json!({"path": "repo", "name": name}));
        delete("main").error(409, "CONFLICT");
        delete("none").error(404, "GIT_BRANCH_NOT_FOUND");
        delete("-D").error(404, "GIT_BRANCH_NOT_FOUND");
        assert_eq!(delete("unmerged").status, 204);
        delete("unmerged").error(404, "GIT_BRANCH_NOT_FOUND");
        repo.git(&["checkout", "--quiet", "--detach"]);
        let branches = toolbox.get("branches", &[("path", "repo")]).ok(200);
        assert_eq!(branches, json!({"branches": ["main"], "current": ""}));
        assert_eq!(delete("main").status, 204);
    });
}

#[test]
fn a_checkout_finds_branches_remote_branches_and_revisions_in_this_order() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        let first = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["tag", "v1"]);
        let origin = Repo::bare(toolbox.path("origin"));
        repo.git(&["remote", "add", "origin", origin.text()]);
        repo.commit("file", "second\n");
        repo.git(&["push", "--quiet", "origin", "main:remote-only"]);
        repo.git(&["fetch", "--quiet", "origin"]);
        repo.git(&["branch", "local", &first]);
        let checkout = |branch: &str| toolbox.post("checkout", json!({"path": "repo", "branch": branch}));
        let head = || toolbox.status(&repo)["currentBranch"].as_str().unwrap().to_owned();

        checkout("local").ok(200);
        assert_eq!((head().as_str(), repo.read("file").as_str()), ("local", "first\n"));
        checkout("remote-only").ok(200);
        assert_eq!((head().as_str(), repo.read("file").as_str()), ("remote-only", "second\n"));
        assert_eq!(toolbox.status(&repo)["upstream"], "origin/remote-only");
        for revision in [first.as_str(), &first[..10], "v1", "main~1"] {
            checkout("main").ok(200);
            checkout(revision).ok(200);
            assert_eq!(
                (head().as_str(), repo.git(&["rev-parse", "HEAD"])),
                ("HEAD", first.clone()),
                "{revision}"
            );
        }
        for unknown in [
            "nothing",
            "",
            "-f",
            "main:file",
            "main^{tree}",
            "a\0b",
            "0123456789012345678901234567890123456789",
        ] {
            checkout(unknown).error(404, "GIT_BRANCH_NOT_FOUND");
        }
    });
}

#[test]
fn a_checkout_loses_no_change() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.git(&["checkout", "--quiet", "-b", "other"]);
        repo.write("file", "other\n");
        repo.write("added", "other\n");
        toolbox.commit_all(&repo);
        repo.git(&["checkout", "--quiet", "main"]);
        let checkout = |branch: &str| toolbox.post("checkout", json!({"path": "repo", "branch": branch}));

        repo.write("file", "mine\n");
        let message = checkout("other").error(409, "GIT_DIRTY_WORKTREE");
        assert!(message.contains("file"), "{message}");
        assert_eq!(repo.read("file"), "mine\n");
        repo.git(&["add", "file"]);
        checkout("other").error(409, "GIT_DIRTY_WORKTREE");
        repo.git(&["reset", "--quiet", "--hard"]);
        repo.write("added", "untracked\n");
        let message = checkout("other").error(409, "GIT_DIRTY_WORKTREE");
        assert!(message.contains("added"), "{message}");
        assert_eq!(repo.read("added"), "untracked\n");
        assert_eq!(toolbox.status(&repo)["currentBranch"], "main");
        repo.remove("added");
        // What both commits have alike goes along.
        repo.write("new", "carried\n");
        checkout("other").ok(200);
        assert_eq!(repo.read("new"), "carried\n");
        assert_eq!(toolbox.files(&repo), ["?? new"]);
    });
}

#[test]
fn nothing_is_checked_out_in_the_middle_of_a_conflict() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        super::changes::conflict(&repo);
        let body = json!({"path": "repo", "branch": "other"});
        toolbox.post("checkout", body).error(409, "GIT_DIRTY_WORKTREE");
        assert_eq!(toolbox.status(&repo)["currentBranch"], "main");
    });
}
