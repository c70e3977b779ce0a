//! What is above a limit is cut on the way out and refused on the way in.

use watchfire_model::{
    Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Labels, Load, NetworkIo, ProcessRow, ProcessTable,
    Status,
};
use watchfire_wire::limits::{
    MAX_CORES, MAX_DISKS, MAX_FILESYSTEMS, MAX_LABELS, MAX_NETWORKS, MAX_PATH_BYTES, MAX_PROCESSES,
    MAX_SERVER_BYTES,
};
use watchfire_wire::{Hello, MAX_FRAME_BYTES, Message, WireError, decode, encode};

fn through(message: &Message) -> Message {
    let bytes = encode(message);
    assert!(bytes.len() <= MAX_FRAME_BYTES, "{} bytes", bytes.len());
    decode(&bytes).expect("what was encoded can be decoded").expect("a known message")
}

fn huge() -> String {
    "ü".repeat(MAX_FRAME_BYTES)
}

#[test]
fn the_largest_status_fits_a_frame() {
    let most = Some(f64::MIN);
    let cpu_load = CpuLoad {
        busy_percent: most,
        user_percent: most,
        system_percent: most,
        iowait_percent: most,
        steal_percent: most,
    };
    let long = "x".repeat(2 * MAX_PATH_BYTES);
    let filesystem = Filesystem {
        device: long.clone(),
        mount_point: long.clone(),
        kind: long.clone(),
        read_only: true,
        size_bytes: u64::MAX,
        available_bytes: u64::MAX,
        free_bytes: u64::MAX,
        files: u64::MAX,
        files_free: u64::MAX,
        stale: true,
    };
    let disk = DiskIo {
        name: long.clone(),
        read_bytes_per_s: most,
        written_bytes_per_s: most,
        reads_per_s: most,
        writes_per_s: most,
        busy_percent: most,
    };
    let network = NetworkIo {
        name: long.clone(),
        received_bytes_per_s: most,
        sent_bytes_per_s: most,
        received_packets_per_s: most,
        sent_packets_per_s: most,
        errors_per_s: most,
        drops_per_s: most,
    };
    let status = Status {
        cpu: Cpu { cores: vec![cpu_load; MAX_CORES + 1], ..Cpu::default() },
        filesystems: vec![filesystem; MAX_FILESYSTEMS + 1],
        disks: vec![disk; MAX_DISKS + 1],
        networks: vec![network; MAX_NETWORKS + 1],
        host: HostFacts { os: long.clone(), cpu_model: long, ..HostFacts::default() },
        ..Status::default()
    };
    let Message::Status(back) = through(&Message::Status(status)) else { panic!("a status") };
    assert_eq!(back.cpu.cores.len(), MAX_CORES);
    assert_eq!(back.filesystems.len(), MAX_FILESYSTEMS);
    assert_eq!(back.disks.len(), MAX_DISKS);
    assert_eq!(back.networks.len(), MAX_NETWORKS);
}

#[test]
fn a_cut_process_table_tells_how_many_there_were() {
    for (count, command, total, told) in [
        (MAX_PROCESSES, "short", 0, 0),
        (MAX_PROCESSES + 1, "short", 0, MAX_PROCESSES as u32 + 1),
        (MAX_PROCESSES + 1, "short", 9000, 9000),
        (MAX_PROCESSES, huge().as_str(), 0, MAX_PROCESSES as u32),
    ] {
        let row = ProcessRow { command: command.to_owned(), ..ProcessRow::default() };
        // Huge texts are shared by few rows only, so that the test itself stays small.
        let mut processes = vec![ProcessRow { pid: 7, ..row.clone() }];
        let filler = ProcessRow { command: row.command.chars().take(1000).collect(), ..row };
        processes.resize(count, filler);
        let table = ProcessTable { processes, total, ..ProcessTable::default() };
        let Message::Processes(back) = through(&Message::Processes(table)) else {
            panic!("a process table")
        };
        assert_eq!(back.total, told);
        assert_eq!(back.processes.first().map(|row| row.pid), Some(7));
        assert!(back.processes.len() <= MAX_PROCESSES);
        assert!(back.processes.len() > 400, "only {} rows were kept", back.processes.len());
    }
}

