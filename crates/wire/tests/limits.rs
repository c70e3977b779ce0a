//! What is above a limit is cut on the way out and refused on the way in.

use watchfire_model::{
    Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Labels, Load, Moment, NetworkIo, ProcessRow,
    ProcessTable, Status,
};
use watchfire_wire::limits::{
    MAX_CORES, MAX_DISKS, MAX_FALLBACK_BYTES, MAX_FALLBACK_MEMBERS, MAX_FALLBACK_S,
    MAX_FILESYSTEMS, MAX_LABELS, MAX_NETWORKS, MAX_PATH_BYTES, MAX_PEM_BYTES, MAX_PIDS,
    MAX_PROBE_MS, MAX_PROCESSES, MAX_SERVER_BYTES, MAX_TEXT_BYTES, MAX_UNIX_MS, MAX_UPTIME_NS,
    MIN_UNIX_MS,
};
use watchfire_wire::{
    Alive, Backfill, BackfillEnd, Fallback, FallbackBox, FallbackMember, FallbackTold, Hello,
    MAX_FRAME_BYTES, Message, Probe, ProbeResult, ProbeSaw, Record, Records, Renew, Renewed,
    RingState, WireError, decode, encode,
};

fn through(message: &Message) -> Message {
    let bytes = encode(message).expect("it is cut, not refused");
    assert!(bytes.len() <= MAX_FRAME_BYTES, "{} bytes", bytes.len());
    decode(&bytes).expect("what was encoded can be decoded").expect("a known message")
}

fn huge() -> String {
    "ü".repeat(MAX_FRAME_BYTES)
}

