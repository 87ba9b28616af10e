//! What exactly a stream says, and that others read it so.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use paddock_layer::{Form, PackError};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};

use crate::{GENEROUS, inventory, pack, unpack};

fn set(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

fn gone(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
}

/// An upper with one of everything.
fn plant(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir_all(at("etc/hidden")).unwrap();
    fs::write(at("etc/passwd"), "root").unwrap();
    fs::hard_link(at("etc/passwd"), at("etc/second")).unwrap();
    gone(&at("etc/shadow"));
    fs::hard_link(at("etc/shadow"), at("etc/another-mark-of-the-same-node")).unwrap();
    set(&at("etc/hidden"), "trusted.overlay.opaque", b"y");
    set(&at("etc/hidden"), "trusted.overlay.origin", b"\0handle");
    set(&at("etc"), "trusted.overlay.opaque", b"x");
    fs::write(at("etc/gone-by-attribute"), "").unwrap();
    set(&at("etc/gone-by-attribute"), "trusted.overlay.whiteout", b"");
    fs::write(at("ping"), "program").unwrap();
    fs::set_permissions(at("ping"), fs::Permissions::from_mode(0o755)).unwrap();
    // cap_net_raw+ep, as version 2.
    set(&at("ping"), "security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let acl = b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x07\0\x39\x30\0\0\x04\0\x05\0\xff\xff\xff\xff\x10\0\x07\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
    fs::create_dir(at("shared")).unwrap();
    fs::write(at("shared/made-before-the-list"), "x").unwrap();
    set(&at("shared"), "system.posix_acl_default", acl);
    set(&at("ping"), "system.posix_acl_access", acl);
    symlink("../../../../etc", at("link-out")).unwrap();
    let hollow = fs::File::create(at("hollow")).unwrap();
    hollow.set_len(64 << 20).unwrap();
    hollow.write_at(b"near the end", (64 << 20) - 100_000).unwrap();
    hollow.write_at(b"begin", 0).unwrap();
    std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let long = at(&"d".repeat(200));
    fs::create_dir(&long).unwrap();
    fs::write(long.join("f".repeat(200)), "far").unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"line\nbreak\xfe")), "odd").unwrap();
}

/// What GNU tar says is in a stream.
fn listing(bytes: &[u8]) -> String {
    let temporary = tempfile::NamedTempFile::new().unwrap();
    fs::write(temporary.path(), bytes).unwrap();
    let output = Command::new("tar").args(["-tf"]).arg(temporary.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_layer_tells_deletions_as_others_do() {
    let temporary = tempfile::tempdir().unwrap();
    plant(temporary.path());
    let listing = listing(&pack(temporary.path(), Form::Layer).unwrap());
    let lines: Vec<&str> = listing.lines().collect();
    for name in [
        "./",
        "etc/",
        "etc/.wh.shadow",
        "etc/.wh.another-mark-of-the-same-node",
        "etc/.wh.gone-by-attribute",
        "etc/hidden/",
        "etc/hidden/.wh..wh..opq",
        "link-out",
        "hollow",
    ] {
        assert!(lines.contains(&name), "{name} in {listing}");
    }
    for name in ["etc/shadow", "etc/gone-by-attribute", "socket", "etc/.wh..wh..opq"] {
        assert!(!lines.contains(&name), "{name} in {listing}");
    }
}

#[test]
fn a_layer_comes_back_as_an_upper_with_capabilities_lists_and_holes() {
    let temporary = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| temporary.path().join(name));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    plant(&from);
    let bytes = pack(&from, Form::Layer).unwrap();
    assert!(bytes.len() < 1 << 20, "holes are not stored: {}", bytes.len());
    unpack(&to, Form::Layer, &bytes, GENEROUS).unwrap();
    // What a layer does not say, the comparison leaves out.
    fs::remove_file(from.join("socket")).unwrap();
    for name in ["etc/shadow", "etc/another-mark-of-the-same-node", "etc/gone-by-attribute"] {
        let mark = fs::symlink_metadata(to.join(name)).unwrap();
        assert_eq!((mark.rdev(), mark.mode()), (0, 0o20000), "{name}");
        fs::remove_file(from.join(name)).unwrap();
        fs::remove_file(to.join(name)).unwrap();
    }
    rustix::fs::lremovexattr(from.join("etc/hidden"), "trusted.overlay.origin").unwrap();
    rustix::fs::lremovexattr(from.join("etc"), "trusted.overlay.opaque").unwrap();
    let [was, is] = [&from, &to].map(|root| {
        let lines = inventory::of(root).into_iter();
        // The removals above changed the time of these.
        lines.filter(|line| !line.starts_with("\"\" ") && !line.starts_with("\"etc\" ")).collect::<Vec<_>>()
    });
    assert_eq!(is, was);
    assert!(is.iter().any(|line| line.contains("security.capability")), "{is:#?}");
}

#[test]
fn gnu_tar_unpacks_a_layer_to_the_same_files() {
    let temporary = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| temporary.path().join(name));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    plant(&from);
    // What only a reader of layers understands, and what tar does in its own way.
    for name in ["etc/shadow", "etc/another-mark-of-the-same-node", "etc/gone-by-attribute", "socket"] {
        fs::remove_file(from.join(name)).unwrap();
    }
    rustix::fs::lremovexattr(from.join("etc/hidden"), "trusted.overlay.opaque").unwrap();
    rustix::fs::lremovexattr(from.join("etc/hidden"), "trusted.overlay.origin").unwrap();
    rustix::fs::lremovexattr(from.join("etc"), "trusted.overlay.opaque").unwrap();
    rustix::fs::lremovexattr(from.join("shared"), "system.posix_acl_default").unwrap();
    let bytes = pack(&from, Form::Layer).unwrap();
    let mut tar = Command::new("tar")
        .args(["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", "-", "-C"])
        .arg(&to)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tar.stdin.take().unwrap(), &bytes).unwrap();
    assert!(tar.wait().unwrap().success());
    assert_eq!(inventory::of(&to), inventory::of(&from));
}

