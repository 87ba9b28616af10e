//! What every store of objects must do, asked of each. Cast: `Dir` and `Fake` on a temporary directory; `S3` on a server
//! of Python's moto on the loopback device, which `cargo xtask test` installs and the test starts and ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

use std::io::Read;

use paddock_driver_object::dir::Dir;
use paddock_driver_object::download::Download;
use paddock_driver_object::fake::Fake;
use paddock_driver_object::s3::{S3, S3Config};
use paddock_driver_object::upload::put;
use paddock_driver_object::{Digest, Error, Meta, ObjectKey, ObjectStore, PART_BYTES};
use paddock_testkit::bucket::{Bucket, SECRET};

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

/// Bytes that no part of repeats.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 7u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

fn get(store: &dyn ObjectStore, key: &ObjectKey) -> Vec<u8> {
    let mut content = Vec::new();
    Download::begin(store, key, None).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// Reads up to `left` bytes, and then fails as a packer that was killed.
struct CutInput<'a>(&'a [u8], usize);

impl Read for CutInput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(self.1).min(buffer.len());
        if count == 0 {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        buffer[..count].copy_from_slice(&self.0[..count]);
        (self.0, self.1) = (&self.0[count..], self.1 - count);
        Ok(count)
    }
}

fn check_contract(store: &dyn ObjectStore) {
    let (one, two) = (key("archives/one"), key("archives/one/two"));
    assert_eq!(store.head(&one).unwrap(), None);
    assert!(matches!(store.read(&one, 0).err().unwrap(), Error::NotFound { .. }));
    assert!(matches!(Download::begin(store, &one, None).err().unwrap(), Error::NotFound { .. }));
    store.delete(&one).expect("deleting nothing is no error");

    let small = b"content".to_vec();
    let mut told = Vec::new();
    let meta = put(store, &one, &small[..], |sent| told.push(sent)).unwrap();
    assert_eq!(meta, Meta { size_bytes: 7, digest: Digest::of(&small) });
    assert_eq!(told, [7]);
    assert_eq!(store.head(&one).unwrap(), Some(meta));
    assert_eq!(get(store, &one), small);
    let mut tail = String::new();
    store.read(&one, 3).unwrap().read_to_string(&mut tail).unwrap();
    assert_eq!(tail, "tent");

    let empty = put(store, &two, &b""[..], |_| {}).unwrap();
    assert_eq!((empty.size_bytes, get(store, &two)), (0, Vec::new()));
    put(store, &key("other/three"), &b"3"[..], |_| {}).unwrap();
    assert_eq!(store.list("archives/").unwrap(), [one.clone(), two.clone()]);
    assert_eq!(store.list("archives/one/").unwrap(), std::slice::from_ref(&two));
    assert_eq!(store.list("arch").unwrap(), [one.clone(), two.clone()]);
    assert_eq!(store.list("").unwrap().len(), 3);
    assert!(store.list("nothing").unwrap().is_empty());

    let replaced = put(store, &one, &b"another"[..], |_| {}).unwrap();
    assert_eq!(store.head(&one).unwrap(), Some(replaced));
    assert_eq!(get(store, &one), b"another");
    assert!(matches!(Download::begin(store, &one, Some(meta.digest)).err().unwrap(), Error::Damaged { .. }));
    store.delete(&one).unwrap();
    assert_eq!(store.head(&one).unwrap(), None);
    assert_eq!(get(store, &two), b"");
    store.delete(&two).unwrap();
    store.delete(&key("other/three")).unwrap();
    assert!(store.list("").unwrap().is_empty());
}

/// An upload in parts is cut, gone on with, given another content, and taken back.
fn check_parts(store: &dyn ObjectStore) {
    let key = key("large");
    let content = bytes(2 * PART_BYTES + 1000);
    let mut told = Vec::new();
    let error = put(store, &key, CutInput(&content, PART_BYTES + 5000), |sent| told.push(sent)).unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    assert_eq!(told, [PART_BYTES as u64]);
    assert_eq!(store.head(&key).unwrap(), None, "a half is nothing");
    assert!(store.list("").unwrap().is_empty());
    assert_eq!(store.begin(&key).unwrap().len(), 1, "and is not lost");

    let meta = put(store, &key, &content[..], |_| {}).unwrap();
    assert_eq!(meta, Meta { size_bytes: content.len() as u64, digest: Digest::of(&content) });
    assert!(get(store, &key) == content);
    assert_eq!(store.begin(&key).unwrap(), [], "what is complete is not unfinished");

    // A whole number of parts, with a first part that the store has of another try.
    let exact = &content[..2 * PART_BYTES];
    put(store, &key, CutInput(&content, PART_BYTES + 1), |_| {}).unwrap_err();
    assert!(get(store, &key) == content, "the old one is there until the new one is");
    let mut other = exact.to_vec();
    other[0] ^= 1;
    put(store, &key, &other[..], |_| {}).unwrap();
    assert!(get(store, &key) == other);

    put(store, &key, CutInput(&content, PART_BYTES + 1), |_| {}).unwrap_err();
    store.delete(&key).unwrap();
    assert_eq!(store.begin(&key).unwrap(), []);
    store.delete(&key).unwrap();
}

#[test]
fn a_directory_keeps_the_contract() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Dir::open(temporary.path()).unwrap();
    check_contract(&store);
    check_parts(&store);
    let left: Vec<_> = walk(temporary.path());
    assert!(left.is_empty(), "{left:?}");
}

fn walk(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn the_fake_keeps_the_contract() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Fake::open(temporary.path()).unwrap();
    check_contract(&store);
    check_parts(&store);
}

#[test]
fn a_bucket_keeps_the_contract() {
    let server = Bucket::start();
    let store = S3::open(&config_of(&server)).unwrap();
    check_contract(&store);
    check_parts(&store);
}

