//! What enemies put into streams. After each, nothing outside of the target has changed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use paddock_layer::{Form, Limits, UnpackError};
use tar::{EntryType, Header};

use crate::{GENEROUS, inventory, unpack};

/// A stream by hand.
#[derive(Default)]
struct Stream(Vec<u8>);

impl Stream {
    fn member(self, path: &str, kind: EntryType, link: &str, content: &[u8]) -> Self {
        self.told(path, kind, link, content.len() as u64, content, |_| {})
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.member(path, EntryType::Regular, "", content.as_bytes())
    }

    fn directory(self, path: &str) -> Self {
        self.member(path, EntryType::Directory, "", b"")
    }

    /// A member that tells a size of its own.
    fn told(
        mut self,
        path: &str,
        kind: EntryType,
        link: &str,
        size: u64,
        content: &[u8],
        change: impl FnOnce(&mut Header),
    ) -> Self {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(size);
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        change(&mut header);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn records(self, records: &[(&str, &[u8])]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length = rest + length.to_string().len();
            }
            write!(text, "{length} {key}=").unwrap();
            text.extend_from_slice(value);
            text.push(b'\n');
        }
        self.member("pax", EntryType::XHeader, "", &text)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

/// Unpacks beside files that must not change, and looks that they did not.
fn harmless(bytes: &[u8], form: Form) -> (Result<(), UnpackError>, tempfile::TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let outside = temporary.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "untouched").unwrap();
    let target = temporary.path().join("target");
    fs::create_dir_all(target.join("upper")).unwrap();
    fs::create_dir_all(target.join("data")).unwrap();
    let before = inventory::of(&outside);
    let result = unpack(&target, form, bytes, GENEROUS).map(drop);
    assert_eq!(inventory::of(&outside), before);
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 2);
    (result, temporary)
}

fn refused(stream: Stream) -> String {
    match harmless(&stream.end(), Form::Layer).0.unwrap_err() {
        UnpackError::Refused { why, .. } => why.to_owned(),
        other => panic!("{other}"),
    }
}

#[test]
fn no_name_leads_out_of_the_target() {
    for path in ["../outside/secret", "a/../../outside/secret", "./..", "a/.."] {
        assert!(refused(Stream::default().file(path, "x")).contains("out of the target"), "{path}");
        assert!(refused(Stream::default().directory(path)).contains("out of the target"), "{path}");
        assert!(
            refused(Stream::default().file("a", "").member("b", EntryType::Link, path, b""))
                .contains("out of")
        );
    }
    let long = Stream::default().records(&[("path", b"../outside/secret")]).file("fine", "x");
    assert!(refused(long).contains("out of the target"));
    let long = Stream::default()
        .member("././@LongLink", EntryType::GNULongName, "", b"../outside/secret\0")
        .file("fine", "x");
    assert!(refused(long).contains("out of the target"));
    let zero = Stream::default().records(&[("path", b"a\0b")]).file("fine", "x");
    assert!(refused(zero).contains("zero"));
}

#[test]
fn an_absolute_name_is_one_beneath_the_target() {
    let (result, place) =
        harmless(&Stream::default().file("/etc/file", "x").file("//tmp//y", "y").end(), Form::Layer);
    result.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("target/etc/file")).unwrap(), "x");
    assert_eq!(fs::read_to_string(place.path().join("target/tmp/y")).unwrap(), "y");
    let link = Stream::default().file("kept", "x").member("same", EntryType::Link, "/kept", b"");
    harmless(&link.end(), Form::Layer).0.unwrap();
    let link = Stream::default().member("same", EntryType::Link, "/etc/passwd", b"");
    assert!(refused(link).contains("did not bring before"));
}

/// A directory with something in it, and a link that leads to `target`.
fn way(target: &str) -> Stream {
    Stream::default().directory("upper/a").file("upper/a/secret", "").file("secret", "of the target").member(
        "upper/way",
        EntryType::Symlink,
        target,
        b"",
    )
}

