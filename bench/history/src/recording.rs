use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use watchfire_model::{ABSENT, is_absent};
use watchfire_store::block::Columns;

/// Scrapes, by series.
pub(crate) struct Recording {
    pub(crate) names: Vec<String>,
    counters: Vec<bool>,
    times: Vec<i64>,
    values: Vec<Vec<f64>>,
}

impl Recording {
    /// Reads a folder of Prometheus text files named by their time in milliseconds.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut counters = HashSet::new();
        let mut recording =
            Self { names: Vec::new(), counters: Vec::new(), times: Vec::new(), values: Vec::new() };
        for (tick, file) in files.iter().enumerate() {
            recording.times.push(file.file_stem().unwrap().to_str().unwrap().parse().unwrap());
            for line in std::fs::read_to_string(file).unwrap().lines() {
                if let Some(kind) = line.strip_prefix("# TYPE ") {
                    if tick == 0 && kind.ends_with(" counter") {
                        counters.insert(kind.split(' ').next().unwrap().to_owned());
                    }
                    continue;
                }
                let Some((name, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))
                else {
                    continue;
                };
                let number = numbers.get(name).copied().unwrap_or_else(|| {
                    numbers.insert(name.to_owned(), recording.names.len());
                    recording.counters.push(counters.contains(name.split('{').next().unwrap()));
                    recording.names.push(name.to_owned());
                    recording.values.push(Vec::new());
                    recording.names.len() - 1
                });
                recording.values[number].resize(tick, ABSENT);
                recording.values[number].push(value.parse().unwrap());
            }
        }
        recording.values.iter_mut().for_each(|values| values.resize(files.len(), ABSENT));
        recording
    }

    /// How many scrapes there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// The series that `wanted` wants, by number.
    pub(crate) fn select(&self, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        (0..self.names.len()).filter(|&number| wanted(&self.names[number])).collect()
    }

    /// Every `step`-th scrape of `range`, of the series `series`, whose numbers are
    /// the keys. A series without a value in all of it is left out, as a server's
    /// schema would not have it. With `turn` above 0 counters begin elsewhere, at
    /// their own decimals: so the piece is one of another server.
    pub(crate) fn cut(
        &self,
        series: &[usize],
        range: Range<usize>,
        step: usize,
        turn: u64,
    ) -> Columns {
        let taken = |number: usize| {
            let of = self.values[number][range.clone()].iter().step_by(step).copied();
            let values: Vec<f64> = of.collect();
            let there = values.iter().any(|&value| !is_absent(value));
            let shifted = turn > 0 && self.counters[number];
            there.then(|| {
                let values = if shifted { rebased(&values, turn, number as u64) } else { values };
                (number as u32, values)
            })
        };
        Columns {
            timestamps: self.times[range.clone()].iter().step_by(step).copied().collect(),
            series: series.iter().filter_map(|&number| taken(number)).collect(),
        }
    }
}

/// The values, a random whole number higher, with as many decimals as they had.
fn rebased(values: &[f64], turn: u64, number: u64) -> Vec<f64> {
    let mixed = (turn << 32 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let up = (mixed >> 40) as f64;
    let decimals = values.iter().filter(|value| value.is_finite()).map(|&v| decimals(v)).max();
    let power = 10_f64.powi(decimals.unwrap_or_default());
    let moved = |value: f64| ((value + up) * power).round() / power;
    values.iter().map(|&value| if value.is_finite() { moved(value) } else { value }).collect()
}

fn decimals(value: f64) -> i32 {
    let text = format!("{value}");
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32)
}

/// What node_exporter says of itself and not of the machine.
pub(crate) fn of_exporter(key: &str) -> bool {
    ["go_", "process_", "promhttp_", "node_scrape_"].iter().any(|own| key.starts_with(own))
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
