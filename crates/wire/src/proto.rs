//! The bytes' shape, field by field. A number is never used again for
//! something else, not even after its field is gone.

pub(crate) mod command;

use prost::bytes::Bytes;
use prost::{Message, Oneof};

/// What one WebSocket frame holds.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Frame {
    #[prost(
        oneof = "Body",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26"
    )]
    pub(crate) body: Option<Body>,
}

#[derive(Clone, PartialEq, Oneof)]
#[expect(clippy::large_enum_variant, reason = "it lives while one frame is read or written")]
pub(crate) enum Body {
    #[prost(message, tag = "1")]
    Hello(Hello),
    #[prost(message, tag = "2")]
    Status(Status),
    #[prost(message, tag = "3")]
    Processes(Processes),
    #[prost(message, tag = "4")]
    Alive(Alive),
    #[prost(message, tag = "5")]
    Goodbye(Goodbye),
    #[prost(message, tag = "6")]
    Records(Records),
    #[prost(message, tag = "7")]
    Backfill(Backfill),
    #[prost(message, tag = "8")]
    Ack(Ack),
    #[prost(message, tag = "9")]
    Probe(Probe),
    #[prost(message, tag = "10")]
    ProbeResult(ProbeResult),
    #[prost(message, tag = "11")]
    Command(command::Command),
    #[prost(message, tag = "12")]
    Output(command::Output),
    #[prost(message, tag = "13")]
    Exit(command::Exit),
    #[prost(message, tag = "14")]
    BackfillEnd(BackfillEnd),
    #[prost(message, tag = "15")]
    Renew(Renew),
    #[prost(message, tag = "16")]
    Renewed(Renewed),
    #[prost(message, tag = "17")]
    Fallback(Fallback),
    #[prost(message, tag = "18")]
    FallbackOver(Nothing),
    #[prost(message, tag = "19")]
    FallbackTold(FallbackTold),
    #[prost(message, tag = "20")]
    FallbackHeard(FallbackHeard),
    #[prost(message, tag = "21")]
    HubLeaves(Nothing),
    #[prost(message, tag = "22")]
    CancelCommand(command::CancelCommand),
    #[prost(message, tag = "23")]
    CommandRefused(command::CommandRefused),
    #[prost(message, tag = "24")]
    CommandStarted(command::CommandStarted),
    #[prost(message, tag = "25")]
    OutputAck(command::OutputAck),
    #[prost(message, tag = "26")]
    Runbooks(command::Runbooks),
}

/// The part of a frame that every version of the protocol can read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnyFrame {
    #[prost(message, optional, tag = "1")]
    pub(crate) hello: Option<AnyHello>,
}

