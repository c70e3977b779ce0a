//! What a reader must know of the machine to judge the figures.

use std::fs;
use std::time::SystemTime;

use watchfire_model::Moment;

/// Cores, processor and kernel, in one line.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores ({}), Linux {}", processor(), kernel.trim())
}

/// The load over one minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}

/// How many processes there are.
pub(crate) fn processes() -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_pid = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_pid)).count()
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map(|(_, model)| model.to_owned());
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Now, on the clocks of the samplers.
pub(crate) fn now() -> Moment {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let unix_ms = i64::try_from(unix.as_millis()).unwrap_or(i64::MAX);
    Moment { monotonic: watchfire_testkit::clock::monotonic(), unix_ms }
}
