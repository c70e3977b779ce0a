//! The bytes of every message, as they were when its version came out.
//!
//! A red test means that older agents and hubs can no longer be understood, or
//! no longer understand. `UPDATE_GOLDEN=1` writes the files anew; that is right
//! for a new message only.

use std::path::PathBuf;
use std::time::Duration;

use watchfire_model::{
    Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Labels, Load, Memory, Moment, NetworkIo,
    ProcessRow, ProcessTable, Status,
};
use watchfire_wire::{Alive, GoodbyeReason, Hello, Message, decode, encode};

const AT: Moment = Moment { monotonic: Duration::new(86_400, 5), unix_ms: 1_760_000_000_123 };

fn hello() -> Message {
    let mut labels = Labels::new();
    labels.insert("role", "web").expect("a label name");
    labels.insert("site", "größe").expect("a label name");
    Message::Hello(Hello {
        major: 1,
        minor: 0,
        server: "web-1".to_owned(),
        boot_id: "6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned(),
        agent_id: "a1".to_owned(),
        agent_version: "0.1.0".to_owned(),
        labels,
        unix_ms: AT.unix_ms,
    })
}

fn status() -> Message {
    let load = |busy| CpuLoad {
        busy_percent: Some(busy),
        user_percent: Some(0.0),
        system_percent: None,
        iowait_percent: Some(1.5),
        steal_percent: Some(-0.0),
    };
    Message::Status(Status {
        at: AT,
        cpu: Cpu {
            total: load(12.5),
            cores: vec![load(25.0), CpuLoad::default()],
            limit_cores: Some(0.5),
        },
        memory: Memory {
            total_bytes: 1 << 34,
            available_bytes: 1 << 33,
            free_bytes: 1 << 30,
            buffers_bytes: 4096,
            cached_bytes: 1 << 32,
            swap_total_bytes: 0,
            swap_used_bytes: 0,
            limit_bytes: Some(0),
        },
        load: Load { one: 0.5, five: 0.25, fifteen: 0.125, running: 2, threads: 300 },
        uptime: Duration::from_millis(86_400_010),
        filesystems: vec![Filesystem {
            device: "/dev/sda1".to_owned(),
            mount_point: "/".to_owned(),
            kind: "ext4".to_owned(),
            read_only: false,
            size_bytes: 1 << 40,
            available_bytes: 1 << 39,
            free_bytes: 1 << 39,
            files: 1000,
            files_free: 900,
            stale: true,
        }],
        disks: vec![DiskIo {
            name: "sda".to_owned(),
            read_bytes_per_s: Some(4096.0),
            busy_percent: Some(0.1),
            ..DiskIo::default()
        }],
        networks: vec![NetworkIo {
            name: "eth0".to_owned(),
            received_bytes_per_s: Some(1e6),
            drops_per_s: Some(0.0),
            ..NetworkIo::default()
        }],
        host: HostFacts {
            hostname: "web-1".to_owned(),
            os: "Debian GNU/Linux 13 (trixie)".to_owned(),
            kernel: "6.12.0".to_owned(),
            architecture: "x86_64".to_owned(),
            cpu_model: "AMD EPYC".to_owned(),
            cores: 2,
            boot_id: "6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned(),
        },
    })
}

fn processes() -> Message {
    let first = ProcessRow {
        pid: 1,
        ppid: 0,
        user: "root".to_owned(),
        name: "a) (b\nc".to_owned(),
        command: "/sbin/init splash".to_owned(),
        state: 'S',
        cpu_percent: Some(99.5),
        rss_bytes: 12 << 20,
        threads: 1,
        start_time_ms: AT.unix_ms - 86_400_000,
        ..ProcessRow::default()
    };
    let second = ProcessRow { pid: 2, state: 'I', start_time_ms: -1, ..ProcessRow::default() };
    Message::Processes(ProcessTable { at: AT, processes: vec![first, second], total: 5000 })
}

fn messages() -> Vec<(&'static str, Message)> {
    let mut messages = vec![
        ("hello", hello()),
        ("status", status()),
        ("processes", processes()),
        ("alive", Message::Alive(Alive { sequence: 300, unix_ms: AT.unix_ms })),
    ];
    let names = ["goodbye_unknown", "goodbye_stop", "goodbye_reboot", "goodbye_upgrade"];
    let goodbyes = names.into_iter().zip(GoodbyeReason::ALL.map(Message::Goodbye));
    messages.extend(goodbyes);
    messages
}

#[test]
fn the_bytes_stay_what_they_were() {
    for (name, message) in messages() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/golden")
            .join(name)
            .with_extension("bin");
        let bytes = encode(&message);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &bytes).expect("the golden file can be written");
        }
        let golden = std::fs::read(&file).expect("there is a golden file of every message");
        assert_eq!(decode(&golden), Ok(Some(message)), "{name}");
        assert_eq!(bytes, golden, "{name}");
    }
}
