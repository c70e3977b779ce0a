use std::io::ErrorKind;

use super::sysfs::{copy, signed};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;

static JOULES: Family = Family::counter(
    "node_rapl_{}_joules_total",
    "Current RAPL {} value in joules",
    &["index", "path"],
);

/// Where the zones stand.
const CLASS: &str = "sys/class/powercap";

/// How much energy processors and memory took, from the files of the kernel's
/// `Documentation/power/powercap/powercap.rst`.
///
/// The counters begin anew when they reach `max_energy_range_uj`, which is a
/// thing of minutes under load; a query takes that as any reset.
#[derive(Debug)]
pub(super) struct RaplCollector {
    class: Folder,
    names: Names,
    name: Vec<u8>,
    path: Vec<u8>,
    /// The names without a number that were met in this reading.
    met: Vec<Vec<u8>>,
}

impl RaplCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new(CLASS),
            names: Names::default(),
            name: Vec::new(),
            path: Vec::new(),
            met: Vec::new(),
        }
    }
}

impl Collector for RaplCollector {
    fn name(&self) -> &'static str {
        "rapl"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("sys/class/powercap/*/name"), whole("sys/class/powercap/*/energy_uj")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, names, name, path, met } = self;
        class.list(&[], names);
        met.clear();
        let mut outcome = Outcome::NotHere;
        // A control type such as `intel-rapl` has no colon, its zones have.
        let is_zone = |zone: &&[u8]| zone.contains(&b':');
        let taken = reading.limit(names.iter().filter(is_zone).count());
        for zone in names.iter().filter(is_zone).take(taken) {
            copy(class, &[zone, b"name"], name);
            if name.is_empty() {
                continue;
            }
            let (kind, index) = split_index(name);
            let mut counted = [0; MAX_DIGITS];
            let index = index.unwrap_or_else(|| count(met, kind, &mut counted));
            match class.try_read(&[zone, b"energy_uj"]) {
                Ok(text) => {
                    outcome = Outcome::Read;
                    let Some(microjoules) = signed(text.trim_ascii()) else { continue };
                    path.clear();
                    path.extend_from_slice(b"/sys/class/powercap/");
                    path.extend_from_slice(zone);
                    reading.put(&JOULES, &[kind, index, path], microjoules / 1e6);
                }
                // Only root may read it, and it is the same for all zones.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    let file = reading.root.join(CLASS);
                    let file = file.join(String::from_utf8_lossy(zone).as_ref()).join("energy_uj");
                    return Err(CollectError::unreadable(&file, error));
                }
                Err(_) => {}
            }
        }
        Ok(outcome)
    }
}

/// `package-0` is `package` and `0`; `dram` has no index of its own.
fn split_index(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    let dash = name
        .windows(2)
        .position(|pair| pair[0] == b'-' && pair[1].is_ascii_digit())
        .filter(|&dash| dash > 0);
    match dash {
        Some(dash) => {
            let digits = &name[dash + 1..];
            let end = digits.iter().position(|byte| !byte.is_ascii_digit());
            (&name[..dash], Some(&digits[..end.unwrap_or(digits.len())]))
        }
        None => (name, None),
    }
}

/// More than the most zones have.
const MAX_DIGITS: usize = 3;

/// How many zones of this kind were met before, as text.
fn count<'d>(met: &mut Vec<Vec<u8>>, kind: &[u8], digits: &'d mut [u8; MAX_DIGITS]) -> &'d [u8] {
    let mut before = met.iter().filter(|known| known.as_slice() == kind).count();
    met.push(kind.to_vec());
    let mut begin = MAX_DIGITS;
    while begin > 0 {
        begin -= 1;
        digits[begin] = b'0' + u8::try_from(before % 10).unwrap_or(0);
        before /= 10;
        if before == 0 {
            break;
        }
    }
    &digits[begin..]
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn zones_of_two_packages() {
        let mut bench = Bench::new(&[]);
        for (zone, name, energy) in [
            ("intel-rapl:0", "package-0\n", "240422366267\n"),
            ("intel-rapl:0:0", "dram\n", "118821284256\n"),
            ("intel-rapl:1", "package-1\n", "5\n"),
            ("intel-rapl:1:0", "dram\n", "1000000\n"),
            ("intel-rapl:2", "psys\n", "x\n"),
            ("intel-rapl-mmio:0", "package-0-die-1\n", "2000000\n"),
        ] {
            bench.write(&format!("{CLASS}/{zone}/name"), name);
            bench.write(&format!("{CLASS}/{zone}/energy_uj"), energy);
        }
        bench.write(&format!("{CLASS}/intel-rapl/enabled"), "1\n");
        let expected = [
            r#"node_rapl_dram_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 118821.284256"#,
            r#"node_rapl_dram_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1:0"} 1"#,
            r#"node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl-mmio:0"} 2"#,
            r#"node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 240422.366267"#,
            r#"node_rapl_package_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1"} 0.000005"#,
        ];
        let mut collector = RaplCollector::new();
        assert_eq!(bench.read(&mut collector, 0), expected);
        assert_eq!(bench.read(&mut collector, 15_000), expected);
        assert_eq!(&*bench.metrics()[0].help, "Current RAPL package value in joules");
    }

    #[test]
    fn names_need_no_index() {
        assert_eq!(split_index(b"core"), (&b"core"[..], None));
        assert_eq!(split_index(b"package-12"), (&b"package"[..], Some(&b"12"[..])));
        assert_eq!(split_index(b"-1"), (&b"-1"[..], None));
        assert_eq!(split_index(b"a-b"), (&b"a-b"[..], None));
        let (mut met, mut digits) = (vec![b"x".to_vec(); 105], [0; MAX_DIGITS]);
        assert_eq!(count(&mut met, b"x", &mut digits), b"105");
        assert_eq!(count(&mut met, b"y", &mut digits), b"0");
    }

    #[test]
    fn a_machine_without_zones() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut RaplCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
