//! Forks, copies for export, restores: the target has all that the source had, and both go their own way.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use paddock_driver_storage::dir::Dir;
use paddock_driver_storage::fake::Fake;
use paddock_driver_storage::{Error, Storage};
use paddock_types::{CopyId, SandboxId};

use crate::{MIB, fill, with_pool};

/// Runs a program that must succeed and returns what it said.
fn run(program: &str, arguments: &[&OsStr]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Fills a directory with every kind of node, and all that a node can carry.
fn plant(root: &Path) {
    let path = |name: &str| root.join(name);
    fs::write(path("plain"), "text").unwrap();
    fs::set_permissions(path("plain"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::hard_link(path("plain"), path("second-name")).unwrap();
    fs::create_dir_all(path("closed/inner")).unwrap();
    fs::write(path("closed/inner/deep"), "deep").unwrap();
    fs::hard_link(path("closed/inner/deep"), path("closed/deep-too")).unwrap();
    symlink("/no/such", path("dangling")).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"no\xfftext\nat all")), "x").unwrap();
    let sparse = fs::File::create(path("sparse")).unwrap();
    sparse.set_len(64 * MIB).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, b"end", 63 * MIB).unwrap();
    for (name, kind) in
        [("pipe", &["p"] as &[&str]), ("null", &["c", "1", "3"]), ("whiteout", &["c", "0", "0"])]
    {
        let mut arguments = vec![path(name).into_os_string()];
        arguments.extend(kind.iter().map(Into::into));
        run("mknod", &arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    }
    std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    for (name, attribute, value) in [
        ("plain", "user.mine", "a value"),
        ("closed", "trusted.overlay.opaque", "y"),
        ("closed/inner/deep", "security.note", "s"),
    ] {
        set_attribute(&path(name), attribute, value);
    }
    set_attribute(&path("dangling"), "trusted.on-a-link", "l");
    // A default access list is handed on to what is made in the directory: not to a copy.
    let acl = b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x07\0\x39\x30\0\0\x04\0\x05\0\xff\xff\xff\xff\x10\0\x07\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
    rustix_set(&path("closed/inner"), "system.posix_acl_default", acl);
    fs::set_permissions(path("closed/inner"), fs::Permissions::from_mode(0o2555)).unwrap();
    run("chown", &["-h".as_ref(), "1000:2000".as_ref(), path("dangling").as_os_str()]);
    run("chown", &["3000:4000".as_ref(), path("closed").as_os_str()]);
    fs::set_permissions(path("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    for name in ["dangling", "plain", "closed/inner", "closed", "whiteout"] {
        run(
            "touch",
            &[
                "-h".as_ref(),
                "-d".as_ref(),
                "2001-02-03T04:05:06.123456789Z".as_ref(),
                path(name).as_os_str(),
            ],
        );
    }
}

fn set_attribute(path: &Path, name: &str, value: &str) {
    rustix_set(path, name, value.as_bytes());
}

fn rustix_set(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
}

/// Everything there is to know of a tree, one line a node. Hard links show by the order of their first names.
fn inventory(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut links = Vec::new();
    list(root, root, &mut lines, &mut links);
    lines
}

fn list(root: &Path, at: &Path, lines: &mut Vec<String>, links: &mut Vec<u64>) {
    let node = fs::symlink_metadata(at).unwrap();
    let mut names = vec![0u8; 4096];
    let count = rustix::fs::llistxattr(at, &mut names[..]).unwrap();
    let mut attributes: Vec<String> = names[..count]
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0u8; 4096];
            let count = rustix::fs::lgetxattr(at, OsStr::from_bytes(name), &mut value[..]).unwrap();
            format!("{}={:?}", name.escape_ascii(), value[..count].escape_ascii().to_string())
        })
        .collect();
    attributes.sort();
    let same = (node.nlink() > 1 && !node.is_dir()).then(|| {
        links.iter().position(|&seen| seen == node.ino()).unwrap_or_else(|| {
            links.push(node.ino());
            links.len() - 1
        })
    });
    let content = if node.is_file() {
        let bytes = fs::read(at).unwrap();
        // A file of the same length with the same sum of its places is the same file here.
        bytes.iter().zip(1u64..).map(|(&byte, place)| u64::from(byte) * place).sum::<u64>().to_string()
    } else {
        fs::read_link(at).map(|target| target.display().to_string()).unwrap_or_default()
    };
    let blocks = if node.is_file() && node.len() >= MIB { node.blocks() / 2048 } else { 0 };
    let device = if node.is_file() || node.is_dir() { 0 } else { node.rdev() };
    let size = if node.is_dir() { 0 } else { node.len() };
    lines.push(format!(
        "{:?} {:o} {}:{} {}.{} {size} {device} {same:?} {content} {blocks} {attributes:?}",
        at.strip_prefix(root).unwrap(),
        node.mode(),
        node.uid(),
        node.gid(),
        node.mtime(),
        node.mtime_nsec(),
    ));
    if node.is_dir() {
        let mut names: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names.iter().for_each(|path| list(root, path, lines, links));
    }
}