#[test]
fn no_way_leads_through_a_link_in_what_we_wrote() {
    for target in ["../outside", "/", ".", "a"] {
        for last in [
            way(target).file("upper/way/secret", "changed"),
            way(target).directory("upper/way/made"),
            way(target).member("upper/way/made", EntryType::Symlink, "x", b""),
            way(target).member("upper/way/.wh.secret", EntryType::Regular, "", b""),
            way(target).member("upper/way/.wh..wh..opq", EntryType::Regular, "", b""),
            // What a link leads to gets no second name either.
            way(target).member("upper/taken", EntryType::Link, "upper/way/secret", b""),
        ] {
            let bytes = Stream(last.0[..].to_vec()).end();
            // What belongs to no part of a volume would be refused before.
            let bytes = without(&bytes, "secret");
            let error = harmless(&bytes, Form::Archive).0.unwrap_err();
            assert!(
                matches!(error, UnpackError::Refused { why, .. } if why.contains("no directory")),
                "{target}: {error}"
            );
        }
    }
}

/// The stream without the member of that name and 13 bytes.
fn without(bytes: &[u8], name: &str) -> Vec<u8> {
    let at = (0..bytes.len())
        .step_by(512)
        .find(|&at| bytes[at..].starts_with(name.as_bytes()) && bytes.get(at + name.len()) == Some(&0));
    let at = at.unwrap();
    [&bytes[..at], &bytes[at + 1024..]].concat()
}

#[test]
fn a_link_on_the_way_is_followed_beneath_the_target_in_what_others_wrote() {
    // Each leads somewhere beneath the target, whatever it says.
    for (target, lands) in [
        ("a", "upper/a"),
        (".", "upper"),
        ("../upper/a", "upper/a"),
        ("/", ""),
        ("/upper/./a//", "upper/a"),
        ("../../../../outside", "outside"),
        ("/../outside", "outside"),
        ("/proc/self/root", "proc/self/root"),
        ("missing/../a", "upper/a"),
        ("a/../../../../outside/deep", "outside/deep"),
    ] {
        let stream = way(target)
            .file("upper/way/made", "x")
            .directory("upper/way/directory")
            .member("upper/way/link", EntryType::Symlink, "x", b"")
            .member("second", EntryType::Link, "upper/way/made", b"")
            .file("upper/way/.wh.gone", "");
        let (result, place) = harmless(&stream.end(), Form::Layer);
        result.unwrap_or_else(|error| panic!("{target}: {error}"));
        let root = place.path().join("target");
        assert_eq!(fs::read_to_string(root.join(lands).join("made")).unwrap(), "x", "{target}");
        assert!(root.join(lands).join("directory").is_dir(), "{target}");
        assert_eq!(fs::symlink_metadata(root.join(lands).join("gone")).unwrap().rdev(), 0);
        let [first, second] =
            [root.join(lands).join("made"), root.join("second")].map(|path| fs::metadata(path).unwrap());
        assert_eq!(first.ino(), second.ino());
        assert!(
            fs::symlink_metadata(root.join("upper/way")).unwrap().is_symlink(),
            "{target}: it is still one"
        );
    }
    // Links that lead on and on, and over a file, end.
    let round = Stream::default().member("a", EntryType::Symlink, "b", b"").member(
        "b",
        EntryType::Symlink,
        "a/x",
        b"",
    );
    assert!(refused(round.file("a/y", "")).contains("without an end"));
    let over = Stream::default().file("f", "").member("a", EntryType::Symlink, "f", b"").file("a/x", "");
    assert!(refused(over).contains("no directory"));
    assert!(refused(Stream::default().file("a", "").file("a/b", "")).contains("no directory"));
    // A chain of links, each with a long way, costs no more than it may.
    let long = "x/../".repeat(19) + "a";
    let chain = (0..60).fold(Stream::default().directory("a"), |stream, number| {
        let to = if number == 0 { long.clone() } else { format!("{}{}", "./".repeat(40), number - 1) };
        stream.member(&number.to_string(), EntryType::Symlink, &to, b"")
    });
    assert!(refused(Stream(chain.0.clone()).file("59/y", "")).contains("without an end"));
    harmless(&chain.file("30/y", "").end(), Form::Layer).0.unwrap();
}

