//! Remotes and what is shown of them.

use serde_json::json;

use super::repository::Repo;
use super::toolbox::each_way;

#[test]
fn remotes_are_listed_by_name_without_passwords() {
    each_way(|toolbox| {
        let repo = toolbox.repo_with_commit("repo");
        assert_eq!(toolbox.get("remotes", &[("path", "repo")]).ok(200), json!({"remotes": []}));
        let add = |name: &str, url: &str| {
            toolbox.post("remotes", json!({"path": "repo", "name": name, "url": url}))
        };
        add("upstream", "https://me:hunter2@example.com/r.git").ok(201);
        add("origin", "git@example.com:r.git").ok(201);
        repo.git(&["remote", "set-url", "--add", "origin", "https://second.example.com/"]);
        assert_eq!(
            toolbox.get("remotes", &[("path", "repo")]).ok(200),
            json!({"remotes": [
                {"name": "origin", "url": "git@example.com:r.git"},
                {"name": "upstream", "url": "https://me@example.com/r.git"},
            ]})
        );
        add("origin", "https://x").error(409, "CONFLICT");
        for (name, url) in [("a b", "u"), ("-x", "u"), ("", "u"), ("x", ""), ("x", "-u"), ("x", "a\nb")] {
            add(name, url).error(400, "BAD_REQUEST");
        }
    });
}

#[test]
fn a_remote_is_replaced_only_when_asked_and_fetched_when_asked() {
    each_way(|toolbox| {
        let origin = Repo::init(toolbox.path("origin"));
        let tip = origin.commit("file", "1");
        let repo = toolbox.repo("repo");
        let add = |extra: serde_json::Value| {
            let mut body = json!({"path": "repo", "name": "origin", "url": origin.text()});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            toolbox.post("remotes", body)
        };
        add(json!({})).ok(201);
        assert_eq!(repo.git(&["for-each-ref"]), "");
        repo.git(&["remote", "set-url", "--push", "origin", "https://elsewhere"]);
        add(json!({"overwrite": true, "fetch": true})).ok(201);
        assert_eq!(repo.git(&["rev-parse", "origin/main"]), tip);
        assert_eq!(repo.git(&["remote", "get-url", "--push", "origin"]), origin.text());
        // What was fetched stays.
        add(json!({"overwrite": true, "url": "https://localhost:1/x"})).ok(201);
        assert_eq!(repo.git(&["rev-parse", "origin/main"]), tip);
        add(json!({"name": "broken", "url": "/no/such", "fetch": true})).error(404, "GIT_REPO_NOT_FOUND");
        add(json!({"name": "refused", "url": "http://127.0.0.1:1/x", "fetch": true}))
            .error(502, "GIT_TRANSPORT_FAILED");
    });
}
