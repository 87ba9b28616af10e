//! `cargo xtask`: the repository's own commands.

#![expect(clippy::print_stdout, reason = "a command-line program: data goes to standard output")]

mod sdk;
mod test;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("test") => test::run(&arguments[1..]),
        _ => {
            println!("usage: cargo xtask test [nextest arguments]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::from(1)
        }
    }
}
