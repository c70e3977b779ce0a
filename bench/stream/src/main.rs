//! Measures what a hub needs for many servers that stream to it, and how soon
//! it tells of one among them that is killed: against the real binary, with a
//! simulated fleet over real TLS and datagrams. See `bench/README.md`.

mod facts;
mod field;
mod kills;
mod table;
mod told;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

/// Measures a hub with many streams.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// How many servers stream
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    servers: usize,
    /// How long cpu and bytes are measured, in seconds
    #[arg(long, default_value_t = 60, value_name = "S")]
    seconds: u64,
    /// How many servers are killed, one after the other
    #[arg(long, default_value_t = 20, value_name = "N")]
    trials: usize,
    /// Seconds between two of them: as many as keep each a story of its own
    #[arg(long, default_value_t = 9, value_name = "S")]
    spacing: u64,
    /// The watchfire binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.servers > 0 && arguments.seconds > 0, "there is nothing to measure");
    let binary = match &arguments.binary {
        Some(path) => path.clone(),
        None => beside_this()?,
    };
    ensure!(
        binary.exists(),
        "there is no {}; build it: cargo build --release --package watchfire",
        binary.display()
    );
    let field = field::Field::start(&binary, &arguments)?;
    field.wait_until_all_stream(arguments.servers)?;
    // Key ticks and schemas of the begin are gone then.
    std::thread::sleep(Duration::from_secs(15));
    let since = watchfire_testkit::clock::monotonic();
    let window = window::measure(&field, Duration::from_secs(arguments.seconds))?;
    let kills = kills::wait(&field, arguments.trials, since)?;
    println!("{}", table::markdown(&arguments, &window, &kills));
    Ok(if kills.is_exact(arguments.trials) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn beside_this() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("this program's own path is not known")?;
    Ok(this.with_file_name("watchfire"))
}
