//! Why the machine was started anew.

use std::fs;
use std::path::Path;

use super::pstore::last_panic;
use crate::Root;
use crate::series::Family;
use crate::source::Source;
use crate::text::{lines, number, printable};

/// Why the machine was started anew, for the agent to give: one label, the
/// [`RebootReason::name`], and the value 1.
pub static BOOT_REASON: Family = Family::gauge(
    "watchfire_boot_reason_info",
    "Why the machine was started anew, as far as it can be told.",
    &["reason"],
);

/// The watchdog devices.
const WATCHDOGS: &str = "sys/class/watchdog";
/// The most watchdogs that are asked.
const MAX_WATCHDOGS: usize = 16;
/// `WDIOF_CARDRESET` of the kernel's `watchdog.h`: the card started the machine anew.
const CARD_RESET: u64 = 0x20;

/// A panic is told of the boot that was seen last when it happened no earlier
/// than this before it was seen last. The firmware's clock can be off a little.
const CLOCK_SLACK_MS: i64 = 120_000;

/// What the agent wrote down in the boot before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastBoot {
    /// The kernel's id of that boot; empty when it was not known.
    pub boot_id: String,
    /// When the agent saw it last, in milliseconds since 1970.
    pub last_seen_ms: i64,
    /// True when the agent was told that the machine is shut down.
    pub goodbye: bool,
}

/// What this boot tells of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThisBoot {
    /// The kernel's id of this boot; empty when it is not known.
    pub boot_id: String,
    /// When it began, in milliseconds since 1970.
    pub booted_ms: Option<i64>,
    /// The newest panic that was kept. It can be of a boot long ago.
    pub panic: Option<Panic>,
    /// True when a watchdog says that it started the machine anew.
    pub watchdog: bool,
}

/// The kernel's last words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// When they were kept, or moved away at the next start, in milliseconds
    /// since 1970.
    pub at_ms: i64,
    /// What it said, printable, bounded, with secrets masked.
    pub line: String,
}

/// Why the machine was started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RebootReason {
    /// It was not: this is still the same boot.
    SameBoot,
    /// It was shut down or told to start anew.
    CleanShutdown,
    /// The kernel died and left its last words.
    KernelPanic,
    /// A watchdog found it hanging.
    Watchdog,
    /// It ended without a word: no power, a reset, or a hang that left nothing.
    PowerLossOrReset,
    /// Too little is known of the boot before.
    Unknown,
}

impl RebootReason {
    /// The name in series and messages: `kernel_panic` for example.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SameBoot => "same_boot",
            Self::CleanShutdown => "clean_shutdown",
            Self::KernelPanic => "kernel_panic",
            Self::Watchdog => "watchdog",
            Self::PowerLossOrReset => "power_loss_or_reset",
            Self::Unknown => "unknown",
        }
    }
}

/// Why the machine was started anew between the two boots.
///
/// A panic counts even after a goodbye, because a machine can die while it is
/// shut down. A watchdog does not: some keep what they said long ago.
#[must_use]
pub fn reboot_reason(previous: &LastBoot, now: &ThisBoot) -> RebootReason {
    if previous.boot_id.is_empty() || now.boot_id.is_empty() {
        return RebootReason::Unknown;
    }
    if previous.boot_id == now.boot_id {
        return RebootReason::SameBoot;
    }
    let since = previous.last_seen_ms.saturating_sub(CLOCK_SLACK_MS);
    if now.panic.as_ref().is_some_and(|panic| panic.at_ms >= since) {
        return RebootReason::KernelPanic;
    }
    if previous.goodbye {
        return RebootReason::CleanShutdown;
    }
    if now.watchdog {
        return RebootReason::Watchdog;
    }
    // A boot that began before the other was last seen: a clock was set, or
    // what was written down is of another machine.
    let began = now.booted_ms.map(|booted| booted.saturating_add(CLOCK_SLACK_MS));
    match began {
        Some(began) if began < previous.last_seen_ms => RebootReason::Unknown,
        _ => RebootReason::PowerLossOrReset,
    }
}

