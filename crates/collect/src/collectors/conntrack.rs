use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{hexadecimal, lines, number, words};

static ENTRIES: Family = gauge(
    "node_nf_conntrack_entries",
    "Number of currently allocated flow entries for connection tracking.",
);
static LIMIT: Family =
    gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.");

/// The counters that are given, by their heads. The kernel counts them for
/// each processor, and here is their sum.
static COUNTERS: [(&[u8], Family); 8] = [
    (
        b"found",
        gauge("node_nf_conntrack_stat_found", "Number of searched entries which were successful."),
    ),
    (
        b"invalid",
        gauge("node_nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked."),
    ),
    (
        b"ignore",
        gauge(
            "node_nf_conntrack_stat_ignore",
            "Number of packets seen which are already connected to a conntrack entry.",
        ),
    ),
    (
        b"insert",
        gauge("node_nf_conntrack_stat_insert", "Number of entries inserted into the list."),
    ),
    (
        b"insert_failed",
        gauge(
            "node_nf_conntrack_stat_insert_failed",
            "Number of entries for which list insertion was attempted but failed.",
        ),
    ),
    (
        b"drop",
        gauge("node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure."),
    ),
    (
        b"early_drop",
        gauge(
            "node_nf_conntrack_stat_early_drop",
            "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
        ),
    ),
    (
        b"search_restart",
        gauge(
            "node_nf_conntrack_stat_search_restart",
            "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
        ),
    ),
];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &[])
}

/// The firewall's table of connections. When it is full, new ones fail.
#[derive(Debug)]
pub(super) struct ConntrackCollector {
    count: Source,
    max: Source,
    stat: Source,
}

impl ConntrackCollector {
    pub(super) fn new() -> Self {
        Self {
            count: Source::new("proc/sys/net/netfilter/nf_conntrack_count"),
            max: Source::new("proc/sys/net/netfilter/nf_conntrack_max"),
            stat: Source::new("proc/net/stat/nf_conntrack"),
        }
    }
}

impl Collector for ConntrackCollector {
    fn name(&self) -> &'static str {
        "conntrack"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("proc/sys/net/netfilter/nf_conntrack_count"),
                whole("proc/sys/net/netfilter/nf_conntrack_max"),
                whole("proc/net/stat/nf_conntrack"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        for (file, family) in [(&mut self.count, &ENTRIES), (&mut self.max, &LIMIT)] {
            // Without the kernel's module there is neither.
            let Some(text) = file.read_if_there(reading.root)? else {
                return Ok(Outcome::NotHere);
            };
            let Some(value) = number(text.trim_ascii()) else {
                return Err(file.malformed("not a number"));
            };
            reading.put(family, &[], as_f64(value));
        }
        if let Some(text) = self.stat.read_if_there(reading.root)? {
            for ((_, family), sum) in COUNTERS.iter().zip(sums(text)) {
                if let Some(sum) = sum {
                    reading.put(family, &[], as_f64(sum));
                }
            }
        }
        Ok(Outcome::Read)
    }
}

/// A line of heads, then one of hexadecimal numbers for each processor. Which
/// columns there are differs between kernels.
fn sums(text: &[u8]) -> [Option<u64>; COUNTERS.len()] {
    let mut lines = lines(text);
    let heads = lines.next().unwrap_or_default();
    let mut sums = [None; COUNTERS.len()];
    for line in lines {
        for (head, word) in words(heads).zip(words(line)) {
            let Some(at) = COUNTERS.iter().position(|(name, _)| *name == head) else { continue };
            let Some(value) = hexadecimal(word) else { continue };
            sums[at] = Some(sums[at].unwrap_or(0_u64).saturating_add(value));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const NEW: &str = "entries  clashres found new invalid ignore delete chainlength insert \
        insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete \
        search_restart\n\
        00000063  00000009 00000001 00000000 00000002 00000003 00000000 00000005 00000004 00000005 \
        00000006 00000007 00000000  00000000 00000000 00000000 00000008\n\
        00000063  00000009 00000010 00000000 00000020 00000030 00000000 00000005 00000040 00000050 \
        00000060 00000070 00000000  00000000 00000000 00000000 0000000a\n";

    fn read(stat: Option<&str>) -> (Vec<String>, Bench) {
        let mut bench = Bench::new(&[
            ("proc/sys/net/netfilter/nf_conntrack_count", "99\n"),
            ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
        ]);
        if let Some(stat) = stat {
            bench.write("proc/net/stat/nf_conntrack", stat);
        }
        (bench.read(&mut ConntrackCollector::new(), 0), bench)
    }

    #[test]
    fn entries_and_the_sum_over_processors() {
        let (lines, _) = read(Some(NEW));
        assert_eq!(
            below(&lines, "node_nf_conntrack_stat_"),
            [
                "drop 102",
                "early_drop 119",
                "found 17",
                "ignore 51",
                "insert 68",
                "insert_failed 85",
                "invalid 34",
                "search_restart 18",
            ]
        );
        assert_eq!(below(&lines, "node_nf_conntrack_entries"), [" 99", "_limit 262144"]);
    }

    #[test]
    fn columns_that_a_kernel_lacks_are_not_there() {
        let (lines, _) = read(Some("entries  searched found\n1 2 a\n1 2 zz\n1\n"));
        assert_eq!(below(&lines, "node_nf_conntrack_stat_"), ["found 10"]);
        assert_eq!(read(Some("entries found\n")).0.len(), 2);
        assert_eq!(read(Some("")).0.len(), 2);
        assert_eq!(read(None).0.len(), 2);
    }

    #[test]
    fn without_the_module_it_is_no_fault() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut ConntrackCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
        bench.write("proc/sys/net/netfilter/nf_conntrack_count", "\n");
        bench.read(&mut ConntrackCollector::new(), 0);
        assert!(bench.faults[0].error.ends_with("not a number"), "{:?}", bench.faults);
    }
}
