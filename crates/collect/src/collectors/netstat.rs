use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, split_once, words};

/// A protocol and those of its counters that are given: what node_exporter
/// gives when nobody asks for more. There are 400 others.
#[derive(Debug)]
struct Group {
    name: &'static [u8],
    family: Family,
    fields: &'static [&'static [u8]],
    starts: &'static [&'static [u8]],
}

const fn group(
    name: &'static [u8],
    family: Family,
    fields: &'static [&'static [u8]],
    starts: &'static [&'static [u8]],
) -> Group {
    Group { name, family, fields, starts }
}

const fn family(name: &'static str, help: &'static str) -> Family {
    Family::unknown(name, help, &[])
}

const OF_UDP: &[&[u8]] =
    &[b"InDatagrams", b"OutDatagrams", b"NoPorts", b"InErrors", b"RcvbufErrors", b"SndbufErrors"];

/// Those of `/proc/net/snmp` and `/proc/net/netstat`.
static PAIRED: [Group; 7] = [
    group(b"Ip", family("node_netstat_Ip_{}", "Statistic Ip{}."), &[b"Forwarding"], &[]),
    group(
        b"Icmp",
        family("node_netstat_Icmp_{}", "Statistic Icmp{}."),
        &[b"InMsgs", b"InErrors", b"OutMsgs"],
        &[],
    ),
    group(
        b"Tcp",
        family("node_netstat_Tcp_{}", "Statistic Tcp{}."),
        &[
            b"ActiveOpens",
            b"PassiveOpens",
            b"CurrEstab",
            b"InSegs",
            b"OutSegs",
            b"RetransSegs",
            b"InErrs",
            b"OutRsts",
        ],
        &[],
    ),
    group(b"Udp", family("node_netstat_Udp_{}", "Statistic Udp{}."), OF_UDP, &[]),
    group(
        b"UdpLite",
        family("node_netstat_UdpLite_{}", "Statistic UdpLite{}."),
        &[b"InErrors"],
        &[],
    ),
    group(
        b"TcpExt",
        family("node_netstat_TcpExt_{}", "Statistic TcpExt{}."),
        &[b"TCPSynRetrans", b"TCPTimeouts", b"TCPOFOQueue", b"TCPRcvQDrop"],
        &[b"Listen", b"Syncookies"],
    ),
    group(
        b"IpExt",
        family("node_netstat_IpExt_{}", "Statistic IpExt{}."),
        &[b"InOctets", b"OutOctets"],
        &[],
    ),
];

/// Those of `/proc/net/snmp6`. No name begins another.
static SINGLE: [Group; 4] = [
    group(
        b"Ip6",
        family("node_netstat_Ip6_{}", "Statistic Ip6{}."),
        &[b"InOctets", b"OutOctets"],
        &[],
    ),
    group(
        b"Icmp6",
        family("node_netstat_Icmp6_{}", "Statistic Icmp6{}."),
        &[b"InMsgs", b"InErrors", b"OutMsgs"],
        &[],
    ),
    group(b"Udp6", family("node_netstat_Udp6_{}", "Statistic Udp6{}."), OF_UDP, &[]),
    group(
        b"UdpLite6",
        family("node_netstat_UdpLite6_{}", "Statistic UdpLite6{}."),
        &[b"InErrors"],
        &[],
    ),
];

impl Group {
    fn wants(&self, field: &[u8]) -> bool {
        self.fields.contains(&field) || self.starts.iter().any(|start| field.starts_with(start))
    }

    fn put(&'static self, reading: &mut Reading<'_>, field: &[u8], value: &[u8]) {
        if self.wants(field)
            && let Some(value) = number(value)
        {
            reading.put(&self.family, &[field], as_f64(value));
        }
    }
}

/// What the protocols of the network count, in this network namespace.
#[derive(Debug)]
pub(super) struct NetstatCollector {
    paired: [Source; 2],
    single: Source,
}

impl NetstatCollector {
    pub(super) fn new() -> Self {
        Self {
            paired: [Source::new("proc/net/snmp"), Source::new("proc/net/netstat")],
            single: Source::new("proc/net/snmp6"),
        }
    }
}

impl Collector for NetstatCollector {
    fn name(&self) -> &'static str {
        "netstat"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/snmp"), whole("proc/net/netstat"), whole("proc/net/snmp6")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let mut outcome = Outcome::NotHere;
        for source in &mut self.paired {
            if let Some(text) = source.read_if_there(reading.root)? {
                outcome = Outcome::Read;
                if !put_pairs(text, reading) {
                    reading.note(&source.malformed("a line of names without one of values"));
                }
            }
        }
        // A kernel without version 6 has no such file.
        if let Some(text) = self.single.read_if_there(reading.root)? {
            outcome = Outcome::Read;
            lines(text).for_each(|line| put_single(line, reading));
        }
        Ok(outcome)
    }
}

