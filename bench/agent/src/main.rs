//! Measures what the agent costs, beside other agents in the same run: CPU,
//! memory, the process table, `GET /metrics` and the bytes of the recorder.
//! See `bench/README.md`.

mod cage;
mod facts;
mod field;
mod floor;
mod guard;
mod herd;
mod hub;
mod modes;
mod page;
mod peers;
mod poll;
mod rows;
mod spread;
mod started;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;

use field::Field;
use peers::Peer;
use rows::Row;

/// Measures the agent's cost beside that of other agents.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds of one measurement of CPU
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u64,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Seconds between the start of everything and the first measurement
    #[arg(long, default_value_t = 40, value_name = "N")]
    settle: u64,
    /// How many times the metrics are scraped
    #[arg(long, default_value_t = 200, value_name = "N")]
    scrapes: usize,
    /// How many processes a large machine has
    #[arg(long, default_value_t = 5000, value_name = "N")]
    processes: usize,
    /// Only these rows
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    only: Vec<Row>,
    /// Only these peers
    #[arg(long, value_delimiter = ',', value_name = "PEERS")]
    peers: Vec<Peer>,
    /// The watchfire binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    // This program is also what it starts: processes that sleep, the floor, …
    if let Some(mode) = std::env::args_os().nth(1)
        && let Some(run) = modes::named(&mode)
    {
        return run(std::env::args_os().skip(2).collect());
    }
    let mut arguments = Arguments::parse();
    ensure!(arguments.seconds > 0 && arguments.rounds > 0, "there is nothing to measure");
    if arguments.only.is_empty() {
        arguments.only = Row::ALL.to_vec();
    }
    if arguments.peers.is_empty() {
        arguments.peers = Peer::ALL.to_vec();
    }
    let binary = match arguments.binary.take() {
        Some(path) => path,
        None => beside_this()?,
    };
    ensure!(
        binary.exists(),
        "there is no {}; build it: cargo build --release --package watchfire",
        binary.display()
    );
    let field = Field::new(binary)?;
    rows::measure(&field, &arguments)
}

fn beside_this() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("this program's own path is not known")?;
    Ok(this.with_file_name("watchfire"))
}
