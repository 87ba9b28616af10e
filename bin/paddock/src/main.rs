//! `paddock`: the server in all its roles, and what an administrator of one host needs.
//!
//! Start-up in visible order: arguments, settings, logging, then the command. Only this crate knows every role.

#![expect(clippy::print_stdout, reason = "a command-line program: data goes to standard output")]

mod doctor;
mod env;
mod paths;
mod porter;
mod reset;
mod serve;
mod toolbox;
mod user;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use paddock_driver_volume::s3::client;

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
    /// Carry a sandbox's files (the runner does that). Must come before settings: this half has given up reading them.
    #[command(name = porter::COMMAND, hide = true)]
    Port {
        /// Which half, and what it needs to know.
        #[arg(trailing_var_arg = true)]
        arguments: Vec<String>,
    },
    /// Show a part of a bucket as a file system (the runner does that).
    #[command(name = serve::volumes::COMMAND, hide = true)]
    Mount,
    /// Remove everything that this instance made on this host. Sandboxes and their files are lost.
    Reset {
        /// Do it without asking.
        #[arg(long)]
        yes: bool,
        /// Keep the data: only what runs, the network, the mounts and control groups go, as in a restart of the host.
        #[arg(long)]
        keep_data: bool,
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

/// Says why there is no client, where whoever started it reads it.
#[expect(clippy::print_stderr, reason = "its log is the standard error")]
fn complain(error: &std::io::Error) {
    eprintln!("client: {error}");
}

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_name().is_some_and(|name| name == client::STAND_IN) {
        return client::hand_over().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::Mount) {
        complain(&client::run());
        return ExitCode::FAILURE;
    }
    if let Command::Port { arguments } = &arguments.command {
        return paddock_porter::child::run(arguments);
    }
    let result = paddock_config::load(|name| std::env::var(name).ok()).map_err(anyhow::Error::from).and_then(
        |config| {
            paddock_telemetry::init(&config.log);
            match arguments.command {
                Command::Serve { role: None } => serve::supervise(&config),
                Command::Serve { role: Some(Role::Front) } => serve::front::run(&config),
                Command::Serve { role: Some(Role::Runner) } => serve::runner::run(&config),
                Command::Serve { role: Some(Role::Resolver) } => serve::resolver::run(),
                Command::Env => env::print(&config),
                // Done above, without settings.
                Command::Port { .. } | Command::Mount => Ok(()),
                Command::Doctor => doctor::check(&config),
                Command::Reset { yes, keep_data } => reset::run(&config, yes, keep_data),
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
