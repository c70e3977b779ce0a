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
use watchfire_wire::{
    Ack, Alive, Backfill, BackfillEnd, CancelCommand, Command, CommandRefused, CommandStarted,
    Exit, Fallback, FallbackBox, FallbackHeard, FallbackMember, FallbackSeat, FallbackTold,
    GoodbyeReason, Hello, Message, OpenWork, Output, OutputAck, OutputStream, Probe, ProbeResult,
    ProbeSaw, Record, RecordKind, Records, Renew, Renewed, RingState, RunPolicy, Runbook,
    RunbookParam, RunbookWork, Runbooks, SignedWork, StreamDecoder, StreamEncoder, Work, decode,
    encode,
};

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
        ..Hello::default()
    })
}

/// With what 1.1 added.
fn hello_1_1() -> Message {
    let Message::Hello(hello) = hello() else { panic!("a hello") };
    let ring = RingState { ring: *b"0123456789abcdef", oldest: 1 << 20, newest: (3 << 20) + 7 };
    Message::Hello(Hello {
        minor: 1,
        ring: Some(ring),
        pulse: Some(0x0102_0304_0506_0708),
        uptime_ms: Some(0),
        reboot_reason: "the kernel panicked".to_owned(),
        wants_ticks: true,
        ..hello
    })
}

/// With what 1.2 added.
fn hello_1_2() -> Message {
    let Message::Hello(hello) = hello_1_1() else { panic!("a hello") };
    let fallback = FallbackSeat { port: 5000, deal: Some(*b"a deal of agents") };
    Message::Hello(Hello { minor: 2, fallback: Some(fallback), ..hello })
}

fn fallback() -> Message {
    let member = |digit: &str, address: &str| FallbackMember {
        id: digit.repeat(40),
        server: format!("web-{digit}"),
        address: address.to_owned(),
    };
    let one = |members: [u32; 2]| FallbackBox { members: members.to_vec(), sealed: vec![7; 60] };
    Message::Fallback(Box::new(Fallback {
        deal: *b"a deal of agents",
        after_s: 120,
        after_stop_s: 1800,
        quorum: 2,
        hub: "https://hub.example.org".to_owned(),
        part: vec![1; 32],
        boxes: vec![one([0, 1]), one([1, 2])],
        sealed: vec![9; 40],
        members: vec![
            member("1", "192.0.2.7:5000"),
            member("2", "[2001:db8::7]:5000"),
            member("3", ""),
        ],
    }))
}

fn told() -> Message {
    Message::FallbackTold(FallbackTold {
        outage: *b"an outage's name",
        by: "1".repeat(40),
        agreed: 3,
        since_unix_ms: AT.unix_ms,
        told_unix_ms: AT.unix_ms + 120_000,
    })
}

const RUN: u64 = 0x0102_0304_0506_0708;

fn command(work: Work) -> Message {
    let stdin = b"some input\n".to_vec();
    Message::Command(Box::new(Command { run: RUN, command_id: *b"a command's id..", work, stdin }))
}

/// What 1.3 added.
fn commands() -> Vec<(&'static str, Message)> {
    let signed = SignedWork {
        envelope: br#"{"argv":["true"]}"#.to_vec(),
        signatures: vec!["-----BEGIN SSH SIGNATURE-----\n".to_owned()],
        index: 1,
        hashes: vec![[1; 32], [2; 32]],
    };
    let runbook = RunbookWork {
        name: "restart".to_owned(),
        params: [("unit".to_owned(), "nginx".to_owned())].into(),
        asker: "ada".to_owned(),
    };
    let open = OpenWork {
        argv: ["echo", "", "größe"].map(str::to_owned).to_vec(),
        user: "nobody".to_owned(),
        folder: "/".to_owned(),
        timeout_s: 60,
        output_bytes: 1 << 20,
        asker: "ada".to_owned(),
    };
    let exit = Exit {
        run: RUN,
        code: Some(-1),
        signal: None,
        began_unix_ms: AT.unix_ms,
        ended_unix_ms: AT.unix_ms + 1500,
        user_us: 300,
        system_us: 20,
        peak_rss_bytes: 1 << 20,
        truncated: true,
        timed_out: true,
        canceled: true,
        output_bytes: 70_000,
        output_lost: true,
    };
    let killed = Exit { run: RUN, signal: Some(9), ..Exit::default() };
    let unit = RunbookParam {
        name: "unit".to_owned(),
        kind: "choice".to_owned(),
        hint: "nginx, postgresql".to_owned(),
    };
    let restart = Runbook {
        name: "restart".to_owned(),
        description: "Restarts a unit".to_owned(),
        params: vec![unit],
        confirm: true,
    };
    let list = vec![Runbook::default(), restart];
    let output = Output { run: RUN, stream: OutputStream::Stderr, offset: 300, bytes: vec![0xff] };
    let why = "the policy of this server is off".to_owned();
    vec![
        ("command_signed", command(Work::Signed(signed))),
        ("command_runbook", command(Work::Runbook(runbook))),
        ("command_open", command(Work::Open(open))),
        ("cancel_command", Message::CancelCommand(CancelCommand { run: RUN })),
        ("command_refused", Message::CommandRefused(CommandRefused { run: RUN, why })),
        (
            "command_started",
            Message::CommandStarted(CommandStarted { run: RUN, unix_ms: AT.unix_ms }),
        ),
        ("output", Message::Output(output)),
        ("output_ack", Message::OutputAck(OutputAck { run: RUN, offset: 301, done: true })),
        ("exit", Message::Exit(exit)),
        ("exit_killed", Message::Exit(killed)),
        ("runbooks", Message::Runbooks(Runbooks { policy: RunPolicy::Signed, list })),
    ]
}

