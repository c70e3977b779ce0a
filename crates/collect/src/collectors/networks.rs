use std::collections::HashMap;
use std::time::Duration;

use watchfire_model::{Moment, NetworkIo, Status};

use super::{Collector, Sample, whole};
use crate::CollectError;
use crate::rate::per_second;
use crate::record::RecordedPath;
use crate::source::Source;
use crate::text::{lines, number, printable, words};

/// Network devices of `/proc/net/dev`, without the loopback and without the
/// host's ends of containers' cables (`veth…`), which come by the hundred and
/// are counted in their bridge.
#[derive(Debug)]
pub(super) struct NetworkCollector {
    dev: Source,
    before: HashMap<String, Counters>,
    read_at: Moment,
}

impl NetworkCollector {
    pub(super) fn new() -> Self {
        Self {
            dev: Source::new("proc/net/dev"),
            before: HashMap::new(),
            read_at: Moment::default(),
        }
    }
}

impl Collector for NetworkCollector {
    fn name(&self) -> &'static str {
        "networks"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/dev")] }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let parsed = lines(self.dev.read(sample.root)?).filter_map(parse);
        let mut rows: Vec<_> =
            parsed.filter(|(name, _)| name != "lo" && !name.starts_with("veth")).collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        sample.limit(&mut rows);
        let interval = sample.now.since(self.read_at);
        status.networks = rows
            .iter()
            .map(|(name, after)| row(name, self.before.get(name), after, interval))
            .collect();
        self.before = rows.into_iter().collect();
        self.read_at = sample.now;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Counters {
    received: Way,
    sent: Way,
}

#[derive(Debug, Clone, Copy)]
struct Way {
    bytes: u64,
    packets: u64,
    errors: u64,
    drops: u64,
}

/// `eth0: bytes packets errs drop fifo frame compressed multicast` and then the
/// same for what was sent. The two lines above the devices have no numbers.
fn parse(line: &[u8]) -> Option<(String, Counters)> {
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let (name, rest) = line.split_at(colon);
    let mut columns = [0; 12];
    let mut words = words(rest.get(1..)?);
    for column in &mut columns {
        *column = number(words.next()?)?;
    }
    let way = |at: usize| Way {
        bytes: columns[at],
        packets: columns[at + 1],
        errors: columns[at + 2],
        drops: columns[at + 3],
    };
    Some((printable(name), Counters { received: way(0), sent: way(8) }))
}

fn row(name: &str, before: Option<&Counters>, after: &Counters, interval: Duration) -> NetworkIo {
    let rate = |counter: fn(&Counters) -> u64| {
        before.and_then(|before| per_second(counter(before), counter(after), interval))
    };
    let both = |one: fn(&Counters) -> u64, other: fn(&Counters) -> u64| {
        rate(one).zip(rate(other)).map(|(one, other)| one + other)
    };
    NetworkIo {
        name: name.to_owned(),
        received_bytes_per_s: rate(|counters| counters.received.bytes),
        sent_bytes_per_s: rate(|counters| counters.sent.bytes),
        received_packets_per_s: rate(|counters| counters.received.packets),
        sent_packets_per_s: rate(|counters| counters.sent.packets),
        errors_per_s: both(|counters| counters.received.errors, |counters| counters.sent.errors),
        drops_per_s: both(|counters| counters.received.drops, |counters| counters.sent.drops),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const HEAD: &str = "Inter-|   Receive                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n";

    fn bench() -> Bench {
        let devices = "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
            veth12ab: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
            \x20 eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n";
        Bench::new(&[("proc/net/dev", &format!("{HEAD}{devices}"))])
    }

    #[test]
    fn rates_of_both_ways() {
        let (mut bench, mut collector) = (bench(), NetworkCollector::new());
        let first = bench.read(&mut collector, 0);
        assert_eq!(first.networks.len(), 1);
        assert_eq!(first.networks[0].sent_bytes_per_s, None);
        bench.write("proc/net/dev", "eth0: 1500 15 2 2 0 0 0 0 2100 20 4 9 0 0 0 0\n");
        let expected = NetworkIo {
            name: "eth0".to_owned(),
            received_bytes_per_s: Some(1000.0),
            sent_bytes_per_s: Some(200.0),
            received_packets_per_s: Some(10.0),
            sent_packets_per_s: Some(0.0),
            errors_per_s: Some(4.0),
            drops_per_s: Some(10.0),
        };
        assert_eq!(bench.read(&mut collector, 500).networks, [expected]);
    }

    #[test]
    fn a_device_made_anew_has_no_rates() {
        let (mut bench, mut collector) = (bench(), NetworkCollector::new());
        bench.read(&mut collector, 0);
        bench.write("proc/net/dev", "eth0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
        let device = bench.read(&mut collector, 500).networks.remove(0);
        assert_eq!(device, NetworkIo { name: "eth0".to_owned(), ..NetworkIo::default() });
    }
}
