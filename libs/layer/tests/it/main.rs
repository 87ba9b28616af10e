//! Streams: what goes in comes out, and what an enemy wrote does no harm.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod inventory;
mod others;
mod random;
mod streams;
mod tricks;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use paddock_layer::{Form, Limits, PackError, UnpackError, Unpacked};

const GENEROUS: Limits = Limits { members: 100_000, bytes: 1 << 30 };

fn open(path: &Path) -> OwnedFd {
    File::open(path).unwrap().into()
}

/// Packs on a thread with a working directory of its own.
fn pack(root: &Path, form: Form) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    let mut result = None;
    paddock_sys::thread::scoped::<_, io::Error>(|| {
        result = Some(paddock_layer::pack(open(root), form, &mut bytes));
        Ok(())
    })
    .unwrap();
    result.unwrap().map(|packed| {
        assert_eq!(packed.bytes, bytes.len() as u64);
        bytes
    })
}

/// Unpacks on a thread with a working directory of its own.
fn unpack(root: &Path, form: Form, bytes: &[u8], limits: Limits) -> Result<Unpacked, UnpackError> {
    let mut result = None;
    paddock_sys::thread::scoped::<_, io::Error>(|| {
        result = Some(paddock_layer::unpack(open(root), form, bytes, limits));
        Ok(())
    })
    .unwrap();
    result.unwrap()
}
