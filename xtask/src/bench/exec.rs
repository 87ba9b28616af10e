//! One command in a running sandbox, there and back, over a bare fork and exec of the same shell.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::figure::{Against, Row, Series, Table, Unit};
use super::sdk::Sdk;
use super::{Bench, interrupt, raw};

/// How often each is measured.
const ROUNDS: usize = 200;
const WARM_UP: usize = 10;
/// The SDK costs more and is not ours: every so many rounds.
const SDK_EVERY: usize = 4;
/// At most so many milliseconds over the bare command.
const PROMISE: f64 = 2.0;

const FIGURE: &str = "exec round trip";

pub(super) fn measure(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let (mut api, mut proxy) = (bench.raw.api()?, bench.raw.proxy()?);
    let mut sdk = Sdk::start(&bench.python, &bench.raw)?;
    let id = raw::create(&mut api)?;
    let shell = raw::exec(&mut proxy, &id, "readlink /proc/$$/exe; true")?;
    let shell = shell.trim().to_owned();
    let [mut bare, mut ours, mut official] = [(); 3].map(|()| Series::default());
    for round in 0..WARM_UP + ROUNDS {
        interrupt::check()?;
        let alone = fork_and_exec(&bench.root, &shell)?;
        let begin = Instant::now();
        raw::exec(&mut proxy, &id, "true")?;
        let through_raw = begin.elapsed();
        if round >= WARM_UP {
            bare.push_time(alone);
            ours.push_time(through_raw);
            if round % SDK_EVERY == 0 {
                official.push_time(sdk.exec(&id)?);
            }
        }
    }
    raw::delete(&mut api, &[id])?;
    let name = shell.rsplit('/').next().unwrap_or("sh");
    table.add(Row::new(FIGURE, &format!("bare fork + exec, {name} -c true"), Unit::Milliseconds, &bare));
    table.add(
        Row::new(FIGURE, "raw client", Unit::Milliseconds, &ours)
            .against(Against::More(ours.median() - bare.median()))
            .promised(PROMISE),
    );
    table.add(
        Row::new(FIGURE, "Python SDK", Unit::Milliseconds, &official)
            .against(Against::More(official.median() - bare.median())),
    );
    let own = Series::of(official.median() - ours.median());
    table.add(Row::new(FIGURE, "the SDK's own cost", Unit::Milliseconds, &own));
    Ok(())
}

/// The same shell of the same root file system with the same script, its output read to the end as the toolbox does.
fn fork_and_exec(root: &Path, shell: &str) -> Result<Duration> {
    let root = std::ffi::CString::new(root.as_os_str().as_encoded_bytes())?;
    let begin = Instant::now();
    let mut command = Command::new(shell);
    command.args(["-c", "true"]).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    #[expect(unsafe_code, reason = "the shell of another root")]
    // SAFETY: chroot is async-signal-safe and reads a NUL-terminated path made before the fork.
    unsafe {
        command.pre_exec(move || {
            if libc::chroot(root.as_ptr()) != 0 || libc::chdir(c"/".as_ptr()) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let output = command.spawn()?.wait_with_output().context("could not wait for a shell")?;
    let time = begin.elapsed();
    if !output.status.success() {
        bail!("a bare {shell} ended with {}", output.status);
    }
    Ok(time)
}
