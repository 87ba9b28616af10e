//! Is the workspace as it is drawn?
//!
//! Three rules: a crate depends only on those that the drawing lets it; every crate inherits the
//! workspace's lints; every dependency is declared once, in the workspace's table.

mod drawing;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// What `cargo metadata` says, as far as it matters.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: String,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing.
    kind: Option<String>,
    /// Only of our own.
    path: Option<String>,
}

/// Everything untidy, one line each.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let metadata = metadata(root)?;
    let mut findings = Vec::new();
    for package in &metadata.packages {
        findings.extend(arrows(&metadata, package));
        findings.extend(manifest(&package.name, &crate::read(Path::new(&package.manifest_path))?)?);
    }
    Ok(findings)
}

fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root)
        .output()
        .context("could not run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn arrows(metadata: &Metadata, package: &Package) -> Vec<String> {
    let folder = |path: &str| {
        let relative = path.strip_prefix(&metadata.workspace_root).unwrap_or(path);
        relative.trim_start_matches('/').trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned()
    };
    let from = folder(&package.manifest_path);
    let mut findings = Vec::new();
    if let Some(expected) = drawing::package_name(&from).filter(|expected| *expected != package.name) {
        findings.push(format!("{from}: is called {}, not {expected}", package.name));
    }
    for dependency in &package.dependencies {
        let Some(path) = &dependency.path else { continue };
        let is_for_tests = dependency.kind.as_deref() == Some("dev");
        if let Err(why) = drawing::may_depend(&from, &folder(path), is_for_tests) {
            findings.push(format!("{from} → {}: {why}", dependency.name));
        }
    }
    findings
}

fn manifest(name: &str, text: &str) -> anyhow::Result<Vec<String>> {
    let manifest: toml::Table = text.parse().with_context(|| name.to_owned())?;
    let mut findings = Vec::new();
    let inherits =
        |table: Option<&toml::Value>| table.and_then(|table| table.get("workspace")?.as_bool()) == Some(true);
    if !inherits(manifest.get("lints")) {
        findings.push(format!("{name}: does not inherit the workspace's lints"));
    }
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let tables = std::iter::once(&manifest).chain(targets.filter_map(|(_, target)| target.as_table()));
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (dependency, entry) in table.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                if !inherits(Some(entry)) {
                    findings.push(format!("{name}: {dependency} is not from the workspace's table"));
                }
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_as_it_is_drawn() {
        let findings = check(&crate::root()).unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
    }

    #[test]
    fn an_untidy_manifest_is_found() {
        let text = "[dependencies]\nserde = \"1\"\nbytes.workspace = true\n\
                    [target.'cfg(unix)'.dev-dependencies]\nlibc = { version = \"1\" }\n[lints]\nworkspace = false\n";
        assert_eq!(
            manifest("x", text).unwrap(),
            [
                "x: does not inherit the workspace's lints",
                "x: serde is not from the workspace's table",
                "x: libc is not from the workspace's table",
            ]
        );
    }
}