fn check_forks(storage: &dyn Storage) {
    let [source, target, nobody] = [(); 3].map(|()| SandboxId::random());
    let volume = storage.ensure_volume(source, 64 * MIB).unwrap();
    plant(&volume.upper());
    fs::write(volume.data().join("kept"), "engine").unwrap();
    let before = (inventory(&volume.upper()), inventory(&volume.data()));
    storage.flush_volume(source).unwrap();

    let forked = storage.fork_volume(source, target, 64 * MIB).unwrap();
    assert_eq!((inventory(&forked.upper()), inventory(&forked.data())), before);
    assert_eq!((inventory(&volume.upper()), inventory(&volume.data())), before);
    assert_eq!(storage.find_volume(target).unwrap(), Some(forked.clone()));
    let (mut found, mut expected) = (storage.list_volumes().unwrap(), vec![source, target]);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    fs::write(forked.upper().join("plain"), "the fork's").unwrap();
    fs::write(volume.upper().join("only-here"), "x").unwrap();
    assert_eq!(fs::read_to_string(volume.upper().join("plain")).unwrap(), "text");
    assert!(!forked.upper().join("only-here").exists());
    let again = storage.fork_volume(source, target, 64 * MIB).unwrap();
    assert_eq!(
        fs::read_to_string(again.upper().join("plain")).unwrap(),
        "the fork's",
        "a repeated fork is no new one"
    );

    storage.delete_volume(source).unwrap();
    assert_eq!(fs::read_to_string(forked.upper().join("plain")).unwrap(), "the fork's");
    let error = storage.fork_volume(nobody, source, 64 * MIB).unwrap_err();
    assert!(matches!(error, Error::NoVolume { id } if id == nobody), "{error}");
    assert!(storage.find_volume(source).unwrap().is_none());
    let error = storage.flush_volume(nobody).unwrap_err();
    assert!(matches!(error, Error::NoVolume { id } if id == nobody), "{error}");
    storage.delete_volume(target).unwrap();
}

fn check_copies(storage: &dyn Storage) {
    let (id, copy) = (SandboxId::random(), CopyId::random());
    let volume = storage.ensure_volume(id, 64 * MIB).unwrap();
    plant(&volume.upper());
    let before = inventory(&volume.upper());
    let taken = storage.copy_for_export(id, copy).unwrap();
    fs::write(volume.upper().join("plain"), "later").unwrap();
    assert_eq!(inventory(&taken.upper()), before);
    assert_eq!(storage.copy_for_export(id, copy).unwrap(), taken);
    assert_eq!(inventory(&taken.upper()), before, "a repeated copy is no new one");
    assert_eq!(storage.list_copies().unwrap(), [copy]);
    assert_eq!(storage.list_volumes().unwrap(), [id], "a copy is no volume");
    storage.delete_volume(id).unwrap();
    assert_eq!(inventory(&taken.upper()), before, "a copy outlives its volume");
    storage.delete_copy(copy).unwrap();
    storage.delete_copy(copy).expect("deleting nothing is no error");
    assert!(storage.list_copies().unwrap().is_empty() && !taken.root().exists());
    assert!(matches!(storage.copy_for_export(id, copy).unwrap_err(), Error::NoVolume { .. }));
    assert!(storage.list_copies().unwrap().is_empty());
}

fn check_restores(storage: &dyn Storage) {
    let id = SandboxId::random();
    let error = storage
        .restore_volume(id, 64 * MIB, &mut |root| {
            fs::write(root.join("upper/half"), "x").unwrap();
            Err("the network went away".into())
        })
        .unwrap_err();
    assert!(
        matches!(&error, Error::Fill { source, .. } if source.to_string().contains("went away")),
        "{error}"
    );
    assert!(storage.find_volume(id).unwrap().is_none() && storage.list_volumes().unwrap().is_empty());

    // A volume that a kill left half made gives way.
    let half = storage.ensure_volume(id, 64 * MIB).unwrap();
    fs::remove_dir(half.data()).unwrap();
    let restored = storage
        .restore_volume(id, 64 * MIB, &mut |root| {
            assert!(!root.join("upper/half").exists(), "each try begins anew");
            plant(&root.join("upper"));
            Ok(())
        })
        .unwrap();
    assert_eq!(fs::read_to_string(restored.upper().join("plain")).unwrap(), "text");
    assert_eq!(storage.find_volume(id).unwrap(), Some(restored));
    storage.restore_volume(id, 64 * MIB, &mut |_| panic!("it is there already")).unwrap();
    storage.delete_volume(id).unwrap();
}

