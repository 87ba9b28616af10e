//! The official SDKs, and other programs of tests, installed where nothing of the host's changes, at the versions that the tests name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The newest Python SDK at the time of writing.
const PYTHON: &str = "daytona==0.226.1";
/// An older one: it splits logs itself, builds its own command lines for code, and makes a terminal before it connects.
const OLD_PYTHON: &str = "daytona==0.150.0";
/// The newest TypeScript SDK at the time of writing.
const TYPESCRIPT: &str = "@daytona/sdk@0.216.0";
/// The oldest that frameworks have pinned, under the package's old name.
const OLD_TYPESCRIPT: &str = "@daytonaio/sdk@0.143.0";

/// A server that speaks S3, for the tests of object stores.
const MOTO: &str = "moto[s3,server]==5.2.5";

/// Installs what is not there yet, and returns the directory.
pub(crate) fn install() -> Result<PathBuf> {
    let directory = directory()?;
    install_python()?;
    once(&directory, "old-python", OLD_PYTHON, |place| python(place, OLD_PYTHON))?;
    once(&directory, "moto", MOTO, |place| python(place, MOTO))?;
    for (name, package) in [("typescript", TYPESCRIPT), ("old-typescript", OLD_TYPESCRIPT)] {
        once(&directory, name, package, |place| {
            run(Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(place)
                .arg(package))
        })?;
    }
    Ok(directory)
}

/// Installs the Python SDK if it is not there yet, and returns the interpreter that has it.
pub(crate) fn install_python() -> Result<PathBuf> {
    let directory = directory()?;
    once(&directory, "python", PYTHON, |place| python(place, PYTHON))?;
    Ok(directory.join("python/bin/python"))
}

/// Makes an environment of Python's with one package in it.
fn python(place: &Path, package: &str) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
    run(Command::new(place.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ]))
}

fn directory() -> Result<PathBuf> {
    let directory = std::path::absolute("target/sdk")?;
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn once(
    directory: &Path,
    name: &str,
    version: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let place = directory.join(name);
    let marker = directory.join(format!("{name}.version"));
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == version) {
        return Ok(());
    }
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place)?;
    install(&place).with_context(|| format!("could not install {version}"))?;
    fs::write(marker, version)?;
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
