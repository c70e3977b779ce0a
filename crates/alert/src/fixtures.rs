//! Facts that several test modules share.

use std::time::Duration;

use jiff::tz::TimeZone;
use watchfire_model::{
    Content, Cpu, CpuLoad, Evidence, Filesystem, HostFacts, Incident, IncidentId, IncidentKind,
    IncidentState, Labels, Load, Memory, Moment, Presence, ProcessRow, ProcessTable, Server,
    ServerName, Severity, Sight, Status, Transition,
};

/// 2025-11-22 02:12:40 UTC and `ms` more.
pub(crate) fn moment(ms: i64) -> Moment {
    Moment {
        monotonic: Duration::from_millis(u64::try_from(86_400_000 + ms).unwrap()),
        unix_ms: 1_763_777_560_000 + ms,
    }
}

pub(crate) fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

pub(crate) fn server(name: &str, labels: &[(&str, &str)]) -> Server {
    let mut all = Labels::new();
    for (label, value) in labels {
        all.insert(label, value).unwrap();
    }
    Server::new(ServerName::new(name).unwrap(), all)
}

pub(crate) fn seen(ms: i64, saw: Sight) -> Evidence {
    Evidence { observer: "hub".to_owned(), at: moment(ms), saw }
}

/// A change of web-1, judged 5 s after its last sign at 0.
pub(crate) fn transition(from: Presence, to: Presence, evidence: Vec<Evidence>) -> Transition {
    Transition {
        server: ServerName::new("web-1").unwrap(),
        from,
        to,
        at: moment(5000),
        last_sign: Some(moment(0)),
        hub_stalled: Duration::ZERO,
        evidence,
    }
}

/// An open incident of web-1.
pub(crate) fn incident(presence: Presence) -> Incident {
    Incident {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        acknowledged: None,
        id: IncidentId(7),
        server: ServerName::new("web-1").unwrap(),
        presence,
        cause: "Nothing at its address answers.".to_owned(),
        silence_began: Some(moment(0)),
        judged: moment(5000),
        hub_stalled: Duration::ZERO,
        state: IncidentState::Open,
    }
}

pub(crate) fn status() -> Status {
    let filesystem = |mount_point: &str, available_bytes| Filesystem {
        device: "/dev/vda1".to_owned(),
        mount_point: mount_point.to_owned(),
        kind: "ext4".to_owned(),
        size_bytes: 42_949_672_960,
        available_bytes,
        free_bytes: available_bytes,
        ..Filesystem::default()
    };
    Status {
        cpu: Cpu {
            total: CpuLoad { busy_percent: Some(97.34), ..CpuLoad::default() },
            ..Cpu::default()
        },
        memory: Memory {
            total_bytes: 8_589_934_592,
            available_bytes: 536_870_912,
            swap_total_bytes: 2_147_483_648,
            swap_used_bytes: 2_040_109_465,
            ..Memory::default()
        },
        load: Load { one: 24.17, five: 11.02, fifteen: 5.5, ..Load::default() },
        filesystems: vec![filesystem("/", 30_000_000_000), filesystem("/var", 2_000_000_000)],
        host: HostFacts { cores: 4, ..HostFacts::default() },
        ..Status::default()
    }
}

pub(crate) fn processes() -> ProcessTable {
    let row = |pid, name: &str, user: &str, cpu_percent, rss_bytes| ProcessRow {
        pid,
        name: name.to_owned(),
        user: user.to_owned(),
        cpu_percent,
        rss_bytes,
        ..ProcessRow::default()
    };
    ProcessTable {
        processes: vec![
            row(812, "postgres", "postgres", Some(93.1), 1_288_490_188),
            row(4411, "php-fpm8.2", "www-data", Some(81.04), 734_003_200),
            row(4410, "php-fpm8.2", "www-data", Some(79.9), 728_760_320),
            row(23, "kswapd0", "root", Some(41.0), 0),
            row(1, "systemd", "root", Some(0.2), 12_582_912),
            row(77, "sshd", "root", Some(0.1), 8_388_608),
            row(9000, "new-one", "root", None, 1024),
        ],
        total: 213,
        ..ProcessTable::default()
    }
}

/// Compares a message with the files in `testdata/golden`; `UPDATE_GOLDEN=1` writes
/// them anew.
pub(crate) fn golden(name: &str, content: &Content) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden");
    let text = format!("Subject: {}\n\n{}", content.subject, content.text);
    for (file, got) in [(format!("{name}.txt"), &text), (format!("{name}.html"), &content.html)] {
        let path = folder.join(&file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, got).unwrap();
        }
        let wanted = std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{file}: {e}; run once with UPDATE_GOLDEN=1"));
        assert_eq!(got, &wanted, "{file} differs; look at it, then run with UPDATE_GOLDEN=1");
    }
}
