use super::*;
use crate::{ABSENT, Moment, SeriesKey};

/// A schema made of lines such as `node_load1 0.5`, and its tick.
fn machine(at_ms: u64, lines: &[(&str, f64)]) -> (Schema, Tick) {
    let mut schema = Schema::new(1);
    let mut tick = Tick { generation: 1, ..Tick::default() };
    tick.at = Moment { monotonic: Duration::from_millis(at_ms), unix_ms: 0 };
    for (key, value) in lines {
        schema.push(parse(key));
        tick.values.push(*value);
    }
    (schema, tick)
}

fn read(view: &mut StatusView, at_ms: u64, lines: &[(&str, f64)]) -> Status {
    let (schema, tick) = machine(at_ms, lines);
    view.read(&schema, &tick)
}

fn parse(key: &str) -> SeriesKey {
    let (name, labels) = key.split_once('{').unwrap_or((key, ""));
    let pairs = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    SeriesKey::new(name, pairs).unwrap()
}

fn core(number: u32, mode: &str) -> String {
    format!("node_cpu_seconds_total{{cpu={number},mode={mode}}}")
}

fn cores<'a>(keys: &'a [String], values: &[f64]) -> Vec<(&'a str, f64)> {
    keys.iter().map(String::as_str).zip(values.iter().copied()).collect()
}

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

#[test]
fn shares_add_up() {
    let keys: Vec<String> = MODES.iter().map(|mode| core(0, mode)).collect();
    let mut view = StatusView::new();
    let first = read(&mut view, 0, &cores(&keys, &[0.0; 8]));
    assert_eq!((first.cpu.total, first.host.cores), (CpuLoad::default(), 1));
    let later = cores(&keys, &[0.2, 0.1, 0.05, 0.5, 0.06, 0.02, 0.03, 0.04]);
    let status = read(&mut view, 1000, &later);
    let rounded = |share: Option<f64>| share.map(|share| (share * 1000.0).round() / 1000.0);
    let total = status.cpu.total;
    assert_eq!(rounded(total.busy_percent), Some(44.0));
    assert_eq!(rounded(total.user_percent), Some(30.0));
    assert_eq!(rounded(total.system_percent), Some(10.0));
    assert_eq!(rounded(total.iowait_percent), Some(6.0));
    assert_eq!(rounded(total.steal_percent), Some(4.0));
    assert_eq!(status.cpu.cores, [total]);
}

#[test]
fn who_looks_seldom_sees_what_a_reader_sees() {
    let keys = [core(0, "user"), core(0, "idle")];
    let (mut reader, mut looker) = (StatusView::new(), StatusView::new());
    let mut before = None;
    for second in 0..5_u32 {
        let at = f64::from(second);
        let (schema, tick) = machine(u64::from(second) * 1000, &cores(&keys, &[at * at, at]));
        if let Some((schema, tick)) = &before {
            looker.remember(schema, tick);
        }
        let read = reader.read(&schema, &tick);
        if second != 2 {
            assert_eq!(looker.look(&schema, &tick), read);
            assert_eq!(looker.look(&schema, &tick), read, "a look changes nothing");
        }
        before = Some((schema, tick));
    }
}

#[test]
fn a_core_that_began_anew_leaves_no_share_and_one_that_is_gone_is_left_out() {
    let keys = [core(0, "user"), core(0, "idle"), core(1, "user"), core(1, "idle")];
    let mut view = StatusView::new();
    read(&mut view, 0, &cores(&keys, &[10.0, 10.0, 10.0, 10.0]));
    let status = read(&mut view, 1000, &cores(&keys, &[0.0, 0.0, 10.5, 10.5]));
    assert_eq!(status.cpu.total, CpuLoad::default());
    assert_eq!(status.cpu.cores[1].busy_percent, Some(50.0));
    let gone = cores(&keys, &[0.25, 0.75, ABSENT, ABSENT]);
    let status = read(&mut view, 2000, &gone);
    assert_eq!((status.cpu.cores.len(), status.host.cores), (1, 1));
    assert_eq!(status.cpu.total.busy_percent, Some(25.0));
}

