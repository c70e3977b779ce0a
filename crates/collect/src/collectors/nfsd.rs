use super::nfs::{VERSION_2, VERSION_3, put, put_procedures};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, words};

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &[])
}

/// The lines whose values have a metric each.
static LINES: [(&[u8], &[Family]); 4] = [
    (
        b"rc",
        &[
            counter(
                "node_nfsd_reply_cache_hits_total",
                "Total number of NFSd Reply Cache hits (client lost server response).",
            ),
            counter(
                "node_nfsd_reply_cache_misses_total",
                "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
            ),
            counter(
                "node_nfsd_reply_cache_nocache_total",
                "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
            ),
        ],
    ),
    (
        b"fh",
        &[counter("node_nfsd_file_handles_stale_total", "Total number of NFSd stale file handles")],
    ),
    (
        b"io",
        &[
            counter("node_nfsd_disk_bytes_read_total", "Total NFSd bytes read."),
            counter("node_nfsd_disk_bytes_written_total", "Total NFSd bytes written."),
        ],
    ),
    (
        b"th",
        &[Family::gauge(
            "node_nfsd_server_threads",
            "Total number of NFSd kernel threads that are running.",
            &[],
        )],
    ),
];

static CACHE_BLOCKS: Family = Family::gauge(
    "node_nfsd_read_ahead_cache_size_blocks",
    "How large the read ahead cache is in blocks.",
    &[],
);
static CACHE_NOT_FOUND: Family = counter(
    "node_nfsd_read_ahead_cache_not_found_total",
    "Total number of NFSd read ahead cache not found.",
);
static PACKETS: Family = Family::counter(
    "node_nfsd_packets_total",
    "Total NFSd network packets (sent+received) by protocol type.",
    &["proto"],
);
static CONNECTIONS: Family =
    counter("node_nfsd_connections_total", "Total number of NFSd TCP connections.");
static CALLS: Family = counter("node_nfsd_server_rpcs_total", "Total number of NFSd RPCs.");
static ERRORS: Family = Family::counter(
    "node_nfsd_rpc_errors_total",
    "Total number of NFSd RPC errors by error type.",
    &["error"],
);
static REQUESTS: Family = Family::counter(
    "node_nfsd_requests_total",
    "Total number NFSd Requests by method and protocol.",
    &["proto", "method"],
);

/// The operations of version 4, by their numbers (RFC 7530, RFC 8881, RFC
/// 7862, RFC 8276). The first three are not used.
const OPERATIONS: &[&str] = &[
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "PutPubFH",
    "PutRootFH",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
    "BackchannelCtl",
    "BindConnToSession",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "FreeStateID",
    "GetDirDelegation",
    "GetDeviceInfo",
    "GetDeviceList",
    "LayoutCommit",
    "LayoutGet",
    "LayoutReturn",
    "SecInfoNoName",
    "Sequence",
    "SetSSV",
    "TestStateID",
    "WantDelegation",
    "DestroyClientID",
    "ReclaimComplete",
    "Allocate",
    "Copy",
    "CopyNotify",
    "DeAllocate",
    "IOAdvise",
    "LayoutError",
    "LayoutStats",
    "OffloadCancel",
    "OffloadStatus",
    "ReadPlus",
    "Seek",
    "WriteSame",
    "Clone",
    "GetXattr",
    "SetXattr",
    "ListXattrs",
    "RemoveXattr",
];

/// The server of NFS, from `/proc/net/rpc/nfsd`.
#[derive(Debug)]
pub(super) struct NfsdCollector {
    statistics: Source,
}

impl NfsdCollector {
    pub(super) fn new() -> Self {
        Self { statistics: Source::new("proc/net/rpc/nfsd") }
    }
}

impl Collector for NfsdCollector {
    fn name(&self) -> &'static str {
        "nfsd"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/net/rpc/nfsd")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(text) = self.statistics.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        for line in lines(text) {
            put_line(reading, line);
        }
        Ok(Outcome::Read)
    }
}

