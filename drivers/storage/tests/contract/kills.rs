//! A kill at every step: what was being made is whole or absent, the source is as it was, the next try succeeds, and
//! nothing is left in between.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use paddock_driver_storage::btrfs::{Btrfs, PoolConfig};
use paddock_driver_storage::dir::Dir;
use paddock_driver_storage::{COPY_STEPS, FLUSH_STEPS, FORK_STEPS, RESTORE_STEPS, Storage};
use paddock_types::{CopyId, SandboxId};

use crate::{MIB, with_pool};

/// A storage and how a probe reaches it.
struct Cast<'a> {
    kind: &'a str,
    place: PathBuf,
    points: PathBuf,
    open: &'a dyn Fn() -> Box<dyn Storage>,
}

impl Cast<'_> {
    /// Runs the probe, which `point` shall kill. Checks that the point was reached.
    fn killed(&self, point: &str, verb: &str, first: &str, second: &str) {
        fs::write(self.points.join(point), "kill").unwrap();
        let status = self.probe(verb, first, second);
        assert_eq!(status.signal(), Some(9), "{verb} at {point}: {status}");
        assert!(self.points.join(format!("{point}.hit")).exists());
    }

    fn probe(&self, verb: &str, first: &str, second: &str) -> ExitStatus {
        Command::new(env!("CARGO_BIN_EXE_paddock-storage-probe"))
            .args([
                self.kind.as_ref(),
                self.place.as_os_str(),
                verb.as_ref(),
                first.as_ref(),
                second.as_ref(),
            ])
            .env("PADDOCK_FAILPOINTS", &self.points)
            .status()
            .unwrap()
    }

    fn making(&self) -> Vec<String> {
        let name = if self.kind == "dir" { ".making" } else { "pool/making" };
        let entries = fs::read_dir(self.place.join(name)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn content(root: &Path) -> String {
    fs::read_to_string(root.join("upper/kept")).unwrap()
}

fn check_kills(cast: &Cast<'_>) {
    let source = SandboxId::random();
    let storage = (cast.open)();
    let volume = storage.ensure_volume(source, 64 * MIB).unwrap();
    fs::write(volume.upper().join("kept"), "content").unwrap();
    drop(storage);

    for (verb, points) in [("fork", &FORK_STEPS[..]), ("restore", &RESTORE_STEPS[..])] {
        for point in points {
            let target = SandboxId::random();
            let (first, second) = (source.to_string(), target.to_string());
            cast.killed(point, verb, &first, &second);
            // The next start, as a runner's.
            let storage = (cast.open)();
            assert!(cast.making().is_empty(), "{point}");
            let found = storage.find_volume(target).unwrap();
            assert_eq!(found.is_some(), point.ends_with("after_name"), "{point}");
            assert_eq!(storage.list_volumes().unwrap().contains(&target), found.is_some(), "{point}");
            drop(storage);
            // A next try without a start between: killed once more, then let through.
            cast.killed(points[0], verb, &first, &SandboxId::random().to_string());
            assert!(cast.probe(verb, &first, &second).success(), "{point}");
            let storage = (cast.open)();
            assert_eq!(content(storage.find_volume(target).unwrap().unwrap().root()), "content", "{point}");
            assert_eq!(content(storage.find_volume(source).unwrap().unwrap().root()), "content", "{point}");
            storage.delete_volume(target).unwrap();
            assert!(cast.making().is_empty(), "{point}");
        }
    }
    for point in COPY_STEPS {
        let copy = CopyId::random();
        cast.killed(point, "copy", &source.to_string(), &copy.to_string());
        let storage = (cast.open)();
        let found = storage.list_copies().unwrap();
        assert_eq!(found.contains(&copy), point.ends_with("after_copy"), "{point}");
        assert!(cast.making().is_empty(), "{point}");
        assert_eq!(content(storage.copy_for_export(source, copy).unwrap().root()), "content", "{point}");
        storage.delete_copy(copy).unwrap();
    }
}

#[test]
fn plain_directories_survive_a_kill_at_every_step() {
    let temporary = tempfile::tempdir().unwrap();
    let points = tempfile::tempdir().unwrap();
    let place = temporary.path().to_owned();
    check_kills(&Cast {
        kind: "dir",
        place: place.clone(),
        points: points.path().to_owned(),
        open: &|| Box::new(Dir::open(&place).unwrap()),
    });
}

#[test]
fn a_pool_survives_a_kill_at_every_step() {
    with_pool(|_, config: &PoolConfig| {
        let points = tempfile::tempdir().unwrap();
        let place = config.file.parent().unwrap().to_owned();
        let cast = Cast {
            kind: "btrfs",
            place,
            points: points.path().to_owned(),
            open: &|| Box::new(Btrfs::open(config).unwrap()),
        };
        check_kills(&cast);
        let id = (cast.open)().list_volumes().unwrap()[0].to_string();
        cast.killed(FLUSH_STEPS[0], "flush", &id, &id);
        assert_eq!(cast.making(), [format!("flush-{id}")]);
        (cast.open)();
        assert!(cast.making().is_empty());
    });
}