#[test]
fn a_link_is_replaced_and_never_written_through() {
    let trick = Stream::default()
        .member("link", EntryType::Symlink, "../outside/secret", b"")
        .file("link", "changed");
    let (result, place) = harmless(&trick.end(), Form::Layer);
    result.unwrap();
    assert!(fs::symlink_metadata(place.path().join("target/link")).unwrap().is_file());
    // Nor is a file that has two names changed by one of them.
    let trick =
        Stream::default().file("one", "old").member("two", EntryType::Link, "one", b"").file("two", "new");
    let (result, place) = harmless(&trick.end(), Form::Layer);
    result.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("target/one")).unwrap(), "old");
}

#[test]
fn of_two_members_with_one_name_the_later_one_holds() {
    let twice = Stream::default().directory("d").file("d/kept", "x").directory("d").file("d/more", "y");
    let (result, place) = harmless(&twice.end(), Form::Layer);
    result.unwrap();
    assert!(place.path().join("target/d/kept").exists() && place.path().join("target/d/more").exists());
    let replaced = Stream::default().file("d", "x").directory("d").file("d/inside", "");
    harmless(&replaced.end(), Form::Layer).0.unwrap();
    assert!(
        refused(Stream::default().file("x", "").member("x", EntryType::Link, "x", b"")).contains("itself")
    );
    assert!(
        refused(Stream::default().directory("d").member("x", EntryType::Link, "d", b""))
            .contains("two names")
    );
    // A directory with all in it, for a file, a link that leads out, a pipe; and back.
    let full = || {
        Stream::default().directory("d").file("d/a/b/c", "x").member("d/out", EntryType::Symlink, "/", b"")
    };
    for (kind, link) in [(EntryType::Regular, ""), (EntryType::Symlink, "../outside"), (EntryType::Fifo, "")]
    {
        let (result, place) = harmless(&full().member("d", kind, link, b"").end(), Form::Layer);
        result.unwrap();
        assert!(!fs::symlink_metadata(place.path().join("target/d")).unwrap().is_dir());
        let back = full().member("d", kind, link, b"").directory("d").file("d/new", "");
        let (result, place) = harmless(&back.end(), Form::Layer);
        result.unwrap();
        assert_eq!(fs::read_dir(place.path().join("target/d")).unwrap().count(), 1);
    }
    // What is replaced from within is gone, with what a link would have named.
    assert!(refused(full().member("d", EntryType::Link, "d/a/b/c", b"")).contains("did not bring before"));
    // An archive of ours says each name once.
    let ours = Stream::default().file("upper/d/kept", "x").file("upper/d", "x");
    let error = harmless(&ours.end(), Form::Archive).0.unwrap_err();
    assert!(
        matches!(error, UnpackError::Refused { why, .. } if why.contains("directory already")),
        "{error}"
    );
}

#[test]
fn what_an_old_file_system_left_is_passed_over() {
    let stream = Stream::default()
        .file(".wh..wh.aufs", "")
        .directory(".wh..wh.plnk")
        .file(".wh..wh.plnk/12.34", "x")
        .file("d/.wh..wh.orph", "")
        .file("d/kept", "x");
    let (result, place) = harmless(&stream.end(), Form::Layer);
    result.unwrap();
    assert_eq!(fs::read_dir(place.path().join("target")).unwrap().count(), 3);
    assert_eq!(fs::read_dir(place.path().join("target/d")).unwrap().count(), 1);
}

