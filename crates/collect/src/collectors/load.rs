use watchfire_model::{Load, Status};

use super::{Collector, Sample, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::source::Source;
use crate::text::{fraction, number, split_once, words};

/// Load averages from `/proc/loadavg`: `0.37 0.26 0.12 1/123 4567`.
#[derive(Debug)]
pub(super) struct LoadCollector {
    loadavg: Source,
}

impl LoadCollector {
    pub(super) fn new() -> Self {
        Self { loadavg: Source::new("proc/loadavg") }
    }
}

impl Collector for LoadCollector {
    fn name(&self) -> &'static str {
        "load"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/loadavg")] }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let parsed = parse(self.loadavg.read(sample.root)?);
        status.load = parsed.ok_or_else(|| self.loadavg.malformed("not a load average"))?;
        Ok(())
    }
}

fn parse(text: &[u8]) -> Option<Load> {
    let mut words = words(text);
    let one = fraction(words.next()?)?;
    let five = fraction(words.next()?)?;
    let fifteen = fraction(words.next()?)?;
    let (running, threads) = split_once(words.next()?, b'/')?;
    Some(Load { one, five, fifteen, running: number(running)?, threads: number(threads)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_five_numbers_are_read() {
        let expected = Load { one: 0.37, five: 0.26, fifteen: 0.12, running: 1, threads: 123 };
        assert_eq!(parse(b"0.37 0.26 0.12 1/123 4567\n"), Some(expected));
    }

    #[test]
    fn half_a_line_is_no_load() {
        for bad in [&b""[..], b"0.1 0.2 0.3", b"0.1 0.2 0.3 5", b"x 0.2 0.3 1/2 3"] {
            assert_eq!(parse(bad), None);
        }
    }
}
