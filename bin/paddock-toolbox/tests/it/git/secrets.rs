//! Where credentials do not go.

use serde_json::json;

use super::clone::Scene;
use super::server::Manners;
use super::toolbox::Image;
use crate::sandbox::eventually;

const PASSWORD: &str = "hunter2-p@ss";

/// What all processes show of themselves, those of other tests included: nobody's has this password.
fn everybodys_arguments_and_environments() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        // This process has it in its own program.
        if entry.file_name().to_str() == Some(std::process::id().to_string().as_str()) {
            continue;
        }
        for name in ["cmdline", "environ"] {
            if let Ok(text) = std::fs::read(entry.path().join(name)) {
                all.push((entry.path().join(name).display().to_string(), text));
            }
        }
    }
    all
}

#[test]
fn no_process_shows_a_password_while_it_is_in_use() {
    for image in [Image::WithoutGit, Image::WithGit] {
        let scene = Scene::new(image);
        let repo = scene.cloned("repo", json!({}));
        repo.commit("mine", "1");
        if image == Image::WithGit {
            repo.make_foreign();
        }
        scene.server.behave(Manners { user: Some(format!("me:{PASSWORD}")), ..Manners::default() });
        let held = scene.server.hold();
        std::thread::scope(|scope| {
            let pushing = scope.spawn(|| {
                let body = json!({"path": "repo", "username": "me", "password": PASSWORD});
                scene.toolbox.post("push", body).ok(200)
            });
            eventually("the server is asked", || held.is_waiting().then_some(()));
            let shown = everybodys_arguments_and_environments();
            // A positive control: what there is to see is seen.
            let is_seen = |text: &str| {
                shown.iter().any(|(_, shown)| memchr::memmem::find(shown, text.as_bytes()).is_some())
            };
            assert!(is_seen("git-helper"));
            assert_eq!(is_seen("credential.helper=!f"), image == Image::WithGit);
            for (whose, text) in shown {
                assert!(memchr::memmem::find(&text, PASSWORD.as_bytes()).is_none(), "{whose}");
            }
            held.release();
            pushing.join().unwrap();
        });
        let left = std::process::Command::new("grep")
            .args(["-rlF", PASSWORD])
            .args([scene.toolbox.path("work"), scene.toolbox.path("home")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    }
}

#[test]
fn no_error_tells_a_password_in_any_form() {
    let scene = Scene::new(Image::WithoutGit);
    let repo = scene.cloned("repo", json!({}));
    // A remote that says it back, as some do.
    scene
        .origin
        .hook("pre-receive", &format!("echo 'you said {PASSWORD} and hunter2-p%40ss, me' >&2; exit 1"));
    repo.commit("mine", "1");
    let body = json!({"path": "repo", "username": "me", "password": PASSWORD});
    let message = scene.toolbox.post("push", body).error(422, "GIT_REMOTE_REJECTED");
    assert!(message.contains("you said *** and ***"), "{message}");

    let url = format!("http://me:{PASSWORD}@localhost:1/r").replace("p@ss", "p%40ss");
    let message = scene.clone("x", json!({"url": url})).error(502, "GIT_TRANSPORT_FAILED");
    assert!(!message.contains("hunter2"), "{message}");
}
