use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, split_once, words};

static BYTES: Family =
    Family::gauge("node_memory_{}_bytes", "Memory information field {}_bytes.", &[]);
static COUNT: Family = Family::gauge("node_memory_{}", "Memory information field {}.", &[]);

/// Every line of `/proc/meminfo`, whose fields are those of the kernel's
/// `Documentation/filesystems/proc.rst`.
#[derive(Debug)]
pub(super) struct MemoryCollector {
    meminfo: Source,
}

impl MemoryCollector {
    pub(super) fn new() -> Self {
        Self { meminfo: Source::new("proc/meminfo") }
    }
}

impl Collector for MemoryCollector {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/meminfo")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let mut total = false;
        for line in lines(self.meminfo.read(reading.root)?) {
            let Some((key, value, in_kibibytes)) = parse(line) else { continue };
            total |= key == b"MemTotal";
            match in_kibibytes {
                true => put(reading, &BYTES, key, as_f64(value.saturating_mul(1024))),
                false => put(reading, &COUNT, key, as_f64(value)),
            }
        }
        if total { Ok(Outcome::Read) } else { Err(self.meminfo.malformed("MemTotal is missing")) }
    }
}

/// `Active(anon):   123 kB` is a field `Active_anon`; `HugePages_Total: 0` has
/// no unit and counts pages.
fn parse(line: &[u8]) -> Option<(&[u8], u64, bool)> {
    let (key, rest) = split_once(line, b':')?;
    let mut words = words(rest);
    let value = number(words.next()?)?;
    Some((key, value, words.next() == Some(b"kB")))
}

fn put(reading: &mut Reading<'_>, family: &'static Family, key: &[u8], value: f64) {
    // Parentheses are at the end of a field's name only.
    match split_once(key, b'(') {
        None => reading.put(family, &[key], value),
        Some((start, end)) => {
            let mut name = [0; NAME_BYTES];
            let parts = [start, b"_", end.strip_suffix(b")").unwrap_or(end)];
            let Some(length) = write(&mut name, &parts) else { return };
            reading.put(family, &[&name[..length]], value);
        }
    }
}

/// Longer than any field's name.
const NAME_BYTES: usize = 64;

fn write(name: &mut [u8; NAME_BYTES], parts: &[&[u8]]) -> Option<usize> {
    let mut length = 0;
    for part in parts {
        name.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn fields_are_bytes_or_counts() {
        let text = "MemTotal:       24684096 kB\nActive(anon):   12 kB\nHugePages_Total:  3\n";
        let mut bench = Bench::new(&[("proc/meminfo", text)]);
        let expected = [
            "node_memory_Active_anon_bytes 12288",
            "node_memory_HugePages_Total 3",
            "node_memory_MemTotal_bytes 25276514304",
        ];
        assert_eq!(bench.read(&mut MemoryCollector::new(), 0), expected);
        assert_eq!(&*bench.metrics()[1].help, "Memory information field Active_anon_bytes.");
    }

    #[test]
    fn without_a_total_it_is_no_meminfo() {
        let mut bench = Bench::new(&[("proc/meminfo", "MemFree: 5 kB\nMemTotal: x kB\n")]);
        assert_eq!(bench.read(&mut MemoryCollector::new(), 0), ["node_memory_MemFree_bytes 5120"]);
        assert!(bench.faults[0].error.contains("MemTotal is missing"), "{:?}", bench.faults);
    }

    #[test]
    fn a_name_without_end_is_left_out() {
        let text = format!("MemTotal: 1 kB\n{}(x): 1 kB\n", "y".repeat(80));
        let mut bench = Bench::new(&[("proc/meminfo", &text)]);
        assert_eq!(bench.read(&mut MemoryCollector::new(), 0).len(), 1);
        assert!(bench.faults.is_empty());
    }
}
