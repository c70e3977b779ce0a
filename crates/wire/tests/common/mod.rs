//! Messages for the tests: fixed ones, and any that is within the limits.

pub(crate) mod commands;
pub(crate) mod records;

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use watchfire_model::{
    Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Labels, Load, Memory, Moment, NetworkIo,
    ProcessRow, ProcessTable, Status,
};
use watchfire_wire::limits::{
    MAX_LIMIT_CORES, MAX_LOAD, MAX_MACHINE_CORES, MAX_PIDS, MAX_PROBE_MS, MAX_PROCESS_PERCENT,
    MAX_RATE, MAX_SHARE_PERCENT, MAX_UNIX_MS, MAX_UPTIME_NS, MIN_UNIX_MS,
};
use watchfire_wire::{
    Ack, Alive, Backfill, BackfillEnd, Fallback, FallbackBox, FallbackHeard, FallbackMember,
    FallbackSeat, FallbackTold, GoodbyeReason, Hello, Message, PROTOCOL, Probe, ProbeResult,
    ProbeSaw, Renew, Renewed, RingState,
};

fn to(most: f64) -> impl Strategy<Value = Option<f64>> {
    option::of(prop_oneof![0.0..=most, Just(0.0), Just(-0.0), Just(most)])
}

fn share() -> impl Strategy<Value = Option<f64>> {
    to(MAX_SHARE_PERCENT)
}

fn rate() -> impl Strategy<Value = Option<f64>> {
    to(MAX_RATE)
}

fn unix_ms() -> impl Strategy<Value = i64> {
    prop_oneof![MIN_UNIX_MS..=MAX_UNIX_MS, Just(MIN_UNIX_MS), Just(MAX_UNIX_MS)]
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..24).prop_map(String::from_iter)
}

fn moment() -> impl Strategy<Value = Moment> {
    (any::<u64>(), unix_ms())
        .prop_map(|(nanos, unix_ms)| Moment { monotonic: Duration::from_nanos(nanos), unix_ms })
}

fn cpu_load() -> impl Strategy<Value = CpuLoad> {
    (share(), share(), share(), share(), share()).prop_map(|(busy, user, system, iowait, steal)| {
        CpuLoad {
            busy_percent: busy,
            user_percent: user,
            system_percent: system,
            iowait_percent: iowait,
            steal_percent: steal,
        }
    })
}

fn cpu() -> impl Strategy<Value = Cpu> {
    (cpu_load(), vec(cpu_load(), 0..5), to(MAX_LIMIT_CORES))
        .prop_map(|(total, cores, limit_cores)| Cpu { total, cores, limit_cores })
}

fn memory() -> impl Strategy<Value = Memory> {
    (any::<[u64; 7]>(), option::of(any::<u64>())).prop_map(|(bytes, limit_bytes)| Memory {
        total_bytes: bytes[0],
        available_bytes: bytes[1],
        free_bytes: bytes[2],
        buffers_bytes: bytes[3],
        cached_bytes: bytes[4],
        swap_total_bytes: bytes[5],
        swap_used_bytes: bytes[6],
        limit_bytes,
    })
}

fn load() -> impl Strategy<Value = Load> {
    let average = || 0.0..=MAX_LOAD;
    let count = || 0..=u64::from(MAX_PIDS);
    (average(), average(), average(), count(), count()).prop_map(
        |(one, five, fifteen, running, threads)| Load { one, five, fifteen, running, threads },
    )
}

fn filesystem() -> impl Strategy<Value = Filesystem> {
    (text(), text(), text(), any::<[bool; 2]>(), any::<[u64; 5]>()).prop_map(
        |(device, mount_point, kind, flags, numbers)| Filesystem {
            device,
            mount_point,
            kind,
            read_only: flags[0],
            size_bytes: numbers[0],
            available_bytes: numbers[1],
            free_bytes: numbers[2],
            files: numbers[3],
            files_free: numbers[4],
            stale: flags[1],
        },
    )
}

