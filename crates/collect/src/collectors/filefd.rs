use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{number, words};

static ALLOCATED: Family =
    Family::gauge("node_filefd_allocated", "File descriptor statistics: allocated.", &[]);
static MAXIMUM: Family =
    Family::gauge("node_filefd_maximum", "File descriptor statistics: maximum.", &[]);

/// Open files of the whole machine, from `/proc/sys/fs/file-nr`:
/// `612 0 2466183`, of which the second has been 0 since 2.6.
#[derive(Debug)]
pub(super) struct FilefdCollector {
    file_nr: Source,
}

impl FilefdCollector {
    pub(super) fn new() -> Self {
        Self { file_nr: Source::new("proc/sys/fs/file-nr") }
    }
}

impl Collector for FilefdCollector {
    fn name(&self) -> &'static str {
        "filefd"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/sys/fs/file-nr")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(text) = self.file_nr.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        let Some((allocated, maximum)) = parse(text) else {
            return Err(self.file_nr.malformed("not three numbers"));
        };
        reading.put(&ALLOCATED, &[], as_f64(allocated));
        reading.put(&MAXIMUM, &[], as_f64(maximum));
        Ok(Outcome::Read)
    }
}

fn parse(text: &[u8]) -> Option<(u64, u64)> {
    let mut words = words(text);
    Some((number(words.next()?)?, number(words.nth(1)?)?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn allocated_and_most() {
        let mut bench = Bench::new(&[("proc/sys/fs/file-nr", "612\t0\t9223372036854775807\n")]);
        // No limit is a number that has no exact float.
        let expected = ["node_filefd_allocated 612", "node_filefd_maximum 9223372036854776000"];
        assert_eq!(bench.read(&mut FilefdCollector::new(), 0), expected);
    }

    #[test]
    fn nonsense_is_a_fault() {
        for bad in ["", "1 2\n", "1 2 x\n", "-1 0 3\n"] {
            let mut bench = Bench::new(&[("proc/sys/fs/file-nr", bad)]);
            assert!(bench.read(&mut FilefdCollector::new(), 0).is_empty());
            assert!(bench.faults[0].error.ends_with("not three numbers"), "{bad}");
        }
    }
}
