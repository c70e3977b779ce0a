use watchfire_model as model;

use super::{
    Cpu, CpuLoad, Disk, Filesystem, Host, Load, Memory, Network, ProcessRow, StatsReply, Swap,
};

impl From<&model::Status> for StatsReply {
    fn from(status: &model::Status) -> Self {
        Self {
            at: rfc3339(status.at.unix_ms),
            cpu_percent: status.cpu_percent(),
            ram_percent: status.memory.used_percent(),
            cpu: Cpu::from(&status.cpu),
            memory: Memory::from(&status.memory),
            swap: Swap::from(&status.memory),
            load: Load::from(&status.load),
            uptime_seconds: status.uptime.as_secs_f64(),
            filesystems: status.filesystems.iter().map(Filesystem::from).collect(),
            disks: status.disks.iter().map(Disk::from).collect(),
            networks: status.networks.iter().map(Network::from).collect(),
            host: Host::from(&status.host),
        }
    }
}

impl From<&model::CpuLoad> for CpuLoad {
    fn from(load: &model::CpuLoad) -> Self {
        Self {
            busy_percent: load.busy_percent,
            user_percent: load.user_percent,
            system_percent: load.system_percent,
            iowait_percent: load.iowait_percent,
            steal_percent: load.steal_percent,
        }
    }
}

impl From<&model::Cpu> for Cpu {
    fn from(cpu: &model::Cpu) -> Self {
        Self {
            total: CpuLoad::from(&cpu.total),
            limit_cores: cpu.limit_cores,
            cores: cpu.cores.iter().map(CpuLoad::from).collect(),
        }
    }
}

impl From<&model::Memory> for Memory {
    fn from(memory: &model::Memory) -> Self {
        Self {
            total_bytes: memory.total_bytes,
            used_bytes: memory.used_bytes(),
            available_bytes: memory.available_bytes,
            free_bytes: memory.free_bytes,
            buffers_bytes: memory.buffers_bytes,
            cached_bytes: memory.cached_bytes,
            limit_bytes: memory.limit_bytes,
            used_percent: memory.used_percent(),
        }
    }
}

impl From<&model::Memory> for Swap {
    fn from(memory: &model::Memory) -> Self {
        Self {
            total_bytes: memory.swap_total_bytes,
            used_bytes: memory.swap_used_bytes,
            used_percent: memory.swap_used_percent(),
        }
    }
}

impl From<&model::Load> for Load {
    fn from(load: &model::Load) -> Self {
        Self {
            one: load.one,
            five: load.five,
            fifteen: load.fifteen,
            running: load.running,
            threads: load.threads,
        }
    }
}

impl From<&model::Filesystem> for Filesystem {
    fn from(fs: &model::Filesystem) -> Self {
        Self {
            mount_point: fs.mount_point.clone(),
            device: fs.device.clone(),
            kind: fs.kind.clone(),
            read_only: fs.read_only,
            size_bytes: fs.size_bytes,
            available_bytes: fs.available_bytes,
            free_bytes: fs.free_bytes,
            used_percent: fs.used_percent(),
            files: fs.files,
            files_free: fs.files_free,
            stale: fs.stale,
        }
    }
}

impl From<&model::DiskIo> for Disk {
    fn from(disk: &model::DiskIo) -> Self {
        Self {
            name: disk.name.clone(),
            read_bytes_per_s: disk.read_bytes_per_s,
            written_bytes_per_s: disk.written_bytes_per_s,
            reads_per_s: disk.reads_per_s,
            writes_per_s: disk.writes_per_s,
            busy_percent: disk.busy_percent,
        }
    }
}

impl From<&model::NetworkIo> for Network {
    fn from(network: &model::NetworkIo) -> Self {
        Self {
            name: network.name.clone(),
            received_bytes_per_s: network.received_bytes_per_s,
            sent_bytes_per_s: network.sent_bytes_per_s,
            received_packets_per_s: network.received_packets_per_s,
            sent_packets_per_s: network.sent_packets_per_s,
            errors_per_s: network.errors_per_s,
            drops_per_s: network.drops_per_s,
        }
    }
}

impl From<&model::HostFacts> for Host {
    fn from(host: &model::HostFacts) -> Self {
        Self {
            hostname: host.hostname.clone(),
            os: host.os.clone(),
            kernel: host.kernel.clone(),
            architecture: host.architecture.clone(),
            cpu_model: host.cpu_model.clone(),
            cores: host.cores,
            boot_id: host.boot_id.clone(),
        }
    }
}

impl From<&model::ProcessRow> for ProcessRow {
    fn from(row: &model::ProcessRow) -> Self {
        Self {
            pid: row.pid,
            ppid: row.ppid,
            user: row.user.clone(),
            name: row.name.clone(),
            command: row.command.clone(),
            state: row.state,
            cpu_percent: row.cpu_percent,
            rss_bytes: row.rss_bytes,
            threads: row.threads,
            start_time: rfc3339(row.start_time_ms),
            cpu_seconds: row.cpu_seconds,
            ended_children_percent: row.ended_children_percent,
            virtual_bytes: row.virtual_bytes,
            read_bytes_per_s: row.read_bytes_per_s,
            written_bytes_per_s: row.written_bytes_per_s,
            cgroup: row.cgroup.clone(),
            unit: row.unit.clone(),
            container: row.container.clone(),
            pss_bytes: None,
            open_files: None,
        }
    }
}

/// A time as RFC 3339 writes it, in UTC. A time beyond what can be written
/// becomes the nearest that can.
fn rfc3339(unix_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(unix_ms);
    let beyond = if unix_ms < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    time.unwrap_or(beyond).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_times_are_still_written() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert!(rfc3339(i64::MAX).starts_with("9999-"));
        assert!(rfc3339(i64::MIN).starts_with("-009999-"));
    }
}
