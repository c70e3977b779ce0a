use super::line_stream::LineStream;
use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::text::{hexadecimal, split_once, words};

static QUEUES: Family = Family::gauge(
    "node_udp_queues",
    "Number of allocated memory in the kernel for UDP datagrams in bytes.",
    &["queue", "ip"],
);

const TABLES: [(&str, &[u8]); 2] = [("proc/net/udp", b"v4"), ("proc/net/udp6", b"v6")];

/// How much is in the queues of all UDP sockets together. What grows there is
/// a program that does not keep up.
#[derive(Debug)]
pub(super) struct UdpQueuesCollector {
    stream: LineStream,
}

impl UdpQueuesCollector {
    pub(super) fn new() -> Self {
        Self { stream: LineStream::new() }
    }
}

impl Collector for UdpQueuesCollector {
    fn name(&self) -> &'static str {
        "udp_queues"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const BOTH_ENDS: Rewrite = Rewrite::Without(&[1, 2]);
        &[
            RecordedPath { pattern: TABLES[0].0, rewrite: BOTH_ENDS },
            RecordedPath { pattern: TABLES[1].0, rewrite: BOTH_ENDS },
        ]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let mut outcome = Outcome::NotHere;
        for (table, version) in TABLES {
            let (mut sent, mut received) = (0_u64, 0_u64);
            let there = self.stream.each(reading.root, table, |line| {
                if let Some((more_sent, more_received)) = parse(line) {
                    sent = sent.saturating_add(more_sent);
                    received = received.saturating_add(more_received);
                }
            })?;
            if there {
                outcome = Outcome::Read;
                reading.put(&QUEUES, &[b"tx", version], as_f64(sent));
                reading.put(&QUEUES, &[b"rx", version], as_f64(received));
            }
        }
        Ok(outcome)
    }
}

/// `0: LOCAL REMOTE 07 TX:RX …`
fn parse(line: &[u8]) -> Option<(u64, u64)> {
    let (sent, received) = split_once(words(line).nth(4)?, b':')?;
    Some((hexadecimal(sent)?, hexadecimal(received)?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const HEAD: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";

    #[test]
    fn queues_are_summed_by_version() {
        let four = format!(
            "{HEAD}  17: 00000000:0044 00000000:0000 07 00000010:00000300 00:00000000\n\
             \x20 18: 3500007F:0035 00000000:0000 07 00000001:000000FF 00:00000000\n\
             \x20 19: 3500007F:0035 00000000:0000 07 00000001\n"
        );
        let mut bench = Bench::new(&[("proc/net/udp", &four), ("proc/net/udp6", HEAD)]);
        let expected = [
            r#"node_udp_queues{ip="v4",queue="rx"} 1023"#,
            r#"node_udp_queues{ip="v4",queue="tx"} 17"#,
            r#"node_udp_queues{ip="v6",queue="rx"} 0"#,
            r#"node_udp_queues{ip="v6",queue="tx"} 0"#,
        ];
        assert_eq!(bench.read(&mut UdpQueuesCollector::new(), 0), expected);
    }

    #[test]
    fn without_version_6_or_without_both() {
        let mut bench = Bench::new(&[("proc/net/udp", HEAD)]);
        assert_eq!(bench.read(&mut UdpQueuesCollector::new(), 0).len(), 2);
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut UdpQueuesCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
