use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

static PACKETS: Family = Family::counter(
    "node_nfs_packets_total",
    "Total NFSd network packets (sent+received) by protocol type.",
    &["protocol"],
);
static CONNECTIONS: Family =
    counter("node_nfs_connections_total", "Total number of NFSd TCP connections.");
static CALLS: Family = counter("node_nfs_rpcs_total", "Total number of RPCs performed.");
static RETRANSMISSIONS: Family =
    counter("node_nfs_rpc_retransmissions_total", "Number of RPC transmissions performed.");
static REFRESHES: Family = counter(
    "node_nfs_rpc_authentication_refreshes_total",
    "Number of RPC authentication refreshes performed.",
);
static REQUESTS: Family = Family::counter(
    "node_nfs_requests_total",
    "Number of NFS procedures invoked.",
    &["proto", "method"],
);

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &[])
}

/// The procedures of version 2, by their numbers (RFC 1094).
pub(super) const VERSION_2: &[&str] = &[
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write",
    "Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

/// The procedures of version 3, by their numbers (RFC 1813).
pub(super) const VERSION_3: &[&str] = &[
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// What a client asks for in version 4, in the order of the list in the
/// kernel's `include/linux/nfs4.h`.
const VERSION_4: &[&str] = &[
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "LayoutGet",
    "GetDeviceInfo",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
    "Copy",
    "OffloadCancel",
    "LookupP",
    "LayoutError",
    "CopyNotify",
    "GetXattr",
    "SetXattr",
    "ListXattrs",
    "RemoveXattr",
    "ReadPlus",
];

/// The client of NFS, from `/proc/net/rpc/nfs`.
#[derive(Debug)]
pub(super) struct NfsCollector {
    statistics: Source,
}

impl NfsCollector {
    pub(super) fn new() -> Self {
        Self { statistics: Source::new("proc/net/rpc/nfs") }
    }
}

impl Collector for NfsCollector {
    fn name(&self) -> &'static str {
        "nfs"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/rpc/nfs")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(text) = self.statistics.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        for line in lines(text) {
            let mut words = words(line);
            let Some(name) = words.next() else { continue };
            match name {
                b"net" => {
                    let mut values = words.skip(1).map(number);
                    for protocol in [&b"udp"[..], b"tcp"] {
                        put(reading, &PACKETS, &[protocol], values.next().flatten());
                    }
                    put(reading, &CONNECTIONS, &[], values.next().flatten());
                }
                b"rpc" => {
                    let mut values = words.map(number);
                    for family in [&CALLS, &RETRANSMISSIONS, &REFRESHES] {
                        put(reading, family, &[], values.next().flatten());
                    }
                }
                b"proc2" => put_procedures(reading, &REQUESTS, b"2", VERSION_2, words),
                b"proc3" => put_procedures(reading, &REQUESTS, b"3", VERSION_3, words),
                b"proc4" => put_procedures(reading, &REQUESTS, b"4", VERSION_4, words),
                _ => {}
            }
        }
        Ok(Outcome::Read)
    }
}

/// Gives the value if there is one.
pub(super) fn put(
    reading: &mut Reading<'_>,
    family: &'static Family,
    labels: &[&[u8]],
    value: Option<u64>,
) {
    if let Some(value) = value {
        reading.put(family, labels, as_f64(value));
    }
}

/// Gives the counts of a line, which has how many there are before them. A
/// newer kernel than ours has more than there are names for, an older one
/// fewer. An empty name stands for a number that is not used.
pub(super) fn put_procedures<'a>(
    reading: &mut Reading<'_>,
    family: &'static Family,
    version: &[u8],
    names: &[&str],
    words: impl Iterator<Item = &'a [u8]>,
) {
    for (name, count) in names.iter().zip(words.skip(1).map_while(number)) {
        if !name.is_empty() {
            reading.put(family, &[version, name.as_bytes()], as_f64(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    #[test]
    fn the_client_counts_its_procedures() {
        let text = "net 139 70 69 45\nrpc 1218785755 374636 1218815394\n\
            proc2 18 16 57 74 52 71 73 45 86 0 52 83 61 17 53 50 23 70 82\n\
            proc3 22 0 1061909262 48906 4077635 117661341 5 29391916 2570425 2993289 590 0 0 7815 15 1130 0 3983 92385 13332 2 1 23729\n\
            proc4 48 98 51 54 83 85 23 24 1 28 73 68 83 12 84 39 68 59 58 88 29 74 69 96 21 84 15 53 86 54 66 56 97 36 49 32 85 81 11 58 32 67 13 28 35 90 1 26 1337\n";
        let mut bench = Bench::new(&[("proc/net/rpc/nfs", text)]);
        let lines = bench.read(&mut NfsCollector::new(), 0);
        assert_eq!(lines.len(), 2 + 1 + 3 + 18 + 22 + 48);
        for line in [
            r#"node_nfs_packets_total{protocol="tcp"} 69"#,
            r#"node_nfs_packets_total{protocol="udp"} 70"#,
            "node_nfs_connections_total 45",
            "node_nfs_rpc_retransmissions_total 374636",
            r#"node_nfs_requests_total{method="FsStat",proto="2"} 82"#,
            r#"node_nfs_requests_total{method="Commit",proto="3"} 23729"#,
            r#"node_nfs_requests_total{method="OpenNoattr",proto="4"} 24"#,
            r#"node_nfs_requests_total{method="LayoutReturn",proto="4"} 1337"#,
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
        }
    }

    #[test]
    fn lines_may_be_cut_odd_or_longer_than_known() {
        let many = format!("proc4 200 {}\n", "7 ".repeat(200));
        let text = format!("net 1\nrpc 1 x 3\nproc3 22 5 6\nproc9 1 1\n{many}");
        let mut bench = Bench::new(&[("proc/net/rpc/nfs", &text)]);
        let lines = bench.read(&mut NfsCollector::new(), 0);
        assert_eq!(lines.len(), 2 + 2 + VERSION_4.len());
        assert_eq!(below(&lines, "node_nfs_rpcs_total"), [" 1"]);
    }

    #[test]
    fn a_machine_without_a_client() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut NfsCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
