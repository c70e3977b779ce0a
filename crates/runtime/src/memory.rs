//! How the process takes memory from the system and gives it back.

mod mappings;
mod settle;

pub use settle::settle;

/// Allocations of this size and more come from the system by themselves and go
/// back to it as soon as they are freed, in bytes.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 << 10;
/// Heaps that threads share. Each keeps what it once needed.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 2;

/// Makes freed memory go back to the system. Call it first in `main`.
///
/// Checking a password takes 19 MiB for some milliseconds. glibc learns from
/// the first such block that the program likes large blocks, and from then on
/// keeps them, once a heap: five logins held 100 MiB for good. A fixed
/// threshold switches that learning off (`mallopt(3)`, `M_MMAP_THRESHOLD`).
/// Other C libraries do not learn, so nothing is done there.
pub fn give_back_early() {
    #[cfg(target_env = "gnu")]
    set(&[(libc::M_MMAP_THRESHOLD, LARGE), (libc::M_ARENA_MAX, HEAPS)]);
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc's allocator has no other way to be told")]
fn set(options: &[(libc::c_int, libc::c_int)]) {
    for (option, value) in options {
        // SAFETY: mallopt takes two plain numbers, keeps no pointer, and takes
        // the allocator's own lock. An option that it does not know is refused.
        let taken = unsafe { libc::mallopt(*option, *value) };
        if taken != 1 {
            tracing::debug!(option, value, "the allocator refused an option");
        }
    }
}