#[test]
fn no_time_gone_by_is_no_share_and_no_rate() {
    let keys = [core(0, "user"), core(0, "idle")];
    let mut lines = cores(&keys, &[1.0, 2.0]);
    lines.push(("node_disk_reads_completed_total{device=sda}", 5.0));
    let mut view = StatusView::new();
    read(&mut view, 0, &lines);
    let status = read(&mut view, 0, &lines);
    assert_eq!(status.cpu.total, CpuLoad::default());
    assert_eq!(status.disks[0].reads_per_s, None);
}

#[test]
fn an_old_kernel_has_an_estimate_of_available_memory() {
    let field = |name: &str| format!("node_memory_{name}_bytes");
    let names =
        ["MemTotal", "MemFree", "Buffers", "Cached", "SReclaimable", "SwapTotal", "SwapFree"]
            .map(field);
    let values = [1000.0, 100.0, 10.0, 200.0, 30.0, 500.0, 400.0];
    let memory = read(&mut StatusView::new(), 0, &cores(&names, &values)).memory;
    assert_eq!((memory.available_bytes, memory.cached_bytes), (340, 230));
    assert_eq!(memory.swap_used_bytes, 100);
}

#[test]
fn a_group_narrows_memory_only_below_the_host() {
    let host = [("node_memory_MemTotal_bytes", 1000.0), ("node_memory_MemAvailable_bytes", 800.0)];
    let group = |limit: f64| {
        let mut lines = host.to_vec();
        lines.push(("watchfire_cgroup_memory_limit_bytes", limit));
        lines.push(("watchfire_cgroup_memory_used_bytes", 300.0));
        lines.push(("watchfire_cgroup_memory_stat_bytes{kind=inactive_file}", 100.0));
        lines.push(("watchfire_cgroup_memory_stat_bytes{kind=file}", 120.0));
        read(&mut StatusView::new(), 0, &lines).memory
    };
    let narrow = group(500.0);
    assert_eq!((narrow.total_bytes, narrow.limit_bytes), (500, Some(500)));
    assert_eq!((narrow.available_bytes, narrow.cached_bytes), (300, 120));
    let wide = group(1000.0);
    assert_eq!((wide.total_bytes, wide.available_bytes, wide.limit_bytes), (1000, 800, None));
}

#[test]
fn devices_are_sorted_and_have_rates() {
    let lines = |reads: f64, bytes: f64| {
        [
            ("node_disk_reads_completed_total{device=sdb}", reads),
            ("node_disk_io_time_seconds_total{device=sdb}", reads),
            ("node_disk_reads_completed_total{device=sda}", reads),
            ("node_network_receive_bytes_total{device=lo}", bytes),
            ("node_network_receive_bytes_total{device=eth0}", bytes),
            ("node_network_receive_errs_total{device=eth0}", 1.0),
            ("node_network_transmit_errs_total{device=eth0}", reads),
        ]
    };
    let mut view = StatusView::new();
    let first = read(&mut view, 0, &lines(10.0, 1000.0));
    assert_eq!(first.networks[0].received_bytes_per_s, None);
    let status = read(&mut view, 500, &lines(20.0, 500.0));
    let names: Vec<_> = status.disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(names, ["sda", "sdb"]);
    assert_eq!(status.disks[1].reads_per_s, Some(20.0));
    assert_eq!(status.disks[1].busy_percent, Some(100.0), "at most all the time");
    assert_eq!(status.networks.len(), 1);
    assert_eq!(status.networks[0].received_bytes_per_s, None, "it went back");
    assert_eq!(status.networks[0].errors_per_s, Some(20.0));
}

#[test]
fn filesystems_and_names_come_from_labels() {
    let point = "{device=/dev/a,fstype=ext4,mountpoint=/}";
    let keys = ["device_error", "readonly", "size_bytes", "avail_bytes"]
        .map(|name| format!("node_filesystem_{name}{point}"));
    let mut lines = cores(&keys, &[0.0, 1.0, 100.0, 40.0]);
    lines.push(("watchfire_filesystem_not_asked{device=x,fstype=nfs,mountpoint=/mnt}", 1.0));
    lines.push(("node_uname_info{nodename=old,release=6.1,machine=arm}", ABSENT));
    lines.push(("node_uname_info{nodename=new,release=6.1,machine=arm}", 1.0));
    lines.push(("node_os_info{name=Void}", 1.0));
    let status = read(&mut StatusView::new(), 0, &lines);
    assert_eq!((status.host.hostname.as_str(), status.host.os.as_str()), ("new", "Void"));
    assert_eq!(status.filesystems.len(), 2);
    let root = &status.filesystems[0];
    assert_eq!((root.kind.as_str(), root.size_bytes, root.read_only), ("ext4", 100, true));
    assert!(!root.stale && status.filesystems[1].stale);
}