#[test]
fn an_owner_that_no_sandbox_can_have_becomes_nobody() {
    let owned = |uid: u64, gid: u64| {
        move |header: &mut Header| {
            header.set_mode(0o6755);
            header.set_uid(uid);
            header.set_gid(gid);
        }
    };
    let stream = Stream::default()
        .told("mine", EntryType::Regular, "", 0, b"", owned(65_535, 65_535))
        .told("theirs", EntryType::Regular, "", 0, b"", owned(65_536, 1))
        .told("huge", EntryType::Directory, "", 0, b"", owned(5_000_000_000, u64::MAX >> 1))
        .records(&[("uid", b"1000660000"), ("gid", b"0")])
        .told("record", EntryType::Regular, "", 0, b"", owned(0, 0));
    let (result, place) = harmless(&stream.end(), Form::Layer);
    result.unwrap();
    let shown = |name: &str| {
        let node = fs::symlink_metadata(place.path().join("target").join(name)).unwrap();
        (node.uid(), node.gid(), node.mode() & 0o7777)
    };
    assert_eq!(shown("mine"), (65_535, 65_535, 0o6755));
    assert_eq!(shown("theirs"), (65_534, 1, 0o2755));
    assert_eq!(shown("huge"), (65_534, 65_534, 0o755));
    assert_eq!(shown("record"), (65_534, 0, 0o2755));
}

#[test]
fn marks_are_made_by_us_alone() {
    let zero = |header: &mut Header| {
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
    };
    let device = Stream::default().told("x", EntryType::Char, "", 0, b"", zero);
    assert!(refused(device).contains("mark of deletion"));
    for name in [".wh.", ".wh..", ".wh..."] {
        assert!(refused(Stream::default().file(name, "")).contains("mark of nothing"), "{name}");
    }
    let attributes: [(&str, &[u8]); 4] = [
        ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.trusted.overlay.metacopy", b""),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.security.selinux", b"system_u:object_r:x:s0"),
    ];
    let (result, place) = harmless(&Stream::default().records(&attributes).directory("d").end(), Form::Layer);
    result.unwrap();
    let lines = inventory::of(&place.path().join("target/d"));
    assert!(lines[0].ends_with(" []"), "{lines:?}");
    // Marked gone and brought anew, in either order: the new one hides the old one.
    for stream in [
        Stream::default().file(".wh.d", "").directory("d").file("d/new", ""),
        Stream::default().directory("d").file("d/new", "").file(".wh.d", ""),
    ] {
        let (result, place) = harmless(&stream.end(), Form::Layer);
        result.unwrap();
        let lines = inventory::of(&place.path().join("target/d"));
        assert!(lines[0].contains("trusted.overlay.opaque=y"), "{lines:?}");
        assert!(place.path().join("target/d/new").exists());
    }
    let (result, place) = harmless(&Stream::default().file("f", "new").file(".wh.f", "").end(), Form::Layer);
    result.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("target/f")).unwrap(), "new");
}

#[test]
fn devices_and_set_user_id_are_made_and_never_opened() {
    let set_user = |header: &mut Header| header.set_mode(0o4755);
    let stream = Stream::default()
        .member("null", EntryType::Char, "", b"")
        .file("null", "replaces the device, and is not written to it")
        .told("su", EntryType::Regular, "", 1, b"x", set_user)
        .member("zero", EntryType::Char, "", b"");
    let (result, place) = harmless(&stream.end(), Form::Layer);
    result.unwrap();
    let at = |name: &str| fs::symlink_metadata(place.path().join("target").join(name)).unwrap();
    assert!(at("null").is_file());
    assert_eq!(at("su").permissions().mode() & 0o7777, 0o4755);
    assert_eq!(at("zero").rdev(), rustix::fs::makedev(1, 3));
}

