//! Cloning over HTTP, and from paths.

use serde_json::{Value, json};

use super::repository::Repo;
use super::server::{Manners, Server};
use super::toolbox::{Image, Toolbox};

/// A toolbox, a server, and on it `r.git` with two commits on `main` and one more on `side`.
pub(super) struct Scene {
    pub(super) toolbox: Toolbox,
    pub(super) server: Server,
    pub(super) origin: Repo,
    pub(super) seed: Repo,
}

impl Scene {
    pub(super) fn new(image: Image) -> Self {
        Self::with(Toolbox::start(image))
    }

    pub(super) fn with(toolbox: Toolbox) -> Self {
        let origin = Repo::bare(toolbox.path("served/r.git"));
        let seed = Repo::init(toolbox.path("seed"));
        seed.commit("file", "first\n");
        seed.git(&["tag", "v1"]);
        seed.commit("dir/日本 語", "second\n");
        seed.git(&["checkout", "--quiet", "-b", "side"]);
        seed.commit("file", "side\n");
        seed.git(&["checkout", "--quiet", "main"]);
        seed.git(&["push", "--quiet", "--tags", origin.text(), "main", "side"]);
        let server = Server::start(toolbox.path("served"));
        Self { toolbox, server, origin, seed }
    }

    pub(super) fn clone(&self, path: &str, extra: Value) -> crate::client::Answer {
        let mut body = json!({"url": self.server.url("r.git"), "path": path});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        self.toolbox.post("clone", body)
    }

    /// A clone that has to succeed.
    #[track_caller]
    pub(super) fn cloned(&self, path: &str, extra: Value) -> Repo {
        self.clone(path, extra).ok(200);
        Repo::at(self.toolbox.path("work").join(path))
    }

    /// Nothing is left in the work directory under this name.
    #[track_caller]
    pub(super) fn assert_nothing(&self, path: &str) {
        assert!(!self.toolbox.path("work").join(path).exists());
    }
}

#[test]
fn a_clone_has_one_branch_and_tracks_it() {
    for image in [Image::WithoutGit, Image::WithGit] {
        let scene = Scene::new(image);
        let repo = scene.cloned("deep/down/repo", json!({}));
        assert_eq!(repo.read("dir/日本 語"), "second\n");
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
        assert_eq!(refs, "refs/heads/main\nrefs/remotes/origin/HEAD\nrefs/remotes/origin/main\nrefs/tags/v1");
        assert_eq!(repo.git(&["config", "remote.origin.url"]), scene.server.url("r.git"));
        repo.git(&["fsck", "--strict"]);
        repo.git(&["fetch", "--quiet"]);
        let status = scene.toolbox.status(&repo);
        assert_eq!(status["currentBranch"], "main");
        assert_eq!(status["upstream"], "origin/main");

        let side = scene.cloned("side", json!({"branch": "side"}));
        assert_eq!(side.read("file"), "side\n");
        let old =
            scene.cloned("old", json!({"branch": "", "commit_id": scene.seed.git(&["rev-parse", "v1"])}));
        assert_eq!(scene.toolbox.status(&old)["currentBranch"], "HEAD");
        assert!(!old.exists("dir"));
    }
}

#[test]
fn a_commit_that_is_not_on_the_branch_is_fetched() {
    let scene = Scene::new(Image::WithoutGit);
    let side = scene.seed.git(&["rev-parse", "side"]);
    // Once with a server that gives commits by their id, once without.
    for allowed in ["true", "false"] {
        scene.origin.git(&["config", "uploadpack.allowAnySHA1InWant", allowed]);
        let repo = scene.cloned(allowed, json!({"commit_id": side}));
        assert_eq!((repo.git(&["rev-parse", "HEAD"]), repo.read("file")), (side.clone(), "side\n".into()));
        assert_eq!(repo.git(&["for-each-ref", "refs/paddock"]), "");
        let missing = "0123456789012345678901234567890123456789";
        scene.clone("missing", json!({"commit_id": missing})).error(404, "NOT_FOUND");
        scene.assert_nothing("missing");
    }
}