#[test]
fn a_name_that_looks_like_a_mark_is_refused_in_a_layer_and_kept_in_an_archive() {
    let temporary = tempfile::tempdir().unwrap();
    let [volume, restored] = ["volume", "restored"].map(|name| temporary.path().join(name));
    for root in [&volume, &restored] {
        fs::create_dir_all(root.join("upper")).unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
    }
    fs::write(volume.join("upper/.wh.file"), "not gone").unwrap();
    fs::create_dir(volume.join("upper/.wh..wh..opq")).unwrap();
    fs::write(volume.join("upper/.wh..wh..opq/inside"), "x").unwrap();
    symlink("x", volume.join("upper/.wh.link")).unwrap();
    fs::write(volume.join("data/.wh.file"), "nor this").unwrap();
    gone(&volume.join("data/engine-mark"));
    fs::hard_link(volume.join("data/engine-mark"), volume.join("data/engine-mark-2")).unwrap();
    gone(&volume.join("upper/file"));
    let error = pack(&volume.join("upper"), Form::Layer).unwrap_err();
    assert!(matches!(&error, PackError::Name { path } if path == Path::new(".wh..wh..opq")), "{error}");
    let bytes = pack(&volume, Form::Archive).unwrap();
    unpack(&restored, Form::Archive, &bytes, GENEROUS).unwrap();
    let names = |lines: Vec<String>| {
        lines.into_iter().map(|line| line.replace(|c: char| c.is_ascii_digit(), "")).collect::<Vec<_>>()
    };
    assert_eq!(names(inventory::of(&restored)), names(inventory::of(&volume)));
}

/// The mark of such a name is longer than any file's name may be, and is none in a stream.
#[test]
fn the_longest_names_can_be_deleted() {
    let temporary = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| temporary.path().join(name));
    [&from, &to].iter().for_each(|path| fs::create_dir(path).unwrap());
    for length in [251, 252, 255] {
        gone(&from.join("n".repeat(length)));
    }
    let bytes = pack(&from, Form::Layer).unwrap();
    unpack(&to, Form::Layer, &bytes, GENEROUS).unwrap();
    assert_eq!(fs::read_dir(&to).unwrap().count(), 3);
    assert_eq!(pack(&to, Form::Layer).unwrap(), bytes);
}

#[test]
fn the_head_of_a_file_beyond_eight_gibibytes_is_read_back() {
    let temporary = tempfile::tempdir().unwrap();
    let file = fs::File::create(temporary.path().join("huge")).unwrap();
    // Data throughout as far as the head knows: only the first blocks of the stream are taken.
    file.set_len(9 << 30).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 4096).unwrap();
    file.write_at(b"x", (9 << 30) - 1).unwrap();
    let bytes = pack(temporary.path(), Form::Layer).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("GNU.sparse.realsize=9663676416\n"));
    let to = tempfile::tempdir().unwrap();
    unpack(to.path(), Form::Layer, &bytes, GENEROUS).unwrap();
    assert_eq!(fs::metadata(to.path().join("huge")).unwrap().len(), 9 << 30);
}

#[test]
fn a_stream_that_nobody_takes_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    let error = paddock_layer::pack(crate::open(temporary.path()), Form::Layer, Full).unwrap_err();
    assert!(matches!(error, PackError::Output(_)), "{error}");
}
