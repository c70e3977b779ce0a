//! One exposition, without an agent: of this machine, or of a recorded one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use watchfire_api::exposition::{Format, Readings, Renderer};
use watchfire_collect::{EventSampler, Root, Stopwatch, TickSampler};
use watchfire_model::Moment;
use watchfire_runtime::Clock;

/// What a recorded folder must have.
const PROC: &str = "proc";
/// A log that is longer than so many readings is not told.
const LOG_READINGS: usize = 64;

/// One exposition and what is missing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsOnce {
    /// The exposition.
    pub text: String,
    /// What could not be read: the collector and the reason, one a line.
    pub faults: Vec<String>,
    /// Series that there was no room for.
    pub left_out: usize,
}

/// Why a folder is no recorded machine.
#[derive(Debug, thiserror::Error)]
pub enum MetricsOnceError {
    /// It cannot be looked at.
    #[error(
        "cannot look into {}: {source}\n  hint: name a folder that holds proc, sys and etc of a \
         machine, as `cargo xtask record-root FOLDER` writes it", path.display()
    )]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// It has no `proc`.
    #[error(
        "{shown} holds no folder proc, so it is no recorded machine\n  hint: name the folder above \
         proc, sys and etc; for this machine leave --root out", shown = path.display()
    )]
    NoProc {
        /// The folder.
        path: PathBuf,
    },
}

/// Reads a machine once and writes its exposition: this one, or the one that
/// was recorded in `root`.
///
/// Of a recorded machine nothing depends on this one: neither its files nor
/// its clock. The durations of the collectors are 0 there and its time is 1970,
/// so that the text is the same each time.
///
/// # Errors
/// [`MetricsOnceError`] when `root` is no recorded machine.
pub fn metrics_once(
    root: Option<&Path>,
    clock: &Clock,
    format: Format,
) -> Result<MetricsOnce, MetricsOnceError> {
    let (root, now, stopwatch): (_, _, Stopwatch) = match root {
        Some(root) => {
            check(root)?;
            (Root::recorded(root), Moment::default(), Box::new(Duration::default))
        }
        None => {
            let stopwatch = clock.clone();
            (Root::live(), clock.now(), Box::new(move || stopwatch.now().monotonic))
        }
    };
    let mut sampler = TickSampler::new(root.clone(), &[], stopwatch);
    count_events(root, now, &mut sampler);
    sampler.sample(now);
    Ok(write(&mut sampler, format))
}

/// What the kernel's log tells of the time since boot.
fn count_events(root: Root, now: Moment, sampler: &mut TickSampler) {
    let (mut events, mut own) = (EventSampler::new(root), Vec::new());
    for _ in 0..LOG_READINGS {
        events.drain(now);
        if !events.is_behind() {
            break;
        }
    }
    events.put_samples(&mut own);
    sampler.put_own(&own);
}

fn check(root: &Path) -> Result<(), MetricsOnceError> {
    let unreadable = |source| MetricsOnceError::Unreadable { path: root.to_owned(), source };
    std::fs::read_dir(root).map_err(unreadable)?;
    match std::fs::metadata(root.join(PROC)) {
        Ok(proc) if proc.is_dir() => Ok(()),
        _ => Err(MetricsOnceError::NoProc { path: root.to_owned() }),
    }
}

fn write(sampler: &mut TickSampler, format: Format) -> MetricsOnce {
    let readings =
        Readings { schema: sampler.schema(), metrics: sampler.metrics(), tick: sampler.tick() };
    let mut text = Vec::new();
    let rendered = Renderer::default().render(&readings, format, &mut text);
    let text =
        String::from_utf8(text).expect("names, labels and helps are text, and so is all else");
    let told = sampler.faults().iter().map(|fault| format!("{}: {}", fault.collector, fault.error));
    MetricsOnce { text, faults: told.collect(), left_out: rendered.left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> PathBuf {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../collect/testdata/recorded");
        Path::new(data).join("two-core-vm/0")
    }

    fn once(root: &Path, clock: &Clock) -> Result<MetricsOnce, MetricsOnceError> {
        metrics_once(Some(root), clock, Format::Text)
    }

    #[test]
    fn a_recorded_machine_is_written_the_same_each_time() {
        let first = once(&recorded(), &Clock::system()).expect("is recorded");
        let (stopped, _hand) = Clock::manual(Moment::default());
        assert_eq!(once(&recorded(), &stopped).expect("is recorded"), first);
        assert!(first.text.contains("node_cpu_seconds_total{cpu=\"1\",mode=\"idle\"} "));
        let took = "node_scrape_collector_duration_seconds{";
        let mut took = first.text.lines().filter(|line| line.starts_with(took)).peekable();
        assert!(took.peek().is_some() && took.all(|line| line.ends_with("} 0")));
        assert_eq!(first.left_out, 0);
    }

    #[test]
    fn what_is_missing_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("proc")).expect("ours");
        let once = once(folder.path(), &Clock::system()).expect("is recorded");
        assert!(once.faults.iter().any(|fault| fault.contains("proc/meminfo")), "{once:?}");
        let failed = "node_scrape_collector_success{collector=\"meminfo\"} 0";
        assert!(once.text.contains(failed), "{}", once.text);
    }

    #[test]
    fn what_is_no_recorded_machine_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("ours");
        let clock = Clock::system();
        for root in [folder.path().join("missing"), file] {
            let error = once(&root, &clock).expect_err("no folder");
            assert!(matches!(error, MetricsOnceError::Unreadable { .. }), "{error}");
            assert!(error.to_string().contains("hint: name a folder"), "{error}");
        }
        let error = once(folder.path(), &clock).expect_err("no proc");
        assert!(matches!(error, MetricsOnceError::NoProc { .. }), "{error}");
        assert!(error.to_string().contains("hint: name the folder above proc"), "{error}");
        std::fs::write(folder.path().join("proc"), "").expect("ours");
        assert!(matches!(once(folder.path(), &clock), Err(MetricsOnceError::NoProc { .. })));
    }
}
