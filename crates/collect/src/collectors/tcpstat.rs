use super::line_stream::LineStream;
use super::{Collector, Outcome, Pace, Reading, socket_dump};
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::source::Source;
use crate::text::{hexadecimal, lines, number, split_once, words};
use crate::{CollectError, Root};

static STATES: Family =
    Family::gauge("node_tcp_connection_states", "Number of connection states.", &["state"]);

/// The names of the states, by their numbers from 1 in the kernel's
/// `include/net/tcp_states.h`.
const NAMES: [&[u8]; 11] = [
    b"established",
    b"syn_sent",
    b"syn_recv",
    b"fin_wait1",
    b"fin_wait2",
    b"time_wait",
    b"close",
    b"close_wait",
    b"last_ack",
    b"listen",
    b"closing",
];

/// What a kernel has since 4.4 for connections that a listener has not given
/// to its program yet. Its own files call it `syn_recv`, and so does this.
const NEW_SYN_RECV: u64 = 12;
const SYN_RECV: u64 = 3;

const TIME_WAIT: usize = 6;

const TABLES: [&str; 2] = ["proc/net/tcp", "proc/net/tcp6"];
const SUMMARY: &str = "proc/net/sockstat";

/// How many TCP sockets of both versions are in each state, and what is in
/// their queues. A listener's receive queue are connections that nobody took.
///
/// Every state is given, also with no socket in it.
#[derive(Debug)]
pub(super) struct TcpstatCollector {
    stream: LineStream,
    summary: Source,
    dump: socket_dump::SocketDump,
}

/// The sum over sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sockets {
    states: [u64; NAMES.len()],
    received_bytes: u64,
    sent_bytes: u64,
}

impl Sockets {
    /// Adds one socket. Numbers that are no state are of a newer kernel.
    pub(super) fn add(&mut self, state: u64, received_bytes: u64, sent_bytes: u64) {
        let state = if state == NEW_SYN_RECV { SYN_RECV } else { state };
        let place = usize::try_from(state).unwrap_or(0).wrapping_sub(1);
        if let Some(count) = self.states.get_mut(place) {
            *count += 1;
            self.received_bytes = self.received_bytes.saturating_add(received_bytes);
            self.sent_bytes = self.sent_bytes.saturating_add(sent_bytes);
        }
    }

    fn put(&self, reading: &mut Reading<'_>) {
        for (name, &count) in NAMES.iter().zip(&self.states) {
            reading.put(&STATES, &[name], as_f64(count));
        }
        reading.put(&STATES, &[b"rx_queued_bytes"], as_f64(self.received_bytes));
        reading.put(&STATES, &[b"tx_queued_bytes"], as_f64(self.sent_bytes));
    }
}

impl TcpstatCollector {
    pub(super) fn new() -> Self {
        Self {
            stream: LineStream::new(),
            summary: Source::new(SUMMARY),
            dump: socket_dump::SocketDump::new(),
        }
    }

    /// From the kernel's answers. It keeps the number of the sockets that only
    /// wait for late packets, so they need not be counted one by one. `None`
    /// where the kernel does not answer: a sandbox forbids such sockets, or it
    /// was built without.
    fn asked(&mut self, root: &Root) -> Option<Sockets> {
        let waiting = parse_waiting(self.summary.read(root).ok()?)?;
        let mut sockets = self.dump.tcp().ok()?;
        sockets.states[TIME_WAIT - 1] = waiting;
        Some(sockets)
    }

    /// From the tables of `/proc/net`, which the kernel takes longer to write.
    /// `None` when there is none.
    fn listed(&mut self, root: &Root) -> Result<Option<Sockets>, CollectError> {
        let (mut sockets, mut there) = (Sockets::default(), false);
        for table in TABLES {
            there |= self.stream.each(root, table, |line| {
                if let Some((state, sent, received)) = parse(line) {
                    sockets.add(state, received, sent);
                }
            })?;
        }
        Ok(there.then_some(sockets))
    }
}

impl Collector for TcpstatCollector {
    fn name(&self) -> &'static str {
        "tcpstat"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const BOTH_ENDS: Rewrite = Rewrite::Without(&[1, 2]);
        &[
            RecordedPath { pattern: TABLES[0], rewrite: BOTH_ENDS },
            RecordedPath { pattern: TABLES[1], rewrite: BOTH_ENDS },
        ]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let asked = if reading.root.is_live() { self.asked(reading.root) } else { None };
        let sockets = match asked {
            Some(sockets) => Some(sockets),
            None => self.listed(reading.root)?,
        };
        let Some(sockets) = sockets else { return Ok(Outcome::NotHere) };
        sockets.put(reading);
        Ok(Outcome::Read)
    }
}

