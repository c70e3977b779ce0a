use std::path::Path;
use std::time::Duration;

use super::windows;
use crate::Arguments;
use crate::field::Field;
use crate::modes::{NOT_ITS_DEFAULT, hot_files};
use crate::page::{self, Line};
use crate::peers::{Peer, Purpose, installed};
use crate::started::Started;

const PEERS: [Peer; 4] = [Peer::NodeExporter, Peer::Netdata, Peer::Collectd, Peer::Sadc];
/// Less than node_exporter by this much, and at most this many floors.
const TIMES_LESS: f64 = 25.0;
const FLOORS: f64 = 3.0;

/// CPU for node_exporter's default families, no process walk.
pub(super) fn measure(
    field: &Field,
    arguments: &Arguments,
    left_out: &mut Vec<String>,
) -> anyhow::Result<String> {
    let this = std::env::current_exe()?;
    let mut programs =
        vec![own(field, &this, "watchfire, node_exporter's default families", "ticks")?];
    programs.push(own(field, &this, "floor: its hot files kept open, read to their end", "floor")?);
    programs.push(own(field, &this, "watchfire, all its collectors", "all-ticks")?);
    for peer in installed(&arguments.peers, &PEERS, left_out) {
        programs.extend(peer.start(field, Purpose::Machine)?);
        if peer == Peer::NodeExporter
            && let Some(exporter) = programs.last_mut()
        {
            exporter.poll_each_second();
        }
    }
    eprintln!("ticks: {} programs run", programs.len());
    let mut all: Vec<&mut Started> = programs.iter_mut().collect();
    windows::settle(&mut all, Duration::from_secs(arguments.settle))?;
    let length = Duration::from_secs(arguments.seconds);
    let used = windows::cpu(&mut all, length, arguments.rounds)?;
    let lines: Vec<Line> = programs
        .iter()
        .zip(&used)
        .map(|(program, used)| Line::new(&program.name, used, 1e3))
        .collect();
    let series = programs[0].log();
    let mut text = page::table("CPU per second at 1 s, no process walk", "ms", 3, &lines);
    text.push_str(&page::held_over("node_exporter", &lines, TIMES_LESS));
    text.push_str(&page::held_under("floor", &lines, FLOORS));
    text.push_str(&format!(
        "\nOurs gave {}; the collectors left out of it are {}. The floor reads {} files. \
         node_exporter is scraped once a second; collectd sends to nowhere by UDP; netdata has \
         its plugins proc, diskspace and timex only; sadc writes all it can to memory.\n",
        series.trim(),
        NOT_ITS_DEFAULT.join(", "),
        hot_files().len()
    ));
    Ok(text)
}

fn own(field: &Field, this: &Path, name: &str, mode: &str) -> anyhow::Result<Started> {
    let (cage, folder) = field.place(mode)?;
    let mut command = cage.command(this)?;
    command.arg(mode);
    Started::new(name, cage, &folder, command, None)
}