#[test]
fn a_clone_can_be_shallow_and_is_worked_with_like_any() {
    let scene = Scene::new(Image::WithoutGit);
    let repo = scene.cloned("shallow", json!({"depth": 1}));
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(repo.git(&["rev-parse", "--is-shallow-repository"]), "true");
    scene.seed.commit("file", "third\n");
    scene.seed.git(&["push", "--quiet", scene.origin.text(), "main"]);
    scene.toolbox.post("pull", json!({"path": "shallow"})).ok(200);
    assert_eq!(repo.read("file"), "third\n");
    let history = scene.toolbox.get("history", &[("path", "shallow")]).ok(200);
    assert_eq!(history.as_array().unwrap().len(), 2);
    repo.write("mine", "1");
    scene.toolbox.commit_all(&repo);
    scene.toolbox.post("push", json!({"path": "shallow"})).ok(200);
    assert_eq!(scene.origin.git(&["rev-parse", "main"]), repo.git(&["rev-parse", "main"]));
}

#[test]
fn a_remote_whose_head_is_on_no_branch_is_cloned_by_naming_one() {
    let scene = Scene::new(Image::WithoutGit);
    scene.seed.git(&["push", "--quiet", scene.origin.text(), "main~1:refs/heads/old"]);
    let old = scene.origin.git(&["rev-parse", "old"]);
    scene.origin.git(&["update-ref", "--no-deref", "HEAD", &old]);
    scene.origin.git(&["branch", "--delete", "old", "--force"]);
    for url in [scene.server.url("r.git"), scene.origin.text().to_owned()] {
        let message = scene.clone("x", json!({"url": url})).error(404, "NOT_FOUND");
        assert!(message.contains("branch is required"), "{message}");
        scene.assert_nothing("x");
        let repo = scene.cloned("named", json!({"url": url, "branch": "side"}));
        assert_eq!(repo.read("file"), "side\n");
        std::fs::remove_dir_all(&repo.path).unwrap();
    }
}

#[test]
fn a_target_in_use_is_a_conflict_and_stays_as_it_is() {
    let scene = Scene::new(Image::WithoutGit);
    let repo = scene.cloned("repo", json!({}));
    let message = scene.clone("repo", json!({})).error(409, "CONFLICT");
    assert!(message.contains("repository already exists"), "{message}");
    assert_eq!(repo.read("file"), "first\n");
    std::fs::create_dir(scene.toolbox.path("work/full")).unwrap();
    std::fs::write(scene.toolbox.path("work/full/mine"), "1").unwrap();
    scene.clone("full", json!({})).error(409, "CONFLICT");
    scene.clone("full/mine", json!({})).error(409, "CONFLICT");
    std::fs::create_dir(scene.toolbox.path("work/empty")).unwrap();
    scene.clone("empty", json!({"branch": "none"})).error(404, "GIT_BRANCH_NOT_FOUND");
    assert_eq!(std::fs::read_dir(scene.toolbox.path("work/empty")).unwrap().count(), 0);
    scene.clone("empty", json!({})).ok(200);
}

#[test]
fn what_cannot_be_cloned_says_why_and_leaves_nothing() {
    let scene = Scene::new(Image::WithoutGit);
    Repo::bare(scene.toolbox.path("served/empty.git"));
    let url = |name: &str| json!({"url": scene.server.url(name)});
    scene.clone("a/b", url("empty.git")).error(404, "NOT_FOUND");
    scene.clone("a/b", url("none.git")).error(404, "GIT_REPO_NOT_FOUND");
    scene.clone("a/b", json!({"branch": "none"})).error(404, "GIT_BRANCH_NOT_FOUND");
    scene.clone("a/b", json!({"branch": "-x"})).error(404, "GIT_BRANCH_NOT_FOUND");
    scene.clone("a/b", json!({"url": "/no/such/path"})).error(404, "GIT_REPO_NOT_FOUND");
    scene.clone("a/b", json!({"url": "ftp://example.com/r"})).error(400, "BAD_REQUEST");
    scene.clone("a/b", json!({"url": " "})).error(400, "BAD_REQUEST");
    scene.clone("a/b", json!({"url": "--upload-pack=touch /tmp/x"})).error(400, "BAD_REQUEST");
    scene.assert_nothing("a");
}

