//! The files of one cgroup. Their formats are those of the kernel's
//! `Documentation/admin-guide/cgroup-v2.rst`.

use super::super::Reading;
use crate::folder::Folder;
use crate::rate::as_f64;
use crate::series::Family;
use crate::text::{lines, number, split_once, words};

/// `name` and `runtime` are on all of them; what else is known of a container
/// is on `watchfire_container_info` alone.
const LABELS: &[&str] = &["name", "runtime"];

macro_rules! family {
    ($name:ident, $kind:ident, $metric:literal, $help:literal) => {
        static $name: Family = Family::$kind($metric, $help, LABELS);
    };
}

static CPU: Family = Family::counter(
    "watchfire_container_cpu_seconds_total",
    "Seconds the processors spent on the container in each mode.",
    &["name", "runtime", "mode"],
);
family!(
    CPU_LIMIT,
    gauge,
    "watchfire_container_cpu_limit_cores",
    "How many processors' worth of time the container may use."
);
family!(
    PERIODS,
    counter,
    "watchfire_container_cpu_periods_total",
    "Periods in which the container had a limit of processor time and something to do."
);
family!(
    THROTTLED_PERIODS,
    counter,
    "watchfire_container_cpu_throttled_periods_total",
    "Periods in which the container used up its limit of processor time."
);
family!(
    THROTTLED,
    counter,
    "watchfire_container_cpu_throttled_seconds_total",
    "Seconds the container was held back by its limit of processor time."
);
family!(
    MEMORY,
    gauge,
    "watchfire_container_memory_bytes",
    "Memory the container uses, with its page cache."
);
family!(
    MEMORY_LIMIT,
    gauge,
    "watchfire_container_memory_limit_bytes",
    "The most memory that the container may use."
);
family!(
    WORKING_SET,
    gauge,
    "watchfire_container_memory_working_set_bytes",
    "Memory the container uses, without page cache that was not used lately."
);
family!(SWAP, gauge, "watchfire_container_memory_swap_bytes", "Swap space the container uses.");
family!(
    OOM_KILLS,
    counter,
    "watchfire_container_oom_kills_total",
    "Processes of the container that were killed for want of memory."
);
family!(
    READ_BYTES,
    counter,
    "watchfire_container_io_read_bytes_total",
    "Bytes the container read from block devices, at each layer of stacked ones."
);
family!(
    WRITTEN_BYTES,
    counter,
    "watchfire_container_io_written_bytes_total",
    "Bytes the container wrote to block devices, at each layer of stacked ones."
);
family!(
    READS,
    counter,
    "watchfire_container_io_reads_total",
    "Reads of the container from block devices, at each layer of stacked ones."
);
family!(
    WRITES,
    counter,
    "watchfire_container_io_writes_total",
    "Writes of the container to block devices, at each layer of stacked ones."
);
family!(PIDS, gauge, "watchfire_container_pids", "Processes and threads in the container.");
family!(
    PIDS_LIMIT,
    gauge,
    "watchfire_container_pids_limit",
    "The most processes and threads that the container may have."
);
static WAITING: Family = Family::counter(
    "watchfire_container_pressure_waiting_seconds_total",
    "Seconds in which some task of the container waited for the resource.",
    &["name", "runtime", "resource"],
);
static STALLED: Family = Family::counter(
    "watchfire_container_pressure_stalled_seconds_total",
    "Seconds in which all tasks of the container waited for the resource.",
    &["name", "runtime", "resource"],
);

static UNIT_CPU: Family = Family::counter(
    "watchfire_unit_cpu_seconds_total",
    "Seconds the processors spent on the service.",
    &["name"],
);
static UNIT_MEMORY: Family = Family::gauge(
    "watchfire_unit_memory_bytes",
    "Memory the service uses, with its page cache.",
    &["name"],
);
static UNIT_PIDS: Family =
    Family::gauge("watchfire_unit_pids", "Processes and threads of the service.", &["name"]);

/// One cgroup, whose files are read.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) folder: &'a mut Folder,
    /// The mount and the path below it.
    pub(super) mount: &'a [u8],
    pub(super) path: &'a [u8],
}

