//! The official SDKs, installed where nothing of the host's changes, at the versions that the tests name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The newest Python SDK at the time of writing.
const PYTHON: &str = "daytona==0.226.1";
/// The newest TypeScript SDK at the time of writing.
const TYPESCRIPT: &str = "@daytona/sdk@0.216.0";

/// Installs what is not there yet, and returns the directory.
pub(crate) fn install() -> Result<PathBuf> {
    let directory = directory()?;
    install_python()?;
    once(&directory, "typescript", TYPESCRIPT, |place| {
        run(Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(place)
            .arg(TYPESCRIPT))
    })?;
    Ok(directory)
}

/// Installs the Python SDK if it is not there yet, and returns the interpreter that has it.
pub(crate) fn install_python() -> Result<PathBuf> {
    let directory = directory()?;
    once(&directory, "python", PYTHON, |place| {
        run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        run(Command::new(place.join("bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PYTHON,
        ]))
    })?;
    Ok(directory.join("python/bin/python"))
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
