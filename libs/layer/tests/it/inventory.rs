//! Everything there is to know of a tree, one line a node. Told by the standard library, not by what is tested.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// One line a node, directories before what is in them. Hard links show by the number of their first name.
pub(crate) fn of(root: &Path) -> Vec<String> {
    let (mut lines, mut links) = (Vec::new(), Vec::new());
    list(root, root, &mut lines, &mut links);
    lines
}

fn list(root: &Path, at: &Path, lines: &mut Vec<String>, links: &mut Vec<u64>) {
    let node = fs::symlink_metadata(at).unwrap();
    let same = (node.nlink() > 1 && !node.is_dir()).then(|| {
        links.iter().position(|&seen| seen == node.ino()).unwrap_or_else(|| {
            links.push(node.ino());
            links.len() - 1
        })
    });
    let content = if node.is_file() {
        digest(at, node.len())
    } else {
        fs::read_link(at).map(|target| format!("{target:?}")).unwrap_or_default()
    };
    // Holes: of what is large, whether it takes much less than it shows.
    let is_hollow = node.is_file() && node.len() > (1 << 20) && node.blocks() * 512 < node.len() / 2;
    let device = if node.is_file() || node.is_dir() { 0 } else { node.rdev() };
    let size = if node.is_dir() { 0 } else { node.len() };
    lines.push(format!(
        "{:?} {:o} {}:{} {}.{:09} {size} {device} {same:?} {content} {is_hollow} {:?}",
        at.strip_prefix(root).unwrap(),
        node.mode(),
        node.uid(),
        node.gid(),
        node.mtime(),
        node.mtime_nsec(),
        attributes(at),
    ));
    if node.is_dir() {
        let mut names: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names.iter().for_each(|path| list(root, path, lines, links));
    }
}

/// A number that differs when the content does. Passes over pieces of zeros, and so over holes, quickly.
fn digest(path: &Path, size: u64) -> String {
    let file = fs::File::open(path).unwrap();
    let mut buffer = vec![0u8; 1 << 20];
    let (mut at, mut sum) = (0u64, 0u64);
    while at < size {
        let count = file.read_at(&mut buffer, at).unwrap();
        for (block, start) in buffer[..count].chunks(4096).zip((at..).step_by(4096)) {
            if block == &[0; 4096][..block.len()] {
                continue;
            }
            for (&byte, place) in block.iter().zip(start..).filter(|(byte, _)| **byte != 0) {
                sum = sum.wrapping_mul(31).wrapping_add(place ^ (u64::from(byte) << 56));
            }
        }
        at += count as u64;
    }
    format!("{sum:x}")
}

fn attributes(at: &Path) -> Vec<String> {
    let mut names = vec![0u8; 4096];
    let count = rustix::fs::llistxattr(at, &mut names[..]).unwrap();
    let mut found: Vec<String> = names[..count]
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0u8; 65_536];
            let count = rustix::fs::lgetxattr(at, OsStr::from_bytes(name), &mut value[..]).unwrap();
            format!("{}={}", name.escape_ascii(), value[..count].escape_ascii())
        })
        .collect();
    found.sort();
    found
}
