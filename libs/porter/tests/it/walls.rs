//! What the halves can reach while they work, and that none outlives its call.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use paddock_porter::{Error, Form, Porter};

use crate::{Stage, USER, export, key, never, silent};

const LIMIT: Duration = Duration::from_secs(20);

/// The porters that this process has now, by their verb.
fn porters() -> BTreeMap<String, i32> {
    let mut found = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let children = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace() {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split('\0').skip_while(|word| *word != "port");
            if let Some(verb) = words.nth(1) {
                found.insert(verb.to_owned(), pid.parse().unwrap());
            }
        }
    }
    found
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn status(pid: i32, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .map(|value| value.trim().to_owned())
}

fn link(pid: i32, name: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/{name}")).unwrap()
}

/// A tree that does not fit a pipe, so that its packer waits.
fn large(stage: &Stage) -> PathBuf {
    let root = stage.volume("large");
    fs::write(root.join("upper/large"), vec![3; 8 << 20]).unwrap();
    root
}

/// Runs `while_stuck` while an export hangs at a store that never answers, and returns what the export did.
fn stuck(while_stuck: impl FnOnce(i32, i32, &dyn Fn())) -> Error {
    let stage = Stage::new();
    let (_listener, store) = silent();
    let porter: Porter = stage.porter_for(store);
    let root = large(&stage);
    let (canceller, cancel) = paddock_porter::cancel().unwrap();
    let error = std::thread::scope(|scope| {
        let export = scope.spawn(|| porter.export(&root, Form::Archive, &key(), &mut |_| {}, &cancel));
        let (packer, carrier) = until("both halves are confined", || {
            let found = porters();
            let (packer, carrier) = (*found.get("pack")?, *found.get("carry")?);
            let is_confined = |pid| status(pid, "NoNewPrivs").as_deref() == Some("1");
            let is_filtered = status(packer, "Seccomp").as_deref() == Some("2");
            (is_confined(packer) && is_confined(carrier) && is_filtered).then_some((packer, carrier))
        });
        while_stuck(packer, carrier, &|| canceller.cancel());
        export.join().unwrap().unwrap_err()
    });
    assert!(porters().is_empty());
    error
}

#[test]
fn the_packer_sees_the_tree_alone_and_the_carrier_is_nobody() {
    let error = stuck(|packer, carrier, cancel| {
        assert!(link(packer, "root").ends_with("large"), "{:?}", link(packer, "root"));
        assert_eq!(status(packer, "CapEff").unwrap(), "0000000000200002", "DAC_OVERRIDE and SYS_ADMIN");
        assert_eq!(status(packer, "CapBnd").unwrap(), "0000000000200002");
        for namespace in ["ns/mnt", "ns/net", "ns/ipc"] {
            assert_ne!(link(packer, namespace), link(std::process::id() as i32, namespace));
        }
        assert_eq!(status(carrier, "Uid").unwrap(), format!("{0}\t{0}\t{0}\t{0}", USER.0));
        assert_eq!(status(carrier, "Gid").unwrap(), format!("{0}\t{0}\t{0}\t{0}", USER.1));
        assert_eq!(status(carrier, "Groups").unwrap(), "");
        for set in ["CapEff", "CapPrm", "CapBnd", "CapInh"] {
            assert_eq!(status(carrier, set).unwrap(), "0000000000000000", "{set}");
        }
        // The secret is in no argument and no environment, and who has the carrier's user cannot look inside.
        let line = fs::read_to_string(format!("/proc/{carrier}/cmdline")).unwrap();
        let environment = fs::read_to_string(format!("/proc/{carrier}/environ")).unwrap();
        assert!(!line.contains("secret") && !environment.contains("secret"));
        let owner =
            std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{carrier}/environ")).unwrap());
        assert_eq!(owner, 0, "it is not dumpable");
        cancel();
    });
    assert!(matches!(error, Error::Cancelled), "{error:?}");
}

#[test]
fn a_half_that_is_killed_takes_the_other_along() {
    for verb in ["pack", "carry"] {
        let error = stuck(|packer, carrier, _| {
            let victim = if verb == "pack" { packer } else { carrier };
            let process = paddock_sys::process::Process::of(victim).unwrap();
            paddock_sys::process::signal(&process.open().unwrap().unwrap(), libc::SIGKILL).unwrap();
        });
        assert!(matches!(&error, Error::Failed { detail } if detail.contains("signal")), "{verb}: {error:?}");
    }
}

#[test]
fn a_call_that_was_cancelled_before_it_began_ends_at_once() {
    let stage = Stage::new();
    let (canceller, cancel) = paddock_porter::cancel().unwrap();
    canceller.cancel();
    let error =
        stage.porter().export(&large(&stage), Form::Archive, &key(), &mut |_| {}, &cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert!(porters().is_empty());
}

#[test]
fn an_upload_whose_carrier_was_killed_is_gone_on_with() {
    let stage = Stage::new();
    let root = stage.volume("random");
    // Does not compress: two parts and a bit.
    let mut content = vec![0; 36 << 20];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut content).unwrap();
    fs::write(root.join("upper/random"), &content).unwrap();
    let porter = stage.porter();
    let (canceller, cancel) = paddock_porter::cancel().unwrap();
    let error =
        porter.export(&root, Form::Archive, &key(), &mut |_| canceller.cancel(), &cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    let unfinished = stage.objects().join("uploads/archives+one");
    assert!(fs::metadata(&unfinished).unwrap().len() >= 16 << 20);
    let began = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&unfinished).unwrap());
    assert_eq!(porter.look(&key(), &never()).unwrap(), None);
    export(&porter, &root).unwrap();
    let object = stage.objects().join("objects/archives/one~");
    let ended = std::os::unix::fs::MetadataExt::ino(&fs::metadata(object).unwrap());
    assert_eq!(began, ended, "what was there was used");
    porter.delete(&key(), &never()).unwrap();
}
