use super::sysfs::{copy, numbered, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;
use crate::text::words;

const LABELS: &[&str] = &["cpu"];

/// The files in kHz and their metrics.
static FREQUENCIES: [(&[u8], Family); 6] = [
    (
        b"cpuinfo_cur_freq",
        gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz."),
    ),
    (
        b"cpuinfo_max_freq",
        gauge("node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz."),
    ),
    (
        b"cpuinfo_min_freq",
        gauge("node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz."),
    ),
    (
        b"scaling_cur_freq",
        gauge("node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."),
    ),
    (
        b"scaling_max_freq",
        gauge(
            "node_cpu_scaling_frequency_max_hertz",
            "Maximum scaled CPU thread frequency in hertz.",
        ),
    ),
    (
        b"scaling_min_freq",
        gauge(
            "node_cpu_scaling_frequency_min_hertz",
            "Minimum scaled CPU thread frequency in hertz.",
        ),
    ),
];
static GOVERNOR: Family = Family::gauge(
    "node_cpu_scaling_governor",
    "Current enabled CPU frequency governor.",
    &["cpu", "governor"],
);

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, LABELS)
}

/// Frequencies of each processor, from the files of the kernel's
/// `Documentation/admin-guide/pm/cpufreq.rst`.
#[derive(Debug)]
pub(super) struct CpuFrequencyCollector {
    processors: Folder,
    names: Names,
    governors: Vec<u8>,
    governor: Vec<u8>,
}

impl CpuFrequencyCollector {
    pub(super) fn new() -> Self {
        Self {
            processors: Folder::new("sys/devices/system/cpu"),
            names: Names::default(),
            governors: Vec::new(),
            governor: Vec::new(),
        }
    }
}

impl Collector for CpuFrequencyCollector {
    fn name(&self) -> &'static str {
        "cpufreq"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_cur_freq"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_min_freq"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/scaling_max_freq"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/scaling_min_freq"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"),
                whole("sys/devices/system/cpu/cpu*/cpufreq/scaling_available_governors"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.processors.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { processors, names, governors, governor } = self;
        processors.list(&[], names);
        let taken = reading.limit(names.iter().filter_map(number).count());
        let mut outcome = Outcome::NotHere;
        for (name, cpu) in names.iter().filter_map(number).take(taken) {
            // Every driver has this file, so others are not looked for where
            // it is missing: machines of a cloud have many processors and no
            // frequencies.
            copy(processors, &[name, b"cpufreq/scaling_governor"], governor);
            if governor.is_empty() {
                continue;
            }
            outcome = Outcome::Read;
            for (file, family) in &FREQUENCIES {
                if let Some(kilohertz) = value(processors, &[name, b"cpufreq", file]) {
                    reading.put(family, &[cpu], kilohertz * 1000.0);
                }
            }
            copy(processors, &[name, b"cpufreq/scaling_available_governors"], governors);
            for known in words(governors) {
                let on = known == governor.as_slice();
                reading.put(&GOVERNOR, &[cpu, known], f64::from(u8::from(on)));
            }
        }
        Ok(outcome)
    }
}

/// The folder of a processor, and its number.
fn number(name: &[u8]) -> Option<(&[u8], &[u8])> {
    Some((name, numbered(name, b"cpu")?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    fn write(bench: &Bench, cpu: u8, file: &str, content: &str) {
        bench.write(&format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/{file}"), content);
    }

    #[test]
    fn kilohertz_are_hertz() {
        let mut bench = Bench::new(&[]);
        write(&bench, 0, "scaling_governor", "powersave\n");
        write(&bench, 0, "scaling_available_governors", "performance powersave \n");
        write(&bench, 0, "cpuinfo_min_freq", "800000\n");
        write(&bench, 0, "cpuinfo_max_freq", "3700000\n");
        write(&bench, 0, "cpuinfo_cur_freq", "<unknown>\n");
        write(&bench, 0, "scaling_cur_freq", "1699981\n");
        write(&bench, 10, "scaling_governor", "userspace\n");
        write(&bench, 10, "scaling_cur_freq", "5000000\n");
        // Not plugged in.
        write(&bench, 11, "scaling_cur_freq", "1\n");
        bench.write("sys/devices/system/cpu/cpufreq/scaling_governor", "x\n");
        let expected = [
            r#"node_cpu_frequency_max_hertz{cpu="0"} 3700000000"#,
            r#"node_cpu_frequency_min_hertz{cpu="0"} 800000000"#,
            r#"node_cpu_scaling_frequency_hertz{cpu="0"} 1699981000"#,
            r#"node_cpu_scaling_frequency_hertz{cpu="10"} 5000000000"#,
            r#"node_cpu_scaling_governor{cpu="0",governor="performance"} 0"#,
            r#"node_cpu_scaling_governor{cpu="0",governor="powersave"} 1"#,
        ];
        assert_eq!(bench.read(&mut CpuFrequencyCollector::new(), 0), expected);
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn a_processor_that_goes_takes_its_series_along() {
        let mut bench = Bench::new(&[]);
        for cpu in 0..3 {
            write(&bench, cpu, "scaling_governor", "x\n");
            write(&bench, cpu, "scaling_cur_freq", "1000\n");
        }
        let mut collector = CpuFrequencyCollector::new();
        assert_eq!(bench.read(&mut collector, 0).len(), 3);
        let gone = bench.dir.path().join("sys/devices/system/cpu/cpu1/cpufreq");
        std::fs::remove_dir_all(gone).unwrap();
        let lines = bench.read(&mut collector, 15_000);
        let left = [r#"{cpu="0"} 1000000"#, r#"{cpu="2"} 1000000"#];
        assert_eq!(below(&lines, "node_cpu_scaling_frequency_hertz"), left);
    }

    #[test]
    fn a_machine_without_frequencies() {
        let mut bench = Bench::new(&[("sys/devices/system/cpu/cpu0/online", "1\n")]);
        assert!(bench.read(&mut CpuFrequencyCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
