//! What volumes must do, asked of each implementation. Cast: `Dir` and `Fake` on a temporary directory; `Subvolumes` in a
//! small pool in a mount namespace that ends with its test; for kills, a probe that does one thing as a process of its
//! own. A tree is looked at by mounting it, as a sandbox would see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod bucket;
mod kills;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use paddock_driver_volume::dir::Dir;
use paddock_driver_volume::fake::Fake;
use paddock_driver_volume::subvolume::{SubvolumeConfig, Subvolumes};
use paddock_driver_volume::{Error, Volumes};
use paddock_sys::mount::{self, Detached};
use paddock_sys::{btrfs, thread};
use paddock_types::{SandboxId, Subpath, VolumeId};

const MIB: u64 = 1 << 20;
/// The limit of volumes here.
const LIMIT: u64 = 32 * MIB;

/// Runs `test` in a mount namespace that ends with it, on a directory to mount trees at.
fn staged(test: impl FnOnce(&Path) + Send) {
    let temporary = tempfile::tempdir().unwrap();
    thread::scoped::<_, io::Error>(|| {
        thread::unshare_mounts()?;
        test(temporary.path());
        Ok(())
    })
    .unwrap();
}

/// Mounts a tree, has it looked at, and unmounts it.
fn look<T>(tree: Detached, stage: &Path, look: impl FnOnce(&Path) -> T) -> T {
    let point = stage.join("look");
    fs::create_dir_all(&point).unwrap();
    mount::attach(&tree, &point).unwrap();
    let seen = look(&point);
    mount::detach(&point).unwrap();
    seen
}

fn subpath(text: &str) -> Subpath {
    Subpath::try_from(text.to_owned()).unwrap()
}

/// What there is, is on this host.
fn check_contract(volumes: &dyn Volumes, stage: &Path) {
    let there = |expected: &[VolumeId]| assert_eq!(volumes.list().unwrap(), expected);
    check_life(volumes, stage, &there);
}

/// `there` checks which volumes there are.
fn check_life(volumes: &dyn Volumes, stage: &Path, there: &dyn Fn(&[VolumeId])) {
    let (id, user) = (VolumeId::random(), SandboxId::random());
    volumes.delete(id).expect("deleting nothing is no error");
    volumes.close(user).expect("closing nothing is no error");
    let missing = volumes.open(id, None, user).unwrap_err();
    assert!(matches!(missing, Error::NoVolume { id: named } if named == id), "{missing}");
    there(&[]);
    volumes.close(user).unwrap();

    volumes.ensure(id).unwrap();
    there(&[id]);
    look(volumes.open(id, None, user).unwrap(), stage, |root| {
        assert_eq!(fs::metadata(root).unwrap().mode() & 0o7777, 0o777, "everybody may write");
        fs::write(root.join("kept"), "content").unwrap();
    });
    volumes.ensure(id).unwrap();
    look(volumes.open(id, None, user).unwrap(), stage, |root| {
        assert_eq!(
            fs::read_to_string(root.join("kept")).unwrap(),
            "content",
            "another making keeps what is there"
        );
    });

    look(volumes.open(id, Some(&subpath("a/b")), user).unwrap(), stage, |directory| {
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "made, empty, and nothing above it is seen");
        assert_eq!(fs::metadata(directory).unwrap().mode() & 0o7777, 0o777);
        fs::write(directory.join("below"), "x").unwrap();
    });
    look(volumes.open(id, None, user).unwrap(), stage, |root| {
        assert_eq!(fs::read_to_string(root.join("a/b/below")).unwrap(), "x");
        symlink("/", root.join("out")).unwrap();
        fs::write(root.join("file"), "").unwrap();
    });
    for (path, words) in [("out", "symbolic link"), ("out/etc", "symbolic link"), ("file", "not a directory")]
    {
        let refused = volumes.open(id, Some(&subpath(path)), user).unwrap_err();
        let Error::Subpath { source, .. } = &refused else { panic!("{path}: {refused}") };
        assert!(source.to_string().contains(words), "{path}: {source}");
    }

    let other = VolumeId::random();
    volumes.ensure(other).unwrap();
    let still_open = volumes.open(id, None, user).unwrap();
    volumes.delete(id).unwrap();
    there(&[other]);
    drop(still_open);
    assert!(matches!(volumes.open(id, None, user), Err(Error::NoVolume { .. })), "it is not made anew");
    volumes.close(user).unwrap();
    volumes.close(user).unwrap();
    assert!(volumes.users().unwrap().is_empty());
    volumes.delete(other).unwrap();
    there(&[]);
}

#[test]
fn plain_directories_keep_the_contract() {
    staged(|stage| check_contract(&Dir::open(&stage.join("volumes")).unwrap(), stage));
}