impl Group<'_> {
    /// Gives what a container uses. Files that are not there (a controller
    /// that is not switched on, an old kernel) give nothing.
    pub(super) fn put_container(&mut self, labels: [&[u8]; 2], reading: &mut Reading<'_>) {
        self.put_cpu(labels, reading);
        self.put_memory(labels, reading);
        self.put_io(labels, reading);
        self.put_number("pids.current", &PIDS, labels, reading);
        self.put_number("pids.max", &PIDS_LIMIT, labels, reading);
        for (file, resource) in
            [("cpu.pressure", "cpu"), ("memory.pressure", "memory"), ("io.pressure", "io")]
        {
            self.put_pressure(file, [labels[0], labels[1], resource.as_bytes()], reading);
        }
    }

    /// Gives what a service uses.
    pub(super) fn put_unit(&mut self, name: &[u8], reading: &mut Reading<'_>) {
        let usage = self.read("cpu.stat").and_then(|text| value_of(text, b"usage_usec"));
        if let Some(micros) = usage {
            reading.put(&UNIT_CPU, &[name], seconds(micros));
        }
        for (file, family) in [("memory.current", &UNIT_MEMORY), ("pids.current", &UNIT_PIDS)] {
            if let Some(value) = self.read(file).and_then(number) {
                reading.put(family, &[name], as_f64(value));
            }
        }
    }

    fn read(&mut self, file: &str) -> Option<&[u8]> {
        self.folder.read(&[self.mount, self.path, file.as_bytes()])
    }

    /// A file with one number. `max`, which is no limit, gives nothing.
    fn put_number(
        &mut self,
        file: &str,
        family: &'static Family,
        labels: [&[u8]; 2],
        reading: &mut Reading<'_>,
    ) -> Option<u64> {
        let value = self.read(file).and_then(number)?;
        reading.put(family, &labels, as_f64(value));
        Some(value)
    }

    fn put_cpu(&mut self, labels: [&[u8]; 2], reading: &mut Reading<'_>) {
        if let Some(text) = self.read("cpu.stat") {
            let value = |key: &str| value_of(text, key.as_bytes());
            for (mode, key) in [("user", "user_usec"), ("system", "system_usec")] {
                if let Some(micros) = value(key) {
                    let labels = [labels[0], labels[1], mode.as_bytes()];
                    reading.put(&CPU, &labels, seconds(micros));
                }
            }
            if let Some(periods) = value("nr_periods") {
                reading.put(&PERIODS, &labels, as_f64(periods));
            }
            if let Some(periods) = value("nr_throttled") {
                reading.put(&THROTTLED_PERIODS, &labels, as_f64(periods));
            }
            if let Some(micros) = value("throttled_usec") {
                reading.put(&THROTTLED, &labels, seconds(micros));
            }
        }
        if let Some(cores) = self.read("cpu.max").and_then(cores) {
            reading.put(&CPU_LIMIT, &labels, cores);
        }
    }

    fn put_memory(&mut self, labels: [&[u8]; 2], reading: &mut Reading<'_>) {
        let current = self.put_number("memory.current", &MEMORY, labels, reading);
        self.put_number("memory.max", &MEMORY_LIMIT, labels, reading);
        let inactive = self.read("memory.stat").and_then(|text| value_of(text, b"inactive_file"));
        if let (Some(current), Some(inactive)) = (current, inactive) {
            reading.put(&WORKING_SET, &labels, as_f64(current.saturating_sub(inactive)));
        }
        self.put_number("memory.swap.current", &SWAP, labels, reading);
        let killed = self.read("memory.events").and_then(|text| value_of(text, b"oom_kill"));
        if let Some(killed) = killed {
            reading.put(&OOM_KILLS, &labels, as_f64(killed));
        }
    }

    fn put_io(&mut self, labels: [&[u8]; 2], reading: &mut Reading<'_>) {
        let Some(text) = self.read("io.stat") else { return };
        for (key, family) in [
            (&b"rbytes"[..], &READ_BYTES),
            (b"wbytes", &WRITTEN_BYTES),
            (b"rios", &READS),
            (b"wios", &WRITES),
        ] {
            reading.put(family, &labels, as_f64(sum_of(text, key)));
        }
    }

    fn put_pressure(&mut self, file: &str, labels: [&[u8]; 3], reading: &mut Reading<'_>) {
        let Some(text) = self.read(file) else { return };
        for line in lines(text) {
            let mut words = words(line);
            let family = match words.next() {
                Some(b"some") => &WAITING,
                Some(b"full") => &STALLED,
                _ => continue,
            };
            let total = words.find_map(|word| word.strip_prefix(b"total=")).and_then(number);
            if let Some(micros) = total {
                reading.put(family, &labels, seconds(micros));
            }
        }
    }
}

fn seconds(micros: u64) -> f64 {
    as_f64(micros) / 1e6
}

/// The number behind `key` and a space.
fn value_of(text: &[u8], key: &[u8]) -> Option<u64> {
    let value = |line| split_once(line, b' ').filter(|(found, _)| *found == key);
    lines(text).find_map(value).and_then(|(_, value)| number(value.trim_ascii()))
}

/// The sum over all devices of the number behind `key` and `=`.
fn sum_of(text: &[u8], key: &[u8]) -> u64 {
    let values = lines(text).flat_map(words).filter_map(|word| split_once(word, b'='));
    let values = values.filter(|(found, _)| *found == key);
    values.filter_map(|(_, value)| number(value)).fold(0, u64::saturating_add)
}

/// The quota over the period, both in microseconds.
fn cores(text: &[u8]) -> Option<f64> {
    let mut words = words(text);
    let quota = number(words.next()?)?;
    let period = number(words.next()?).filter(|&period| period > 0)?;
    Some(as_f64(quota) / as_f64(period))
}