/// The part of a hello that every version of the protocol can read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnyHello {
    #[prost(uint32, tag = "1")]
    pub(crate) major: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) minor: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Hello {
    #[prost(uint32, tag = "1")]
    pub(crate) major: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) minor: u32,
    #[prost(string, tag = "3")]
    pub(crate) server: String,
    #[prost(string, tag = "4")]
    pub(crate) boot_id: String,
    #[prost(string, tag = "5")]
    pub(crate) agent_id: String,
    #[prost(string, tag = "6")]
    pub(crate) agent_version: String,
    #[prost(message, repeated, tag = "7")]
    pub(crate) labels: Vec<Label>,
    #[prost(sint64, tag = "8")]
    pub(crate) unix_ms: i64,
    #[prost(message, optional, tag = "9")]
    pub(crate) ring: Option<Ring>,
    /// Random, so that a varint would be longer.
    #[prost(fixed64, optional, tag = "10")]
    pub(crate) pulse: Option<u64>,
    #[prost(uint64, optional, tag = "11")]
    pub(crate) uptime_ms: Option<u64>,
    #[prost(string, tag = "12")]
    pub(crate) reboot_reason: String,
    #[prost(bool, tag = "13")]
    pub(crate) wants_ticks: bool,
    #[prost(message, optional, tag = "14")]
    pub(crate) fallback: Option<FallbackSeat>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ring {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) ring: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(crate) oldest: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) newest: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Moment {
    #[prost(uint64, tag = "1")]
    pub(crate) monotonic_ns: u64,
    #[prost(sint64, tag = "2")]
    pub(crate) unix_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(message, optional, tag = "1")]
    pub(crate) at: Option<Moment>,
    #[prost(message, optional, tag = "2")]
    pub(crate) cpu: Option<Cpu>,
    #[prost(message, optional, tag = "3")]
    pub(crate) memory: Option<Memory>,
    #[prost(message, optional, tag = "4")]
    pub(crate) load: Option<Load>,
    #[prost(uint64, tag = "5")]
    pub(crate) uptime_ns: u64,
    #[prost(message, repeated, tag = "6")]
    pub(crate) filesystems: Vec<Filesystem>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) disks: Vec<DiskIo>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) networks: Vec<NetworkIo>,
    #[prost(message, optional, tag = "9")]
    pub(crate) host: Option<HostFacts>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Cpu {
    #[prost(message, optional, tag = "1")]
    pub(crate) total: Option<CpuLoad>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) cores: Vec<CpuLoad>,
    #[prost(double, optional, tag = "3")]
    pub(crate) limit_cores: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CpuLoad {
    #[prost(double, optional, tag = "1")]
    pub(crate) busy_percent: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) user_percent: Option<f64>,
    #[prost(double, optional, tag = "3")]
    pub(crate) system_percent: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub(crate) iowait_percent: Option<f64>,
    #[prost(double, optional, tag = "5")]
    pub(crate) steal_percent: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Memory {
    #[prost(uint64, tag = "1")]
    pub(crate) total_bytes: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) available_bytes: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) free_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) buffers_bytes: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) cached_bytes: u64,
    #[prost(uint64, tag = "6")]
    pub(crate) swap_total_bytes: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) swap_used_bytes: u64,
    #[prost(uint64, optional, tag = "8")]
    pub(crate) limit_bytes: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Load {
    #[prost(double, tag = "1")]
    pub(crate) one: f64,
    #[prost(double, tag = "2")]
    pub(crate) five: f64,
    #[prost(double, tag = "3")]
    pub(crate) fifteen: f64,
    #[prost(uint64, tag = "4")]
    pub(crate) running: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) threads: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Filesystem {
    #[prost(string, tag = "1")]
    pub(crate) device: String,
    #[prost(string, tag = "2")]
    pub(crate) mount_point: String,
    #[prost(string, tag = "3")]
    pub(crate) kind: String,
    #[prost(bool, tag = "4")]
    pub(crate) read_only: bool,
    #[prost(uint64, tag = "5")]
    pub(crate) size_bytes: u64,
    #[prost(uint64, tag = "6")]
    pub(crate) available_bytes: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) free_bytes: u64,
    #[prost(uint64, tag = "8")]
    pub(crate) files: u64,
    #[prost(uint64, tag = "9")]
    pub(crate) files_free: u64,
    #[prost(bool, tag = "10")]
    pub(crate) stale: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DiskIo {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(double, optional, tag = "2")]
    pub(crate) read_bytes_per_s: Option<f64>,
    #[prost(double, optional, tag = "3")]
    pub(crate) written_bytes_per_s: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub(crate) reads_per_s: Option<f64>,
    #[prost(double, optional, tag = "5")]
    pub(crate) writes_per_s: Option<f64>,
    #[prost(double, optional, tag = "6")]
    pub(crate) busy_percent: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NetworkIo {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(double, optional, tag = "2")]
    pub(crate) received_bytes_per_s: Option<f64>,
    #[prost(double, optional, tag = "3")]
    pub(crate) sent_bytes_per_s: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub(crate) received_packets_per_s: Option<f64>,
    #[prost(double, optional, tag = "5")]
    pub(crate) sent_packets_per_s: Option<f64>,
    #[prost(double, optional, tag = "6")]
    pub(crate) errors_per_s: Option<f64>,
    #[prost(double, optional, tag = "7")]
    pub(crate) drops_per_s: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HostFacts {
    #[prost(string, tag = "1")]
    pub(crate) hostname: String,
    #[prost(string, tag = "2")]
    pub(crate) os: String,
    #[prost(string, tag = "3")]
    pub(crate) kernel: String,
    #[prost(string, tag = "4")]
    pub(crate) architecture: String,
    #[prost(string, tag = "5")]
    pub(crate) cpu_model: String,
    #[prost(uint32, tag = "6")]
    pub(crate) cores: u32,
    #[prost(string, tag = "7")]
    pub(crate) boot_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Processes {
    #[prost(message, optional, tag = "1")]
    pub(crate) at: Option<Moment>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) processes: Vec<Process>,
    #[prost(uint32, tag = "3")]
    pub(crate) total: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Process {
    #[prost(uint32, tag = "1")]
    pub(crate) pid: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) ppid: u32,
    #[prost(string, tag = "3")]
    pub(crate) user: String,
    #[prost(string, tag = "4")]
    pub(crate) name: String,
    #[prost(string, tag = "5")]
    pub(crate) command: String,
    #[prost(uint32, tag = "6")]
    pub(crate) state: u32,
    #[prost(double, optional, tag = "7")]
    pub(crate) cpu_percent: Option<f64>,
    #[prost(uint64, tag = "8")]
    pub(crate) rss_bytes: u64,
    #[prost(uint32, tag = "9")]
    pub(crate) threads: u32,
    #[prost(sint64, tag = "10")]
    pub(crate) start_time_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Alive {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    #[prost(sint64, tag = "2")]
    pub(crate) unix_ms: i64,
}

/// 1 is stop, 2 reboot, 3 upgrade; anything else is unknown.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Goodbye {
    #[prost(uint32, tag = "1")]
    pub(crate) reason: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Records {
    #[prost(uint64, tag = "1")]
    pub(crate) request: u64,
    /// What `packed.rs` writes. Read into a vector, it would be copied once more.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) packed: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ack {
    #[prost(uint64, tag = "1")]
    pub(crate) up_to: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Backfill {
    #[prost(uint64, tag = "1")]
    pub(crate) request: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) from: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) to: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BackfillEnd {
    #[prost(uint64, tag = "1")]
    pub(crate) request: u64,
    #[prost(bool, tag = "2")]
    pub(crate) missing: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Probe {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(string, tag = "2")]
    pub(crate) server: String,
    #[prost(string, tag = "3")]
    pub(crate) address: String,
    #[prost(string, tag = "4")]
    pub(crate) key: String,
}

/// Saw: 1 reached, 2 refused, 3 silent, 4 no answer, 5 no route, 6 ping
/// answered; anything else is declined.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProbeResult {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) saw: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) took_ms: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Renew {
    #[prost(string, tag = "1")]
    pub(crate) csr_pem: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Renewed {
    #[prost(string, tag = "1")]
    pub(crate) certificate_pem: String,
}

/// A message that says all by being there.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FallbackSeat {
    #[prost(uint32, tag = "1")]
    pub(crate) port: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) deal: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Fallback {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) deal: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(crate) after_s: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) after_stop_s: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) quorum: u32,
    #[prost(string, tag = "5")]
    pub(crate) hub: String,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) part: Vec<u8>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) boxes: Vec<FallbackBox>,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) sealed: Vec<u8>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) members: Vec<FallbackMember>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FallbackBox {
    #[prost(uint32, repeated, tag = "1")]
    pub(crate) members: Vec<u32>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) sealed: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FallbackMember {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) server: String,
    #[prost(string, tag = "3")]
    pub(crate) address: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FallbackTold {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) outage: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(crate) by: String,
    #[prost(uint32, tag = "3")]
    pub(crate) agreed: u32,
    #[prost(sint64, tag = "4")]
    pub(crate) since_unix_ms: i64,
    #[prost(sint64, tag = "5")]
    pub(crate) told_unix_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FallbackHeard {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) outage: Vec<u8>,
}
