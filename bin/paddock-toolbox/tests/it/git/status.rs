//! What a status tells of files and branches.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use super::repository::Repo;
use super::toolbox::each_way;

#[test]
fn every_pair_of_sides_has_its_names() {
    each_way(|toolbox| {
        let repo = toolbox.repo("repo");
        let long = "a line that makes a rename look like one\n".repeat(20);
        for name in ["m-staged", "m-both", "m-work", "d-work", "d-staged", "cached"] {
            repo.write(name, format!("{name}\n"));
        }
        repo.write("old name", &long);
        toolbox.commit_all(&repo);
        assert_eq!(toolbox.files(&repo), [""; 0]);

        repo.write("m-staged", "2");
        repo.write("m-both", "2");
        repo.write("new", "2");
        repo.git(&["add", "m-staged", "m-both", "new"]);
        repo.write("m-both", "3");
        repo.write("m-work", "3");
        repo.remove("d-work");
        repo.git(&["rm", "--quiet", "d-staged"]);
        repo.git(&["rm", "--quiet", "--cached", "cached"]);
        repo.git(&["mv", "old name", "new name"]);
        repo.write("dir/deep/a", "");
        repo.write("dir/deep/b", "");
        assert_eq!(
            toolbox.files(&repo),
            [
                "D? cached",
                "D  d-staged",
                " D d-work",
                "?? dir/deep/a",
                "?? dir/deep/b",
                "MM m-both",
                "M  m-staged",
                " M m-work",
                "A  new",
                "R  new name from old name",
            ]
        );
    });
}

#[test]
fn names_are_text_whatever_bytes_they_have() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        repo.write("山 川", "");
        repo.write("line\nbreak\t\"quoted\"", "");
        std::fs::write(repo.path.join(OsStr::from_bytes(b"bad\xff")), "").unwrap();
        assert_eq!(toolbox.files(&repo), ["?? bad\u{fffd}", "?? line\nbreak\t\"quoted\"", "?? 山 川"]);
        toolbox.commit_all(&repo);
        assert_eq!(toolbox.files(&repo), [""; 0]);
    });
}

#[test]
fn the_branch_its_upstream_and_its_distance_are_told() {
    each_way(|toolbox| {
        let repo = toolbox.repo("repo");
        let fields = |repo: &Repo| {
            let mut status = toolbox.status(repo);
            status.as_object_mut().unwrap().remove("fileStatus");
            status
        };
        let plain = json!({"currentBranch": "main", "ahead": 0, "behind": 0, "branchPublished": false, "detached": false, "upstream": ""});
        // Before the first commit.
        assert_eq!(fields(&repo), plain);
        repo.commit("file", "1");
        assert_eq!(fields(&repo), plain);

        let origin = Repo::bare(toolbox.path("origin"));
        repo.git(&["remote", "add", "origin", origin.text()]);
        repo.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
        repo.commit("file", "2");
        repo.commit("file", "3");
        let mut published = plain.clone();
        published["branchPublished"] = true.into();
        published["upstream"] = "origin/main".into();
        published["ahead"] = 2.into();
        assert_eq!(fields(&repo), published);
        repo.git(&["push", "--quiet"]);
        repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        published["ahead"] = 0.into();
        published["behind"] = 1.into();
        assert_eq!(fields(&repo), published);

        repo.git(&["checkout", "--quiet", "--detach"]);
        let mut detached = plain.clone();
        detached["currentBranch"] = "HEAD".into();
        detached["detached"] = true.into();
        assert_eq!(fields(&repo), detached);
    });
}

#[test]
fn old_go_clients_get_no_field_that_they_refuse() {
    each_way(|toolbox| {
        toolbox.repo_with_commit("repo");
        let old = "X-Daytona-Source: sdk-go\r\nX-Daytona-SDK-Version: 0.187.0\r\n";
        let status = toolbox.get_as("status", &[("path", "repo")], old).ok(200);
        let names: Vec<_> = status.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["ahead", "behind", "branchPublished", "currentBranch", "fileStatus"]);
        let branches = toolbox.get_as("branches", &[("path", "repo")], old).ok(200);
        assert_eq!(branches, json!({"branches": ["main"]}));
        let new = "X-Daytona-Source: sdk-go\r\nX-Daytona-SDK-Version: 0.188.0\r\n";
        let branches = toolbox.get_as("branches", &[("path", "repo")], new).ok(200);
        assert_eq!(branches, json!({"branches": ["main"], "current": "main"}));
    });
}

#[test]
fn conflicts_of_every_kind_are_unmerged() {
    each_way(|toolbox| {
        let repo = toolbox.repo("repo");
        repo.write("both-modified", "1");
        repo.write("deleted-here", "1");
        toolbox.commit_all(&repo);
        repo.git(&["checkout", "--quiet", "-b", "other"]);
        for name in ["both-modified", "deleted-here", "both-added"] {
            repo.write(name, "other");
        }
        toolbox.commit_all(&repo);
        repo.git(&["checkout", "--quiet", "main"]);
        repo.write("both-modified", "main");
        repo.write("both-added", "main");
        repo.remove("deleted-here");
        toolbox.commit_all(&repo);
        assert!(!super::repository::git(&repo.path, &["merge", "other"]).status.success());
        assert_eq!(toolbox.files(&repo), ["UU both-added", "UU both-modified", "UU deleted-here"]);
    });
}

#[test]
fn submodules_and_worktrees_are_coped_with() {
    each_way(|toolbox| {
        let inner = Repo::init(toolbox.path("inner"));
        inner.commit("file", "1");
        let repo = toolbox.repo_with_commit("repo");
        repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.text(), "sub"]);
        assert_eq!(toolbox.files(&repo), ["A  .gitmodules", "A  sub"]);
        toolbox.commit_all(&repo);
        let sub = Repo::at(repo.path.join("sub"));
        sub.commit("file", "2");
        assert_eq!(toolbox.files(&repo), [" M sub"]);
        toolbox.post("add", json!({"path": "repo", "files": ["sub"]})).ok(200);
        assert_eq!(toolbox.files(&repo), ["M  sub"]);
        assert_eq!(toolbox.status(&sub)["currentBranch"], "main");

        repo.git(&["worktree", "add", "--quiet", "-b", "side", "../side"]);
        let side = Repo::at(toolbox.path("work/side"));
        assert_eq!(toolbox.status(&side)["currentBranch"], "side");
        toolbox.post("checkout", json!({"path": "repo", "branch": "side"})).error(409, "CONFLICT");
        toolbox.delete("branches", json!({"path": "repo", "name": "side"})).error(409, "CONFLICT");
    });
}
