//! Measures how long it takes from a server's last sign of life to the mail
//! that a mail server has accepted, and back: against the real binary, with
//! real processes, sockets and SMTP. See `bench/README.md`.

mod chance;
mod field;
mod page;
mod table;
mod trials;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;

use field::Fault;

/// Measures "last sign of life -> mail accepted" and "recovery -> mail accepted".
#[derive(Parser)]
struct Arguments {
    /// How often each fault is tried
    #[arg(long, default_value_t = 200, value_name = "N")]
    trials: usize,
    /// How many agents one hub watches at a time
    #[arg(long, default_value_t = 40, value_name = "N")]
    agents: usize,
    /// Milliseconds between two faults of a round
    #[arg(long, default_value_t = 100, value_name = "MS")]
    stagger: u64,
    /// The watchfire binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.trials > 0 && arguments.agents > 0, "there is nothing to measure");
    let binary = match arguments.binary {
        Some(path) => path,
        None => beside_this()?,
    };
    ensure!(
        binary.exists(),
        "there is no {}; build it: cargo build --release --package watchfire",
        binary.display()
    );
    let settings = trials::Settings {
        binary,
        trials: arguments.trials,
        agents: arguments.agents.min(arguments.trials),
        stagger: std::time::Duration::from_millis(arguments.stagger),
    };
    let mut measured = Vec::new();
    for fault in Fault::ALL {
        measured.push(trials::measure(&settings, fault)?);
    }
    println!("{}", table::markdown(&settings, &measured));
    let broken = measured.iter().any(|one| !one.is_exact());
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn beside_this() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("this program's own path is not known")?;
    Ok(this.with_file_name("watchfire"))
}