impl ThisBoot {
    /// Reads what the machine tells. What is missing or may not be read stays
    /// empty: the kernel's last words are for root only on most machines.
    #[must_use]
    pub fn read(root: &Root) -> Self {
        let boot_id = Source::new("proc/sys/kernel/random/boot_id").read(root).map(printable);
        let booted = Source::new("proc/stat").read(root).ok().and_then(|stat| {
            let seconds = lines(stat).find_map(|line| line.strip_prefix(b"btime "))?;
            i64::try_from(number(seconds.trim_ascii())?).ok()?.checked_mul(1000)
        });
        Self {
            boot_id: boot_id.unwrap_or_default(),
            booted_ms: booted,
            panic: last_panic(root),
            watchdog: watchdog_fired(root),
        }
    }
}

/// The number in `bootstatus`, decimal in most drivers and with `0x` in some.
fn parse_boot_status(text: &[u8]) -> Option<u64> {
    match text.trim_ascii() {
        [b'0', b'x', hex @ ..] => u64::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok(),
        decimal => number(decimal),
    }
}

fn watchdog_fired(root: &Root) -> bool {
    let Ok(entries) = fs::read_dir(root.join(WATCHDOGS)) else { return false };
    let status = |entry: fs::DirEntry| {
        let path = Path::new(WATCHDOGS).join(entry.file_name()).join("bootstatus");
        parse_boot_status(&root.read(path).ok()?)
    };
    let mut all = entries.flatten().take(MAX_WATCHDOGS).filter_map(status);
    all.any(|status| status & CARD_RESET != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: i64 = 1_700_000_000_000;

    fn last(goodbye: bool) -> LastBoot {
        LastBoot { boot_id: "a".to_owned(), last_seen_ms: SEEN, goodbye }
    }

    fn this(panic_ms: Option<i64>, watchdog: bool) -> ThisBoot {
        ThisBoot {
            boot_id: "b".to_owned(),
            booted_ms: Some(SEEN + 30_000),
            panic: panic_ms.map(|at_ms| Panic { at_ms, line: "x".to_owned() }),
            watchdog,
        }
    }

    #[test]
    fn every_case_has_its_reason() {
        use RebootReason::*;
        let fresh = Some(SEEN + 1000);
        let stale = Some(SEEN - 86_400_000);
        for (goodbye, panic, watchdog, reason) in [
            (false, None, false, PowerLossOrReset),
            (true, None, false, CleanShutdown),
            (false, fresh, false, KernelPanic),
            (true, fresh, false, KernelPanic),
            (false, fresh, true, KernelPanic),
            (false, stale, false, PowerLossOrReset),
            (true, stale, false, CleanShutdown),
            (false, stale, true, Watchdog),
            (false, None, true, Watchdog),
            (true, None, true, CleanShutdown),
        ] {
            let case = (goodbye, panic, watchdog);
            assert_eq!(reboot_reason(&last(goodbye), &this(panic, watchdog)), reason, "{case:?}");
        }
    }

    #[test]
    fn too_little_is_unknown() {
        let unnamed = LastBoot::default();
        assert_eq!(reboot_reason(&unnamed, &this(None, false)), RebootReason::Unknown);
        assert_eq!(reboot_reason(&last(false), &ThisBoot::default()), RebootReason::Unknown);
        let earlier = ThisBoot { booted_ms: Some(SEEN - 3_600_000), ..this(None, false) };
        assert_eq!(reboot_reason(&last(false), &earlier), RebootReason::Unknown);
        let timeless = ThisBoot { booted_ms: None, ..this(None, false) };
        assert_eq!(reboot_reason(&last(false), &timeless), RebootReason::PowerLossOrReset);
        let same = ThisBoot { boot_id: "a".to_owned(), ..this(Some(SEEN), true) };
        assert_eq!(reboot_reason(&last(false), &same), RebootReason::SameBoot);
    }

    #[test]
    fn a_boot_is_read_from_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::recorded(dir.path());
        assert_eq!(ThisBoot::read(&root), ThisBoot::default());
        for (path, content) in [
            ("proc/sys/kernel/random/boot_id", "b\n"),
            ("proc/stat", "cpu 1\nbtime 1700000030\n"),
            ("sys/class/watchdog/watchdog0/bootstatus", "0\n"),
            ("sys/class/watchdog/watchdog1/bootstatus", "0x8020\n"),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        assert_eq!(ThisBoot::read(&root), this(None, true));
    }
}
