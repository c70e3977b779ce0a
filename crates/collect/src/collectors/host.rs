use watchfire_model::{HostFacts, Status};

use super::{Collector, Sample, whole};
use crate::record::{RecordedPath, Rewrite};
use crate::recorded::Facts;
use crate::source::Source;
use crate::text::{lines, printable, split_once};
use crate::{CollectError, Root};

/// After how many readings the facts are read again; an update changes some
/// of them without a new start.
const REFRESH_EVERY: u32 = 60;

/// Lines of `/proc/cpuinfo` that name the processor, the best first: most
/// machines, small Arm boards, old Arm, MIPS, POWER, RISC-V.
const MODEL_KEYS: &[&[u8]] =
    &[b"model name", b"Model", b"Hardware", b"cpu model", b"cpu", b"uarch"];

const CPUINFO_LINES: &[&str] =
    &["processor", "model name", "Model", "Hardware", "cpu model", "cpu\t", "uarch"];

/// What the host is.
#[derive(Debug)]
pub(super) struct HostCollector {
    hostname: Source,
    facts: HostFacts,
    /// Readings until the facts are read again.
    fresh_for: u32,
}

impl HostCollector {
    pub(super) fn new() -> Self {
        Self {
            hostname: Source::new("proc/sys/kernel/hostname"),
            facts: HostFacts::default(),
            fresh_for: 0,
        }
    }

    /// Reads what rarely changes. One fault makes all of it be read again at
    /// the next reading, and the fault is told again.
    fn refresh(&mut self, sample: &mut Sample<'_>) {
        let root = sample.root;
        let mut complete = true;
        let mut take = |result: Result<String, CollectError>| {
            result.unwrap_or_else(|error| {
                complete = false;
                sample.note(&error);
                String::new()
            })
        };
        self.facts.kernel = take(line(root, "proc/sys/kernel/osrelease"));
        self.facts.boot_id = take(line(root, "proc/sys/kernel/random/boot_id"));
        self.facts.os = take(os(root));
        self.facts.cpu_model = take(once("proc/cpuinfo", root).map(|text| cpu_model(&text)));
        self.facts.architecture = take(Facts::of(root).map(|facts| facts.architecture));
        self.fresh_for = if complete { REFRESH_EVERY } else { 0 };
    }
}

impl Collector for HostCollector {
    fn name(&self) -> &'static str {
        "host"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("proc/sys/kernel/hostname"),
                whole("proc/sys/kernel/osrelease"),
                whole("proc/sys/kernel/random/boot_id"),
                whole("etc/os-release"),
                RecordedPath { pattern: "proc/cpuinfo", rewrite: Rewrite::Lines(CPUINFO_LINES) },
            ]
        }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        match self.fresh_for.checked_sub(1) {
            Some(left) => self.fresh_for = left,
            None => self.refresh(sample),
        }
        status.host = self.facts.clone();
        status.host.cores = u32::try_from(status.cpu.cores.len()).unwrap_or(u32::MAX);
        status.host.hostname = printable(self.hostname.read(sample.root)?);
        Ok(())
    }
}

fn once(relative: &'static str, root: &Root) -> Result<Vec<u8>, CollectError> {
    Source::new(relative).read(root).map(<[u8]>::to_vec)
}

fn line(root: &Root, relative: &'static str) -> Result<String, CollectError> {
    once(relative, root).map(|text| printable(&text))
}

/// The two places are those of the `os-release(5)` manual page.
fn os(root: &Root) -> Result<String, CollectError> {
    let text = once("etc/os-release", root)
        .or_else(|error| once("usr/lib/os-release", root).map_err(|_| error))?;
    Ok(pretty_name(&text))
}

fn pretty_name(text: &[u8]) -> String {
    let value = |wanted: &[u8]| {
        lines(text)
            .filter_map(|line| split_once(line, b'='))
            .find_map(|(key, value)| (key.trim_ascii() == wanted).then(|| unquote(value)))
    };
    value(b"PRETTY_NAME").or_else(|| value(b"NAME")).unwrap_or_default()
}

/// Shell quoting as `os-release(5)` allows it: one pair of quotes, and
/// backslashes before characters that mean something.
fn unquote(value: &[u8]) -> String {
    let text = printable(value);
    let quoted = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let inner = quoted('"').or_else(|| quoted('\'')).unwrap_or(&text);
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        out.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    out
}

fn cpu_model(cpuinfo: &[u8]) -> String {
    let value = |wanted: &[u8]| {
        lines(cpuinfo)
            .filter_map(|line| split_once(line, b':'))
            .find_map(|(key, value)| (key.trim_ascii() == wanted).then(|| printable(value)))
    };
    MODEL_KEYS.iter().find_map(|key| value(key)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn bench() -> Bench {
        Bench::new(&[
            ("proc/sys/kernel/hostname", "web-1\n"),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/sys/kernel/random/boot_id", "b00t\n"),
            ("etc/os-release", "NAME=Debian\nPRETTY_NAME=\"Debian \\\"12\\\"\"\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU\n\n"),
            ("recorded/facts", "architecture=x86_64\n"),
        ])
    }

    #[test]
    fn all_facts_are_read() {
        let mut bench = bench();
        let expected = HostFacts {
            hostname: "web-1".to_owned(),
            os: "Debian \"12\"".to_owned(),
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            cpu_model: "Fast CPU".to_owned(),
            cores: 0,
            boot_id: "b00t".to_owned(),
        };
        assert_eq!(bench.read(&mut HostCollector::new(), 0).host, expected);
        assert_eq!(bench.faults, []);
    }

    #[test]
    fn a_missing_file_is_told_at_each_reading_until_it_is_there() {
        let (mut bench, mut collector) = (bench(), HostCollector::new());
        std::fs::remove_file(bench.dir.path().join("etc/os-release")).unwrap();
        for _ in 0..2 {
            assert_eq!(bench.read(&mut collector, 0).host.os, "");
            assert_eq!(bench.faults.len(), 1);
        }
        bench.write("usr/lib/os-release", "NAME='Void'\n");
        assert_eq!(bench.read(&mut collector, 0).host.os, "Void");
        assert_eq!(bench.faults, []);
    }

    #[test]
    fn a_new_host_name_shows_at_once_and_a_new_os_within_a_minute() {
        let (mut bench, mut collector) = (bench(), HostCollector::new());
        bench.read(&mut collector, 0);
        bench.write("proc/sys/kernel/hostname", "web-2\n");
        bench.write("etc/os-release", "NAME=Newer\n");
        assert_eq!(bench.read(&mut collector, 0).host.hostname, "web-2");
        let later = (0..REFRESH_EVERY).map(|_| bench.read(&mut collector, 0)).last();
        assert_eq!(later.unwrap().host.os, "Newer");
    }

    #[test]
    fn a_board_without_a_model_name_has_its_own() {
        assert_eq!(cpu_model(b"processor : 0\nModel\t: Pi 4\n"), "Pi 4");
        assert_eq!(cpu_model(b"nothing"), "");
    }
}