#[test]
fn texts_are_cut_between_characters() {
    let mut labels = Labels::new();
    for number in 0..=MAX_LABELS {
        labels.insert(&format!("l{number:03}"), &huge()).expect("a label name");
    }
    labels.insert(&"a".repeat(500), "lost").expect("a label name");
    let hello = Hello { server: huge(), labels, ..Hello::default() };
    let Message::Hello(back) = through(&Message::Hello(hello)) else { panic!("a hello") };
    assert_eq!(back.server, "ü".repeat(MAX_SERVER_BYTES / 2));
    assert_eq!(back.labels.len(), MAX_LABELS);
    assert!(back.labels.iter().all(|(name, _)| name.len() == 4));
}

#[test]
fn no_number_that_is_none_goes_out() {
    let status = Status {
        cpu: Cpu { limit_cores: Some(f64::INFINITY), ..Cpu::default() },
        load: Load { one: f64::NAN, five: 2.0, ..Load::default() },
        ..Status::default()
    };
    let Message::Status(back) = through(&Message::Status(status)) else { panic!("a status") };
    assert_eq!(back.cpu.limit_cores, None);
    assert_eq!((back.load.one, back.load.five), (0.0, 2.0));
    let row = ProcessRow { state: '\u{202e}', ..ProcessRow::default() };
    let table = ProcessTable { processes: vec![row], ..ProcessTable::default() };
    let Message::Processes(back) = through(&Message::Processes(table)) else {
        panic!("a process table")
    };
    assert_eq!(back.processes[0].state, '?');
}

/// A length-delimited field.
fn field(number: u32, inner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(number, &inner.to_vec(), &mut bytes);
    bytes
}

#[test]
fn impossible_values_are_refused_by_name() {
    let double = |number, value| {
        let mut bytes = Vec::new();
        prost::encoding::double::encode(number, &value, &mut bytes);
        bytes
    };
    let uint = |number, value| {
        let mut bytes = Vec::new();
        prost::encoding::uint32::encode(number, &value, &mut bytes);
        bytes
    };
    let bad = |what| Err(WireError::BadValue { what });
    let process = |inner: &[u8]| field(3, &field(2, inner));
    for (frame, expected) in [
        (field(2, &field(4, &double(1, f64::NAN))), bad("load average")),
        (field(2, &field(2, &field(1, &double(1, f64::INFINITY)))), bad("cpu share")),
        (field(2, &field(7, &double(2, f64::NEG_INFINITY))), bad("disk rate")),
        (process(&double(7, f64::NAN)), bad("process cpu")),
        (process(&uint(6, 0xd800)), bad("process state")),
        (process(&uint(6, 0x202e)), bad("process state")),
        (process(&uint(6, 10)), bad("process state")),
        (
            process(&field(5, &[b'x'; MAX_PATH_BYTES + 1])),
            Err(WireError::TooLong { what: "command line", most: MAX_PATH_BYTES }),
        ),
        (field(1, &[uint(1, 1), field(7, &field(1, b"a b"))].concat()), bad("label name")),
    ] {
        assert_eq!(decode(&frame), expected, "{frame:?}");
    }
}

#[test]
fn another_major_version_is_named_whatever_else_the_hello_holds() {
    let mut bytes = Vec::new();
    prost::encoding::uint32::encode(1, &2, &mut bytes);
    prost::encoding::uint32::encode(2, &7, &mut bytes);
    // A text in this version, a number in that one.
    prost::encoding::uint32::encode(3, &5, &mut bytes);
    let error = decode(&field(1, &bytes)).expect_err("another major version");
    assert!(error.to_string().starts_with("the other side speaks protocol 2.7"), "{error}");
}

#[test]
fn deep_nesting_is_refused_without_a_deep_stack() {
    // Groups are the one part of the format that nests without lengths.
    let groups = vec![15 << 3 | 3; MAX_FRAME_BYTES];
    assert!(matches!(decode(&groups), Err(WireError::Malformed { .. })));
}
