//! Settings and stored credentials.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::repository::Repo;
use super::toolbox::{Image, Toolbox, each_way};

#[test]
fn a_setting_is_what_git_reads() {
    each_way(|toolbox| {
        let repo = toolbox.repo("repo");
        let home = toolbox.path("home");
        let get = |key: &str, scope: &str| {
            toolbox.get("config", &[("key", key), ("scope", scope), ("path", "repo")])
        };
        assert_eq!(get("user.name", "global").ok(200), json!({}));
        let odd = "a \"quoted\" \\ # ; tab\t and\nline ";
        toolbox.post("config", json!({"key": "alias.X y.odd", "value": odd})).ok(200);
        assert_eq!(get("alias.X y.odd", "global").ok(200), json!({"value": odd}));
        let file = home.join(".gitconfig");
        let read = repo.git(&["config", "--file", file.to_str().unwrap(), "-z", "--get", "alias.X y.odd"]);
        assert_eq!(read.trim_end_matches('\0'), odd);

        toolbox
            .post("config", json!({"key": "core.x", "value": "local", "scope": "local", "path": "repo"}))
            .ok(200);
        assert_eq!(repo.git(&["config", "--local", "core.x"]), "local");
        assert_eq!(get("core.x", "local").ok(200), json!({"value": "local"}));
        assert_eq!(get("core.x", "global").ok(200), json!({}));
        toolbox.post("config", json!({"key": "core.x", "value": "system", "scope": "system"})).ok(200);
        assert_eq!(get("core.x", "system").ok(200), json!({"value": "system"}));

        let user = json!({"name": "Jürgen", "email": "j@x", "scope": "global"});
        toolbox.post("config/user", user).ok(200);
        assert_eq!(get("user.name", "global").ok(200), json!({"value": "Jürgen"}));
        assert_eq!(get("user.email", "global").ok(200), json!({"value": "j@x"}));
    });
}

#[test]
fn wrong_keys_scopes_and_paths_are_refused() {
    each_way(|toolbox| {
        for body in [
            json!({"key": "user", "value": "x"}),
            json!({"key": "user.na me", "value": "x"}),
            json!({"key": "a.b", "value": "x", "scope": "worktree"}),
            json!({"key": "a.b", "value": "x", "scope": "local"}),
            json!({"key": "a.b", "value": "x\0"}),
        ] {
            toolbox.post("config", body).error(400, "BAD_REQUEST");
        }
        toolbox.get("config", &[]).error(400, "BAD_REQUEST");
        let local = [("key", "a.b"), ("scope", "local"), ("path", "none")];
        toolbox.get("config", &local).error(404, "GIT_REPO_NOT_FOUND");
    });
}

#[test]
fn a_setting_with_several_values_is_replaced_as_a_whole() {
    each_way(|toolbox| {
        let repo = toolbox.repo("repo");
        repo.git(&["config", "--add", "a.b", "1"]);
        repo.git(&["config", "--add", "a.b", "2"]);
        let body = json!({"key": "a.b", "value": "3", "scope": "local", "path": "repo"});
        toolbox.post("config", body).ok(200);
        assert_eq!(repo.git(&["config", "--get-all", "a.b"]), "3");
    });
}

#[test]
fn the_global_file_is_the_one_that_is_there() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    let home = toolbox.path("home");
    std::fs::create_dir_all(home.join(".config/git")).unwrap();
    std::fs::write(home.join(".config/git/config"), "[a]\n b = xdg\n").unwrap();
    let get = || toolbox.get("config", &[("key", "a.b")]).ok(200);
    assert_eq!(get(), json!({"value": "xdg"}));
    toolbox.post("config", json!({"key": "c.d", "value": "1"})).ok(200);
    assert!(!home.join(".gitconfig").exists());
    std::fs::write(home.join(".gitconfig"), "[a]\n b = own\n").unwrap();
    assert_eq!(get(), json!({"value": "own"}));
    toolbox.post("config", json!({"key": "e.f", "value": "1"})).ok(200);
    assert!(std::fs::read_to_string(home.join(".gitconfig")).unwrap().contains("[e]"));
}

#[test]
fn what_the_environment_names_is_written_and_read() {
    for image in [Image::WithoutGit, Image::WithGit] {
        let toolbox = Toolbox::start_with(image, |command| {
            let work = command.get_current_dir().unwrap().to_owned();
            command.env("GIT_CONFIG_GLOBAL", work.join("../global")).env("GIT_DIR", "/no/such");
        });
        let repo = toolbox.repo_with_commit("repo");
        toolbox.post("config", json!({"key": "core.excludesFile", "value": "/dev/null"})).ok(200);
        assert!(toolbox.path("global").exists());
        assert!(!toolbox.path("home/.gitconfig").exists());
        let ignored = toolbox.path("ignored");
        std::fs::write(&ignored, "*.log\n").unwrap();
        toolbox.post("config", json!({"key": "core.excludesFile", "value": ignored})).ok(200);
        repo.write("a.log", "");
        repo.write("a", "");
        assert_eq!(toolbox.files(&repo), ["?? a"]);
    }
}

#[test]
fn credentials_are_stored_as_git_stores_them() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    let home = toolbox.path("home");
    let store = |body: serde_json::Value| toolbox.post("credentials", body);
    store(json!({"username": "me@x", "password": "p:w/d"})).ok(200);
    store(json!({"username": "me@x", "password": "second"})).ok(200);
    store(json!({"username": "u", "password": "p", "host": "h:8443", "protocol": "http"})).ok(200);
    let file = home.join(".git-credentials");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "http://u:p@h:8443\nhttps://me%40x:second@github.com\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // What git makes of it.
    let repo = Repo::init(toolbox.path("asked"));
    let mut asked = std::process::Command::new("git")
        .args(["credential", "fill"])
        .current_dir(&repo.path)
        .env("HOME", &home)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut asked.stdin.take().unwrap(), b"protocol=https\nhost=github.com\n\n")
        .unwrap();
    let answer = String::from_utf8(asked.wait_with_output().unwrap().stdout).unwrap();
    assert!(answer.contains("username=me@x\npassword=second\n"), "{answer}");
    let helpers = std::fs::read_to_string(home.join(".gitconfig")).unwrap();
    assert_eq!(helpers.matches("helper").count(), 1, "{helpers}");

    for bad in [
        json!({"username": "u\n", "password": "p"}),
        json!({"username": "u", "password": "p\r"}),
        json!({"username": "u", "password": "p\0"}),
        json!({"username": "u", "password": "p", "host": "h\nx"}),
        json!({"username": "", "password": "p"}),
        json!({"username": "u", "password": "p", "host": "h/path"}),
    ] {
        store(bad).error(400, "BAD_REQUEST");
    }
    store(json!({"username": "u"})).error(400, "INVALID_REQUEST_BODY");
}
