use std::time::Duration;

use watchfire_model::{
    Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Load, Memory, NetworkIo, Status,
};

use super::{
    at_most, bounded, cut, first, moment_from_wire, moment_to_wire, nanos, share, short, within,
};
use crate::limits::{
    MAX_CORES, MAX_DISKS, MAX_FILESYSTEMS, MAX_LIMIT_CORES, MAX_LOAD, MAX_MACHINE_CORES,
    MAX_NAME_BYTES, MAX_NETWORKS, MAX_PATH_BYTES, MAX_PIDS, MAX_RATE, MAX_SHARE_PERCENT,
    MAX_TEXT_BYTES, MAX_UPTIME_NS,
};
use crate::{WireError, proto};

pub(crate) fn to_wire(status: &Status) -> proto::Status {
    proto::Status {
        at: Some(moment_to_wire(status.at)),
        cpu: Some(proto::Cpu {
            total: Some(cpu_load_to_wire(&status.cpu.total)),
            cores: first(&status.cpu.cores, MAX_CORES, cpu_load_to_wire),
            limit_cores: bounded(status.cpu.limit_cores, MAX_LIMIT_CORES),
        }),
        memory: Some(memory_to_wire(status.memory)),
        load: Some(load_to_wire(status.load)),
        uptime_ns: nanos(status.uptime).min(MAX_UPTIME_NS),
        filesystems: first(&status.filesystems, MAX_FILESYSTEMS, filesystem_to_wire),
        disks: first(&status.disks, MAX_DISKS, disk_to_wire),
        networks: first(&status.networks, MAX_NETWORKS, network_to_wire),
        host: Some(host_to_wire(&status.host)),
    }
}

pub(crate) fn from_wire(status: proto::Status) -> Result<Status, WireError> {
    Ok(Status {
        at: status.at.as_ref().map(moment_from_wire).transpose()?.unwrap_or_default(),
        cpu: status.cpu.map(cpu_from_wire).transpose()?.unwrap_or_default(),
        memory: status.memory.as_ref().map(memory_from_wire).unwrap_or_default(),
        load: status.load.as_ref().map(load_from_wire).transpose()?.unwrap_or_default(),
        uptime: Duration::from_nanos(at_most(status.uptime_ns, MAX_UPTIME_NS, "uptime")?),
        filesystems: all(status.filesystems, filesystem_from_wire)?,
        disks: all(status.disks, disk_from_wire)?,
        networks: all(status.networks, network_from_wire)?,
        host: status.host.map(host_from_wire).transpose()?.unwrap_or_default(),
    })
}

fn all<W, T>(
    elements: Vec<W>,
    change: impl Fn(W) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    elements.into_iter().map(change).collect()
}

fn cpu_from_wire(cpu: proto::Cpu) -> Result<Cpu, WireError> {
    Ok(Cpu {
        total: cpu.total.map(cpu_load_from_wire).transpose()?.unwrap_or_default(),
        cores: all(cpu.cores, cpu_load_from_wire)?,
        limit_cores: within(cpu.limit_cores, MAX_LIMIT_CORES, "cpu limit")?,
    })
}

fn cpu_load_to_wire(load: &CpuLoad) -> proto::CpuLoad {
    proto::CpuLoad {
        busy_percent: bounded(load.busy_percent, MAX_SHARE_PERCENT),
        user_percent: bounded(load.user_percent, MAX_SHARE_PERCENT),
        system_percent: bounded(load.system_percent, MAX_SHARE_PERCENT),
        iowait_percent: bounded(load.iowait_percent, MAX_SHARE_PERCENT),
        steal_percent: bounded(load.steal_percent, MAX_SHARE_PERCENT),
    }
}

fn cpu_load_from_wire(load: proto::CpuLoad) -> Result<CpuLoad, WireError> {
    let percent = |value| share(value, "cpu share");
    Ok(CpuLoad {
        busy_percent: percent(load.busy_percent)?,
        user_percent: percent(load.user_percent)?,
        system_percent: percent(load.system_percent)?,
        iowait_percent: percent(load.iowait_percent)?,
        steal_percent: percent(load.steal_percent)?,
    })
}

fn memory_to_wire(memory: Memory) -> proto::Memory {
    proto::Memory {
        total_bytes: memory.total_bytes,
        available_bytes: memory.available_bytes,
        free_bytes: memory.free_bytes,
        buffers_bytes: memory.buffers_bytes,
        cached_bytes: memory.cached_bytes,
        swap_total_bytes: memory.swap_total_bytes,
        swap_used_bytes: memory.swap_used_bytes,
        limit_bytes: memory.limit_bytes,
    }
}

fn memory_from_wire(memory: &proto::Memory) -> Memory {
    Memory {
        total_bytes: memory.total_bytes,
        available_bytes: memory.available_bytes,
        free_bytes: memory.free_bytes,
        buffers_bytes: memory.buffers_bytes,
        cached_bytes: memory.cached_bytes,
        swap_total_bytes: memory.swap_total_bytes,
        swap_used_bytes: memory.swap_used_bytes,
        limit_bytes: memory.limit_bytes,
    }
}

fn load_to_wire(load: Load) -> proto::Load {
    let average = |value| bounded(Some(value), MAX_LOAD).unwrap_or_default();
    proto::Load {
        one: average(load.one),
        five: average(load.five),
        fifteen: average(load.fifteen),
        running: load.running.min(u64::from(MAX_PIDS)),
        threads: load.threads.min(u64::from(MAX_PIDS)),
    }
}

