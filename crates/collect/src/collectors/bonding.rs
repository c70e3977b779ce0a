use super::sysfs::{copy, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::Folder;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::words;

static SLAVES: Family = Family::gauge(
    "node_bonding_slaves",
    "Number of configured slaves per bonding interface.",
    &["master"],
);
static ACTIVE: Family = Family::gauge(
    "node_bonding_active",
    "Number of active slaves per bonding interface.",
    &["master"],
);
static UP: Family = Family::gauge(
    "watchfire_bonding_slave_up",
    "Whether the link of a slave is up.",
    &["master", "slave"],
);
static FAILURES: Family = Family::counter(
    "watchfire_bonding_slave_link_failures_total",
    "How often the link of a slave was lost.",
    &["master", "slave"],
);

/// Network devices that are bundled, from the files of the kernel's
/// `Documentation/networking/bonding.rst`.
#[derive(Debug)]
pub(super) struct BondingCollector {
    masters: Source,
    devices: Folder,
    slaves: Vec<u8>,
}

impl BondingCollector {
    pub(super) fn new() -> Self {
        Self {
            masters: Source::new("sys/class/net/bonding_masters"),
            devices: Folder::new("sys/class/net"),
            slaves: Vec::new(),
        }
    }
}

impl Collector for BondingCollector {
    fn name(&self) -> &'static str {
        "bonding"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/net/bonding_masters"),
                whole("sys/class/net/*/bonding/slaves"),
                whole("sys/class/net/*/bonding_slave/mii_status"),
                whole("sys/class/net/*/bonding_slave/link_failure_count"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        // The file goes when the module is unloaded.
        self.masters.close();
        let Some(masters) = self.masters.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        let Self { devices, slaves, .. } = self;
        devices.open(reading.root)?;
        let taken = reading.limit(words(masters).count());
        for master in words(masters).take(taken) {
            copy(devices, &[master, b"bonding/slaves"], slaves);
            put(reading, devices, master, slaves);
        }
        Ok(Outcome::Read)
    }
}

fn put(reading: &mut Reading<'_>, devices: &mut Folder, master: &[u8], slaves: &[u8]) {
    let (mut all, mut active) = (0_u32, 0_u32);
    let taken = reading.limit(words(slaves).count());
    for slave in words(slaves).take(taken) {
        let up = devices.read(&[slave, b"bonding_slave/mii_status"]) == Some(b"up");
        all += 1;
        active += u32::from(up);
        reading.put(&UP, &[master, slave], f64::from(u8::from(up)));
        let failures: [&[u8]; 2] = [slave, b"bonding_slave/link_failure_count"];
        if let Some(count) = value(devices, &failures) {
            reading.put(&FAILURES, &[master, slave], count);
        }
    }
    reading.put(&SLAVES, &[master], f64::from(all));
    reading.put(&ACTIVE, &[master], f64::from(active));
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn links_are_counted() {
        let mut bench = Bench::new(&[
            ("sys/class/net/bonding_masters", "bond0 dmz\n"),
            ("sys/class/net/bond0/bonding/slaves", "eth0 eth1\n"),
            ("sys/class/net/dmz/bonding/slaves", "\n"),
            ("sys/class/net/eth0/bonding_slave/mii_status", "up\n"),
            ("sys/class/net/eth0/bonding_slave/link_failure_count", "0\n"),
            ("sys/class/net/eth1/bonding_slave/mii_status", "down\n"),
            ("sys/class/net/eth1/bonding_slave/link_failure_count", "3\n"),
        ]);
        let mut collector = BondingCollector::new();
        let expected = [
            r#"node_bonding_active{master="bond0"} 1"#,
            r#"node_bonding_active{master="dmz"} 0"#,
            r#"node_bonding_slaves{master="bond0"} 2"#,
            r#"node_bonding_slaves{master="dmz"} 0"#,
            r#"watchfire_bonding_slave_link_failures_total{master="bond0",slave="eth0"} 0"#,
            r#"watchfire_bonding_slave_link_failures_total{master="bond0",slave="eth1"} 3"#,
            r#"watchfire_bonding_slave_up{master="bond0",slave="eth0"} 1"#,
            r#"watchfire_bonding_slave_up{master="bond0",slave="eth1"} 0"#,
        ];
        assert_eq!(bench.read(&mut collector, 0), expected);
        bench.write("sys/class/net/bonding_masters", "bond0\n");
        assert_eq!(bench.read(&mut collector, 15_000).len(), 6);
    }

    #[test]
    fn a_name_does_not_lead_elsewhere() {
        let mut bench = Bench::new(&[
            ("sys/class/net/bonding_masters", "../../x /etc\n"),
            ("x/bonding/slaves", "eth0\n"),
        ]);
        let lines = bench.read(&mut BondingCollector::new(), 0);
        assert!(lines.iter().all(|line| line.ends_with(" 0")), "{lines:?}");
    }

    #[test]
    fn a_machine_without_bonds() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut BondingCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
