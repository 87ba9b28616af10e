//! Streams that other tools write, and what others make of the same streams.
//!
//! The oracle is `umoci`, which unpacks an image as the specification of images says; ours must make the same tree. The
//! streams are written by GNU tar in each of its formats, and by hand where no tool writes such.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use paddock_layer::Form;
use paddock_testkit::images::{Compression, Image, Tar};
use proptest::prelude::*;

use crate::{GENEROUS, inventory, unpack};

/// What the stream's files are, unpacked by umoci as the only layer of an image.
fn by_umoci(stream: &[u8], place: &Path) -> Result<Vec<String>, String> {
    let (layout, bundle) = (place.join("layout"), place.join("bundle"));
    Image::new().layer_of(stream, Compression::Gzip).write(&layout);
    let output = Command::new("umoci")
        .args(["unpack", "--image"])
        .arg(format!("{}:latest", layout.display()))
        .arg(&bundle)
        .stdin(Stdio::null())
        .output()
        .expect("scripts/install.sh test installs umoci");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(comparable(inventory::of(&bundle.join("rootfs"))))
}

fn by_us(stream: &[u8], place: &Path) -> Result<Vec<String>, String> {
    let target = place.join("ours");
    fs::create_dir(&target).unwrap();
    unpack(&target, Form::Layer, stream, GENEROUS).map_err(|error| error.to_string())?;
    Ok(comparable(inventory::of(&target)))
}

/// Without times, which a directory that is not in the stream has from the clock, and without the target's own line.
fn comparable(lines: Vec<String>) -> Vec<String> {
    lines
        .iter()
        .skip(1)
        .map(|line| {
            // The name may hold blanks, and is in quotes.
            let (name, rest) = line.split_at(line[1..].rfind("\" 1").or(line.find("\" ")).unwrap_or(0));
            let mut words: Vec<&str> = rest.split(' ').collect();
            if words.len() > 3 {
                words[3] = "time";
            }
            format!("{name}{}", words.join(" "))
        })
        .collect()
}

/// A tree with what images hold.
fn plant(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir_all(at("usr/bin")).unwrap();
    fs::write(at("usr/bin/tool"), "tool").unwrap();
    fs::set_permissions(at("usr/bin/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(at("usr/bin/tool"), at("usr/bin/second")).unwrap();
    symlink("usr/bin", at("bin")).unwrap();
    let long = "n".repeat(120);
    fs::create_dir_all(at(&format!("{long}/{long}"))).unwrap();
    fs::write(at(&format!("{long}/{long}/file")), "deep").unwrap();
    symlink(format!("/{}", "t".repeat(200)), at("long-target")).unwrap();
    let hollow = fs::File::create(at("hollow")).unwrap();
    hollow.set_len(4 << 20).unwrap();
    // More pieces than a header, and more than one block behind it, have room for.
    for number in 0..60u64 {
        hollow.write_at(&[7; 4096], number * 65_536).unwrap();
    }
    std::os::unix::fs::chown(at("usr/bin"), Some(1234), Some(40_000)).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
}

#[test]
fn gnu_tar_is_understood_in_each_of_its_formats() {
    let temporary = tempfile::tempdir().unwrap();
    let from = temporary.path().join("from");
    fs::create_dir(&from).unwrap();
    plant(&from);
    let shown = |root: &Path| {
        let lines = inventory::of(root).into_iter();
        // The formats differ in how exact times are.
        comparable(lines.collect())
    };
    for (format, more) in [
        ("gnu", &["--sparse"][..]),
        ("gnu", &[]),
        ("oldgnu", &["--sparse"]),
        ("pax", &["--sparse", "--sparse-version=0.0"]),
        ("pax", &["--sparse", "--sparse-version=0.1"]),
        ("pax", &["--sparse", "--sparse-version=1.0"]),
        ("pax", &[]),
    ] {
        let output = Command::new("tar")
            .args(["--numeric-owner", "--sort=name", &format!("--format={format}")])
            .args(more)
            .arg("-C")
            .arg(&from)
            .args(["-c", "."])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let target = temporary.path().join("to");
        fs::create_dir(&target).unwrap();
        unpack(&target, Form::Layer, &output.stdout, GENEROUS)
            .unwrap_or_else(|error| panic!("{format} {more:?}: {error}"));
        let (is, was) = (shown(&target), shown(&from));
        // Without sparse formats holes are zeros, and take their space.
        let same = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().map(|line| line.replace(" true []", " false []")).collect()
        };
        if more.is_empty() {
            assert_eq!(same(is), same(was))
        } else {
            assert_eq!(is, was, "{format} {more:?}")
        }
        fs::remove_dir_all(&target).unwrap();
    }
}

#[test]
fn old_headers_and_missing_ends_are_understood() {
    let temporary = tempfile::tempdir().unwrap();
    let from = temporary.path().join("from");
    fs::create_dir_all(from.join("d")).unwrap();
    fs::write(from.join("d/file"), "content").unwrap();
    for format in ["v7", "ustar"] {
        let output = Command::new("tar")
            .arg(format!("--format={format}"))
            .arg("-C")
            .arg(&from)
            .args(["-c", "d"])
            .output()
            .unwrap();
        let whole = output.stdout;
        // All of it; without its end; with half of its end; with something behind it.
        let content = 3 * 512;
        for bytes in
            [&whole[..], &whole[..content], &whole[..content + 512], &[&whole[..], b"behind"].concat()]
        {
            let target = tempfile::tempdir().unwrap();
            unpack(target.path(), Form::Layer, bytes, GENEROUS)
                .unwrap_or_else(|error| panic!("{format}: {error}"));
            assert_eq!(fs::read_to_string(target.path().join("d/file")).unwrap(), "content");
        }
    }
}

/// A member of a random stream.
#[derive(Debug, Clone)]
enum Member {
    File(String, u32, Vec<u8>),
    Directory(String, u32),
    Symlink(String, String),
    /// To one of the files before it, by number.
    HardLink(String, usize),
}

/// Few names, so that members meet.
fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]);
    proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn member() -> impl Strategy<Value = Member> {
    let mode = prop::sample::select(vec![0o644u32, 0o755, 0o4755, 0o1777, 0o600, 0o2750]);
    let target = prop_oneof![
        path(),
        path().prop_map(|path| format!("/{path}")),
        path().prop_map(|path| format!("../{path}"))
    ];
    prop_oneof![
        4 => (path(), mode, proptest::collection::vec(any::<u8>(), 0..700)).prop_map(|(path, mode, content)| Member::File(path, mode, content)),
        // Directories below one with set-group-id have it by the kernel, when nobody tells of them.
        3 => (path(), prop::sample::select(vec![0o755u32, 0o1777, 0o700])).prop_map(|(path, mode)| Member::Directory(path, mode)),
        2 => (path(), target).prop_map(|(path, target)| Member::Symlink(path, target)),
        1 => (path(), any::<usize>()).prop_map(|(path, number)| Member::HardLink(path, number)),
    ]
}

