//! A big file into a sandbox and out again, through the proxy and the toolbox, against `cp` on the same file system.
//!
//! No side waits for the disk. Up, the bytes come from memory on both sides; down, they go nowhere on both.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use paddock_sys::{mount, thread};
use serde_json::json;

use super::figure::{Against, Row, Series, Table, Unit};
use super::wire::Connection;
use super::{Bench, interrupt, raw};

/// The size of the file.
const SIZE_BYTES: u64 = 256 << 20;
/// How much is handed to the system at once.
const BLOCK: usize = 1 << 20;
const ROUNDS: usize = 5;
const WARM_UP: usize = 1;
const BOUNDARY: &str = "paddock-bench";
/// Where it lies inside.
const INSIDE: &str = "/tmp/big";

pub(super) fn measure(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let (mut api, mut proxy) = (bench.raw.api()?, bench.raw.proxy()?);
    let id = raw::create(&mut api)?;
    let place = bench.server.data.join("source");
    fs::create_dir_all(&place)?;
    let [bare_up, up, bare_down, down] =
        thread::scoped(|| rounds(bench, &mut proxy, &id, &place).map_err(io::Error::other))?;
    raw::delete(&mut api, &[id])?;
    for (figure, bare, ours) in [("256 MiB up", bare_up, up), ("256 MiB down", bare_down, down)] {
        table.add(Row::new(figure, "bare cp", Unit::MegabytesPerSecond, &bare));
        table.add(
            Row::new(figure, "raw client, bulk form", Unit::MegabytesPerSecond, &ours)
                .against(Against::Times(ours.median() / bare.median())),
        );
    }
    Ok(())
}

/// Speeds: bare up, up, bare down, down.
fn rounds(bench: &Bench<'_>, proxy: &mut Connection, id: &str, place: &Path) -> Result<[Series; 4]> {
    let pool = enter_pool(bench)?;
    let source = mount::make("tmpfs", &[], mount::Attributes::default())?;
    mount::attach(&source, place)?;
    let source = place.join("big");
    io::copy(&mut io::Read::take(File::open("/dev/urandom")?, SIZE_BYTES), &mut File::create(&source)?)?;
    let target = pool.join("bench");
    let block: Vec<u8> = fs::read(&source)?.into_iter().take(BLOCK).collect();
    let mut all = [(); 4].map(|()| Series::default());
    for round in 0..WARM_UP + ROUNDS {
        interrupt::check()?;
        let times = copy(&source, &target).and_then(|bare_up| {
            let up = upload(proxy, id, &block)?;
            let bare_down = copy(&target, Path::new("/dev/null"))?;
            Ok([bare_up, up, bare_down, download(proxy, id)?])
        });
        let _ = fs::remove_file(&target);
        raw::exec(proxy, id, &format!("rm {INSIDE}"))?;
        if round >= WARM_UP {
            for (series, time) in all.iter_mut().zip(times?) {
                series.push(speed(time));
            }
        }
        // What was written goes to the disk now, and not during the next sample.
        Command::new("sync").arg("-f").arg(&pool).status()?;
    }
    Ok(all)
}

/// Takes the calling thread into the runner's mount namespace, or a copy of it, and returns where the pool is.
fn enter_pool(bench: &Bench<'_>) -> Result<PathBuf> {
    let supervisor = bench.server.pid()?;
    let children = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children"))?;
    let runner = children
        .split_whitespace()
        .find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|&byte| byte == 0).any(|word| word == b"runner")
        })
        .context("the server has no runner")?;
    thread::enter_mount_namespace(File::open(format!("/proc/{runner}/ns/mnt"))?)?;
    thread::unshare_mounts()?;
    Ok(bench.server.data.join("runner/pool"))
}

fn copy(from: &Path, to: &Path) -> Result<Duration> {
    let begin = Instant::now();
    let status = Command::new("cp").arg("--reflink=never").arg(from).arg(to).stdin(Stdio::null()).status()?;
    let time = begin.elapsed();
    if status.success() { Ok(time) } else { bail!("cp ended with {status}") }
}

fn upload(proxy: &mut Connection, id: &str, block: &[u8]) -> Result<Duration> {
    let first = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"files[0].path\"\r\n\r\n{INSIDE}\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"files[0].file\"; filename=\"big\"\r\n\r\n"
    );
    let last = format!("\r\n--{BOUNDARY}--\r\n");
    let length = first.len() as u64 + SIZE_BYTES + last.len() as u64;
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let begin = Instant::now();
    let path = format!("/toolbox/{id}/files/bulk-upload");
    proxy.begin("POST", &path, &content_type, length, first.as_bytes())?;
    for _ in 0..SIZE_BYTES / BLOCK as u64 {
        proxy.go_on(block)?;
    }
    proxy.go_on(last.as_bytes())?;
    let mut body = Vec::new();
    let status = proxy.receive(|piece| body.extend_from_slice(piece))?;
    let time = begin.elapsed();
    if status != 200 {
        bail!("an upload was answered with {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(time)
}

fn download(proxy: &mut Connection, id: &str) -> Result<Duration> {
    let body = json!({ "paths": [INSIDE] }).to_string();
    let begin = Instant::now();
    let path = format!("/toolbox/{id}/files/bulk-download");
    proxy.begin("POST", &path, "application/json", body.len() as u64, body.as_bytes())?;
    let mut received = 0;
    let status = proxy.receive(|piece| received += piece.len() as u64)?;
    let time = begin.elapsed();
    if status != 200 || received < SIZE_BYTES {
        bail!("a download was answered with {status} and {received} bytes");
    }
    Ok(time)
}

#[expect(clippy::cast_precision_loss, reason = "far below what a double holds")]
fn speed(time: Duration) -> f64 {
    SIZE_BYTES as f64 / 1e6 / time.as_secs_f64()
}
