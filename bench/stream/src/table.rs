use std::fmt::Write;

use watchfire_testkit::figures::{self, percentile};

use crate::Arguments;
use crate::kills::Kills;
use crate::window::Window;

/// The result, ready for `docs/benchmarks.md`.
pub(crate) fn markdown(arguments: &Arguments, window: &Window, kills: &Kills) -> String {
    let Arguments { servers, seconds, trials, .. } = *arguments;
    let mut text = format!(
        "`cargo run --release -p bench-stream -- --servers {servers} --seconds {seconds} \
         --trials {trials}`\n\n{}\n\n| figure | value |\n|---|--:|\n",
        figures::machine()
    );
    let each = |bytes: u64| bytes as f64 / servers as f64;
    let counted = window.after.ticks - window.before.ticks;
    // The fleet counts every ten seconds, the cpu is that of the whole time.
    let ticks = counted as f64 / window.counted * window.seconds;
    let per_tick = |seconds: f64| format!("{:.1} us", seconds * 1e6 / ticks);
    let a_second = |count: u64| count as f64 / window.counted / servers as f64;
    let (empty, full) = window.hub_memory;
    let late = window.after.late_us - window.before.late_us;
    let rows = [
        ("ticks a second", format!("{:.0}", ticks / window.seconds)),
        ("hub's cpu a tick", per_tick(window.hub_cpu)),
        ("hub's share of one core", format!("{:.0} %", window.hub_cpu / window.seconds * 100.0)),
        ("hub's memory a server", format!("{:.1} KiB", each(full.saturating_sub(empty)) / 1024.0)),
        (
            "frames of a server and second, before TLS",
            format!("{:.0} B", a_second(window.after.stream_bytes - window.before.stream_bytes)),
        ),
        (
            "all on the wire of a server and second: both ways, pulses, IP headers",
            format!("{:.0} B", each(window.loopback_bytes) / window.seconds),
        ),
        (
            "pulses answered",
            format!(
                "{:.2} %",
                (window.after.echoes - window.before.echoes) as f64
                    / (window.after.pulses - window.before.pulses).max(1) as f64
                    * 100.0
            ),
        ),
        ("signs of life over the stream instead", format!("{}", window.after.alives)),
        ("streams lost", format!("{}", window.after.lost_streams)),
        ("fleet's cpu a server and second", per_tick(window.fleet_cpu)),
        ("fleet's memory a server", format!("{:.1} KiB", each(window.fleet_memory) / 1024.0)),
        ("fleet's ticks late by, mean", format!("{:.1} ms", late as f64 / counted as f64 / 1e3)),
        ("fleet's ticks left out", format!("{}", window.after.missed_ticks)),
    ];
    for (figure, value) in rows {
        let _ = writeln!(text, "| {figure} | {value} |");
    }
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        let value = percentile(&kills.to_mail, share);
        let value = value.map_or_else(|| "none".to_owned(), |value| format!("{value:.3} s"));
        let _ = writeln!(
            text,
            "| killed → mail accepted, {name} of {} | {value} |",
            kills.to_mail.len()
        );
    }
    let lost = trials.saturating_sub(kills.to_mail.len());
    let _ = writeln!(
        text,
        "| mails lost, false alarms, mails in all | {lost}, {}, {} |",
        kills.false_alarms, kills.mails
    );
    text
}
