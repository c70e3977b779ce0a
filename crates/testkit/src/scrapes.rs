//! A folder of recorded scrapes in Prometheus' text format, one file a scrape, named by its time
//! in Unix milliseconds: what benchmarks measure on.

use std::path::{Path, PathBuf};

/// The files of a folder with the time of each, oldest first.
///
/// # Panics
/// When the folder cannot be read, or a file in it has another name.
#[must_use]
pub fn files(folder: &Path) -> Vec<(i64, PathBuf)> {
    let entries = std::fs::read_dir(folder).expect("a folder of scrapes");
    let timed = entries.map(|entry| {
        let path = entry.expect("a scrape").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        (name.parse().expect("a scrape is named by its time"), path)
    });
    let mut files: Vec<(i64, PathBuf)> = timed.collect();
    files.sort();
    files
}

/// The samples of one scrape: name with labels, and value. There are no escapes and no times.
///
/// # Panics
/// When a value is no number.
pub fn samples(text: &str) -> impl Iterator<Item = (&str, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name, value.parse().expect("a sample's value is a number")))
}

/// Whether node_exporter 1.5 gives the series without being asked to, by the
/// defaults of its `--collector.…` flags.
#[must_use]
pub fn on_by_default(key: &str) -> bool {
    const OFF: [&str; 7] =
        ["buddyinfo", "cgroups", "interrupts", "processes", "tcp_", "zoneinfo", "systemd"];
    const OFF_COLLECTORS: [&str; 7] =
        ["buddyinfo", "cgroups", "interrupts", "processes", "tcpstat", "zoneinfo", "systemd"];
    let name = key.split('{').next().unwrap_or(key);
    let Some(node) = name.strip_prefix("node_") else { return true };
    if node.starts_with("scrape_") {
        return !OFF_COLLECTORS.iter().any(|off| key.contains(&format!("collector=\"{off}\"")));
    }
    if let Some(field) = node.strip_prefix("vmstat_") {
        return ["oom_kill", "pgpg", "pswp"].iter().any(|p| field.starts_with(p))
            || (field.starts_with("pg") && field.contains("fault"));
    }
    if let Some(field) = node.strip_prefix("netstat_") {
        return netstat_on_by_default(field);
    }
    !OFF.iter().any(|off| node.starts_with(off))
}

fn netstat_on_by_default(field: &str) -> bool {
    const EXACT: &str = "Ip_Forwarding Ip6_InOctets Ip6_OutOctets IpExt_InOctets IpExt_OutOctets \
        Icmp_InMsgs Icmp_OutMsgs Icmp6_InMsgs Icmp6_OutMsgs TcpExt_TCPSynRetrans \
        TcpExt_TCPTimeouts Tcp_ActiveOpens Tcp_InSegs Tcp_OutSegs Tcp_OutRsts Tcp_PassiveOpens \
        Tcp_RetransSegs Tcp_CurrEstab Udp_InDatagrams Udp_OutDatagrams Udp_NoPorts \
        Udp_RcvbufErrors Udp_SndbufErrors Udp6_InDatagrams Udp6_OutDatagrams Udp6_NoPorts \
        Udp6_RcvbufErrors Udp6_SndbufErrors";
    field.ends_with("_InErrors")
        || field.ends_with("_InErrs")
        || field.starts_with("TcpExt_Listen")
        || field.starts_with("TcpExt_Syncookies")
        || EXACT.split_whitespace().any(|name| name == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_gives_its_samples_in_order() {
        let text = "# TYPE a counter\na{b=\"c d\"} 1.5\nup 1\n";
        assert_eq!(samples(text).collect::<Vec<_>>(), [("a{b=\"c d\"}", 1.5), ("up", 1.0)]);
    }

    #[test]
    fn the_defaults_leave_out_what_must_be_asked_for() {
        for (key, on) in [
            ("node_load1", true),
            ("go_goroutines", true),
            ("node_buddyinfo_blocks{node=\"0\"}", false),
            ("node_vmstat_oom_kill", true),
            ("node_vmstat_nr_free_pages", false),
            ("node_netstat_Tcp_CurrEstab", true),
            ("node_netstat_Tcp_RtoMin", false),
            ("node_scrape_collector_success{collector=\"systemd\"}", false),
        ] {
            assert_eq!(on_by_default(key), on, "{key}");
        }
    }

    #[test]
    fn files_come_by_their_times() {
        let folder = crate::scratch::Scratch::new();
        for name in ["1000.prom", "999.prom"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let times: Vec<i64> = files(folder.path()).iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [999, 1000]);
    }
}