#[test]
fn a_new_generation_begins_anew() {
    let mut view = StatusView::new();
    read(&mut view, 0, &[("node_load1", 1.0), ("node_disk_reads_completed_total{device=a}", 1.0)]);
    let mut schema = Schema::new(2);
    schema.push(parse("node_disk_reads_completed_total{device=b}"));
    let at = Moment { monotonic: Duration::from_secs(1), unix_ms: 0 };
    let status = view.read(&schema, &Tick { at, generation: 2, values: vec![5.0] });
    assert_eq!((status.load.one, status.disks[0].reads_per_s), (0.0, None));
    assert_eq!(status.disks.len(), 1);
}

#[test]
fn a_filesystem_that_was_made_anew_and_back_is_seen() {
    let mut schema = Schema::new(1);
    for kind in ["ext4", "xfs"] {
        let labels = format!("{{device=/dev/a,fstype={kind},mountpoint=/}}");
        schema.push(parse(&format!("node_filesystem_device_error{labels}")));
    }
    let mut view = StatusView::new();
    for (values, kind) in [([0.0, ABSENT], "ext4"), ([ABSENT, 0.0], "xfs"), ([0.0, ABSENT], "ext4")]
    {
        let tick = Tick { generation: 1, values: values.to_vec(), ..Tick::default() };
        let status = view.read(&schema, &tick);
        let kinds: Vec<_> = status.filesystems.iter().map(|fs| fs.kind.as_str()).collect();
        assert_eq!(kinds, [kind]);
    }
}

#[test]
fn nothing_is_left_of_the_status_of_another_server() {
    let other = [
        ("node_cpu_seconds_total{cpu=0,mode=user}", 1.0),
        ("node_cpu_seconds_total{cpu=1,mode=user}", 1.0),
        ("node_memory_MemTotal_bytes", 1000.0),
        ("node_load1", 3.0),
        ("watchfire_uptime_seconds", 9.0),
        ("watchfire_cgroup_cpu_limit_cores", 1.5),
        ("node_uname_info{nodename=other,release=6.1,machine=arm}", 1.0),
        ("node_os_info{pretty_name=Void}", 1.0),
        ("watchfire_boot_info{boot_id=1}", 1.0),
        ("node_cpu_info{model_name=fast}", 1.0),
        ("node_disk_reads_completed_total{device=a}", 1.0),
        ("node_disk_reads_completed_total{device=b}", 1.0),
        ("node_network_receive_bytes_total{device=eth0}", 1.0),
        ("node_filesystem_device_error{device=a,fstype=xfs,mountpoint=/}", 1.0),
        ("node_filesystem_readonly{device=a,fstype=xfs,mountpoint=/}", 1.0),
    ];
    let some = [
        ("node_disk_reads_completed_total{device=c}", 1.0),
        ("node_filesystem_device_error{device=q,fstype=ext4,mountpoint=/var}", 0.0),
    ];
    let mut dirty = read(&mut StatusView::new(), 0, &other);
    for lines in [&some[..], &[]] {
        let clean = read(&mut StatusView::new(), 7, lines);
        let (schema, tick) = machine(7, lines);
        StatusView::new().read_into(&schema, &tick, &mut dirty);
        assert_eq!(dirty, clean);
    }
}

#[test]
fn keys_that_come_later_are_found() {
    let mut view = StatusView::new();
    let lines = [
        ("node_disk_reads_completed_total{device=b}", 10.0),
        ("node_disk_reads_completed_total{device=a}", 10.0),
        ("node_disk_reads_completed_total{device=c}", 10.0),
    ];
    read(&mut view, 0, &lines[..1]);
    read(&mut view, 1000, &[(lines[0].0, 11.0), lines[1]]);
    let status = read(&mut view, 2000, &[(lines[0].0, 13.0), (lines[1].0, 15.0), lines[2]]);
    let rates: Vec<_> = status.disks.iter().map(|disk| (&*disk.name, disk.reads_per_s)).collect();
    assert_eq!(rates, [("a", Some(5.0)), ("b", Some(2.0)), ("c", None)]);
}
