//! PID 1 of every sandbox. All it does is in the libraries.
//!
//! Without arguments, or with the image's entrypoint and command after `--`, it is PID 1 under the
//! contract with the runner; with `--listen <socket path or address>` it serves in the foreground as
//! whoever starts it; with `git-helper` it is what PID 1 starts for one operation of git, and the only
//! process that runs the git library; with `build-helper` it is what PID 1 starts to copy files in a build.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str =
    "usage: paddock-toolbox [-- program [argument...] | --listen <socket path | 127.0.0.1:port> | --version]";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    if first.as_deref().is_none_or(|first| first == "--") {
        return paddock_toolbox::boot::init(arguments.collect());
    }
    let arguments: Vec<String> =
        first.into_iter().chain(arguments).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [paddock_toolbox::GIT_HELPER] => paddock_git::run(),
        [paddock_toolbox::BUILD_HELPER, step] => paddock_assemble::run(step),
        ["--listen", address] => match paddock_toolbox::boot::listen(address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                say(&mut std::io::stderr(), &format!("paddock-toolbox: {error}{cause}"));
                ExitCode::FAILURE
            }
        },
        ["--version"] => {
            say(&mut std::io::stdout(), paddock_toolbox::VERSION);
            ExitCode::SUCCESS
        }
        _ => {
            say(&mut std::io::stderr(), USAGE);
            ExitCode::from(2)
        }
    }
}

/// Writes a line; whoever closed the stream does not want it.
fn say(stream: &mut dyn Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}
