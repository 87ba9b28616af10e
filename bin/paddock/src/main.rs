//! `paddock`: the server in all its roles, and what an administrator of one host needs.
//!
//! Start-up in visible order: arguments, settings, logging, then the command. Only this crate knows every role.

#![expect(clippy::print_stdout, reason = "a command-line program: data goes to standard output")]

mod doctor;
mod env;
mod paths;
mod reset;
mod serve;
mod toolbox;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// A self-hosted sandbox platform for AI agents.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server in the foreground. Sandboxes outlive it.
    Serve {
        /// Run one role alone (the supervisor does that).
        #[arg(long, value_enum, hide = true)]
        role: Option<Role>,
    },
    /// Print the settings of the local server for clients, as shell exports: `eval "$(paddock env)"`.
    Env,
    /// Check this host: what is missing, what that disables, how to get it.
    Doctor,
    /// Remove everything that this instance made on this host. Sandboxes and their files are lost.
    Reset {
        /// Do it without asking.
        #[arg(long)]
        yes: bool,
    },
}

/// The parts that the server runs as processes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// API and proxy, unprivileged.
    Front,
    /// Sandboxes, as root.
    Runner,
    /// Name resolution for sandboxes, unprivileged.
    Resolver,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = paddock_config::load(|name| std::env::var(name).ok()).map_err(anyhow::Error::from).and_then(
        |config| {
            paddock_telemetry::init(&config.log);
            match arguments.command {
                Command::Serve { role: None } => serve::supervise(&config),
                Command::Serve { role: Some(Role::Front) } => serve::front::run(&config),
                Command::Serve { role: Some(Role::Runner) } => serve::runner::run(&config),
                Command::Serve { role: Some(Role::Resolver) } => serve::resolver::run(),
                Command::Env => env::print(&config),
                Command::Doctor => doctor::check(&config),
                Command::Reset { yes } => reset::run(&config, yes),
            }
        },
    );
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(1)
        }
    }
}
