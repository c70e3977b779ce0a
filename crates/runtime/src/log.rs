//! Logging: words for people on a terminal, JSON lines for machines, always on stderr.
//!
//! Whoever logs never waits: lines go through a bounded buffer to a thread of
//! their own. A stderr that nobody reads (a stopped terminal, a stuck pipe)
//! costs log lines, which are counted, and never a verdict or a mail.

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait for stderr; further ones are dropped and counted.
const MAX_WAITING_LINES: usize = 10_000;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A running log. What waits is written when it is dropped, if stderr takes it
/// within a second.
#[must_use = "what waits is lost without it"]
#[derive(Debug)]
pub struct Log {
    _writer: WorkerGuard,
    dropped: ErrorCounter,
}

impl Log {
    /// Lines that found no room because stderr was not read.
    #[must_use]
    pub fn dropped_lines(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

/// Starts logging to stderr. `directives` is a filter such as `info` or
/// `watchfire_hub=debug,warn`. A second call does nothing.
///
/// # Errors
/// What is wrong with the filter.
pub fn start(directives: &str, format: Format, colour: bool) -> Result<Log, String> {
    start_on(std::io::stderr(), directives, format, colour)
}

fn start_on(
    output: impl std::io::Write + Send + 'static,
    directives: &str,
    format: Format,
    colour: bool,
) -> Result<Log, String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("the log filter {directives:?} is not understood: {error}"))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(MAX_WAITING_LINES)
        .thread_name("log")
        .finish(output);
    let log = Log { _writer: guard, dropped: writer.error_counter() };
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colour);
    // A logger that runs already (in tests) stays.
    let _ = match format {
        Format::Text => builder.with_target(false).try_init(),
        Format::Json => builder.json().try_init(),
    };
    Ok(log)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_bad_filter_is_told() {
        let error = start("hub=loud", Format::Text, false).expect_err("no such level");
        assert!(error.contains("hub=loud"), "{error}");
    }

    /// An output that takes nothing until its lock is free.
    struct Stuck(Arc<Mutex<()>>);

    impl std::io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _free = self.0.lock();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_output_costs_lines_and_no_time() {
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().expect("nobody panicked");
        let log = start_on(Stuck(Arc::clone(&gate)), "info", Format::Text, false).expect("valid");
        // With a writer that waits, this loop would never end.
        for line in 0..=MAX_WAITING_LINES + 100 {
            tracing::error!(line, "still here");
        }
        assert!(log.dropped_lines() > 0);
        drop(closed);
    }
}
