//! What the agent remembers from one start to the next: which boot it saw last
//! and when, so that it can say why the machine was started anew, and how far
//! it read the kernel's log and which failed units it told of, so that nothing is told twice.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchfire_collect::{FailedUnit, LastBoot, RebootReason, Root, ThisBoot, reboot_reason};

const FILE: &str = "last-boot.json";
/// A file that is larger is not ours.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Of so many failed units it is remembered that they were told.
const MAX_FAILED_UNITS: usize = 128;
/// An agent that ended in good order longer than this before the next boot did
/// not end because the machine did, in milliseconds.
const SHUTDOWN_TIME_MS: i64 = 10 * 60 * 1000;

/// What is known of this boot, and of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boot {
    /// Why the machine was started anew. Within the same boot, what was found
    /// at its first start.
    pub(crate) reason: RebootReason,
    /// The kernel's last words, when it died.
    pub(crate) panic: Option<String>,
    /// Where to go on in the kernel's log, when this boot was seen before.
    pub(crate) log_position: Option<u64>,
    /// The failures of units that were told in this boot and went on.
    pub(crate) failed_units: Vec<FailedUnit>,
    id: String,
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    boot_id: String,
    last_seen_ms: i64,
    /// The agent ended in good order.
    goodbye: bool,
    log_position: Option<u64>,
    /// The failures of units that were told and go on: the unit, and since when.
    #[serde(default)]
    failed_units: Vec<(String, Option<u64>)>,
    /// Why that boot began, by its name.
    reason: String,
}

impl Boot {
    /// Reads what the machine tells and what is remembered in `data`. A memory
    /// that is missing or damaged is none.
    pub(crate) fn read(data: &Path, root: &Root) -> Self {
        Self::new(ThisBoot::read(root), recall(&data.join(FILE)))
    }

    fn new(this: ThisBoot, memory: Option<Memory>) -> Self {
        let Some(memory) = memory else {
            return Self::unknown(this.boot_id);
        };
        let mut boot = Self::unknown(this.boot_id.clone());
        boot.reason = reboot_reason(&memory.last_boot(&this), &this);
        if boot.reason == RebootReason::SameBoot {
            boot.reason = reason_of(&memory.reason);
            boot.log_position = memory.log_position;
            let told = memory.failed_units.into_iter();
            boot.failed_units =
                told.map(|(name, since_us)| FailedUnit { name, since_us }).collect();
        }
        if boot.reason == RebootReason::KernelPanic {
            boot.panic = this.panic.map(|panic| panic.line);
        }
        boot
    }

    fn unknown(id: String) -> Self {
        Self {
            reason: RebootReason::Unknown,
            panic: None,
            log_position: None,
            failed_units: Vec::new(),
            id,
        }
    }

    /// Why the machine was started anew, with the kernel's last words where it
    /// died; empty when it is not known.
    pub(crate) fn in_words(&self) -> String {
        match (self.reason, &self.panic) {
            (RebootReason::Unknown | RebootReason::SameBoot, _) => String::new(),
            (reason, Some(words)) => format!("{}: {words}", reason.name()),
            (reason, None) => reason.name().to_owned(),
        }
    }

    /// What to remember at `unix_ms`, with the failures of units that were told and go on.
    pub(crate) fn memory(
        &self,
        unix_ms: i64,
        log_position: Option<u64>,
        failed_units: &[FailedUnit],
    ) -> Memory {
        let failed_units = failed_units.iter().take(MAX_FAILED_UNITS);
        Memory {
            boot_id: self.id.clone(),
            last_seen_ms: unix_ms,
            goodbye: false,
            log_position: log_position.or(self.log_position),
            failed_units: failed_units.map(|unit| (unit.name.clone(), unit.since_us)).collect(),
            reason: self.reason.name().to_owned(),
        }
    }
}

impl Memory {
    /// Writes it as a whole or not at all, and to the disk: after a power cut
    /// it is what tells that there was one.
    pub(crate) fn store(&self, data: &Path) -> std::io::Result<()> {
        let (fresh, path) = (data.join("last-boot.new"), data.join(FILE));
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        fs::rename(fresh, path)
    }

    /// The same of an agent that ends in good order.
    pub(crate) fn with_goodbye(self, unix_ms: i64) -> Self {
        Self { last_seen_ms: unix_ms, goodbye: true, ..self }
    }

    fn last_boot(&self, this: &ThisBoot) -> LastBoot {
        let went_by = this.booted_ms.map_or(0, |booted| booted.saturating_sub(self.last_seen_ms));
        if self.goodbye && went_by > SHUTDOWN_TIME_MS {
            // It was not there when the machine ended, so it knows nothing of it.
            return LastBoot::default();
        }
        LastBoot {
            boot_id: self.boot_id.clone(),
            last_seen_ms: self.last_seen_ms,
            goodbye: self.goodbye,
        }
    }
}

fn recall(path: &PathBuf) -> Option<Memory> {
    if fs::metadata(path).ok()?.len() > MAX_FILE_BYTES {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn reason_of(name: &str) -> RebootReason {
    use RebootReason::{CleanShutdown, KernelPanic, PowerLossOrReset, Unknown, Watchdog};
    let known = [CleanShutdown, KernelPanic, Watchdog, PowerLossOrReset];
    known.into_iter().find(|reason| reason.name() == name).unwrap_or(Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn this(id: &str, booted_ms: i64) -> ThisBoot {
        ThisBoot { boot_id: id.to_owned(), booted_ms: Some(booted_ms), ..ThisBoot::default() }
    }

    fn memory(goodbye: bool) -> Memory {
        Memory {
            boot_id: "one".to_owned(),
            last_seen_ms: HOUR_MS,
            goodbye,
            log_position: Some(7),
            failed_units: vec![("a.service".to_owned(), Some(5)), ("b.mount".to_owned(), None)],
            reason: "watchdog".to_owned(),
        }
    }

    #[test]
    fn a_boot_is_told_by_what_came_before_it() {
        let reason = |this, memory| Boot::new(this, memory).reason;
        assert_eq!(reason(this("two", HOUR_MS), None), RebootReason::Unknown);
        let cut = reason(this("two", 2 * HOUR_MS), Some(memory(false)));
        assert_eq!(cut, RebootReason::PowerLossOrReset);
        let soon = reason(this("two", HOUR_MS + 60_000), Some(memory(true)));
        assert_eq!(soon, RebootReason::CleanShutdown);
        let late = reason(this("two", 2 * HOUR_MS), Some(memory(true)));
        assert_eq!(late, RebootReason::Unknown, "the agent had been stopped long before");
    }

    #[test]
    fn within_a_boot_its_reason_and_the_place_in_the_log_are_kept() {
        let boot = Boot::new(this("one", 0), Some(memory(true)));
        assert_eq!((boot.reason, boot.log_position), (RebootReason::Watchdog, Some(7)));
        let kept = boot.memory(5, None, &boot.failed_units);
        assert_eq!((kept.log_position, &kept.failed_units), (Some(7), &memory(true).failed_units));
        let next = Boot::new(this("two", HOUR_MS), Some(memory(false)));
        assert_eq!(next.log_position, None, "another boot has another log");
        assert_eq!(next.failed_units, [], "and what fails in it is told");
    }

    #[test]
    fn a_memory_is_stored_and_a_damaged_one_is_none() {
        let data = tempfile::tempdir().expect("a folder");
        memory(true).store(data.path()).expect("ours");
        assert_eq!(recall(&data.path().join(FILE)), Some(memory(true)));
        fs::write(data.path().join(FILE), "{").expect("ours");
        assert_eq!(recall(&data.path().join(FILE)), None);
    }
}