fn load_from_wire(load: &proto::Load) -> Result<Load, WireError> {
    let average =
        |value| within(Some(value), MAX_LOAD, "load average").map(Option::unwrap_or_default);
    let count = |value| at_most(value, u64::from(MAX_PIDS), "count of threads");
    Ok(Load {
        one: average(load.one)?,
        five: average(load.five)?,
        fifteen: average(load.fifteen)?,
        running: count(load.running)?,
        threads: count(load.threads)?,
    })
}

fn filesystem_to_wire(fs: &Filesystem) -> proto::Filesystem {
    proto::Filesystem {
        device: cut(&fs.device, MAX_TEXT_BYTES),
        mount_point: cut(&fs.mount_point, MAX_PATH_BYTES),
        kind: cut(&fs.kind, MAX_NAME_BYTES),
        read_only: fs.read_only,
        size_bytes: fs.size_bytes,
        available_bytes: fs.available_bytes,
        free_bytes: fs.free_bytes,
        files: fs.files,
        files_free: fs.files_free,
        stale: fs.stale,
    }
}

fn filesystem_from_wire(fs: proto::Filesystem) -> Result<Filesystem, WireError> {
    Ok(Filesystem {
        device: short(fs.device, "filesystem's device", MAX_TEXT_BYTES)?,
        mount_point: short(fs.mount_point, "mount point", MAX_PATH_BYTES)?,
        kind: short(fs.kind, "filesystem's kind", MAX_NAME_BYTES)?,
        read_only: fs.read_only,
        size_bytes: fs.size_bytes,
        available_bytes: fs.available_bytes,
        free_bytes: fs.free_bytes,
        files: fs.files,
        files_free: fs.files_free,
        stale: fs.stale,
    })
}

fn disk_to_wire(disk: &DiskIo) -> proto::DiskIo {
    proto::DiskIo {
        name: cut(&disk.name, MAX_NAME_BYTES),
        read_bytes_per_s: bounded(disk.read_bytes_per_s, MAX_RATE),
        written_bytes_per_s: bounded(disk.written_bytes_per_s, MAX_RATE),
        reads_per_s: bounded(disk.reads_per_s, MAX_RATE),
        writes_per_s: bounded(disk.writes_per_s, MAX_RATE),
        busy_percent: bounded(disk.busy_percent, MAX_SHARE_PERCENT),
    }
}

fn disk_from_wire(disk: proto::DiskIo) -> Result<DiskIo, WireError> {
    let rate = |value| within(value, MAX_RATE, "disk rate");
    Ok(DiskIo {
        name: short(disk.name, "disk name", MAX_NAME_BYTES)?,
        read_bytes_per_s: rate(disk.read_bytes_per_s)?,
        written_bytes_per_s: rate(disk.written_bytes_per_s)?,
        reads_per_s: rate(disk.reads_per_s)?,
        writes_per_s: rate(disk.writes_per_s)?,
        busy_percent: share(disk.busy_percent, "disk share")?,
    })
}

fn network_to_wire(network: &NetworkIo) -> proto::NetworkIo {
    proto::NetworkIo {
        name: cut(&network.name, MAX_NAME_BYTES),
        received_bytes_per_s: bounded(network.received_bytes_per_s, MAX_RATE),
        sent_bytes_per_s: bounded(network.sent_bytes_per_s, MAX_RATE),
        received_packets_per_s: bounded(network.received_packets_per_s, MAX_RATE),
        sent_packets_per_s: bounded(network.sent_packets_per_s, MAX_RATE),
        errors_per_s: bounded(network.errors_per_s, MAX_RATE),
        drops_per_s: bounded(network.drops_per_s, MAX_RATE),
    }
}

fn network_from_wire(network: proto::NetworkIo) -> Result<NetworkIo, WireError> {
    let rate = |value| within(value, MAX_RATE, "network rate");
    Ok(NetworkIo {
        name: short(network.name, "network device's name", MAX_NAME_BYTES)?,
        received_bytes_per_s: rate(network.received_bytes_per_s)?,
        sent_bytes_per_s: rate(network.sent_bytes_per_s)?,
        received_packets_per_s: rate(network.received_packets_per_s)?,
        sent_packets_per_s: rate(network.sent_packets_per_s)?,
        errors_per_s: rate(network.errors_per_s)?,
        drops_per_s: rate(network.drops_per_s)?,
    })
}

fn host_to_wire(host: &HostFacts) -> proto::HostFacts {
    proto::HostFacts {
        hostname: cut(&host.hostname, MAX_TEXT_BYTES),
        os: cut(&host.os, MAX_TEXT_BYTES),
        kernel: cut(&host.kernel, MAX_TEXT_BYTES),
        architecture: cut(&host.architecture, MAX_TEXT_BYTES),
        cpu_model: cut(&host.cpu_model, MAX_TEXT_BYTES),
        cores: host.cores.min(MAX_MACHINE_CORES),
        boot_id: cut(&host.boot_id, MAX_TEXT_BYTES),
    }
}

fn host_from_wire(host: proto::HostFacts) -> Result<HostFacts, WireError> {
    let text = |value| short(value, "text about the host", MAX_TEXT_BYTES);
    Ok(HostFacts {
        hostname: text(host.hostname)?,
        os: text(host.os)?,
        kernel: text(host.kernel)?,
        architecture: text(host.architecture)?,
        cpu_model: text(host.cpu_model)?,
        cores: at_most(host.cores, MAX_MACHINE_CORES, "count of cores")?,
        boot_id: text(host.boot_id)?,
    })
}
