use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use watchfire_agent::status_now;
use watchfire_api::agent::StatsReply;
use watchfire_api::past::ServerStats;
use watchfire_runtime::Clock;

use super::block_on;
use super::of_hub::{OfHub, Server};
use super::past::{Past, found, local, tell_age};
use crate::screen::{self, bytes, percent, whole};

#[derive(clap::Args)]
#[command(
    after_help = "Without SERVER and --at this machine is read itself for a second, so no agent \
    needs to run; with --at alone, what its agent recorded. With SERVER the hub is asked at which \
    `watchfire login` was last done."
)]
pub(super) struct Stats {
    #[command(flatten)]
    of_hub: OfHub,
    #[command(flatten)]
    past: Past,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let status = match self.of_hub.server(self.past.at(), &clock)? {
            Some(server) => at_hub(&server)?,
            None => of_this_machine(self.past, &clock)?,
        };
        if self.json {
            return screen::print_json(&status);
        }
        screen::print(&text(&status))
    }
}

fn at_hub(server: &Server) -> anyhow::Result<StatsReply> {
    let stats: ServerStats = block_on(server.hub.get(&server.path("stats", &[])))?;
    if let Some(at) = server.at {
        tell_age(at, stats.at_unix_ms);
    }
    Ok(stats.status)
}

fn of_this_machine(past: Past, clock: &Clock) -> anyhow::Result<StatsReply> {
    let status = match past.open(clock)? {
        Some((history, at)) => {
            let status = found(&history, at, history.status_at(at)?)?;
            tell_age(at, status.at.unix_ms);
            status
        }
        None => block_on(async { Ok(status_now(clock).await) })?,
    };
    Ok(StatsReply::from(&status))
}

fn text(status: &StatsReply) -> String {
    let mut out = String::new();
    let host = &status.host;
    let at = status.at.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    // Writing to a String cannot fail, so the results are not looked at.
    let _ = writeln!(out, "{}  {}", host.hostname, local(at.as_millisecond()));
    let _ = writeln!(out, "{}, {} ({})", host.os, host.kernel, host.architecture);
    let up = Duration::try_from_secs_f64(status.uptime_seconds).unwrap_or_default();
    let _ = writeln!(out, "up {}\n", screen::span(up));
    let cpu = &status.cpu.total;
    let _ = writeln!(
        out,
        "cpu      {:>6} of {} cores   user {}  system {}  waiting for disks {}  stolen {}",
        percent(cpu.busy_percent),
        host.cores,
        percent(cpu.user_percent),
        percent(cpu.system_percent),
        percent(cpu.iowait_percent),
        percent(cpu.steal_percent),
    );
    let load = &status.load;
    let _ = writeln!(
        out,
        "load     {:>6.2} {:.2} {:.2}   {} of {} threads run",
        load.one, load.five, load.fifteen, load.running, load.threads
    );
    let memory = &status.memory;
    let _ = writeln!(
        out,
        "memory   {:>6} of {}   {} available",
        percent(Some(memory.used_percent)),
        bytes(memory.total_bytes),
        bytes(memory.available_bytes),
    );
    if status.swap.total_bytes > 0 {
        let used = percent(Some(status.swap.used_percent));
        let _ = writeln!(out, "swap     {used:>6} of {}", bytes(status.swap.total_bytes));
    }
    devices(&mut out, status);
    out
}

fn devices(out: &mut String, status: &StatsReply) {
    let rate = |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |rate| format!("{}/s", bytes(whole(rate))))
    };
    out.push('\n');
    for fs in &status.filesystems {
        if fs.stale {
            let _ = writeln!(out, "{:<24} not asked ({})", fs.mount_point, fs.kind);
            continue;
        }
        let used = percent(Some(fs.used_percent));
        let mode = if fs.read_only { "  read-only" } else { "" };
        let (size, free) = (bytes(fs.size_bytes), bytes(fs.available_bytes));
        let _ = writeln!(out, "{:<24} {used:>6} of {size}   {free} free{mode}", fs.mount_point);
    }
    for disk in &status.disks {
        let (read, written) = (rate(disk.read_bytes_per_s), rate(disk.written_bytes_per_s));
        let busy = percent(disk.busy_percent);
        let _ = writeln!(out, "{:<24} {busy:>6} busy   read {read}  written {written}", disk.name);
    }
    for network in &status.networks {
        let (got, sent) = (rate(network.received_bytes_per_s), rate(network.sent_bytes_per_s));
        let _ = writeln!(out, "{:<24}        received {got}  sent {sent}", network.name);
    }
}
