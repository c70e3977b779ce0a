use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::recorded::Facts;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, split_once, words};

/// The protocols of both files, by the word before the colon.
static PROTOCOLS: [(&[u8], Family); 11] = [
    (b"sockets", family("node_sockstat_sockets_{}", "Number of IPv4 sockets in use.")),
    (b"TCP", family("node_sockstat_TCP_{}", "Number of TCP sockets in state {}.")),
    (b"UDP", family("node_sockstat_UDP_{}", "Number of UDP sockets in state {}.")),
    (b"UDPLITE", family("node_sockstat_UDPLITE_{}", "Number of UDPLITE sockets in state {}.")),
    (b"RAW", family("node_sockstat_RAW_{}", "Number of RAW sockets in state {}.")),
    (b"FRAG", family("node_sockstat_FRAG_{}", "Number of FRAG sockets in state {}.")),
    (b"TCP6", family("node_sockstat_TCP6_{}", "Number of TCP6 sockets in state {}.")),
    (b"UDP6", family("node_sockstat_UDP6_{}", "Number of UDP6 sockets in state {}.")),
    (b"UDPLITE6", family("node_sockstat_UDPLITE6_{}", "Number of UDPLITE6 sockets in state {}.")),
    (b"RAW6", family("node_sockstat_RAW6_{}", "Number of RAW6 sockets in state {}.")),
    (b"FRAG6", family("node_sockstat_FRAG6_{}", "Number of FRAG6 sockets in state {}.")),
];

const fn family(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &[])
}

/// Sockets in use by protocol, and the memory they hold.
#[derive(Debug)]
pub(super) struct SockstatCollector {
    files: [Source; 2],
    page_bytes: Option<f64>,
}

impl SockstatCollector {
    pub(super) fn new() -> Self {
        let files = [Source::new("proc/net/sockstat"), Source::new("proc/net/sockstat6")];
        Self { files, page_bytes: None }
    }
}

impl Collector for SockstatCollector {
    fn name(&self) -> &'static str {
        "sockstat"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/sockstat"), whole("proc/net/sockstat6")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let page_bytes = match self.page_bytes {
            Some(known) => known,
            None => as_f64(Facts::of(reading.root)?.page_bytes),
        };
        self.page_bytes = Some(page_bytes);
        let mut outcome = Outcome::NotHere;
        for file in &mut self.files {
            // Without version 6 the second is not there.
            let Some(text) = file.read_if_there(reading.root)? else { continue };
            outcome = Outcome::Read;
            lines(text).for_each(|line| put_line(line, page_bytes, reading));
        }
        Ok(outcome)
    }
}

/// `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 190`
fn put_line(line: &[u8], page_bytes: f64, reading: &mut Reading<'_>) {
    let Some((name, rest)) = split_once(line, b':') else { return };
    let Some((_, family)) = PROTOCOLS.iter().find(|(known, _)| *known == name) else { return };
    let mut words = words(rest);
    while let (Some(state), Some(value)) = (words.next(), words.next()) {
        let Some(value) = number(value).map(as_f64) else { continue };
        reading.put(family, &[state], value);
        if state == b"mem" {
            reading.put(family, &[b"mem_bytes"], value * page_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const FOUR: &str = "sockets: used 17\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 190\n\
        UDP: inuse 5 mem 0\nFRAG: inuse 0 memory 6\n";

    #[test]
    fn every_state_and_memory_in_bytes() {
        let mut bench = Bench::new(&[
            ("proc/net/sockstat", FOUR),
            ("proc/net/sockstat6", "TCP6: inuse 7\nFRAG6: inuse 8 memory 9\n"),
            ("recorded/facts", "page_size=65536\n"),
        ]);
        let expected = [
            "node_sockstat_FRAG6_inuse 8",
            "node_sockstat_FRAG6_memory 9",
            "node_sockstat_FRAG_inuse 0",
            "node_sockstat_FRAG_memory 6",
            "node_sockstat_TCP6_inuse 7",
            "node_sockstat_TCP_alloc 4",
            "node_sockstat_TCP_inuse 1",
            "node_sockstat_TCP_mem 190",
            "node_sockstat_TCP_mem_bytes 12451840",
            "node_sockstat_TCP_orphan 2",
            "node_sockstat_TCP_tw 3",
            "node_sockstat_UDP_inuse 5",
            "node_sockstat_UDP_mem 0",
            "node_sockstat_UDP_mem_bytes 0",
            "node_sockstat_sockets_used 17",
        ];
        assert_eq!(bench.read(&mut SockstatCollector::new(), 0), expected);
        assert_eq!(&*bench.metrics()[0].help, "Number of IPv4 sockets in use.");
        assert_eq!(&*bench.metrics()[1].help, "Number of TCP sockets in state inuse.");
    }

    #[test]
    fn without_version_6_or_without_both() {
        let mut bench = Bench::new(&[("proc/net/sockstat", FOUR)]);
        assert_eq!(bench.read(&mut SockstatCollector::new(), 0).len(), 12);
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut SockstatCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }

    #[test]
    fn nonsense_spares_the_rest() {
        let text = "TCP: inuse x orphan 1 tw\nQUIC: inuse 1\nnothing\nUDP:\n";
        let mut bench = Bench::new(&[("proc/net/sockstat", text)]);
        assert_eq!(bench.read(&mut SockstatCollector::new(), 0), ["node_sockstat_TCP_orphan 1"]);
    }
}