fn check_all(storage: &dyn Storage) {
    check_forks(storage);
    check_copies(storage);
    check_restores(storage);
}

#[test]
fn plain_directories_fork_copy_and_restore() {
    let temporary = tempfile::tempdir().unwrap();
    check_all(&Dir::open(temporary.path()).unwrap());
}

#[test]
fn the_fake_forks_copies_restores_and_is_full_when_told() {
    let temporary = tempfile::tempdir().unwrap();
    let storage = Fake::open(temporary.path()).unwrap();
    check_all(&storage);
    let [source, target] = [(); 2].map(|()| SandboxId::random());
    storage.ensure_volume(source, MIB).unwrap();
    storage.set_full(true);
    assert!(matches!(storage.fork_volume(source, target, MIB).unwrap_err(), Error::PoolFull { .. }));
    assert!(matches!(storage.copy_for_export(source, CopyId::random()).unwrap_err(), Error::PoolFull { .. }));
    assert!(storage.restore_volume(target, MIB, &mut |_| Ok(())).is_err());
}

#[test]
fn a_pool_forks_copies_and_restores() {
    with_pool(|storage, _| check_all(storage));
}

#[test]
fn a_copy_in_a_pool_cannot_be_written_to() {
    with_pool(|storage, _| {
        let id = SandboxId::random();
        storage.ensure_volume(id, MIB).unwrap();
        let copy = storage.copy_for_export(id, CopyId::random()).unwrap();
        let error = fs::write(copy.upper().join("x"), "x").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    });
}

#[test]
fn a_fork_shares_the_data_and_is_counted_and_limited_by_itself() {
    with_pool(|storage, config| {
        let [source, target] = [(); 2].map(|()| SandboxId::random());
        let volume = storage.ensure_volume(source, 400 * MIB).unwrap();
        fill(&volume.upper().join("most"), 200 * MIB).unwrap();
        storage.flush_volume(source).unwrap();
        // The pool has 512 MiB: a second 200 would leave less than the reserve.
        let forked = storage.fork_volume(source, target, 216 * MIB).unwrap();
        let other = SandboxId::random();
        storage
            .ensure_volume(other, MIB)
            .unwrap_or_else(|error| panic!("{error}: reserve {}", config.reserve_bytes));
        let usage = storage.usage(target).unwrap();
        assert_eq!(usage.limit_bytes, Some(216 * MIB));
        assert!(usage.used_bytes >= 200 * MIB, "what is shared counts for both: {usage:?}");

        fill(&forked.upper().join("within"), 10 * MIB).unwrap();
        let error = fill(&forked.upper().join("beyond"), 60 * MIB).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::QuotaExceeded);
        fill(&volume.upper().join("source"), 40 * MIB).expect("the source has a limit of its own");
        storage.fork_volume(source, target, 300 * MIB).unwrap();
        fill(&forked.upper().join("more"), 10 * MIB).expect("a repeated fork sets the limit anew");
    });
}

/// Whether the kernel has decided yet where on the disk `path` lies.
fn is_on_disk(path: &Path) -> bool {
    !run("filefrag", &["-v".as_ref(), path.as_os_str()]).contains("delalloc")
}

#[test]
fn a_flush_writes_one_volume_and_leaves_its_neighbours_alone() {
    with_pool(|storage, _| {
        let [one, neighbour] =
            [(); 2].map(|()| storage.ensure_volume(SandboxId::random(), 100 * MIB).unwrap());
        let files = [&one, &neighbour].map(|volume| volume.upper().join("file"));
        for file in &files {
            fs::write(file, vec![7u8; 8 << 20]).unwrap();
        }
        assert!(!is_on_disk(&files[0]) && !is_on_disk(&files[1]));
        let id = one.root().file_name().unwrap().to_str().unwrap().parse().unwrap();
        storage.flush_volume(id).unwrap();
        assert!(is_on_disk(&files[0]));
        assert!(!is_on_disk(&files[1]), "the neighbour's was written too");
    });
}