fn disk() -> impl Strategy<Value = DiskIo> {
    (text(), vec(rate(), 4), share()).prop_map(|(name, rates, busy_percent)| DiskIo {
        name,
        read_bytes_per_s: rates[0],
        written_bytes_per_s: rates[1],
        reads_per_s: rates[2],
        writes_per_s: rates[3],
        busy_percent,
    })
}

fn network() -> impl Strategy<Value = NetworkIo> {
    (text(), vec(rate(), 6)).prop_map(|(name, rates)| NetworkIo {
        name,
        received_bytes_per_s: rates[0],
        sent_bytes_per_s: rates[1],
        received_packets_per_s: rates[2],
        sent_packets_per_s: rates[3],
        errors_per_s: rates[4],
        drops_per_s: rates[5],
    })
}

fn host() -> impl Strategy<Value = HostFacts> {
    (vec(text(), 6), 0..=MAX_MACHINE_CORES).prop_map(|(texts, cores)| HostFacts {
        hostname: texts[0].clone(),
        os: texts[1].clone(),
        kernel: texts[2].clone(),
        architecture: texts[3].clone(),
        cpu_model: texts[4].clone(),
        cores,
        boot_id: texts[5].clone(),
    })
}

fn status() -> impl Strategy<Value = Status> {
    let lists = (vec(filesystem(), 0..4), vec(disk(), 0..4), vec(network(), 0..4));
    (moment(), cpu(), memory(), load(), 0..=MAX_UPTIME_NS, lists, host()).prop_map(
        |(at, cpu, memory, load, uptime, (filesystems, disks, networks), host)| Status {
            at,
            cpu,
            memory,
            load,
            uptime: Duration::from_nanos(uptime),
            filesystems,
            disks,
            networks,
            host,
        },
    )
}

fn row() -> impl Strategy<Value = ProcessRow> {
    let state = prop_oneof![Just('\0'), proptest::char::range('!', '~')];
    let ids = vec(0..=MAX_PIDS, 3);
    let cpu = to(MAX_PROCESS_PERCENT);
    (ids, text(), text(), text(), state, cpu, any::<u64>(), unix_ms()).prop_map(
        |(ids, user, name, command, state, cpu_percent, rss_bytes, start_time_ms)| ProcessRow {
            pid: ids[0],
            ppid: ids[1],
            user,
            name,
            command,
            state,
            cpu_percent,
            rss_bytes,
            threads: ids[2],
            start_time_ms,
            ..ProcessRow::default()
        },
    )
}

