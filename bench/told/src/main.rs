//! Measures whether people are told, once and in time: of many servers at once, and over whatever
//! a mail server, a kill of the hub or a full disk does to a delivery. The real binary, real
//! processes and real SMTP. See `bench/README.md`.

mod again;
mod faults;
mod field;
mod page;
mod peers;
mod room;
mod rule;
mod storm;
mod times;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use watchfire_testkit::figures;

/// Measures who is told of what, how often and how soon.
#[derive(Parser)]
struct Arguments {
    /// How many servers freeze at once
    #[arg(long, default_value_t = 500, value_name = "N")]
    servers: usize,
    /// How many faults of each kind
    #[arg(long, default_value_t = 5, value_name = "N")]
    trials: usize,
    /// How often the hub is killed, in all
    #[arg(long, default_value_t = 60, value_name = "N")]
    kills: usize,
    /// How many servers fail twice, beside Alertmanager
    #[arg(long, default_value_t = 12, value_name = "N")]
    twice: usize,
    /// How many rules begin to fire, one after the other, beside Prometheus and Alertmanager
    #[arg(long, default_value_t = 10, value_name = "N")]
    rules: usize,
    /// Only faults whose name has these words
    #[arg(long, default_value = "", value_name = "WORDS")]
    fault: String,
    /// Only this part: storm, again, rule or faults
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// The watchfire binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let binary = match arguments.binary {
        Some(path) => path,
        None => std::env::current_exe().context("no path of its own")?.with_file_name("watchfire"),
    };
    ensure!(
        binary.exists(),
        "there is no {}; build it: cargo build --release --package watchfire",
        binary.display()
    );
    let parts = ["storm", "again", "rule", "faults"];
    if let Some(only) = &arguments.only {
        ensure!(parts.contains(&only.as_str()), "there is no part {only}: {}", parts.join(", "));
    }
    let is_wanted = |part: &str| arguments.only.as_deref().is_none_or(|only| only == part);
    let mut is_exact = true;
    if is_wanted("storm") {
        let storm = storm::measure(&binary, arguments.servers)?;
        is_exact &= storm.is_exact();
        println!("{}\n\n{}", figures::machine(), storm.markdown());
    }
    if is_wanted("again") {
        let again = again::measure(&binary, arguments.twice)?;
        is_exact &= again.is_exact();
        println!("{}\n\n{}", figures::machine(), again.markdown());
    }
    if is_wanted("rule") {
        let rule = rule::measure(&binary, arguments.rules)?;
        is_exact &= rule.is_exact();
        println!("{}\n\n{}", figures::machine(), rule.markdown());
    }
    if is_wanted("faults") {
        let rows = faults::measure(&binary, arguments.trials, arguments.kills, &arguments.fault)?;
        is_exact &= rows.iter().all(faults::Row::is_exact);
        println!("{}\n\n{}", figures::machine(), faults::markdown(&rows));
    }
    Ok(if is_exact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