fn record(sequence: u64, kind: RecordKind, later_ms: u64, bytes: &[u8]) -> Record {
    Record {
        sequence,
        kind,
        monotonic_ns: 86_400_000_000_000 + later_ms * 1_000_000,
        unix_ms: AT.unix_ms + later_ms.cast_signed(),
        bytes: bytes.to_vec(),
    }
}

/// Every kind, a hole in the sequences, clocks that part, and no content.
fn records() -> Message {
    let mut list = vec![
        record(1_048_577, RecordKind::Tick, 0, b"a tick"),
        record(1_048_578, RecordKind::Processes, 1, b"processes"),
        record(2_097_152, RecordKind::Event, 900, b"{}"),
        record(2_097_153, RecordKind::Other(9), 1000, b""),
        record(2_097_154, RecordKind::Tick, 2000, b"the last"),
    ];
    list[2].unix_ms -= 3_600_000;
    list[3].monotonic_ns += 123_456;
    Message::Records(Records { request: 5, previous: 1_048_576, records: list })
}

fn live(sequence: u64, later_ms: u64) -> Message {
    let records = vec![record(sequence, RecordKind::Tick, later_ms, b"a tick")];
    Message::Records(Records { request: 0, previous: sequence - 1, records })
}

fn new_messages() -> Vec<(&'static str, Message)> {
    let probe = Probe {
        id: 77,
        server: "web-1".to_owned(),
        address: "[2001:db8::7]:5000".to_owned(),
        key: "0123456789abcdef0123456789abcdef01234567".to_owned(),
    };
    let result = ProbeResult { id: 77, saw: ProbeSaw::PingAnswered, took_ms: 312 };
    let csr_pem = "-----BEGIN CERTIFICATE REQUEST-----\n".to_owned();
    let certificate_pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    vec![
        ("hello_1_1", hello_1_1()),
        ("records", records()),
        ("records_live", live(1_048_577, 0)),
        ("ack", Message::Ack(Ack { up_to: 1_048_577 })),
        ("backfill", Message::Backfill(Backfill { request: 5, from: 1_048_577, to: 2_097_154 })),
        ("backfill_end", Message::BackfillEnd(BackfillEnd { request: 5, missing: true })),
        ("probe", Message::Probe(probe)),
        ("probe_result", Message::ProbeResult(result)),
        ("renew", Message::Renew(Renew { csr_pem })),
        ("renewed", Message::Renewed(Renewed { certificate_pem })),
        ("hello_1_2", hello_1_2()),
        ("fallback", fallback()),
        ("fallback_over", Message::FallbackOver),
        ("fallback_told", told()),
        ("fallback_heard", Message::FallbackHeard(FallbackHeard { outage: *b"an outage's name" })),
        ("hub_leaves", Message::HubLeaves),
    ]
}

/// Compares with the golden file, or writes it anew when told to.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/golden");
    let file = folder.join(name).with_extension("bin");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, bytes).expect("the golden file can be written");
    }
    std::fs::read(&file).expect("there is a golden file of every message")
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
    messages.extend(new_messages());
    messages.extend(commands());
    messages
}

#[test]
fn the_bytes_stay_what_they_were() {
    for (name, message) in messages() {
        let bytes = encode(&message).expect("it is within the limits");
        let golden = golden(name, &bytes);
        assert_eq!(decode(&golden), Ok(Some(message)), "{name}");
        assert_eq!(bytes, golden, "{name}");
    }
}

/// A live record that goes on from another, which only its stream can read.
#[test]
fn the_bytes_of_a_stream_stay_what_they_were() {
    let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
    for (name, message) in
        [("records_live", live(1_048_577, 0)), ("records_live_next", live(1_048_578, 1003))]
    {
        let bytes = encoder.encode(&message).expect("it is within the limits");
        let golden = golden(name, &bytes);
        assert_eq!(decoder.decode(&golden), Ok(Some(message)), "{name}");
        assert_eq!(bytes, golden, "{name}");
    }
}
