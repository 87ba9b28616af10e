//! The half that sees the tree: between files and a tar stream.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use paddock_driver_object::{Digest, Meta};
use paddock_layer::{Form, Limits, PackError, UnpackError};
use rustix::thread::CapabilitySet;
use sha2::{Digest as _, Sha256};

use super::{Done, confine};
use crate::said::{Failure, Said, Why};

/// What reading takes: whatever a file's mode says, and the attributes of a privileged overlay.
const READING: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::SYS_ADMIN);
/// What making takes beside: every owner, mode, device and capability.
const MAKING: CapabilitySet = READING
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::SETFCAP);

pub(super) fn pack(root: OwnedFd, form: &str) -> Done {
    let form = parse_form(form)?;
    let root = confine::to_tree(root, READING).map_err(confined)?;
    let mut summed = Summed { output: io::stdout().lock(), hasher: Sha256::new(), bytes: 0 };
    let packed = paddock_layer::pack(root, form, &mut summed);
    let stream = Meta { size_bytes: summed.bytes, digest: Digest::finish(summed.hasher) };
    packed.map(|_| Said::Packed(stream)).map_err(|error| {
        let why = match &error {
            PackError::Name { .. } => Why::Unfit,
            PackError::Output(_) => Why::OtherHalf,
            PackError::Tree(_) | PackError::Changed { .. } => Why::Other,
        };
        Failure::new(why, &error)
    })
}

/// What passes by is counted and summed: here and not in the carrier, which has more to do.
struct Summed<W> {
    output: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.output.write(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

pub(super) fn unpack(root: OwnedFd, form: &str, members: &str, bytes: &str) -> Done {
    let form = parse_form(form)?;
    let number = |text: &str| text.parse().map_err(|error| Failure::new(Why::Other, &error));
    let limits = Limits { members: number(members)?, bytes: number(bytes)? };
    let root = confine::to_tree(root, MAKING).map_err(confined)?;
    paddock_layer::unpack(root, form, io::stdin().lock(), limits).map(|_| Said::Unpacked).map_err(|error| {
        let why = match &error {
            _ if error.is_disk_full() => Why::DiskFull,
            UnpackError::Input(_) => Why::OtherHalf,
            UnpackError::Truncated => Why::Cut,
            UnpackError::Make { .. } => Why::Other,
            UnpackError::TooLarge { .. } => Why::TooLarge,
            _ => Why::Refused,
        };
        Failure::new(why, &error)
    })
}

fn parse_form(text: &str) -> Result<Form, Failure> {
    match text {
        "layer" => Ok(Form::Layer),
        "archive" => Ok(Form::Archive),
        _ => Err(Failure::new(Why::Other, &io::Error::other("there is no such form"))),
    }
}

fn confined(error: io::Error) -> Failure {
    let error = io::Error::new(error.kind(), format!("could not give up privileges: {error}"));
    Failure::new(Why::Other, &error)
}