#[test]
fn a_bucket_says_why_it_cannot_be_used() {
    let server = Bucket::start();
    let mut config = config_of(&server);
    config.bucket = "no-such-bucket".to_owned();
    let error = put(&S3::open(&config).unwrap(), &key("x"), &b"x"[..], |_| {}).unwrap_err();
    assert!(matches!(error, Error::Unreachable(_) | Error::Denied(_)), "{error:?}");
    config = config_of(&server);
    // A port that answers nothing: held, and not listened at.
    let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    config.endpoint = format!("http://127.0.0.1:{}", held.local_addr().unwrap().port());
    let error = S3::open(&config).unwrap().head(&key("x")).unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)) && error.is_retryable(), "{error:?}");
    config.endpoint = "not a url".to_owned();
    assert!(matches!(S3::open(&config).err().unwrap(), Error::Settings(_)));
}

fn config_of(server: &Bucket) -> S3Config {
    S3Config {
        endpoint: server.endpoint().to_owned(),
        bucket: "objects".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "someone".to_owned(),
        secret_key: SECRET.to_owned(),
        prefix: "here/".to_owned(),
    }
}

#[test]
fn a_completed_object_without_its_sum_is_completed_by_the_next_try() {
    // As a kill between the two leaves it.
    let server = Bucket::start();
    let store = S3::open(&config_of(&server)).unwrap();
    let content = b"content";
    let parts = {
        assert!(store.begin(&key("x")).unwrap().is_empty());
        vec![store.put_part(&key("x"), 0, content.to_vec(), Digest::of(content)).unwrap()]
    };
    let meta = Meta { size_bytes: 7, digest: Digest::of(content) };
    store.complete(&key("x"), &parts, meta).unwrap();
    server.run(
        "import boto3, json, os
c = boto3.client('s3', endpoint_url=os.environ['ENDPOINT'])
c.put_object(Bucket='objects', Key='here/uploads/x', Body=json.dumps({'id': 'gone', 'parts': json.loads(os.environ['PARTS'])}))
c.delete_object(Bucket='objects', Key='here/sums/x')",
        &[("PARTS", serde_json::to_string(&parts).unwrap())],
    );
    assert_eq!(store.head(&key("x")).unwrap(), None);
    assert_eq!(put(&store, &key("x"), &content[..], |_| {}).unwrap(), meta);
    assert_eq!(get(&store, &key("x")), content);
}

#[test]
fn a_part_that_does_not_arrive_is_sent_again_and_what_is_there_is_not() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Fake::open(temporary.path()).unwrap();
    let content = bytes(2 * PART_BYTES + 1);
    store.fail_parts(2);
    put(&store, &key("x"), &content[..], |_| {}).unwrap();
    assert_eq!(store.sent_parts(), 5);
    store.delete(&key("x")).unwrap();
    store.fail_parts(3);
    let error = put(&store, &key("x"), &content[..], |_| {}).unwrap_err();
    assert!(error.is_retryable(), "{error}");

    put(&store, &key("x"), CutInput(&content, 2 * PART_BYTES), |_| {}).unwrap_err();
    let before = store.sent_parts();
    put(&store, &key("x"), &content[..], |_| {}).unwrap();
    assert_eq!(store.sent_parts() - before, 1, "only the last was missing");
    assert!(get(&store, &key("x")) == content);
}

#[test]
fn a_download_goes_on_where_it_was_cut_and_gives_up_in_the_end() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Fake::open(temporary.path()).unwrap();
    let content = bytes(100_000);
    put(&store, &key("x"), &content[..], |_| {}).unwrap();
    store.cut_reads(20, 3000);
    assert!(get(&store, &key("x")) == content);
    store.cut_reads(usize::MAX, 0);
    let mut download = Download::begin(&store, &key("x"), None).unwrap();
    let error = download.read(&mut [0; 10]).unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    assert!(matches!(inner, Some(Error::Unreachable(_))), "{error}");
    store.set_unreachable(true);
    assert!(matches!(Download::begin(&store, &key("x"), None).err().unwrap(), Error::Unreachable(_)));
}

#[test]
fn an_unfinished_upload_of_another_boot_is_none() {
    // Its parts need not have reached the disk.
    let temporary = tempfile::tempdir().unwrap();
    let store = Dir::open(temporary.path()).unwrap();
    put(&store, &key("x"), CutInput(&bytes(PART_BYTES + 10), PART_BYTES + 1), |_| {}).unwrap_err();
    assert_eq!(store.begin(&key("x")).unwrap().len(), 1);
    let list = temporary.path().join("uploads/x~");
    let text = std::fs::read_to_string(&list).unwrap();
    let (_, parts) = text.split_once('\n').unwrap();
    std::fs::write(&list, format!("another-boot\n{parts}")).unwrap();
    assert!(store.begin(&key("x")).unwrap().is_empty());
    put(&store, &key("x"), &b"content"[..], |_| {}).unwrap();
    assert_eq!(get(&store, &key("x")), b"content");
}

#[test]
fn a_damaged_object_is_never_read_to_its_end() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Dir::open(temporary.path()).unwrap();
    put(&store, &key("x"), &b"content"[..], |_| {}).unwrap();
    let file = temporary.path().join("objects/x~");
    let mut text = std::fs::read(&file).unwrap();
    text[0] ^= 1;
    std::fs::write(&file, &text).unwrap();
    let error = Download::begin(&store, &key("x"), None).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    assert!(matches!(inner, Some(Error::Damaged { .. })), "{error}");
    std::fs::write(&file, &text[..40]).unwrap();
    assert!(matches!(store.head(&key("x")).unwrap_err(), Error::Damaged { .. }));
}