fn stream(members: &[Member]) -> Vec<u8> {
    let mut files: Vec<&str> = Vec::new();
    let mut tar = Tar::default();
    for member in members {
        tar = match member {
            Member::File(path, mode, content) => {
                files.push(path);
                tar.file(path, *mode, content)
            }
            Member::Directory(path, mode) => tar.directory(path, *mode),
            Member::Symlink(path, target) => tar.symlink(path, target),
            Member::HardLink(path, number) if !files.is_empty() => {
                tar.hard_link(path, files[number % files.len()])
            }
            Member::HardLink(..) => tar,
        };
    }
    tar.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_stream_makes_what_umoci_makes_of_it(members in proptest::collection::vec(member(), 1..14)) {
        let place = tempfile::tempdir().unwrap();
        let bytes = stream(&members);
        let (ours, theirs) = (by_us(&bytes, place.path()), by_umoci(&bytes, place.path()));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            // Whether it can be unpacked at all, each says in its own way.
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => prop_assert!(false, "only umoci refuses it: {error}"),
            (Err(error), Ok(_)) => prop_assert!(false, "only we refuse it: {error}"),
        }
    }

    #[test]
    fn no_changed_stream_harms_anybody(
        members in proptest::collection::vec(member(), 1..8),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..12),
    ) {
        let place = tempfile::tempdir().unwrap();
        let (outside, target) = (place.path().join("outside"), place.path().join("target"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(outside.join("secret"), "untouched").unwrap();
        let before = inventory::of(&outside);
        let mut bytes = stream(&members);
        for (at, value, mends) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
            // As an enemy would: the sum of the header is mended.
            let block = at / 512 * 512;
            if mends && block + 512 <= bytes.len() {
                let mut header = tar::Header::new_old();
                header.as_mut_bytes().copy_from_slice(&bytes[block..block + 512]);
                header.set_cksum();
                bytes[block + 148..block + 156].copy_from_slice(&header.as_bytes()[148..156]);
            }
        }
        // A told size of many gigabytes as a hole is allowed, and takes nothing.
        let _ = unpack(&target, Form::Layer, &bytes, GENEROUS);
        prop_assert_eq!(inventory::of(&outside), before);
        prop_assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
        prop_assert!(fs::metadata(&target).unwrap().blocks() < 1 << 20);
    }
}
