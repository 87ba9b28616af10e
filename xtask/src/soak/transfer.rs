//! One big file up and down: the same bytes come back, and the daemon does not grow with them.

use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{LOOKS, Soak};
use crate::bench::interrupt;
use crate::bench::raw;

/// How much is handed to the system at once.
const BLOCK: usize = 1 << 20;
/// Where it lies inside.
const INSIDE: &str = "/home/daytona/soak-big";

/// A file of so many MiB.
pub(super) fn run(soak: &mut Soak, mebibytes: usize) -> Result<()> {
    let sent = upload(soak, mebibytes)?;
    let kept = raw::exec(&mut soak.proxy, &soak.sandbox, &format!("sha256sum < {INSIDE}"))?;
    if kept.split_whitespace().next() != Some(&sent) {
        bail!("{sent} was sent and {kept} was kept");
    }
    let received = download(soak, mebibytes)?;
    if received != sent {
        bail!("{sent} was sent and {received} came back");
    }
    soak.ask("DELETE", &format!("/files?path={INSIDE}"), &Value::Null)?;
    Ok(())
}

/// Gives back the checksum of what was sent.
fn upload(soak: &mut Soak, mebibytes: usize) -> Result<String> {
    let begin = Instant::now();
    let path = format!("/toolbox/{}/files/upload-v2?path={INSIDE}", soak.sandbox);
    let length = (mebibytes * BLOCK) as u64;
    soak.proxy.begin("POST", &path, "application/octet-stream", length, b"")?;
    let mut checksum = Sha256::new();
    let mut block: Vec<u8> = (0..BLOCK).map(|index| (index * 31 % 251) as u8).collect();
    let mut seen = Vec::new();
    for number in 0..mebibytes {
        interrupt::check()?;
        // No two blocks are the same.
        block[..8].copy_from_slice(&number.to_le_bytes());
        checksum.update(&block);
        soak.proxy.go_on(&block)?;
        if number % mebibytes.div_ceil(LOOKS) == 0 {
            seen.push(soak.daemon.look()?);
        }
    }
    seen.push(soak.daemon.look()?);
    let mut answer = Vec::new();
    let status = soak.proxy.receive(|piece| answer.extend_from_slice(piece))?;
    if status != 200 {
        bail!("the upload was answered with {status}: {}", String::from_utf8_lossy(&answer));
    }
    soak.compare("MiB up", mebibytes, begin, &seen);
    Ok(hexadecimal(checksum))
}

/// Gives back the checksum of what was received.
fn download(soak: &mut Soak, mebibytes: usize) -> Result<String> {
    let begin = Instant::now();
    let path = format!("/toolbox/{}/files/download?path={INSIDE}", soak.sandbox);
    soak.proxy.begin("GET", &path, "application/json", 0, b"")?;
    let mut checksum = Sha256::new();
    let (mut received, mut next_look) = (0, 0);
    let (mut seen, step) = (Vec::new(), (mebibytes * BLOCK).div_ceil(LOOKS));
    let mut failed = None;
    let daemon = &soak.daemon;
    let status = soak.proxy.receive(|piece| {
        checksum.update(piece);
        received += piece.len();
        if received >= next_look {
            next_look += step;
            match daemon.look() {
                Ok(look) => seen.push(look),
                Err(error) => failed = Some(error),
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if status != 200 || received != mebibytes * BLOCK {
        bail!("the download was answered with {status} and {received} bytes");
    }
    soak.compare("MiB down", mebibytes, begin, &seen);
    Ok(hexadecimal(checksum))
}

fn hexadecimal(checksum: Sha256) -> String {
    checksum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