#[test]
fn the_fake_keeps_the_contract_and_is_full_when_told_to_be() {
    staged(|stage| {
        let fake = Fake::open(&stage.join("volumes")).unwrap();
        check_contract(&fake, stage);
        let old = VolumeId::random();
        fake.ensure(old).unwrap();
        fake.set_full(true);
        assert!(matches!(fake.ensure(VolumeId::random()), Err(Error::PoolFull { .. })));
        fake.ensure(old).expect("one that is there needs no room");
    });
}

/// Runs `test` with volumes in a pool that is mounted for it alone.
fn with_pool(reserve_bytes: u64, test: impl FnOnce(&Subvolumes, &Path) + Send) {
    staged(|stage| {
        let (file, pool) = (stage.join("pool.img"), stage.join("pool"));
        fs::File::create(&file).unwrap().set_len(512 * MIB).unwrap();
        fs::create_dir(&pool).unwrap();
        run(Command::new("mkfs.btrfs").arg("--quiet").arg(&file));
        run(Command::new("mount").args(["-o", "loop"]).args([&file, &pool]));
        btrfs::enable_quota(&fs::File::open(&pool).unwrap()).unwrap();
        test(&Subvolumes::open(config(stage, reserve_bytes)).unwrap(), stage);
    });
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn config(stage: &Path, reserve_bytes: u64) -> SubvolumeConfig {
    SubvolumeConfig { directory: directory(stage), limit_bytes: LIMIT, reserve_bytes }
}

fn directory(stage: &Path) -> PathBuf {
    stage.join("pool/shared")
}

#[test]
fn subvolumes_keep_the_contract() {
    with_pool(0, |volumes, stage| check_contract(volumes, stage));
}

fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    let chunk = vec![7u8; MIB as usize];
    for _ in 0..bytes / MIB {
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

#[test]
fn a_full_volume_stops_at_its_size_can_be_emptied_and_its_neighbour_does_not_notice() {
    with_pool(0, |volumes, stage| {
        let (greedy, neighbour, user) = (VolumeId::random(), VolumeId::random(), SandboxId::random());
        volumes.ensure(greedy).unwrap();
        volumes.ensure(neighbour).unwrap();
        look(volumes.open(greedy, None, user).unwrap(), stage, |root| {
            let error = fill(&root.join("flood"), 100 * MIB).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        });
        look(volumes.open(neighbour, None, user).unwrap(), stage, |root| {
            fill(&root.join("file"), 20 * MIB).unwrap();
        });
        look(volumes.open(greedy, None, user).unwrap(), stage, |root| {
            fs::remove_file(root.join("flood")).unwrap();
        });
    });
}

#[test]
fn a_volume_is_limited_as_is_configured_when_it_is_opened() {
    with_pool(0, |volumes, stage| {
        let (id, user) = (VolumeId::random(), SandboxId::random());
        volumes.ensure(id).unwrap();
        let larger = SubvolumeConfig { limit_bytes: 3 * LIMIT, ..config(stage, 0) };
        let larger = Subvolumes::open(larger).unwrap();
        look(larger.open(id, None, user).unwrap(), stage, |root| {
            fill(&root.join("file"), 2 * LIMIT).unwrap()
        });
    });
}

#[test]
fn a_pool_below_its_reserve_takes_no_new_volume_and_keeps_the_old_ones() {
    // More than the whole pool.
    with_pool(4096 * MIB, |volumes, stage| {
        let error = volumes.ensure(VolumeId::random()).unwrap_err();
        assert!(matches!(error, Error::PoolFull { .. }), "{error}");
        assert!(volumes.list().unwrap().is_empty());
        let (old, user) = (VolumeId::random(), SandboxId::random());
        Subvolumes::open(config(stage, 0)).unwrap().ensure(old).unwrap();
        volumes.ensure(old).expect("one that is there needs no room");
        volumes.open(old, Some(&subpath("new")), user).unwrap();
    });
}

#[test]
fn what_lies_beside_the_volumes_is_not_taken_for_one() {
    staged(|stage| {
        let volumes = Dir::open(&stage.join("volumes")).unwrap();
        fs::create_dir(stage.join("volumes/lost+found")).unwrap();
        assert!(volumes.list().unwrap().is_empty());
        // A volume that somebody replaced by a link is refused, not followed.
        let id = VolumeId::random();
        symlink("/etc", stage.join("volumes").join(id.to_string())).unwrap();
        assert!(volumes.open(id, None, SandboxId::random()).is_err());
        assert!(volumes.ensure(id).is_err());
        let mode = fs::metadata("/etc").unwrap().permissions().mode() & 0o777;
        assert_ne!(mode, 0o777, "nobody's directory was opened to everybody");
    });
}
