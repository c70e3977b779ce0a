use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::recorded::Facts;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

static CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    "Total user and system CPU time spent in seconds.",
    &[],
);
static RESIDENT: Family =
    Family::gauge("process_resident_memory_bytes", "Resident memory size in bytes.", &[]);
static VIRTUAL: Family =
    Family::gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", &[]);
static START: Family = Family::gauge(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
    &[],
);
static OPEN_FILES: Family =
    Family::gauge("process_open_fds", "Number of open file descriptors.", &[]);
static MAX_FILES: Family =
    Family::gauge("process_max_fds", "Maximum number of open file descriptors.", &[]);

/// The agent's own process, under the names that Prometheus' client libraries
/// give it. On a recorded root there is none.
#[derive(Debug)]
pub(super) struct OwnProcessCollector {
    stat: Source,
    machine: Source,
    limits: Source,
    files: Folder,
    names: Names,
    facts: Option<Facts>,
    boot_time: Option<f64>,
}

impl OwnProcessCollector {
    pub(super) fn new() -> Self {
        Self {
            stat: Source::new("proc/self/stat"),
            machine: Source::new("proc/stat"),
            limits: Source::new("proc/self/limits"),
            files: Folder::new("proc/self/fd"),
            names: Names::default(),
            facts: None,
            boot_time: None,
        }
    }

    fn boot_time(&mut self, reading: &Reading<'_>) -> Result<Option<f64>, CollectError> {
        if self.boot_time.is_none() {
            let text = self.machine.read(reading.root)?;
            let line = lines(text).find_map(|line| line.strip_prefix(b"btime "));
            self.boot_time = line.and_then(|word| number(word.trim_ascii())).map(as_f64);
            // It is needed once, and it is the largest file of all.
            self.machine = Source::new("proc/stat");
        }
        Ok(self.boot_time)
    }
}

impl Collector for OwnProcessCollector {
    fn name(&self) -> &'static str {
        "self"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &[]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !reading.root.is_live() {
            return Ok(Outcome::NotHere);
        }
        let facts = match self.facts.take() {
            Some(facts) => facts,
            None => Facts::of(reading.root)?,
        };
        let (per_second, page) = (as_f64(facts.ticks_per_second), as_f64(facts.page_bytes));
        self.facts = Some(facts);
        let boot_time = self.boot_time(reading)?;
        let text = self.stat.read(reading.root)?;
        let Some([user, system, start, virtual_bytes, pages]) = parse(text) else {
            return Err(self.stat.malformed("not a line of a process"));
        };
        reading.put(&CPU, &[], as_f64(user + system) / per_second);
        reading.put(&RESIDENT, &[], as_f64(pages) * page);
        reading.put(&VIRTUAL, &[], as_f64(virtual_bytes));
        if let Some(boot_time) = boot_time {
            reading.put(&START, &[], boot_time + as_f64(start) / per_second);
        }
        if let Some(most) = max_files(self.limits.read(reading.root)?) {
            reading.put(&MAX_FILES, &[], as_f64(most));
        }
        if self.files.open(reading.root)? {
            self.files.list(&[], &mut self.names);
            // Two of them are this listing's own.
            let open = self.names.iter().count().saturating_sub(2);
            reading.put(&OPEN_FILES, &[], as_f64(u64::try_from(open).unwrap_or(u64::MAX)));
        }
        Ok(Outcome::Read)
    }
}

/// Fields 14, 15 and 22 to 24 of `proc_pid_stat(5)`: time in user space and in
/// the kernel, start, virtual memory, and pages of resident memory.
fn parse(stat: &[u8]) -> Option<[u64; 5]> {
    // The name in brackets is field 2, and field 3 follows the last bracket.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let field = |wanted: usize| words(&stat[end + 1..]).nth(wanted - 3).and_then(number);
    Some([field(14)?, field(15)?, field(22)?, field(23)?, field(24)?])
}

fn max_files(limits: &[u8]) -> Option<u64> {
    let line = lines(limits).find_map(|line| line.strip_prefix(b"Max open files"))?;
    words(line).next().and_then(number)
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;

    use super::super::testing::Bench;
    use super::*;
    use crate::Root;
    use crate::series::Ledger;

    #[test]
    fn this_process_is_told_on_a_live_root_only() {
        let mut bench = Bench::new(&[("proc/self/stat", "")]);
        assert!(bench.read(&mut OwnProcessCollector::new(), 0).is_empty());
        assert_eq!(bench.outcome, Some(Outcome::NotHere));

        let (root, mut ledger, mut faults) = (Root::live(), Ledger::new(3, 1), Vec::new());
        ledger.open(0);
        let now = Moment::default();
        let mut reading = Reading::new(&root, now, "self", 0, &mut ledger, &mut faults);
        let outcome = OwnProcessCollector::new().collect(&mut reading).unwrap();
        assert_eq!(outcome, Outcome::Read);
        let value = |name: &str| {
            let at = ledger.schema().keys().iter().position(|key| key.name() == name);
            at.and_then(|at| ledger.tick().value(at)).unwrap_or_else(|| panic!("{name} is there"))
        };
        assert!(value("process_resident_memory_bytes") > 4096.0);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_start_time_seconds") > 1e9);
        assert!(value("process_max_fds") > value("process_open_fds"));
        assert!(value("process_open_fds") >= 3.0);
    }
}
