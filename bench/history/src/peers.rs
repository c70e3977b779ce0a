//! Our hub beside Prometheus and VictoriaMetrics, as their distribution packs them, on the same
//! recorded data: bytes a sample, ingest, the CPU of questions, memory and the time to open.
//!
//! Two ways lead into our history. *Sealed* is that of agents: their ticks become blocks, here
//! through the store itself, without frames and TLS (`bench-stream` measures those). *Pushed* is
//! that of remote write, which is the peers' way as well: all get the very same requests.

mod answers;
mod asking;
mod engine;
mod filling;
mod fleet;
mod kind;
mod pushing;
mod table;

use watchfire_testkit::{figures, scrapes};

use crate::questions::PIECES;
use crate::recording::{Recording, of_exporter};
use engine::Engine;
use filling::{Filled, fill, now_ms};
use fleet::{Fleet, Pieces, Span};
use kind::Kind;
use table::Better::{High, Low};
use table::Row;

/// Measures everything, and prints a table for `docs/benchmarks.md`. False when a peer that
/// must answer as we do answered something else.
pub(crate) fn measure(recording: &Recording, servers: usize, seconds: usize) -> bool {
    let binary = std::env::current_exe().unwrap().with_file_name("watchfire");
    let kinds = Kind::installed(&binary);
    // Servers are to begin at other seconds of the recording.
    let seconds = seconds.min(recording.len().saturating_sub(servers));
    let span = Span::before(now_ms(), seconds);
    let pieces = Pieces::of(recording);
    table::head();
    sizes(recording, &pieces, &kinds, &span);
    let default = recording.select(scrapes::on_by_default);
    let all_equal = questions(&Fleet::new(&pieces, &default, 1, servers, &span), &kinds);
    println!("\n{}", figures::machine());
    all_equal
}

/// Bytes a sample and ingest, of as many servers as there are pieces.
fn sizes(recording: &Recording, pieces: &Pieces, kinds: &[Option<Kind>], span: &Span) {
    for (what, hold, step, series) in [
        ("all series at 1 s", "0.21", 1, recording.select(|_| true)),
        ("host series at 1 s", "0.12", 1, recording.select(|key| !of_exporter(key))),
        ("default series at 5 s", "0.45", 5, recording.select(scrapes::on_by_default)),
    ] {
        let fleet = Fleet::new(pieces, &series, step, PIECES, span);
        let mut filled: Vec<Option<Filled>> = each(kinds, |kind| fill(kind, &fleet));
        ingest(what, &filled);
        let alone = each(&filled, |one| one.ticks_bytes as f64 / one.samples);
        let bytes = |filled: &mut Filled| filled.engine.settled_bytes() as f64 / filled.samples;
        let bytes = filled.iter_mut().map(|filled| filled.as_mut().map(bytes));
        let bytes: Vec<Option<f64>> = bytes.collect();
        let what = format!("bytes a sample, {what}");
        Row { what: what.clone(), hold, digits: 4, better: Low }.print(&bytes);
        // The peers have no windows: this is the row that compares like with like.
        let alone = [alone[0], None, bytes[2], bytes[3]];
        Row { what: format!("{what}, without our windows"), hold, digits: 4, better: Low }
            .print(&alone);
    }
}

fn ingest(what: &str, filled: &[Option<Filled>]) {
    let speeds = each(filled, |one| one.samples / one.cpu / 1e6);
    let what = format!("ingest, million samples a CPU second, {what}");
    Row { what, hold: "10", digits: 2, better: High }.print(&speeds);
}

/// The CPU of questions, memory and the time to open, of the whole fleet.
fn questions(fleet: &Fleet<'_>, kinds: &[Option<Kind>]) -> bool {
    // What 120 servers' agents tell is not pushed.
    let asked = |kind: &Kind| (!matches!(kind, Kind::Pushed(_))).then(|| fill(kind, fleet));
    let filled: Vec<Option<Filled>> =
        kinds.iter().map(|kind| kind.as_ref().and_then(asked)).collect();
    ingest("default series at 1 s", &filled);
    let mut engines: Vec<Option<Engine>> =
        filled.into_iter().map(|filled| Some(filled?.engine)).collect();
    let questions = asking::questions(fleet);
    let unequal = questions.iter().filter(|question| !asking::compare(question, &engines)).count();
    for question in &questions {
        let (what, hold) = (question.what.clone(), question.hold);
        let costs = asking::costs(question, &engines);
        Row { what, hold, digits: 3, better: Low }.print(&costs);
    }
    memory(&engines);
    opening(&mut engines, &questions[questions.len() - 1].target);
    unequal == 0
}

fn memory(engines: &[Option<Engine>]) {
    let mebibytes = each(engines, |one| one.memory() as f64 / f64::from(1 << 20));
    let what = "memory after these questions (PSS), MiB".to_owned();
    Row { what, hold: "", digits: 1, better: Low }.print(&mebibytes);
}

/// From the start to the first answer that has data.
fn opening(engines: &mut [Option<Engine>], target: &str) {
    let opened = engines.iter_mut().map(|one| one.as_mut().map(|one| one.reopen(target)));
    let opened: Vec<Option<(f64, f64)>> = opened.collect();
    for (what, values) in [
        ("from start to the first answer, ms", each(&opened, |(wall, _)| wall * 1e3)),
        ("of that CPU, ms", each(&opened, |(_, cpu)| cpu * 1e3)),
    ] {
        Row { what: what.to_owned(), hold: "", digits: 0, better: Low }.print(&values);
    }
}

/// The same of each that is there.
fn each<A, B>(all: &[Option<A>], of: impl Fn(&A) -> B) -> Vec<Option<B>> {
    all.iter().map(|one| one.as_ref().map(&of)).collect()
}
