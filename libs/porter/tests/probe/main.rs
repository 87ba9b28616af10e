//! The two halves as a program of their own, as `bin/paddock` is. Tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    paddock_porter::child::run(&std::env::args().skip(2).collect::<Vec<_>>())
}
