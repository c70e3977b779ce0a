use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

/// The columns of `/proc/net/dev`: what came in, then what went out.
static COLUMNS: [Family; 16] = [
    of_device("node_network_receive_bytes_total", "Network device statistic receive_bytes."),
    of_device("node_network_receive_packets_total", "Network device statistic receive_packets."),
    of_device("node_network_receive_errs_total", "Network device statistic receive_errs."),
    of_device("node_network_receive_drop_total", "Network device statistic receive_drop."),
    of_device("node_network_receive_fifo_total", "Network device statistic receive_fifo."),
    of_device("node_network_receive_frame_total", "Network device statistic receive_frame."),
    of_device(
        "node_network_receive_compressed_total",
        "Network device statistic receive_compressed.",
    ),
    of_device(
        "node_network_receive_multicast_total",
        "Network device statistic receive_multicast.",
    ),
    of_device("node_network_transmit_bytes_total", "Network device statistic transmit_bytes."),
    of_device("node_network_transmit_packets_total", "Network device statistic transmit_packets."),
    of_device("node_network_transmit_errs_total", "Network device statistic transmit_errs."),
    of_device("node_network_transmit_drop_total", "Network device statistic transmit_drop."),
    of_device("node_network_transmit_fifo_total", "Network device statistic transmit_fifo."),
    of_device("node_network_transmit_colls_total", "Network device statistic transmit_colls."),
    of_device("node_network_transmit_carrier_total", "Network device statistic transmit_carrier."),
    of_device(
        "node_network_transmit_compressed_total",
        "Network device statistic transmit_compressed.",
    ),
];

const fn of_device(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["device"])
}

/// Network devices of `/proc/net/dev`, without the host's ends of containers'
/// cables (`veth…`), which come by the hundred and are counted in their bridge.
#[derive(Debug)]
pub(super) struct NetworkCollector {
    dev: Source,
}

impl NetworkCollector {
    pub(super) fn new() -> Self {
        Self { dev: Source::new("proc/net/dev") }
    }
}

impl Collector for NetworkCollector {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/dev")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let text = self.dev.read(reading.root)?;
        let devices = || lines(text).filter_map(parse).filter(|(name, _)| !is_cable(name));
        let taken = reading.limit(devices().count());
        for (name, columns) in devices().take(taken) {
            for (family, column) in COLUMNS.iter().zip(columns) {
                reading.put(family, &[name], as_f64(column));
            }
        }
        Ok(Outcome::Read)
    }
}

/// True for the host's end of a container's cable.
pub(super) fn is_cable(name: &[u8]) -> bool {
    name.starts_with(b"veth")
}

/// `eth0: bytes packets errs drop fifo frame compressed multicast` and then
/// what was sent. The two lines above the devices have no numbers.
fn parse(line: &[u8]) -> Option<(&[u8], [u64; 16])> {
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let (name, rest) = line.split_at(colon);
    let mut columns = [0; 16];
    let mut words = words(rest.get(1..)?);
    for column in &mut columns {
        *column = number(words.next()?)?;
    }
    Some((name.trim_ascii(), columns))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const HEAD: &str = "Inter-|   Receive                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n";

    #[test]
    fn both_ways_of_each_device_but_cables() {
        let devices = "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
            veth12ab: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
            \x20 eth0:1000 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n";
        let mut bench = Bench::new(&[("proc/net/dev", &format!("{HEAD}{devices}"))]);
        let lines = bench.read(&mut NetworkCollector::new(), 0);
        assert_eq!(lines.len(), 32);
        let bytes = below(&lines, "node_network_receive_bytes_total");
        assert_eq!(bytes, [r#"{device="eth0"} 1000"#, r#"{device="lo"} 9"#]);
        let carrier = below(&lines, "node_network_transmit_carrier_total");
        assert_eq!(carrier[0], r#"{device="eth0"} 11"#);
    }

    #[test]
    fn a_line_that_is_cut_is_no_device() {
        let mut bench = Bench::new(&[("proc/net/dev", "eth0: 1 2 3\n")]);
        assert!(bench.read(&mut NetworkCollector::new(), 0).is_empty());
        assert_eq!(bench.outcome, Some(Outcome::Read));
    }
}
