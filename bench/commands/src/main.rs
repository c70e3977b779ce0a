//! Measures what a command on many servers costs and how soon all have answered: a simulated fleet
//! of a thousand, real agents beside what runs commands over SSH, and what confining the agent
//! costs it. See `bench/README.md`.

mod agents;
mod cage;
mod confined;
mod fleet;
mod house;
mod peers;
mod posted;
mod sshd;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use watchfire_testkit::figures;

/// Measures commands on many servers.
#[derive(Parser)]
struct Arguments {
    /// How many servers are simulated
    #[arg(long, default_value_t = 1000, value_name = "N")]
    servers: usize,
    /// On how many real agents, and on how many addresses for the peers
    #[arg(long, value_delimiter = ',', default_values_t = [8, 20, 50], value_name = "N")]
    targets: Vec<usize>,
    /// How often the simulated fleet gets each command
    #[arg(long, default_value_t = 10, value_name = "N")]
    rounds: usize,
    /// How often each program asks real servers, by turns
    #[arg(long, default_value_t = 5, value_name = "N")]
    turns: usize,
    /// How many commands `POST /run` is asked for
    #[arg(long, default_value_t = 300, value_name = "N")]
    posts: usize,
    /// How many readings confined and not
    #[arg(long, default_value_t = 2000, value_name = "N")]
    readings: u32,
    /// Only these parts: fleet, peers, post or sandbox
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<String>,
    /// The watchfire binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

const PARTS: [&str; 4] = ["fleet", "peers", "post", "sandbox"];

fn main() -> anyhow::Result<ExitCode> {
    // This program is also what it starts: a sampler, confined or not.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == confined::MODE) {
        return confined::read(words.collect()).map(|()| ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 0 && arguments.turns > 0, "there is nothing to measure");
    ensure!(!arguments.targets.contains(&0), "there is nothing to measure");
    for part in &arguments.only {
        ensure!(PARTS.contains(&part.as_str()), "there is no part {part}: {}", PARTS.join(", "));
    }
    let binary = match &arguments.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe().context("no path of its own")?.with_file_name("watchfire"),
    };
    ensure!(
        binary.exists(),
        "there is no {}; build it: cargo build --release --package watchfire",
        binary.display()
    );
    let is_wanted =
        |part: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == part);
    println!("{}\n", figures::machine());
    if is_wanted("fleet") {
        println!("{}", fleet::measure(&binary, arguments.servers, arguments.rounds)?);
    }
    if is_wanted("peers") {
        println!("{}", peers::measure(&binary, &arguments.targets, arguments.turns)?);
    }
    if is_wanted("post") {
        println!("{}", posted::measure(&binary, arguments.posts)?);
    }
    if is_wanted("sandbox") {
        println!("{}", confined::measure(arguments.readings)?);
    }
    println!("{}", figures::machine());
    Ok(ExitCode::SUCCESS)
}