/// A line of names, then one of values, both with the group before them. False
/// when one of the two is missing.
fn put_pairs(text: &[u8], reading: &mut Reading<'_>) -> bool {
    let mut head: Option<(&[u8], &[u8])> = None;
    let mut all = true;
    for (name, rest) in lines(text).filter_map(|line| split_once(line, b':')) {
        match head.take() {
            Some((known, names)) if known == name => put_group(name, names, rest, reading),
            before => {
                all &= before.is_none();
                head = Some((name, rest));
            }
        }
    }
    all && head.is_none()
}

fn put_group(name: &[u8], names: &[u8], values: &[u8], reading: &mut Reading<'_>) {
    let Some(group) = PAIRED.iter().find(|group| group.name == name) else { return };
    for (field, value) in words(names).zip(words(values)) {
        group.put(reading, field, value);
    }
}

/// `Icmp6InMsgs      5`
fn put_single(line: &[u8], reading: &mut Reading<'_>) {
    let mut words = words(line);
    let (Some(name), Some(value)) = (words.next(), words.next()) else { return };
    for group in &SINGLE {
        if let Some(field) = name.strip_prefix(group.name) {
            return group.put(reading, field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const SNMP: &str = "Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 5\n\
        Icmp: InMsgs InErrors InCsumErrors OutMsgs\nIcmp: 1 2 3 4\n\
        IcmpMsg: InType3\nIcmpMsg: 7\n\
        Tcp: RtoAlgorithm MaxConn ActiveOpens InErrs InCsumErrors\nTcp: 1 -1 5 6 7\n\
        UdpLite: InDatagrams InErrors\nUdpLite: 8 9\n";
    const NETSTAT: &str = "TcpExt: SyncookiesSent TW ListenOverflows ListenDrops TCPOFOQueue\n\
        TcpExt: 1 2 3 4 5\nIpExt: InOctets InMcastOctets OutOctets\nIpExt: 6 7 8\n\
        MPTcpExt: MPCapableSYNRX\nMPTcpExt: 9\n";
    const SNMP6: &str = "Ip6InReceives                   \t2\nIp6InOctets \t136\nIcmp6InMsgs\t1\n\
        Icmp6OutType143 4\nUdp6NoPorts 3\nUdp6InCsumErrors 3\nUdpLite6InErrors 5\n";

    fn read(files: &[(&str, &str)]) -> (Vec<String>, Bench) {
        let mut bench = Bench::new(files);
        let mut lines = bench.read(&mut NetstatCollector::new(), 0);
        for line in &mut lines {
            *line = line.replacen("node_netstat_", "", 1);
        }
        (lines, bench)
    }

    #[test]
    fn only_what_was_asked_for() {
        let (lines, bench) = read(&[
            ("proc/net/snmp", SNMP),
            ("proc/net/netstat", NETSTAT),
            ("proc/net/snmp6", SNMP6),
        ]);
        let expected = [
            "Icmp6_InMsgs 1",
            "Icmp_InErrors 2",
            "Icmp_InMsgs 1",
            "Icmp_OutMsgs 4",
            "Ip6_InOctets 136",
            "IpExt_InOctets 6",
            "IpExt_OutOctets 8",
            "Ip_Forwarding 2",
            "TcpExt_ListenDrops 4",
            "TcpExt_ListenOverflows 3",
            "TcpExt_SyncookiesSent 1",
            "TcpExt_TCPOFOQueue 5",
            "Tcp_ActiveOpens 5",
            "Tcp_InErrs 6",
            "Udp6_NoPorts 3",
            "UdpLite6_InErrors 5",
            "UdpLite_InErrors 9",
        ];
        assert_eq!(lines, expected);
        assert_eq!(&*bench.metrics()[0].name, "node_netstat_Ip_Forwarding");
        assert_eq!(&*bench.metrics()[0].help, "Statistic IpForwarding.");
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn a_cut_file_gives_what_is_whole() {
        let cut = "Tcp: ActiveOpens InSegs OutSegs\nTcp: 1 x\nUdp: InDatagrams NoPorts\n";
        let (lines, bench) = read(&[("proc/net/snmp", cut)]);
        assert_eq!(lines, ["Tcp_ActiveOpens 1"]);
        assert!(bench.faults[0].error.contains("net/snmp: a line of names without"));
        let (lines, bench) =
            read(&[("proc/net/snmp", "Udp: NoPorts\nTcp: InSegs\nTcp: 1\nno colon\n")]);
        assert_eq!((lines, bench.faults.len()), (vec!["Tcp_InSegs 1".to_owned()], 1));
    }

    #[test]
    fn a_kernel_without_a_network_is_no_fault() {
        let (lines, bench) = read(&[]);
        assert_eq!((lines.len(), bench.outcome), (0, Some(Outcome::NotHere)));
        let (lines, bench) = read(&[("proc/net/snmp6", SNMP6)]);
        assert_eq!((lines.len(), bench.outcome), (4, Some(Outcome::Read)));
    }
}