fn table() -> impl Strategy<Value = ProcessTable> {
    (moment(), vec(row(), 0..8), 0..=MAX_PIDS).prop_map(|(at, processes, total)| ProcessTable {
        at,
        processes,
        total,
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    let labels = vec(("[a-zA-Z_][a-zA-Z0-9_]{0,8}", text()), 0..6);
    let who = (any::<u32>(), text(), text(), text(), text(), labels, unix_ms());
    let uptime = option::of(0..=MAX_UPTIME_NS / 1_000_000);
    let new = (
        option::of(ring()),
        option::of(any::<u64>()),
        uptime,
        text(),
        any::<bool>(),
        option::of(seat()),
    );
    (who, new).prop_map(
        |((minor, server, boot_id, agent_id, agent_version, pairs, unix_ms), new)| {
            let (ring, pulse, uptime_ms, reboot_reason, wants_ticks, fallback) = new;
            let mut labels = Labels::new();
            for (name, value) in pairs {
                labels.insert(&name, &value).expect("the pattern is that of label names");
            }
            Hello {
                major: PROTOCOL.major,
                minor,
                server,
                boot_id,
                agent_id,
                agent_version,
                labels,
                unix_ms,
                ring,
                pulse,
                uptime_ms,
                reboot_reason,
                wants_ticks,
                fallback,
            }
        },
    )
}

fn seat() -> impl Strategy<Value = FallbackSeat> {
    (any::<u16>(), option::of(any::<[u8; 16]>()))
        .prop_map(|(port, deal)| FallbackSeat { port, deal })
}

/// Of three members, two of which are a quorum.
fn fallback() -> impl Strategy<Value = Message> {
    let address = prop_oneof![
        Just(String::new()),
        any::<std::net::SocketAddr>().prop_map(|address| address.to_string())
    ];
    let member = ("[0-9a-f]{40}", text(), address)
        .prop_map(|(id, server, address)| FallbackMember { id, server, address });
    let one = (proptest::sample::select(&[[0, 1], [0, 2], [1, 2]][..]), vec(any::<u8>(), 0..96))
        .prop_map(|(members, sealed)| FallbackBox { members: members.to_vec(), sealed });
    let times = (0..=86_400_u32, 0..=86_400_u32);
    let secrets = (vec(any::<u8>(), 32), vec(one, 0..4), vec(any::<u8>(), 0..200));
    (any::<[u8; 16]>(), times, text(), secrets, vec(member, 3)).prop_map(
        |(deal, (after_s, after_stop_s), hub, (part, boxes, sealed), members)| {
            let quorum = 2;
            Message::Fallback(Box::new(Fallback {
                deal,
                after_s,
                after_stop_s,
                quorum,
                hub,
                part,
                boxes,
                sealed,
                members,
            }))
        },
    )
}

fn fallback_told() -> impl Strategy<Value = Message> {
    (any::<[u8; 16]>(), "[0-9a-f]{40}", 0..=9_u32, unix_ms(), unix_ms()).prop_map(
        |(outage, by, agreed, since_unix_ms, told_unix_ms)| {
            Message::FallbackTold(FallbackTold { outage, by, agreed, since_unix_ms, told_unix_ms })
        },
    )
}

fn ring() -> impl Strategy<Value = RingState> {
    (any::<[u8; 16]>(), any::<u64>(), any::<u64>()).prop_map(|(ring, one, other)| RingState {
        ring,
        oldest: one.min(other),
        newest: one.max(other),
    })
}

fn backfill() -> impl Strategy<Value = Message> {
    (1..=u64::MAX, any::<u64>(), any::<u64>()).prop_map(|(request, one, other)| {
        Message::Backfill(Backfill { request, from: one.min(other), to: one.max(other) })
    })
}

fn probe() -> impl Strategy<Value = Message> {
    let address = any::<std::net::SocketAddr>().prop_map(|address| address.to_string());
    let key = prop_oneof![Just(String::new()), "[0-9a-f]{40}"];
    (any::<u64>(), text(), address, key)
        .prop_map(|(id, server, address, key)| Message::Probe(Probe { id, server, address, key }))
}

fn probe_result() -> impl Strategy<Value = Message> {
    let saw = proptest::sample::select(&ProbeSaw::ALL[..]);
    (any::<u64>(), saw, 0..=MAX_PROBE_MS)
        .prop_map(|(id, saw, took_ms)| Message::ProbeResult(ProbeResult { id, saw, took_ms }))
}

/// Any message that is within the limits.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let alive = (any::<u64>(), unix_ms())
        .prop_map(|(sequence, unix_ms)| Message::Alive(Alive { sequence, unix_ms }));
    prop_oneof![
        hello().prop_map(Message::Hello),
        status().prop_map(Message::Status),
        table().prop_map(Message::Processes),
        alive,
        proptest::sample::select(&GoodbyeReason::ALL[..]).prop_map(Message::Goodbye),
        records::records().prop_map(Message::Records),
        any::<u64>().prop_map(|up_to| Message::Ack(Ack { up_to })),
        backfill(),
        (1..=u64::MAX, any::<bool>()).prop_map(|(request, missing)| {
            Message::BackfillEnd(BackfillEnd { request, missing })
        }),
        probe(),
        probe_result(),
        text().prop_map(|csr_pem| Message::Renew(Renew { csr_pem })),
        text().prop_map(|certificate_pem| Message::Renewed(Renewed { certificate_pem })),
        fallback(),
        fallback_told(),
        any::<[u8; 16]>().prop_map(|outage| Message::FallbackHeard(FallbackHeard { outage })),
        Just(Message::FallbackOver),
        Just(Message::HubLeaves),
        commands::message(),
    ]
}