#[test]
fn paths_and_files_are_cloned_too() {
    for image in [Image::WithoutGit, Image::WithGit] {
        let scene = Scene::new(image);
        let path = scene.origin.text().to_owned();
        for (number, url) in [path.clone(), format!("file://{path}")].into_iter().enumerate() {
            let repo = scene.cloned(&format!("repo{number}"), json!({"url": url}));
            assert_eq!(repo.read("file"), "first\n");
        }
    }
    let scene = Scene::new(Image::WithGit);
    let repo = scene.cloned("shallow", json!({"url": scene.origin.text(), "depth": 1}));
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "1");
}

#[test]
fn names_and_passwords_are_shown_to_those_who_ask() {
    let scene = Scene::new(Image::WithoutGit);
    scene.server.behave(Manners { user: Some("me:s3cret/ü".to_owned()), ..Manners::default() });
    let given = json!({"username": "me", "password": "s3cret/ü"});
    let repo = scene.cloned("given", given);
    assert!(!repo.read(".git/config").contains("s3cret"));
    let message = scene.clone("none", json!({})).error(401, "GIT_AUTH_FAILED");
    assert!(message.contains("no credentials"), "{message}");
    let wrong = json!({"username": "me", "password": "wr0ng"});
    let message = scene.clone("wrong", wrong).error(401, "GIT_AUTH_FAILED");
    assert!(!message.contains("wr0ng"), "{message}");
    // One without the other is ignored.
    scene.clone("half", json!({"password": "s3cret/ü"})).error(401, "GIT_AUTH_FAILED");
    scene.assert_nothing("wrong");
    let url = scene.server.url("r.git").replace("//", "//me:s3cret%2F%C3%BC@");
    scene.cloned("in-url", json!({"url": url}));
    let body = json!({"username": "me", "password": "s3cret/ü", "host": format!("localhost:{}", scene.server.port()), "protocol": "http"});
    scene.toolbox.post("credentials", body).ok(200);
    scene.cloned("stored", json!({}));
    let by_name = scene.server.url("r.git").replace("//", "//me@");
    scene.cloned("stored-by-name", json!({"url": by_name}));
    let stranger = scene.server.url("r.git").replace("//", "//stranger@");
    scene.clone("stranger", json!({"url": stranger})).error(401, "GIT_AUTH_FAILED");
}

#[test]
fn redirects_move_the_repository_and_take_no_credentials_to_others() {
    let scene = Scene::new(Image::WithoutGit);
    let elsewhere = Server::start(scene.toolbox.path("served"));
    elsewhere.behave(Manners { redirect: Some(scene.server.base()), ..Manners::default() });
    let given = json!({"url": elsewhere.url("r.git"), "username": "me", "password": "s3cret"});
    scene.cloned("moved", given);
    assert!(elsewhere.take_requests().iter().all(|request| request.header("authorization").is_some()));
    let requests = scene.server.take_requests();
    assert!(requests.iter().any(|request| request.method == "POST"));
    assert!(requests.iter().all(|request| request.header("authorization").is_none()), "{requests:?}");

    elsewhere.behave(Manners { redirect: Some("/r.git".to_owned()), ..Manners::default() });
    let message =
        scene.clone("circle", json!({"url": elsewhere.url("r.git")})).error(502, "GIT_TRANSPORT_FAILED");
    assert!(message.contains("redirect"), "{message}");
}
