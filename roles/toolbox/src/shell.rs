//! Which shell runs scripts: the same one for commands, sessions and terminals.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use rustix::fs::{Access, access};

use crate::environment::Environment;
use crate::small_file::read_small_file;

/// Shells that are preferred, if `/etc/shells` lists them and they are there.
const PREFERRED: [&str; 4] = ["/usr/bin/zsh", "/bin/zsh", "/usr/bin/bash", "/bin/bash"];

/// Login programs of users that are not meant to log in. They say so and exit.
const NOT_SHELLS: [&str; 2] = ["nologin", "false"];

/// The shell of this moment: an image may get a better one while it runs. Never fails; where there
/// is none at all, starting `sh` does.
pub(crate) fn pick(environment: &Environment) -> OsString {
    let listed = read_small_file(Path::new("/etc/shells")).unwrap_or_default();
    choose(&listed, environment.get("SHELL"), is_executable)
}

fn choose(listed: &[u8], own: Option<&OsStr>, is_there: impl Fn(&OsStr) -> bool) -> OsString {
    let is_listed =
        |shell: &str| listed.split(|&byte| byte == b'\n').any(|line| line.trim_ascii() == shell.as_bytes());
    if let Some(shell) = PREFERRED.into_iter().find(|shell| is_listed(shell) && is_there(OsStr::new(shell))) {
        return shell.into();
    }
    let is_shell = |shell: &&OsStr| {
        let name = Path::new(shell).file_name();
        !NOT_SHELLS.iter().any(|not| name == Some(OsStr::new(not))) && is_there(shell)
    };
    own.filter(is_shell).unwrap_or(OsStr::new("sh")).to_owned()
}

fn is_executable(path: &OsStr) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(listed: &str, own: &str, there: &[&str]) -> String {
        let is_there = |path: &OsStr| there.iter().any(|known| path == OsStr::new(known));
        choose(listed.as_bytes(), Some(OsStr::new(own)), is_there).into_string().unwrap()
    }

    #[test]
    fn zsh_comes_before_bash_and_both_must_be_listed_and_there() {
        let listed = "# shells\n/bin/sh\n/bin/bash\n/usr/bin/zsh\n";
        assert_eq!(chosen(listed, "/bin/sh", &["/bin/bash", "/usr/bin/zsh"]), "/usr/bin/zsh");
        assert_eq!(chosen(listed, "/bin/sh", &["/bin/bash", "/bin/sh"]), "/bin/bash");
        assert_eq!(chosen("/bin/sh\n", "/bin/sh", &["/bin/bash", "/bin/sh"]), "/bin/sh");
    }

    #[test]
    fn without_a_listed_one_it_is_the_users_own_unless_that_is_none() {
        assert_eq!(chosen("", "/bin/fish", &["/bin/fish"]), "/bin/fish");
        assert_eq!(chosen("", "/bin/fish", &[]), "sh");
        assert_eq!(chosen("", "/usr/sbin/nologin", &["/usr/sbin/nologin"]), "sh");
        assert_eq!(chosen("", "/bin/false", &["/bin/false"]), "sh");
    }
}
