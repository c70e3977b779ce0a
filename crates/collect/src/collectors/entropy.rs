use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::number;

static AVAILABLE: Family =
    Family::gauge("node_entropy_available_bits", "Bits of available entropy.", &[]);
static POOL_SIZE: Family =
    Family::gauge("node_entropy_pool_size_bits", "Bits of entropy pool.", &[]);

/// The kernel's pool of randomness. Since 5.18 it is always full.
#[derive(Debug)]
pub(super) struct EntropyCollector {
    files: [(Source, &'static Family); 2],
}

impl EntropyCollector {
    pub(super) fn new() -> Self {
        Self {
            files: [
                (Source::new("proc/sys/kernel/random/entropy_avail"), &AVAILABLE),
                (Source::new("proc/sys/kernel/random/poolsize"), &POOL_SIZE),
            ],
        }
    }
}

impl Collector for EntropyCollector {
    fn name(&self) -> &'static str {
        "entropy"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("proc/sys/kernel/random/entropy_avail"),
                whole("proc/sys/kernel/random/poolsize"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let mut outcome = Outcome::NotHere;
        for (file, family) in &mut self.files {
            let Some(text) = file.read_if_there(reading.root)? else { continue };
            let Some(bits) = number(text.trim_ascii()) else {
                return Err(file.malformed("not a number"));
            };
            reading.put(family, &[], as_f64(bits));
            outcome = Outcome::Read;
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn bits_of_the_pool() {
        let mut bench = Bench::new(&[
            ("proc/sys/kernel/random/entropy_avail", "256\n"),
            ("proc/sys/kernel/random/poolsize", "4096\n"),
        ]);
        let expected = ["node_entropy_available_bits 256", "node_entropy_pool_size_bits 4096"];
        assert_eq!(bench.read(&mut EntropyCollector::new(), 0), expected);
        bench.write("proc/sys/kernel/random/entropy_avail", "many\n");
        bench.read(&mut EntropyCollector::new(), 0);
        assert!(bench.faults[0].error.ends_with("entropy_avail: not a number"));
    }

    #[test]
    fn a_sandbox_hides_it() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut EntropyCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
