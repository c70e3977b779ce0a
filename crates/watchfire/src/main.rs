//! Watchfire: one program that is an agent on every server and a hub that
//! knows all servers and users.

mod command;
mod exit;
mod hub_client;
mod prompt;
mod screen;
mod service;
mod settings;
mod when;

use std::process::ExitCode;

use clap::Parser;
use watchfire_runtime::{limits, log, memory};

fn main() -> ExitCode {
    memory::give_back_early();
    limits::raise_descriptors();
    let arguments = command::Arguments::parse();
    let log = log::start(&arguments.log, arguments.log_format(), arguments.colour());
    let _log = match log {
        Ok(log) => log,
        Err(why) => {
            eprintln!("watchfire: {why}");
            return exit::USAGE.into();
        }
    };
    match arguments.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watchfire: {error:#}");
            exit::code(&error).into()
        }
    }
}
