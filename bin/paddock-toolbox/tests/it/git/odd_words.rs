//! Odd words in every place of every request: whatever they mean, they are the caller's doing and not a
//! fault of the toolbox, and nothing hangs or dies.

use serde_json::{Value, json};

use super::repository::Repo;
use super::toolbox::{Toolbox, each_way};

fn odd_words() -> Vec<String> {
    let mut words: Vec<String> = [
        "",
        ".",
        "..",
        "/",
        "a",
        "a/b",
        "\0",
        "é山\n",
        "-x",
        "--",
        "HEAD",
        "@{-1}",
        "HEAD^{tree}",
        ":0:a",
        "refs/heads/",
        "*",
        "[",
        "~",
        "^",
        "main..x",
        ":/x",
        "@",
        ".git",
        "/proc/self/mem",
        "/dev/null",
        "http://",
        "git://x",
        "ssh:",
    ]
    .map(str::to_owned)
    .to_vec();
    words.extend(["x".repeat(300), "y/".repeat(3000), "a".repeat(40), "0".repeat(40)]);
    words
}

/// All requests with one word in one place. `repo` has a commit, `source` is another that can be cloned.
fn requests(source: &str, odd: &str) -> Vec<(&'static str, &'static str, Value)> {
    let repo = "repo";
    vec![
        ("POST", "checkout", json!({"path": repo, "branch": odd})),
        ("POST", "branches", json!({"path": repo, "name": odd})),
        ("DELETE", "branches", json!({"path": repo, "name": odd})),
        ("POST", "add", json!({"path": repo, "files": [odd]})),
        (
            "POST",
            "commit",
            json!({"path": repo, "message": odd, "author": odd, "email": odd, "allow_empty": true}),
        ),
        (
            "POST",
            "commit",
            json!({"path": repo, "message": odd, "author": "a", "email": "e", "allow_empty": true}),
        ),
        ("POST", "reset", json!({"path": repo, "target": odd})),
        ("POST", "reset", json!({"path": repo, "files": [odd]})),
        ("POST", "reset", json!({"path": repo, "mode": odd})),
        ("POST", "restore", json!({"path": repo, "files": [odd]})),
        ("POST", "restore", json!({"path": repo, "files": [odd], "staged": true, "worktree": true})),
        ("POST", "restore", json!({"path": repo, "files": ["file"], "source": odd})),
        ("POST", "remotes", json!({"path": repo, "name": odd, "url": "http://127.0.0.1:1/x"})),
        ("POST", "remotes", json!({"path": repo, "name": "r", "url": odd, "overwrite": true, "fetch": true})),
        ("POST", "push", json!({"path": repo, "remote": odd})),
        ("POST", "push", json!({"path": repo, "remote": "r", "branch": odd})),
        ("POST", "pull", json!({"path": repo, "remote": odd})),
        ("POST", "pull", json!({"path": repo, "remote": "r", "branch": odd})),
        ("POST", "config", json!({"key": odd, "value": "x"})),
        ("POST", "config", json!({"key": "a.b", "value": odd, "scope": "local", "path": repo})),
        ("POST", "config", json!({"key": "a.b", "value": "x", "scope": odd})),
        ("POST", "credentials", json!({"username": odd, "password": odd, "host": odd})),
        ("POST", "init", json!({"path": "made", "initial_branch": odd})),
        ("POST", "clone", json!({"url": odd, "path": "cloned/1"})),
        ("POST", "clone", json!({"url": source, "path": "cloned/2", "branch": odd})),
        ("POST", "clone", json!({"url": source, "path": "cloned/3", "commit_id": odd})),
    ]
}

#[test]
fn no_word_in_any_place_is_a_fault_of_the_toolbox() {
    each_way(|toolbox| {
        let source = Repo::init(toolbox.path("source"));
        source.commit("file", "1");
        toolbox.repo_with_commit("repo");
        for odd in odd_words() {
            for (method, operation, body) in requests(source.text(), &odd) {
                let answer = match method {
                    "DELETE" => toolbox.delete(operation, body.clone()),
                    _ => toolbox.post(operation, body.clone()),
                };
                assert_is_callers(&answer, &format!("{method} {operation} {body}"));
            }
            for operation in ["status", "branches", "history", "remotes", "config"] {
                for name in ["path", "key"] {
                    let answer = toolbox.get(operation, &[(name, &odd), ("scope", "local")]);
                    assert_is_callers(&answer, &format!("GET {operation} {name}={odd:?}"));
                }
            }
            clear(toolbox);
        }
    });
}

#[track_caller]
fn assert_is_callers(answer: &crate::client::Answer, asked: &str) {
    // 502 is the fault of a remote that is not there.
    let is_callers = answer.status < 500 || answer.status == 502;
    let mut asked = asked.to_owned();
    asked.truncate(asked.floor_char_boundary(300));
    assert!(is_callers, "{asked}: {}", String::from_utf8_lossy(&answer.body));
}

/// Removes what a word has made.
fn clear(toolbox: &Toolbox) {
    for made in ["made", "cloned"] {
        let _ = std::fs::remove_dir_all(toolbox.path("work").join(made));
    }
}
