//! Many files and many commits.

use serde_json::json;

use super::repository::Repo;
use super::toolbox::{Image, Toolbox};

#[test]
fn a_hundred_thousand_files_are_told_and_the_daemon_stays_small() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    let repo = Repo::init(toolbox.path("work/repo"));
    for directory in 0..100 {
        for file in 0..1000 {
            let path = repo.path.join(format!("{directory}/{file}"));
            if file == 0 {
                std::fs::create_dir(path.parent().unwrap()).unwrap();
            }
            std::fs::File::create(path).unwrap();
        }
    }
    let before = toolbox.peak_kib();
    let status = toolbox.status(&repo);
    assert_eq!(status["fileStatus"].as_array().unwrap().len(), 100_000);
    // The answer is some ten megabytes long; the daemon only passes it on.
    let grown = toolbox.peak_kib() - before;
    assert!(grown < 4 << 10, "{grown} KiB");
    toolbox.post("add", json!({"path": "repo", "files": ["."]})).ok(200);
    assert_eq!(repo.git(&["ls-files"]).lines().count(), 100_000);
}

#[test]
fn a_long_history_is_passed_on_whole() {
    let toolbox = Toolbox::start(Image::WithoutGit);
    let repo = Repo::init(toolbox.path("work/repo"));
    let mut stream = String::new();
    for number in 0..20_000 {
        let message = format!("commit {number}");
        stream.push_str(&format!(
            "commit refs/heads/main\nauthor A <a@x> {0} +0200\ncommitter A <a@x> {0} +0200\ndata {1}\n{message}\n",
            1_700_000_000 + number,
            message.len()
        ));
    }
    let mut import = std::process::Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(&repo.path)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let history = toolbox.get("history", &[("path", "repo")]).ok(200);
    let history = history.as_array().unwrap();
    assert_eq!(history.len(), 20_000);
    assert_eq!(history[0]["message"], "commit 19999");
    assert_eq!(history[19_999]["timestamp"], "2023-11-15T00:13:20+02:00");

    // One that breaks in the middle is not taken for whole.
    let mut client = toolbox.client();
    client.send("GET", "/git/history?path=repo", "", b"");
    let helper = crate::sandbox::eventually("the helper runs", || toolbox.helpers().first().copied());
    rustix::process::kill_process(helper, rustix::process::Signal::KILL).unwrap();
    match client.try_answer("GET") {
        Ok(answer) => _ = answer.error(500, "INTERNAL_SERVER_ERROR"),
        Err(broken) => assert_eq!(broken.kind(), std::io::ErrorKind::UnexpectedEof),
    }

    // A reader that leaves ends its helper.
    let mut client = toolbox.client();
    client.send("GET", "/git/history?path=repo", "", b"");
    client.read_raw_until(b"commit 19999");
    drop(client);
    crate::sandbox::eventually("no helper is left", || toolbox.helpers().is_empty().then_some(()));
}