#[test]
fn an_archive_fills_its_two_parts_alone() {
    for path in ["elsewhere", "upper2/x", "work/work/x", "/x"] {
        let bytes = Stream::default().file(path, "").end();
        let error = harmless(&bytes, Form::Archive).0.unwrap_err();
        assert!(
            matches!(error, UnpackError::Refused { why, .. } if why.contains("no part")),
            "{path}: {error}"
        );
    }
    for stream in
        [Stream::default().file("upper", ""), Stream::default().member("data", EntryType::Symlink, "/", b"")]
    {
        let error = harmless(&stream.end(), Form::Archive).0.unwrap_err();
        assert!(
            matches!(error, UnpackError::Refused { why, .. } if why.contains("is a directory")),
            "{error}"
        );
    }
}

#[test]
fn what_is_told_and_does_not_come_takes_no_memory_and_no_space() {
    let huge = u64::MAX / 2;
    for stream in [
        Stream::default().told("x", EntryType::Regular, "", huge, b"short", |_| {}),
        Stream::default().records(&[("size", b"9000000000000000000")]).file("x", "short"),
    ] {
        let (result, place) = harmless(&stream.end(), Form::Layer);
        assert!(matches!(result.unwrap_err(), UnpackError::Truncated));
        assert!(fs::metadata(place.path().join("target/x")).unwrap().len() < 4096);
    }
    for kind in [EntryType::XHeader, EntryType::GNULongName, EntryType::XGlobalHeader, EntryType::GNULongLink]
    {
        let stream = Stream::default().told("x", kind, "", huge, b"", |_| {});
        let error = harmless(&stream.end(), Form::Layer).0.unwrap_err();
        assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
    }
    // Many small ones before one member are one large one.
    let many = (0..2000).fold(Stream::default(), |stream, _| stream.records(&[("comment", &[b'x'; 4000])]));
    let error = harmless(&many.file("x", "").end(), Form::Layer).0.unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
}

#[test]
fn bombs_end_at_the_limits() {
    let place = tempfile::tempdir().unwrap();
    let members =
        (0..100).fold(Stream::default(), |stream, number| stream.file(&number.to_string(), "")).end();
    let limits = Limits { members: 50, bytes: 1 << 20 };
    let error = unpack(place.path(), Form::Layer, &members, limits).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { limit: 50, .. }), "{error}");
    let bytes = Stream::default().member("zeros", EntryType::Regular, "", &vec![0; 2 << 20]).end();
    let error = unpack(place.path(), Form::Layer, &bytes, limits).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { limit, .. } if limit == 1 << 20), "{error}");
    assert!(error.to_string().contains("too large when it is unpacked"), "{error}");
}

fn sparse(map: &str, stored: usize, real: &str) -> Stream {
    let mut content = map.as_bytes().to_vec();
    content.resize(content.len().next_multiple_of(512), 0);
    content.resize(content.len() + stored, b'x');
    Stream::default()
        .records(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"hollow"),
            ("GNU.sparse.realsize", real.as_bytes()),
        ])
        .member("GNUSparseFile.0/hollow", EntryType::Regular, "", &content)
}

