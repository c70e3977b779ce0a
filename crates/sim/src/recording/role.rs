use watchfire_model::{SeriesKey, is_absent};

/// What a series is, and so what becomes of its recorded values on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Replayed as it was recorded.
    AsIs,
    /// Only grows; see [`Growth`].
    Counter(Growth),
    /// Counts what goes over a network device.
    Traffic(Growth),
    /// Counts what a disk does.
    Disk(Growth),
    /// The time that one core spent in one mode.
    Cpu(CpuMode, Growth),
    /// Bytes of memory.
    Memory,
    /// Bytes of memory that can still be had.
    MemoryLeft,
    /// The size of a filesystem.
    Filesystem,
    /// Bytes that are free in a filesystem.
    FilesystemLeft,
    /// The load average.
    Load,
    /// The server's wall clock, in seconds.
    WallClock,
    /// When the server was started, in seconds since 1970.
    BootTime,
    /// How long it is up, in seconds.
    Uptime,
}

/// What a core did with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CpuMode {
    /// Nothing.
    Idle,
    /// Work of programs.
    User,
    /// Anything else.
    Other,
}

/// How a counter grows, in its own smallest unit, so that no rounding adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Units in one: a power of ten.
    pub(crate) per_one: i64,
    /// The first value.
    pub(crate) first: i64,
    /// What a whole round of the recording adds.
    pub(crate) round: i64,
}

/// More decimals are no unit but the noise of a division.
const MAX_DECIMALS: u32 = 6;

impl Role {
    /// The role of a series with these recorded values.
    pub(super) fn of<I: Iterator<Item = f64>>(
        key: &SeriesKey,
        values: impl Fn() -> I,
        first: f64,
        last: f64,
    ) -> Self {
        let name = key.name();
        match name {
            "node_time_seconds" => return Self::WallClock,
            "node_boot_time_seconds" | "process_start_time_seconds" => return Self::BootTime,
            "watchfire_uptime_seconds" => return Self::Uptime,
            "node_load1" | "node_load5" | "node_load15" => return Self::Load,
            "node_memory_MemAvailable_bytes" | "node_memory_MemFree_bytes" => {
                return Self::MemoryLeft;
            }
            "node_filesystem_size_bytes" => return Self::Filesystem,
            "node_filesystem_avail_bytes" | "node_filesystem_free_bytes" => {
                return Self::FilesystemLeft;
            }
            _ => {}
        }
        if name.starts_with("node_memory_") && name.ends_with("_bytes") {
            return Self::Memory;
        }
        if !counts(name) {
            return Self::AsIs;
        }
        // Times of cores are added to one another, so they have one unit.
        let least = if name == "node_cpu_seconds_total" { 2 } else { 0 };
        let Some(growth) = Growth::of(values, first, last, least) else { return Self::AsIs };
        match name {
            "node_cpu_seconds_total" => Self::Cpu(mode(key), growth),
            _ if name.starts_with("node_disk_") => Self::Disk(growth),
            _ if name.starts_with("node_network_") => Self::Traffic(growth),
            _ => Self::Counter(growth),
        }
    }
}

fn mode(key: &SeriesKey) -> CpuMode {
    match key.label("mode") {
        Some("idle") => CpuMode::Idle,
        Some("user") => CpuMode::User,
        _ => CpuMode::Other,
    }
}

/// By its name a metric that only grows.
fn counts(name: &str) -> bool {
    name.ends_with("_total")
        || name.starts_with("node_vmstat_")
        || (name.starts_with("node_netstat_") && !name.ends_with("CurrEstab"))
}

impl Growth {
    /// With `least` decimals or more. `None` when the values do not only grow,
    /// or are no multiples of a unit.
    fn of<I: Iterator<Item = f64>>(
        values: impl Fn() -> I,
        first: f64,
        last: f64,
        least: u32,
    ) -> Option<Self> {
        let whole = |value: f64, per_one: f64| {
            let units = value * per_one;
            (units - units.round()).abs() < 1e-3 && units.abs() < 9e15
        };
        let fits = |per_one: &i64| {
            values().all(|value| !is_absent(value) && whole(value, *per_one as f64))
        };
        let per_one = (least..=MAX_DECIMALS).map(|decimals| 10_i64.pow(decimals)).find(fits)?;
        let growth = Self { per_one, first: 0, round: 0 };
        let grows = values().zip(values().skip(1)).all(|(one, next)| next >= one);
        let (first, last) = (growth.units(first), growth.units(last));
        grows.then_some(Self { first, round: last - first, ..growth })
    }

    /// A value in units.
    pub(crate) fn units(&self, value: f64) -> i64 {
        (value * self.per_one as f64).round() as i64
    }

    /// Units as a value.
    pub(crate) fn value(&self, units: i64) -> f64 {
        units as f64 / self.per_one as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, values: &[f64]) -> Role {
        let key = SeriesKey::new(name, []).expect("a good name");
        Role::of(&key, || values.iter().copied(), values[0], values[values.len() - 1])
    }

    #[test]
    fn counters_have_a_unit() {
        let growth = Growth { per_one: 100, first: 150, round: 27 };
        assert_eq!(role("a_total", &[1.5, 1.51, 1.77]), Role::Counter(growth));
        assert_eq!((growth.units(1.77), growth.value(177)), (177, 1.77));
        let whole = Growth { per_one: 1, first: 3, round: 1 };
        assert_eq!(role("node_network_x_total", &[3.0, 4.0]), Role::Traffic(whole));
    }

    #[test]
    fn what_does_not_only_grow_is_replayed_as_it_is() {
        assert_eq!(role("a_total", &[2.0, 1.0]), Role::AsIs);
        assert_eq!(role("a_total", &[0.123_456_789, 1.0]), Role::AsIs);
        assert_eq!(role("a", &[1.0, 2.0]), Role::AsIs);
    }
}
