//! Letting go of what only the start needed.
//!
//! The kernel maps sixteen pages around each page of the program that is
//! touched, and a start touches much that is never needed again: reading the
//! config, making tables, the first handshake. These pages stay in the
//! process until somebody else wants the memory.

use std::time::Duration;

use super::mappings::{self, Mapping};
use crate::{Clock, task};

/// When a start is over.
const AFTER_START: Duration = Duration::from_secs(30);
/// How often the program looks again: a login or a new stream touches code that
/// the next hour does not need.
const PERIOD: Duration = Duration::from_secs(10 * 60);

/// Gives back, half a minute after the start and every ten minutes from then
/// on, the pages of the program's file and its libraries, and the free ends of
/// its heap. Never returns.
///
/// What is needed again is mapped again from the page cache, without reading a
/// disk, in a microsecond for sixteen pages.
pub async fn settle(clock: Clock) {
    clock.sleep(AFTER_START).await;
    loop {
        // A panic is logged and counted there, and memory is no reason to end.
        let _ = task::blocking("settle memory", settle_now).await;
        clock.sleep(PERIOD).await;
    }
}

/// Gives it back now. Returns how many bytes of address space were let go.
pub(super) fn settle_now() -> usize {
    trim_heap();
    let mappings = match mappings::of_files() {
        Ok(mappings) => mappings,
        Err(error) => {
            tracing::debug!(%error, "the process cannot see its own mappings");
            return 0;
        }
    };
    mappings.iter().filter(|mapping| mapping.is_only_file()).map(let_go).sum()
}

#[expect(unsafe_code, reason = "no crate of ours wraps it more safely")]
fn let_go(mapping: &Mapping) -> usize {
    let length = mapping.end - mapping.start;
    // SAFETY: the mapping is of a file, it is private and cannot be written to,
    // and the kernel says that none of its pages differs from the file. So the
    // next access finds the same bytes: nothing that Rust may rely on changes.
    // Relocated data is no such mapping, because its pages are no longer the file's.
    let result =
        unsafe { libc::madvise(mapping.start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    if result == 0 { length } else { 0 }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc's allocator has no other way to be asked")]
fn trim_heap() {
    // SAFETY: malloc_trim takes the allocator's own locks and touches free memory only.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim_heap() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all such mappings, in KiB.
    fn resident() -> u64 {
        let mappings = mappings::of_files().expect("Linux");
        mappings.iter().filter(|one| one.is_only_file()).map(|one| one.resident_kib).sum()
    }

    #[test]
    fn code_that_is_not_needed_is_let_go_and_comes_back() {
        // Rendering a backtrace reads much of the program's tables.
        let before = std::backtrace::Backtrace::force_capture().to_string();
        let (most, let_go) = (resident(), settle_now());
        assert!(let_go > 0, "nothing was let go");
        assert!(resident() < most, "{} KiB of {most}", resident());
        let after = std::backtrace::Backtrace::force_capture().to_string();
        let first = |text: &str| text.lines().next().map(str::to_owned);
        assert_eq!(first(&before), first(&after), "the program reads as before");
    }
}
