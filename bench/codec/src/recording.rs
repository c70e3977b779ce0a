use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use watchfire_model::{ABSENT, Moment, Schema, SeriesKey, Tick};

/// Scrapes, with series numbered as they came.
pub(crate) struct Recording {
    names: Vec<String>,
    /// When, and the value of each series that had come by then.
    pub(crate) ticks: Vec<(i64, Vec<f64>)>,
}

impl Recording {
    /// Reads a folder of Prometheus text files named by their time.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut recording = Self { names: Vec::new(), ticks: Vec::new() };
        for file in files {
            let time = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            let mut values = vec![ABSENT; recording.names.len()];
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let Some((name, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))
                else {
                    continue;
                };
                let number = *numbers.entry(name.to_owned()).or_insert_with(|| {
                    recording.names.push(name.to_owned());
                    values.push(ABSENT);
                    values.len() - 1
                });
                values[number] = value.parse().unwrap();
            }
            recording.ticks.push((time, values));
        }
        recording
    }

    /// Only the series that `wanted` wants.
    pub(crate) fn select(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.names.len()).filter(|&n| wanted(&self.names[n])).collect();
        let of_tick = |(time, values): &(i64, Vec<f64>)| {
            (*time, kept.iter().filter_map(|&number| values.get(number).copied()).collect())
        };
        Self {
            names: kept.iter().map(|&number| self.names[number].clone()).collect(),
            ticks: self.ticks.iter().map(of_tick).collect(),
        }
    }

    /// Each tick and the schema as it was then.
    pub(crate) fn steps(&self) -> (Vec<Schema>, Vec<Tick>) {
        let mut schema = Schema::new(1);
        self.ticks
            .iter()
            .enumerate()
            .map(|(step, (unix_ms, values))| {
                while schema.len() < values.len() {
                    schema.push(key(&self.names[schema.len()]));
                }
                // The clocks of a machine are read one after the other, some microseconds apart.
                let drift = (step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
                let since_boot = (unix_ms - self.ticks[0].0 + 100_000) as u64 * 1_000_000 + drift;
                let monotonic = Duration::from_nanos(since_boot);
                let at = Moment { monotonic, unix_ms: *unix_ms };
                (schema.clone(), Tick { at, generation: 1, values: values.clone() })
            })
            .unzip()
    }
}

/// `name{label="value",…}`; the recording has no escapes.
fn key(text: &str) -> SeriesKey {
    let (name, labels) = text.split_once('{').unwrap_or((text, ""));
    let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
    let pair = |pair: &'_ str| {
        let (label, value) = pair.split_once("=\"").unwrap();
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    };
    let pairs: Vec<_> = pairs.map(pair).collect();
    SeriesKey::new(name, pairs.iter().map(|(l, v)| (l.as_str(), v.as_str()))).unwrap()
}

/// Whether node_exporter 1.5 gives the series without being asked to, by the
/// defaults of its `--collector.…` flags.
pub(crate) fn on_by_default(key: &str) -> bool {
    const OFF: [&str; 7] =
        ["buddyinfo", "cgroups", "interrupts", "processes", "tcp_", "zoneinfo", "systemd"];
    const OFF_COLLECTORS: [&str; 7] =
        ["buddyinfo", "cgroups", "interrupts", "processes", "tcpstat", "zoneinfo", "systemd"];
    let name = key.split('{').next().unwrap();
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