/// `0: LOCAL REMOTE 0A 00000000:00000000 …`: the state, and what waits to be
/// sent and to be read. The line above the sockets is none.
fn parse(line: &[u8]) -> Option<(u64, u64, u64)> {
    let mut words = words(line).skip(3);
    let state = hexadecimal(words.next()?)?;
    let (sent, received) = split_once(words.next()?, b':')?;
    Some((state, hexadecimal(sent)?, hexadecimal(received)?))
}

/// `TCP: inuse 18 orphan 0 tw 3 alloc 20 mem 1`: the number behind `tw`, of
/// both versions.
fn parse_waiting(text: &[u8]) -> Option<u64> {
    let line = lines(text).find_map(|line| line.strip_prefix(b"TCP:"))?;
    let mut words = words(line).skip_while(|&word| word != b"tw");
    number(words.nth(1)?)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::super::testing::{Bench, below};
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";
    const FOUR: &str = "   0: 00000000:07E8 00000000:0000 0A 00000000:00000003 00:00000000\n\
        \x20  1: - - 01 0000000A:00000100 00:00000000 00000000 0 0 39 1\n\
        \x20  2: 0100007F:07E8 0100007F:0001 06 00000000:00000000 00:00000000\n\
        \x20  3: 0100007F:07E8 0100007F:0001 0C 00000000:00000000 00:00000000\n";
    const SIX: &str = "   0: 00000000000000000000000000000000:0016 \
        00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000\n";

    #[test]
    fn states_of_both_tables() {
        let mut bench = Bench::new(&[
            ("proc/net/tcp", &format!("{HEAD}{FOUR}")),
            ("proc/net/tcp6", &format!("{HEAD}{SIX}")),
        ]);
        let lines = bench.read(&mut TcpstatCollector::new(), 0);
        let expected = [
            r#""close"} 0"#,
            r#""close_wait"} 0"#,
            r#""closing"} 0"#,
            r#""established"} 1"#,
            r#""fin_wait1"} 0"#,
            r#""fin_wait2"} 0"#,
            r#""last_ack"} 0"#,
            r#""listen"} 2"#,
            r#""rx_queued_bytes"} 259"#,
            r#""syn_recv"} 1"#,
            r#""syn_sent"} 0"#,
            r#""time_wait"} 1"#,
            r#""tx_queued_bytes"} 10"#,
        ];
        assert_eq!(below(&lines, "node_tcp_connection_states{state="), expected);
    }

    #[test]
    fn nonsense_is_no_socket() {
        let text = "0: a b 0A\n1: a b zz 0:0\n2: a b 0A 0\n3: a b FF 1:1\n4: a b 00 1:1\n5: a b \
            FFFFFFFFFFFFFFFF 1:1\n";
        let mut bench = Bench::new(&[("proc/net/tcp", text)]);
        let lines = bench.read(&mut TcpstatCollector::new(), 0);
        assert!(lines.len() == 13 && lines.iter().all(|line| line.ends_with(" 0")), "{lines:?}");
    }

    #[test]
    fn a_root_without_tables_asks_nobody_else() {
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut TcpstatCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }

    #[test]
    fn both_ways_see_a_listener_of_this_machine() {
        let listeners: Vec<_> = (0..5).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut collector = TcpstatCollector::new();
        let listed = collector.listed(&Root::live()).unwrap().unwrap();
        let dumped = collector.dump.tcp().unwrap();
        for sockets in [listed, dumped] {
            assert!(sockets.states[9] >= 5, "{sockets:?}");
        }
        drop(listeners);
    }

    #[test]
    fn what_waits_for_late_packets_comes_from_the_summary() {
        assert_eq!(
            parse_waiting(b"sockets: used 8\nTCP: inuse 1 orphan 0 tw 7 alloc 1\n"),
            Some(7)
        );
        assert_eq!(parse_waiting(b"UDP: inuse 1 tw 7\n"), None);
        // Whoever closes first waits.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        drop(client);
        assert_eq!(std::io::Read::read(&mut server, &mut [0]).unwrap(), 0, "it is closed");
        drop(server);
        let mut collector = TcpstatCollector::new();
        assert!(collector.asked(&Root::live()).unwrap().states[TIME_WAIT - 1] >= 1);
        assert_eq!(collector.dump.tcp().unwrap().states[TIME_WAIT - 1], 0, "they are not counted");
    }
}
