//! What the kernel tells in its log, and why the machine was started anew.

mod log;
mod oom;
mod pstore;
mod reboot;
mod recognise;
mod record;
mod sampler;

pub use self::log::{KMSG_PATH, kernel_log};
pub(crate) use self::pstore::{PSTORE, record_kind};
pub use self::reboot::{BOOT_REASON, LastBoot, Panic, RebootReason, ThisBoot, reboot_reason};
pub use self::sampler::{EventSampler, MAX_EVENT_BYTES, MAX_EVENTS};
