use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::record::{MADE_UP_BOOT_ID, RecordedPath};
use crate::recorded::Facts;
use crate::series::Family;
use crate::source::Source;

static INFO: Family = Family::gauge(
    "node_uname_info",
    "Labeled system information as provided by the uname system call.",
    &["sysname", "release", "version", "machine", "nodename", "domainname"],
);
static BOOT: Family = Family::gauge(
    "watchfire_boot_info",
    "The kernel's id of this boot, which changes with each.",
    &["boot_id"],
);

/// Names of the kernel, of the machine and of this boot.
#[derive(Debug)]
pub(super) struct UnameCollector {
    ostype: Source,
    osrelease: Source,
    version: Source,
    hostname: Source,
    domainname: Source,
    boot_id: Source,
    machine: Option<String>,
}

impl UnameCollector {
    pub(super) fn new() -> Self {
        Self {
            ostype: Source::new("proc/sys/kernel/ostype"),
            osrelease: Source::new("proc/sys/kernel/osrelease"),
            version: Source::new("proc/sys/kernel/version"),
            hostname: Source::new("proc/sys/kernel/hostname"),
            domainname: Source::new("proc/sys/kernel/domainname"),
            boot_id: Source::new("proc/sys/kernel/random/boot_id"),
            machine: None,
        }
    }
}

impl Collector for UnameCollector {
    fn name(&self) -> &'static str {
        "uname"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("proc/sys/kernel/ostype"),
                whole("proc/sys/kernel/osrelease"),
                whole("proc/sys/kernel/version"),
                whole("proc/sys/kernel/hostname"),
                whole("proc/sys/kernel/domainname"),
                RecordedPath {
                    pattern: "proc/sys/kernel/random/boot_id",
                    rewrite: MADE_UP_BOOT_ID,
                },
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let root = reading.root;
        match self.boot_id.read(root) {
            Ok(id) => reading.put(&BOOT, &[id.trim_ascii()], 1.0),
            Err(error) => reading.note(&error),
        }
        if self.machine.is_none() {
            self.machine = Some(Facts::of(root)?.architecture);
        }
        let machine = self.machine.as_deref().unwrap_or_default().as_bytes();
        let hostname = self.hostname.read(root)?.trim_ascii();
        let release = self.osrelease.read(root).unwrap_or_else(|error| {
            reading.note(&error);
            b""
        });
        // The others are nice to know, and some sandboxes hide them.
        let sysname = self.ostype.read_if_there(root)?.unwrap_or_default();
        let version = self.version.read_if_there(root)?.unwrap_or_default();
        let domain = self.domainname.read_if_there(root)?.unwrap_or_default();
        let [sysname, release, version, domain] =
            [sysname, release, version, domain].map(<[u8]>::trim_ascii);
        reading.put(&INFO, &[sysname, release, version, machine, hostname, domain], 1.0);
        Ok(Outcome::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn bench() -> Bench {
        Bench::new(&[
            ("proc/sys/kernel/ostype", "Linux\n"),
            ("proc/sys/kernel/hostname", "web-1\n"),
            ("proc/sys/kernel/domainname", "(none)\n"),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/sys/kernel/version", "#1 SMP\n"),
            ("proc/sys/kernel/random/boot_id", "b00t\n"),
            ("recorded/facts", "architecture=x86_64\n"),
        ])
    }

    #[test]
    fn the_names_are_labels() {
        let mut bench = bench();
        let expected = [
            r##"node_uname_info{domainname="(none)",machine="x86_64",nodename="web-1",release="6.1.0",sysname="Linux",version="#1 SMP"} 1"##,
            r#"watchfire_boot_info{boot_id="b00t"} 1"#,
        ];
        assert_eq!(bench.read(&mut UnameCollector::new(), 0), expected);
        assert_eq!(bench.faults, []);
    }

    #[test]
    fn a_new_name_takes_the_place_of_the_old() {
        let (mut bench, mut collector) = (bench(), UnameCollector::new());
        bench.read(&mut collector, 0);
        bench.write("proc/sys/kernel/hostname", "web-2\n");
        let lines = bench.read(&mut collector, 15_000);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("web-2"), "{lines:?}");
    }

    #[test]
    fn a_hidden_name_spares_the_others() {
        for (file, faults) in [("version", 0), ("osrelease", 1)] {
            let mut bench = bench();
            std::fs::remove_file(bench.dir.path().join("proc/sys/kernel").join(file)).unwrap();
            let lines = bench.read(&mut UnameCollector::new(), 0);
            assert!(lines[0].contains("web-1") && !lines[0].contains("version=\"\""), "{lines:?}");
            assert_eq!(bench.faults.len(), faults, "{file}");
        }
    }
}