#[test]
fn holes_that_cannot_be_are_refused() {
    harmless(&sparse("1\n100\n50\n", 50, "1000").end(), Form::Layer).0.expect("this can be");
    for (map, stored, real) in [
        ("2\n100\n50\n120\n50\n", 100, "1000"),
        ("1\n990\n50\n", 50, "1000"),
        ("1\n18446744073709551615\n50\n", 50, "1000"),
        ("1\n0\n50\n", 40, "1000"),
        ("999999999\n", 0, "1000"),
        ("1\n0\n", 0, "1000"),
        ("x\n", 0, "1000"),
        ("1111111111111111111111111111\n", 0, "1000"),
        ("1\n0\n50\n", 50, "-5"),
    ] {
        let error = harmless(&sparse(map, stored, real).end(), Form::Layer).0.unwrap_err();
        assert!(matches!(error, UnpackError::Malformed { .. }), "{map:?}: {error}");
    }
    let error = harmless(&sparse("0\n", 0, "9000000000000000000").end(), Form::Layer).0.unwrap_err();
    assert!(matches!(error, UnpackError::Make { .. }), "the file system refuses such a file: {error}");
    let old = |records: &[(&str, &[u8])]| Stream::default().records(records).file("x", "12345").end();
    let size: (&str, &[u8]) = ("GNU.sparse.size", b"100");
    for records in [
        &[("GNU.sparse.map", &b"0,6"[..]), size][..],
        &[("GNU.sparse.map", b"0,5,3"), size],
        &[("GNU.sparse.map", b"98,5"), size],
        &[("GNU.sparse.map", b"5,3,0,2"), size],
        &[("GNU.sparse.map", b"x"), size],
        &[("GNU.sparse.map", b"0,5")],
        &[("GNU.sparse.offset", b"0"), size],
        &[("GNU.sparse.offset", b"0"), ("GNU.sparse.numbytes", b"9"), size],
        &[("GNU.sparse.offset", b"0"), ("GNU.sparse.numbytes", b"18446744073709551615"), size],
    ] {
        let error = harmless(&old(records), Form::Layer).0.unwrap_err();
        assert!(matches!(error, UnpackError::Malformed { .. }), "{records:?}: {error}");
    }
    let unknown = old(&[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")]);
    assert!(matches!(harmless(&unknown, Form::Layer).0.unwrap_err(), UnpackError::Unsupported { .. }));
    for records in [
        &[("GNU.sparse.map", &b"0,2,90,3"[..]), size][..],
        &[
            ("GNU.sparse.offset", b"0"),
            ("GNU.sparse.numbytes", b"2"),
            ("GNU.sparse.offset", b"90"),
            ("GNU.sparse.numbytes", b"3"),
            size,
        ],
    ] {
        let (result, place) = harmless(&old(records), Form::Layer);
        result.unwrap();
        let content = fs::read(place.path().join("target/x")).unwrap();
        assert_eq!((&content[..3], &content[89..94], content.len()), (&b"12\0"[..], &b"\x00345\0"[..], 100));
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_an_error_or_harmless() {
    let whole = sparse("1\n100\n50\n", 50, "1000")
        .directory("d")
        .file("d/file", "content")
        .member("link", EntryType::Symlink, "d", b"")
        .end();
    harmless(&whole, Form::Layer).0.unwrap();
    for length in (0..whole.len()).step_by(128) {
        match harmless(&whole[..length], Form::Layer).0 {
            // Between two members others end too. Whether that is the end, the sum of the whole says.
            Ok(()) => assert!(length > 0 && length % 512 == 0 || length > whole.len() - 1024, "{length}"),
            Err(error) => assert!(matches!(error, UnpackError::Truncated), "{length}: {error}"),
        }
    }
    // The sum of a header is mended, so that what it says is believed.
    for position in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[position] = changed[position].wrapping_add(0x55);
        let start = position / 512 * 512;
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(&changed[start..start + 512]);
        header.set_cksum();
        changed[start + 148..start + 156].copy_from_slice(&header.as_bytes()[148..156]);
        let _ = harmless(&changed, Form::Layer);
    }
    let mut behind = whole;
    behind.extend_from_slice(b"something more");
    harmless(&behind, Form::Layer).0.unwrap();
    let ours = [Stream::default().file("upper/x", "").end(), b"something more".to_vec()].concat();
    assert!(matches!(harmless(&ours, Form::Archive).0.unwrap_err(), UnpackError::Malformed { .. }));
    let ours = Stream::default().file("upper/x", "").0;
    assert!(matches!(harmless(&ours, Form::Archive).0.unwrap_err(), UnpackError::Truncated));
}

#[test]
fn garbage_is_an_error() {
    for bytes in [vec![0xff; 4096], b"x".repeat(511), Vec::new(), b"PK\x03\x04".repeat(300)] {
        harmless(&bytes, Form::Layer).0.unwrap_err();
    }
}