#[test]
fn the_largest_status_fits_a_frame() {
    let most = Some(f64::MAX);
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

/// Numbers of every kind, at their bounds and just over them.
#[test]
fn absurd_numbers_are_refused_by_name() {
    let double = |number, value: f64| {
        let mut bytes = Vec::new();
        prost::encoding::double::encode(number, &value, &mut bytes);
        bytes
    };
    let uint = |number, value: u64| {
        let mut bytes = Vec::new();
        prost::encoding::uint64::encode(number, &value, &mut bytes);
        bytes
    };
    let int = |number, value: i64| {
        let mut bytes = Vec::new();
        prost::encoding::sint64::encode(number, &value, &mut bytes);
        bytes
    };
    let nested = |path: &[u32], inner: Vec<u8>| {
        path.iter().rev().fold(inner, |inner, number| field(*number, &inner))
    };
    let expect = |frame: Vec<u8>, bad: Option<&'static str>, shown: &str| match bad {
        Some(what) => assert_eq!(decode(&frame), Err(WireError::BadValue { what }), "{shown}"),
        None => assert!(decode(&frame).is_ok(), "{shown}: {:?}", decode(&frame)),
    };
    let doubles: [(&[u32], u32, f64, &'static str); 17] = [
        (&[2, 2, 1], 1, 101.0, "cpu share"),
        (&[2, 2, 1], 5, 101.0, "cpu share"),
        (&[2, 2, 2], 3, 101.0, "cpu share"),
        (&[2, 2], 3, 1e6, "cpu limit"),
        (&[2, 4], 1, 1e6, "load average"),
        (&[2, 4], 2, 1e6, "load average"),
        (&[2, 4], 3, 1e6, "load average"),
        (&[2, 7], 2, 1e15, "disk rate"),
        (&[2, 7], 3, 1e15, "disk rate"),
        (&[2, 7], 4, 1e15, "disk rate"),
        (&[2, 7], 5, 1e15, "disk rate"),
        (&[2, 7], 6, 101.0, "disk share"),
        (&[2, 8], 2, 1e15, "network rate"),
        (&[2, 8], 5, 1e15, "network rate"),
        (&[2, 8], 6, 1e15, "network rate"),
        (&[2, 8], 7, 1e15, "network rate"),
        (&[3, 2], 7, 409_600.0, "process cpu"),
    ];
    for (path, number, most, what) in doubles {
        for value in [most * 1.001, 1e300, -0.001, f64::INFINITY, f64::NAN] {
            let frame = nested(path, double(number, value));
            expect(frame, Some(what), &format!("{what} {number}: {value}"));
        }
        for value in [0.0, 0.5, most] {
            let frame = nested(path, double(number, value));
            expect(frame, None, &format!("{what} {number}: {value}"));
        }
    }
    let pids = u64::from(MAX_PIDS);
    let counts: [(&[u32], u32, u64, &'static str); 8] = [
        (&[2, 4], 4, pids, "count of threads"),
        (&[2, 4], 5, pids, "count of threads"),
        (&[2], 5, MAX_UPTIME_NS, "uptime"),
        (&[2, 9], 6, 4096, "count of cores"),
        (&[3], 3, pids, "count of processes"),
        (&[3, 2], 1, pids, "process id"),
        (&[3, 2], 2, pids, "process id"),
        (&[3, 2], 9, pids, "count of threads"),
    ];
    for (path, number, most, what) in counts {
        expect(nested(path, uint(number, most)), None, what);
        expect(nested(path, uint(number, most + 1)), Some(what), what);
    }
    for (path, number, what) in [
        (&[2, 1][..], 2, "wall clock"),
        (&[3, 1], 2, "wall clock"),
        (&[4], 2, "wall clock"),
        (&[3, 2], 10, "start of a process"),
    ] {
        for value in [MIN_UNIX_MS - 1, MAX_UNIX_MS + 1, i64::MIN, i64::MAX] {
            expect(nested(path, int(number, value)), Some(what), &format!("{what}: {value}"));
        }
        for value in [MIN_UNIX_MS, 0, 1_760_000_000_000, MAX_UNIX_MS] {
            expect(nested(path, int(number, value)), None, &format!("{what}: {value}"));
        }
    }
    let hello = nested(&[1], [uint(1, 1), int(8, i64::MAX)].concat());
    expect(hello, Some("wall clock"), "hello");
}

#[test]
fn what_an_honest_sender_reads_wrong_is_moved_into_its_bounds() {
    let at = Moment { unix_ms: i64::MIN, ..Moment::default() };
    let busy =
        CpuLoad { busy_percent: Some(100.4), user_percent: Some(-0.2), ..CpuLoad::default() };
    let status = Status {
        at,
        cpu: Cpu { total: busy, ..Cpu::default() },
        load: Load { one: 1e9, threads: u64::MAX, ..Load::default() },
        uptime: std::time::Duration::MAX,
        ..Status::default()
    };
    let Message::Status(back) = through(&Message::Status(status)) else { panic!("a status") };
    assert_eq!(back.at.unix_ms, MIN_UNIX_MS);
    assert_eq!(back.cpu.total.busy_percent, Some(100.0));
    assert_eq!(back.cpu.total.user_percent, Some(0.0));
    assert_eq!((back.load.one, back.load.threads), (1e6, u64::from(MAX_PIDS)));
    let row = ProcessRow {
        cpu_percent: Some(1e12),
        start_time_ms: i64::MAX,
        pid: u32::MAX,
        ..ProcessRow::default()
    };
    let table = ProcessTable { processes: vec![row], total: u32::MAX, at };
    let Message::Processes(back) = through(&Message::Processes(table)) else {
        panic!("a process table")
    };
    assert_eq!(back.processes[0].cpu_percent, Some(409_600.0));
    assert_eq!((back.processes[0].start_time_ms, back.processes[0].pid), (MAX_UNIX_MS, MAX_PIDS));
    assert_eq!(back.total, MAX_PIDS);
    for message in [
        Message::Hello(Hello { unix_ms: i64::MAX, ..Hello::default() }),
        Message::Alive(Alive { sequence: 1, unix_ms: i64::MIN }),
    ] {
        through(&message);
    }
    // What is a little over all comes in as all.
    let mut share = Vec::new();
    prost::encoding::double::encode(1, &100.9, &mut share);
    let frame = field(2, &field(2, &field(1, &share)));
    let Ok(Some(Message::Status(status))) = decode(&frame) else { panic!("a status") };
    assert_eq!(status.cpu_percent(), Some(100.0));
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

#[test]
fn the_new_fields_of_a_hello_are_cut_and_moved_into_their_bounds() {
    let ring = RingState { ring: [7; 16], oldest: 9, newest: 8 };
    let hello = Hello {
        ring: Some(ring),
        uptime_ms: Some(u64::MAX),
        reboot_reason: huge(),
        ..Hello::default()
    };
    let Message::Hello(back) = through(&Message::Hello(hello)) else { panic!("a hello") };
    assert_eq!(back.ring, Some(RingState { oldest: 8, ..ring }));
    assert_eq!(back.uptime_ms, Some(MAX_UPTIME_NS / 1_000_000));
    assert_eq!(back.reboot_reason, "ü".repeat(MAX_TEXT_BYTES / 2));
}

/// A hello with one more field, after its major version.
fn hello_with(more: &[u8]) -> Result<Option<Message>, WireError> {
    decode(&field(1, &[&[8, 1], more].concat()))
}

#[test]
fn impossible_fields_of_a_hello_are_refused_by_name() {
    let bad = |what| Err(WireError::BadValue { what });
    for length in [0, 15, 17] {
        assert_eq!(hello_with(&field(9, &field(1, &vec![1; length]))), bad("ring id"));
    }
    let backwards = [field(1, &[1; 16]), vec![2 << 3, 5, 3 << 3, 4]].concat();
    assert_eq!(hello_with(&field(9, &backwards)), bad("oldest record of a ring"));
    let mut uptime = Vec::new();
    prost::encoding::uint64::encode(11, &(MAX_UPTIME_NS / 1_000_000 + 1), &mut uptime);
    assert_eq!(hello_with(&uptime), bad("uptime"));
    let reason = field(12, &[b'x'; MAX_TEXT_BYTES + 1]);
    let long = WireError::TooLong { what: "reason of a reboot", most: MAX_TEXT_BYTES };
    assert_eq!(hello_with(&reason), Err(long));
}

/// What would be lost or would mean something else is refused, not cut.
#[test]
fn what_must_not_be_cut_is_refused_on_the_way_out() {
    let bad = |what| Err(WireError::BadValue { what });
    let long = |what, most| Err(WireError::TooLong { what, most });
    let probe = |address: &str, key: &str| {
        let (address, key) = (address.to_owned(), key.to_owned());
        Message::Probe(Probe { id: 1, server: "web-1".to_owned(), address, key })
    };
    let pem = "x".repeat(MAX_PEM_BYTES + 1);
    let ask = Backfill { request: 1, from: 3, to: 2 };
    for (message, refused) in [
        (Message::Backfill(ask), bad("backfill range")),
        (Message::Backfill(Backfill { request: 0, to: 9, ..ask }), bad("backfill request")),
        (Message::BackfillEnd(BackfillEnd::default()), bad("backfill request")),
        (probe("web-1:5000", ""), bad("address of a probe")),
        (probe("192.0.2.1", ""), bad("address of a probe")),
        (probe(&"1".repeat(65), ""), long("address of a probe", 64)),
        (probe("192.0.2.1:5000", "abc"), bad("key of a probe")),
        (probe("192.0.2.1:5000", &"A".repeat(40)), bad("key of a probe")),
        (Message::Renew(Renew { csr_pem: pem.clone() }), long("signing request", MAX_PEM_BYTES)),
        (Message::Renewed(Renewed { certificate_pem: pem }), long("certificate", MAX_PEM_BYTES)),
    ] {
        assert_eq!(encode(&message), refused, "{message:?}");
    }
    assert!(encode(&probe("[fe80::1%3]:5000", &"0a".repeat(20))).is_ok());
}

#[test]
fn impossible_requests_and_answers_are_refused_on_the_way_in() {
    let bad = |what| Err(WireError::BadValue { what });
    for (frame, refused) in [
        (field(7, &[8, 1, 16, 3, 24, 2]), bad("backfill range")),
        (field(7, &[16, 3, 24, 4]), bad("backfill request")),
        (field(14, &[16, 1]), bad("backfill request")),
        (field(9, &[8, 1]), bad("address of a probe")),
        (
            field(15, &field(1, &[b'x'; MAX_PEM_BYTES + 1])),
            Err(WireError::TooLong { what: "signing request", most: MAX_PEM_BYTES }),
        ),
        (
            field(16, &field(1, &[b'x'; MAX_PEM_BYTES + 1])),
            Err(WireError::TooLong { what: "certificate", most: MAX_PEM_BYTES }),
        ),
    ] {
        assert_eq!(decode(&frame), refused, "{frame:?}");
    }
    let took = |took_ms: u32| {
        let mut bytes = vec![8, 1];
        prost::encoding::uint32::encode(3, &took_ms, &mut bytes);
        decode(&field(10, &bytes))
    };
    let result = ProbeResult { id: 1, saw: ProbeSaw::Declined, took_ms: MAX_PROBE_MS };
    assert_eq!(took(MAX_PROBE_MS), Ok(Some(Message::ProbeResult(result))));
    assert_eq!(took(MAX_PROBE_MS + 1), bad("time of a probe"));
    let late = ProbeResult { took_ms: u32::MAX, ..result };
    assert_eq!(through(&Message::ProbeResult(late)), Message::ProbeResult(result));
}

#[test]
fn what_a_newer_agent_saw_says_nothing() {
    let frame = field(10, &[8, 1, 16, 99]);
    let declined = ProbeResult { id: 1, saw: ProbeSaw::Declined, took_ms: 0 };
    assert_eq!(decode(&frame), Ok(Some(Message::ProbeResult(declined))));
}

#[test]
fn records_that_fit_no_frame_together_are_refused_and_not_cut() {
    let record = |sequence| Record { sequence, bytes: vec![0; 600_000], ..Record::default() };
    let records = Records { records: vec![record(1), record(2)], ..Records::default() };
    let refused = encode(&Message::Records(records)).expect_err("they do not fit");
    assert!(matches!(refused, WireError::TooLarge { bytes: 1_200_000.. }), "{refused:?}");
}

/// Of `members`, with a box for the first two.
fn fallback(members: usize) -> Fallback {
    let member = |number: usize| FallbackMember {
        id: format!("{number:040x}"),
        server: "web-1".to_owned(),
        address: "192.0.2.7:5000".to_owned(),
    };
    Fallback {
        quorum: 2,
        part: vec![1; 32],
        boxes: vec![FallbackBox { members: vec![0, 1], sealed: vec![2; 60] }],
        members: (0..members).map(member).collect(),
        ..Fallback::default()
    }
}

/// Something that makes a fallback wrong.
type Change<'a> = &'a dyn Fn(&mut Fallback);

#[test]
fn a_fallback_is_never_cut_and_a_wrong_one_never_leaves() {
    let refused = |change: Change<'_>| {
        let mut one = fallback(MAX_FALLBACK_MEMBERS);
        change(&mut one);
        encode(&Message::Fallback(Box::new(one))).is_err()
    };
    assert!(!refused(&|_| {}));
    let wrong: [(&str, Change<'_>); 12] = [
        ("too many members", &|one| one.members.push(one.members[0].clone())),
        ("too many boxes", &|one| one.boxes = vec![one.boxes[0].clone(); 29]),
        ("a short part", &|one| one.part = vec![1; 31]),
        ("too much content", &|one| one.sealed = vec![0; MAX_FALLBACK_BYTES + 1]),
        ("too large a box", &|one| one.boxes[0].sealed = vec![0; 97]),
        ("a box of nobody", &|one| one.boxes[0].members = vec![0, 9]),
        ("a box of one twice", &|one| one.boxes[0].members = vec![1, 1]),
        ("a box of too few", &|one| one.boxes[0].members = vec![1]),
        ("a quorum that cannot be", &|one| (one.quorum, one.boxes) = (10, Vec::new())),
        ("too long a time", &|one| one.after_s = MAX_FALLBACK_S + 1),
        ("no address", &|one| one.members[0].address = "web-1:5000".to_owned()),
        ("no id", &|one| one.members[0].id = "A".repeat(40)),
    ];
    for (what, change) in wrong {
        assert!(refused(change), "{what}");
    }
    let told = FallbackTold { by: "x".repeat(40), ..FallbackTold::default() };
    assert!(encode(&Message::FallbackTold(told)).is_err());
}

#[test]
fn members_and_boxes_are_counted_before_they_are_made() {
    let field = |number: u8, inner: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        [bytes, inner.to_vec()].concat()
    };
    for (number, most) in [(7, 28), (9, MAX_FALLBACK_MEMBERS)] {
        let inner = field(number, &[]).repeat(most + 1);
        let mut frame = Vec::new();
        prost::encoding::bytes::encode(17, &inner, &mut frame);
        assert!(matches!(decode(&frame), Err(WireError::TooMany { .. })), "{number}");
    }
}