fn put_line(reading: &mut Reading<'_>, line: &[u8]) {
    let mut words = words(line);
    let Some(name) = words.next() else { return };
    if let Some((_, families)) = LINES.iter().find(|(known, _)| *known == name) {
        for (family, value) in families.iter().zip(words.map_while(number)) {
            reading.put(family, &[], as_f64(value));
        }
        return;
    }
    match name {
        // Kernels from 5.4 on have no such cache.
        b"ra" => {
            let mut values = words.map(number);
            put(reading, &CACHE_BLOCKS, &[], values.next().flatten());
            put(reading, &CACHE_NOT_FOUND, &[], values.nth(10).flatten());
        }
        b"net" => {
            let mut values = words.skip(1).map(number);
            for protocol in [&b"udp"[..], b"tcp"] {
                put(reading, &PACKETS, &[protocol], values.next().flatten());
            }
            put(reading, &CONNECTIONS, &[], values.next().flatten());
        }
        b"rpc" => {
            let mut values = words.map(number);
            put(reading, &CALLS, &[], values.next().flatten());
            // After them all stand those that were refused for this or that.
            values.next();
            for error in [&b"fmt"[..], b"auth", b"cInt"] {
                put(reading, &ERRORS, &[error], values.next().flatten());
            }
        }
        b"proc2" => put_procedures(reading, &REQUESTS, b"2", VERSION_2, words),
        b"proc3" => put_procedures(reading, &REQUESTS, b"3", VERSION_3, words),
        b"proc4ops" => put_procedures(reading, &REQUESTS, b"4", OPERATIONS, words),
        b"wdeleg_getattr" => {
            let value = words.next().and_then(number);
            put(reading, &REQUESTS, &[b"4", b"WdelegGetattr"], value);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn the_server_counts_what_it_did() {
        let text = "rc 0 6 18622\nfh 2 0 0 0 0\nio 157286400 72864\n\
            th 8 0 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000\n\
            ra 32 0 0 0 0 0 0 0 0 0 0 9\nnet 972 55 917 1\nrpc 18628 3 1 2 0\n\
            proc2 18 2 69 0 0 4410 0 0 0 0 0 0 0 0 0 0 0 99 2\n\
            proc3 22 2 112 0 2719 111 0 0 0 0 0 0 0 0 0 0 0 27 216 0 2 1 0\n\
            proc4 2 2 10853\n\
            proc4ops 40 0 0 0 1098 2 0 0 0 0 8179 5896 0 0 0 0 5900 0 0 2 0 2 0 9609 0 2 150 1272 0 0 0 1236 0 0 0 0 3 3 0 0 0\n\
            wdeleg_getattr 15\n";
        let mut bench = Bench::new(&[("proc/net/rpc/nfsd", text)]);
        let lines = bench.read(&mut NfsdCollector::new(), 0);
        assert_eq!(lines.len(), 3 + 1 + 2 + 1 + 2 + 3 + 4 + 18 + 22 + 37 + 1);
        for line in [
            "node_nfsd_reply_cache_nocache_total 18622",
            "node_nfsd_file_handles_stale_total 2",
            "node_nfsd_disk_bytes_written_total 72864",
            "node_nfsd_server_threads 8",
            "node_nfsd_read_ahead_cache_size_blocks 32",
            "node_nfsd_read_ahead_cache_not_found_total 9",
            r#"node_nfsd_packets_total{proto="tcp"} 917"#,
            "node_nfsd_connections_total 1",
            "node_nfsd_server_rpcs_total 18628",
            r#"node_nfsd_rpc_errors_total{error="fmt"} 1"#,
            r#"node_nfsd_rpc_errors_total{error="auth"} 2"#,
            r#"node_nfsd_requests_total{method="ReadDirPlus",proto="3"} 216"#,
            r#"node_nfsd_requests_total{method="Access",proto="4"} 1098"#,
            r#"node_nfsd_requests_total{method="GetFH",proto="4"} 5896"#,
            r#"node_nfsd_requests_total{method="Renew",proto="4"} 1236"#,
            r#"node_nfsd_requests_total{method="RelLockOwner",proto="4"} 0"#,
            r#"node_nfsd_requests_total{method="WdelegGetattr",proto="4"} 15"#,
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
        }
    }

    #[test]
    fn a_new_kernel_and_a_cut_file() {
        let text = "rc 0 6\nth 8\nnet 1 2\nrpc 5\nproc4ops 76\nproc3 22 1\nra";
        let mut bench = Bench::new(&[("proc/net/rpc/nfsd", text)]);
        assert_eq!(bench.read(&mut NfsdCollector::new(), 0).len(), 2 + 1 + 1 + 1 + 1);
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn a_machine_without_a_server() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut NfsdCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
