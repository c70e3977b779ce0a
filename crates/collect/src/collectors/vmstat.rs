use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

static FIELD: Family = Family::unknown("node_vmstat_{}", "/proc/vmstat information field {}.", &[]);

/// The fields that are given, by how they begin and what comes behind: what
/// node_exporter gives when nobody asks for more. The file has 150 others, and
/// each would cost bytes at every tick.
const WANTED: [(&[u8], &[u8]); 4] =
    [(b"oom_kill", b""), (b"pgpg", b""), (b"pswp", b""), (b"pg", b"fault")];

/// Paging, swapping, page faults and OOM kills of `/proc/vmstat`.
#[derive(Debug)]
pub(super) struct VmstatCollector {
    vmstat: Source,
}

impl VmstatCollector {
    pub(super) fn new() -> Self {
        Self { vmstat: Source::new("proc/vmstat") }
    }
}

impl Collector for VmstatCollector {
    fn name(&self) -> &'static str {
        "vmstat"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/vmstat")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let mut fields = 0;
        for line in lines(self.vmstat.read(reading.root)?).filter(|line| is_wanted(line)) {
            let mut words = words(line);
            if let (Some(field), Some(value)) = (words.next(), words.next().and_then(number)) {
                reading.put(&FIELD, &[field], as_f64(value));
                fields += 1;
            }
        }
        // Every kernel counts page faults.
        if fields > 0 { Ok(Outcome::Read) } else { Err(self.vmstat.malformed("not a vmstat")) }
    }
}

fn is_wanted(line: &[u8]) -> bool {
    WANTED.iter().any(|(start, then)| {
        line.strip_prefix(*start)
            .is_some_and(|rest| then.is_empty() || rest.windows(then.len()).any(|at| at == *then))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn only_what_was_asked_for() {
        let text = "nr_free_pages 5\npgpgin 1\npgpgout 2\npswpin 3\npswpout 4\npgalloc_dma 9\n\
            pgfault 5\npgmajfault 6\nthp_fault_alloc 9\noom_kill 18446744073709551615\n\
            pgfree 9\nnuma_pte_updates 0\n";
        let mut bench = Bench::new(&[("proc/vmstat", text)]);
        let expected = [
            "node_vmstat_oom_kill 18446744073709552000",
            "node_vmstat_pgfault 5",
            "node_vmstat_pgmajfault 6",
            "node_vmstat_pgpgin 1",
            "node_vmstat_pgpgout 2",
            "node_vmstat_pswpin 3",
            "node_vmstat_pswpout 4",
        ];
        assert_eq!(bench.read(&mut VmstatCollector::new(), 0), expected);
        assert_eq!(&*bench.metrics()[0].help, "/proc/vmstat information field pgpgin.");
    }

    #[test]
    fn a_field_that_is_cut_spares_the_others() {
        let mut bench = Bench::new(&[("proc/vmstat", "pgpgin\npswpin -1\npgfault x\noom_kill 1")]);
        assert_eq!(bench.read(&mut VmstatCollector::new(), 0), ["node_vmstat_oom_kill 1"]);
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn nonsense_is_a_fault() {
        for text in ["", "pg", "\n\n", "nr_free_pages 7\n"] {
            let mut bench = Bench::new(&[("proc/vmstat", text)]);
            assert!(bench.read(&mut VmstatCollector::new(), 0).is_empty());
            assert!(bench.faults[0].error.ends_with("not a vmstat"), "{:?}", bench.faults);
        }
    }
}
