//! Chores of the project that are too long for a shell line: `cargo xtask HELP`.
//!
//! Absent on purpose: anything that a released binary needs.

mod record_root;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Watchfire project")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the invariants of ARCHITECTURE.md over the whole tree
    Tidy,
    /// Record this machine's /proc and /sys into a folder, for tests of `collect`
    RecordRoot {
        /// The folder to write; it must not exist yet
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<()> {
    match chore {
        Chore::Tidy => tidy::run(&project_root()?),
        Chore::RecordRoot { folder } => record_root::run(folder),
    }
}

/// The folder of the workspace, wherever the command was started.
fn project_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).context("xtask lies in no workspace")
}
