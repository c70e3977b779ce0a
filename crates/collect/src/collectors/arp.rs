use std::collections::BTreeMap;

use super::line_stream::LineStream;
use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::text::words;

static ENTRIES: Family = Family::gauge("node_arp_entries", "ARP entries by device", &["device"]);

const TABLE: &str = "proc/net/arp";

/// How many neighbours of IP version 4 each network device knows.
#[derive(Debug)]
pub(super) struct ArpCollector {
    stream: LineStream,
    /// Kept between readings, so that known devices cost no memory.
    devices: BTreeMap<Vec<u8>, u64>,
}

impl ArpCollector {
    pub(super) fn new() -> Self {
        Self { stream: LineStream::new(), devices: BTreeMap::new() }
    }
}

impl Collector for ArpCollector {
    fn name(&self) -> &'static str {
        "arp"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &[RecordedPath { pattern: TABLE, rewrite: Rewrite::Without(&[0, 3]) }]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let devices = &mut self.devices;
        devices.values_mut().for_each(|entries| *entries = 0);
        let there = self.stream.each(reading.root, TABLE, |line| {
            let Some(device) = device(line) else { return };
            match devices.get_mut(device) {
                Some(entries) => *entries += 1,
                None => {
                    devices.insert(device.to_vec(), 1);
                }
            }
        })?;
        if !there {
            return Ok(Outcome::NotHere);
        }
        devices.retain(|_, entries| *entries > 0);
        let taken = reading.limit(devices.len());
        for (device, &entries) in devices.iter().take(taken) {
            reading.put(&ENTRIES, &[device], as_f64(entries));
        }
        Ok(Outcome::Read)
    }
}

/// `192.0.2.1 0x1 0x2 02:00:00:00:00:01 * eth0`. The line above has no numbers.
fn device(line: &[u8]) -> Option<&[u8]> {
    let mut words = words(line).skip(1);
    words.next().filter(|kind| kind.starts_with(b"0x"))?;
    words.nth(3)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const HEAD: &str =
        "IP address       HW type     Flags       HW address            Mask     Device\n";

    #[test]
    fn neighbours_of_each_device() {
        let text = format!(
            "{HEAD}192.0.2.1  0x1  0x2  02:00:00:00:00:01  *  eth0\n\
             192.0.2.2  0x1  0x0  00:00:00:00:00:00  *  eth0\n- 0x1 0x2 - * br-0\ncut 0x1 0x2\n"
        );
        let (mut bench, mut collector) =
            (Bench::new(&[("proc/net/arp", &text)]), ArpCollector::new());
        let expected =
            [r#"node_arp_entries{device="br-0"} 1"#, r#"node_arp_entries{device="eth0"} 2"#];
        assert_eq!(bench.read(&mut collector, 0), expected);
        bench.write("proc/net/arp", &format!("{HEAD}192.0.2.9 0x1 0x2 - * eth0\n"));
        let lines = bench.read(&mut collector, 15_000);
        assert_eq!(lines, [r#"node_arp_entries{device="eth0"} 1"#]);
    }

    #[test]
    fn nobody_near_or_no_table() {
        let mut bench = Bench::new(&[("proc/net/arp", HEAD)]);
        assert!(bench.read(&mut ArpCollector::new(), 0).is_empty());
        assert_eq!(bench.outcome, Some(Outcome::Read));
        let mut bench = Bench::new(&[]);
        bench.read(&mut ArpCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
