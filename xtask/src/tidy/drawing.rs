//! Who may depend on whom, by folder. Change the drawing first, then the code.

/// A folder, or every folder in one (`wire/*`), and the folders that it may use.
const DRAWING: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("planner", &["types"]),
    ("wire/*", &["types"]),
    ("store", &["types", "libs/*"]),
    ("drivers/*", &["types", "libs/*"]),
    ("libs/client", &["types", "wire/*", "libs/*"]),
    ("libs/testkit", &["*"]),
    ("libs/git", &["types", "wire/toolbox"]),
    ("libs/assemble", &["libs/dockerfile", "wire/toolbox"]),
    // What carries a sandbox's files to where objects are kept, for the runner.
    ("libs/porter", &["types", "libs/*", "drivers/object"]),
    // What brings layers from registries to where objects are kept, for control.
    ("libs/registry", &["types", "libs/*", "drivers/object"]),
    ("libs/*", &["types", "libs/*"]),
    ("roles/control", &["types", "wire/*", "libs/*", "planner", "store", "drivers/object"]),
    ("roles/runner", &["types", "wire/*", "libs/*", "drivers/*"]),
    // Not `libs/git`: the daemon starts it as a program of its own and never links it.
    ("roles/toolbox", &["types", "wire/toolbox", "libs/sys"]),
    ("roles/*", &["types", "wire/*", "libs/*"]),
    ("cli", &["types", "wire/*", "libs/*"]),
    ("web", &[]),
    ("bin/paddock-toolbox", &["types", "libs/*", "roles/toolbox"]),
    ("bin/paddock", &["types", "wire/*", "libs/*", "drivers/*", "roles/*", "cli", "web"]),
    ("tests", &["*"]),
    ("xtask", &["*"]),
];

/// What is only for tests, whoever uses it.
const ONLY_FOR_TESTS: &str = "libs/testkit";

/// Whether the crate in one folder may depend on that in another. Tests may use what their crate may,
/// the test kit, and the crates beside which they stand.
///
/// # Errors
/// Why not.
pub(crate) fn may_depend(from: &str, to: &str, is_for_tests: bool) -> Result<(), &'static str> {
    let Some((_, allowed)) = DRAWING.iter().find(|(folder, _)| matches(folder, from)) else {
        return Err("the folder is not in the drawing");
    };
    if to == ONLY_FOR_TESTS {
        let is_test_code = is_for_tests || from == "tests";
        return if is_test_code { Ok(()) } else { Err("the test kit is only for tests") };
    }
    // Tests play the other side of a wire.
    let is_for_playing = is_for_tests && (to == "types" || to.starts_with("wire/"));
    if is_for_playing || allowed.iter().any(|folder| matches(folder, to)) {
        return Ok(());
    }
    Err("the drawing has no such arrow")
}

/// The name of the crate in a folder: `paddock-` and the path, with `libs` and `roles` left out. `None`
/// for programs: what they are called is their users' business.
pub(crate) fn package_name(folder: &str) -> Option<String> {
    if folder.starts_with("bin/") {
        return None;
    }
    let path = ["libs/", "roles/"].iter().find_map(|start| folder.strip_prefix(start)).unwrap_or(folder);
    let path =
        path.strip_prefix("drivers/").map_or_else(|| path.to_owned(), |driver| format!("driver-{driver}"));
    Some(format!("paddock-{}", path.replace('/', "-")))
}

fn matches(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => folder.starts_with(start),
        None => folder == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_meet_over_the_wire_and_the_planner_stays_pure() {
        assert!(may_depend("roles/control", "store", false).is_ok());
        assert!(may_depend("roles/proxy", "store", false).is_err());
        assert!(may_depend("roles/control", "roles/runner", false).is_err());
        assert!(may_depend("planner", "store", false).is_err());
        assert!(may_depend("planner", "libs/failpoint", false).is_err());
        assert!(may_depend("drivers/storage", "wire/runner", false).is_err());
        assert!(may_depend("somewhere", "types", false).is_err());
    }

    #[test]
    fn the_test_kit_is_only_for_tests() {
        assert!(may_depend("store", "libs/testkit", true).is_ok());
        assert!(may_depend("store", "libs/testkit", false).is_err());
    }

    #[test]
    fn a_crate_is_called_as_its_folder() {
        for (folder, name) in [
            ("types", "paddock-types"),
            ("wire/runner", "paddock-wire-runner"),
            ("roles/control", "paddock-control"),
            ("drivers/storage", "paddock-driver-storage"),
            ("libs/testkit", "paddock-testkit"),
        ] {
            assert_eq!(package_name(folder).unwrap(), name);
        }
    }
}
