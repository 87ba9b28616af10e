//! PID 1 of every sandbox. All it does is in the library.
//!
//! Without arguments it is PID 1 under the contract with the runner; with `--listen <socket path or
//! address>` it serves in the foreground as whoever starts it.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: paddock-toolbox [--listen <socket path | 127.0.0.1:port> | --version]";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => paddock_toolbox::boot::init(),
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
