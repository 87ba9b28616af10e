//! Resetting and restoring.

use serde_json::{Value, json};

use super::repository::Repo;
use super::toolbox::{Toolbox, each_way};

/// `main` with two commits: `first` and `second` in `file`, and `added` in the second.
fn two_commits(toolbox: &Toolbox) -> Repo {
    let repo = toolbox.repo_with_commit("repo");
    repo.commit("other", "1\n");
    repo.write("file", "second\n");
    repo.write("dir/added", "second\n");
    toolbox.commit_all(&repo);
    repo
}

fn reset(toolbox: &Toolbox, extra: Value) -> crate::client::Answer {
    let mut body = json!({"path": "repo"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    toolbox.post("reset", body)
}

fn restore(toolbox: &Toolbox, files: &[&str], extra: Value) -> crate::client::Answer {
    let mut body = json!({"path": "repo", "files": files});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    toolbox.post("restore", body)
}

#[test]
fn soft_mixed_and_hard_reset_more_and_more() {
    each_way(|toolbox| {
        let repo = two_commits(toolbox);
        reset(toolbox, json!({"mode": "soft", "target": "HEAD~1"})).ok(200);
        assert_eq!(toolbox.files(&repo), ["A  dir/added", "M  file"]);
        reset(toolbox, json!({})).ok(200);
        assert_eq!(toolbox.files(&repo), ["?? dir/added", " M file"]);
        reset(toolbox, json!({"mode": "hard"})).ok(200);
        assert_eq!(toolbox.files(&repo), ["?? dir/added"]);
        assert_eq!(repo.read("file"), "first\n");
        reset(toolbox, json!({"mode": "harder"})).error(400, "BAD_REQUEST");
        for unknown in ["nothing", "-x", "HEAD~9", "HEAD:file"] {
            reset(toolbox, json!({"target": unknown})).error(404, "NOT_FOUND");
        }
    });
}

#[test]
fn a_mixed_reset_can_be_limited_to_files() {
    each_way(|toolbox| {
        let repo = two_commits(toolbox);
        repo.write("file", "third\n");
        repo.write("other", "third\n");
        repo.write("new", "third\n");
        repo.git(&["add", "--all"]);
        reset(toolbox, json!({"files": ["file", "new"]})).ok(200);
        assert_eq!(toolbox.files(&repo), [" M file", "?? new", "M  other"]);
        reset(toolbox, json!({"files": ["dir"], "target": "HEAD~1"})).ok(200);
        assert_eq!(toolbox.files(&repo), ["D? dir/added", " M file", "?? new", "M  other"]);
        for mode in ["soft", "hard", "merge", "keep"] {
            reset(toolbox, json!({"mode": mode, "files": ["file"]})).error(400, "BAD_REQUEST");
        }
    });
}

#[test]
fn before_the_first_commit_a_reset_empties_the_index() {
    each_way(|toolbox| {
        let repo = toolbox.repo("repo");
        repo.write("a", "1");
        repo.write("b", "1");
        repo.git(&["add", "--all"]);
        reset(toolbox, json!({"files": ["a"]})).ok(200);
        assert_eq!(toolbox.files(&repo), ["?? a", "A  b"]);
        reset(toolbox, json!({})).ok(200);
        assert_eq!(toolbox.files(&repo), ["?? a", "?? b"]);
    });
}

#[test]
fn keep_and_merge_keep_what_is_not_concerned_and_refuse_what_is() {
    // Worktree, index, HEAD, target: content of one file. Afterwards worktree and index, or a refusal.
    // As git's manual has it for `git reset`.
    type Row = (&'static str, &'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);
    let keep: [Row; 7] = [
        ("A", "B", "C", "D", None),
        ("A", "B", "C", "C", Some(("A", "C"))),
        ("B", "B", "C", "D", None),
        ("B", "B", "C", "C", Some(("B", "C"))),
        ("B", "C", "C", "D", None),
        ("B", "C", "C", "C", Some(("B", "C"))),
        ("C", "C", "C", "D", Some(("D", "D"))),
    ];
    let merge: [Row; 7] = [
        ("A", "B", "C", "D", None),
        ("A", "B", "C", "C", None),
        ("B", "B", "C", "D", Some(("D", "D"))),
        ("B", "B", "C", "C", Some(("C", "C"))),
        ("B", "C", "C", "D", None),
        ("B", "C", "C", "C", Some(("B", "C"))),
        ("C", "C", "C", "D", Some(("D", "D"))),
    ];
    each_way(|toolbox| {
        for (mode, rows) in [("keep", keep), ("merge", merge)] {
            for (number, (work, index, head, target, expected)) in rows.into_iter().enumerate() {
                let repo = toolbox.repo(&format!("{mode}{number}"));
                repo.write("beside", "1");
                let goal = repo.commit("f", target);
                if head != target {
                    repo.commit("f", head);
                }
                repo.write("f", index);
                repo.git(&["add", "f"]);
                repo.write("f", work);
                repo.write("beside", "2");
                let body = json!({"path": repo.text(), "mode": mode, "target": goal});
                let answer = toolbox.post("reset", body);
                let row = format!("{mode} {work}{index}{head}{target}");
                match expected {
                    None => {
                        answer.error(409, "GIT_DIRTY_WORKTREE");
                        assert_eq!(
                            (repo.read("f"), repo.git(&["show", ":f"])),
                            (work.into(), index.into()),
                            "{row}"
                        );
                    }
                    Some((work, index)) => {
                        answer.ok(200);
                        assert_eq!(
                            (repo.read("f"), repo.git(&["show", ":f"])),
                            (work.into(), index.into()),
                            "{row}"
                        );
                        assert_eq!(repo.git(&["rev-parse", "HEAD"]), goal, "{row}");
                    }
                }
                assert_eq!(repo.read("beside"), "2", "{row}");
            }
        }
    });
}

#[test]
fn restoring_takes_the_sides_that_it_is_told() {
    each_way(|toolbox| {
        let repo = two_commits(toolbox);
        let change = || {
            repo.write("file", "staged\n");
            repo.git(&["add", "file"]);
            repo.write("file", "unstaged\n");
        };
        change();
        restore(toolbox, &["file"], json!({})).ok(200);
        assert_eq!(
            (repo.read("file").as_str(), toolbox.files(&repo)),
            ("staged\n", vec!["M  file".to_owned()])
        );
        change();
        restore(toolbox, &["file"], json!({"staged": true})).ok(200);
        assert_eq!(toolbox.files(&repo), [" M file"]);
        change();
        restore(toolbox, &["."], json!({"staged": true, "worktree": true})).ok(200);
        assert_eq!((repo.read("file").as_str(), toolbox.files(&repo)), ("second\n", Vec::new()));
        for nothing in [
            json!({"staged": false}),
            json!({"staged": false, "worktree": false}),
            json!({"worktree": false}),
        ] {
            restore(toolbox, &["file"], nothing).error(400, "BAD_REQUEST");
        }
        restore(toolbox, &[], json!({})).error(400, "BAD_REQUEST");
        let message = restore(toolbox, &["file", "nothing"], json!({})).error(400, "BAD_REQUEST");
        assert!(message.contains("nothing"), "{message}");
        restore(toolbox, &["file"], json!({"source": "nothing"})).error(404, "NOT_FOUND");
        restore(toolbox, &["file"], json!({"source": "--staged"})).error(404, "NOT_FOUND");
    });
}

#[test]
fn restoring_from_a_commit_removes_what_that_does_not_have() {
    each_way(|toolbox| {
        let repo = two_commits(toolbox);
        repo.write("dir/untracked", "1");
        restore(toolbox, &["dir", "file"], json!({"source": "HEAD~1"})).ok(200);
        assert_eq!(toolbox.files(&repo), [" D dir/added", "?? dir/untracked", " M file"]);
        assert_eq!(repo.read("file"), "first\n");
        restore(toolbox, &["dir"], json!({})).ok(200);
        assert!(repo.exists("dir/added"));
        restore(toolbox, &["."], json!({"source": "HEAD~1", "staged": true, "worktree": true})).ok(200);
        assert_eq!(toolbox.files(&repo), ["D  dir/added", "?? dir/untracked", "M  file"]);
        assert!(!repo.exists("dir/added") && repo.exists("dir/untracked"));
        restore(toolbox, &["dir/added"], json!({"source": "main", "staged": true})).ok(200);
        assert_eq!(toolbox.files(&repo), [" D dir/added", "?? dir/untracked", "M  file"]);
    });
}
