//! Standing back from, or in front of, the kernel's out-of-memory killer.

use std::io;

/// Where the kernel keeps the preference (`proc_pid_oom_score_adj(5)`).
const OWN_SCORE: &str = "/proc/self/oom_score_adj";

/// Asks the kernel to kill others first when memory runs out: from -1000,
/// never, over 0, as any other, to 1000. Less than before needs
/// `CAP_SYS_RESOURCE`. Programs that are started later inherit it, so whoever
/// starts one must set it back.
///
/// # Errors
/// The kernel's reason, `PermissionDenied` for want of the capability.
pub fn prefer_others(score: i16) -> io::Result<()> {
    std::fs::write(OWN_SCORE, score.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anybody_may_stand_in_front() {
        let now = std::fs::read_to_string(OWN_SCORE).expect("Linux");
        let now: i16 = now.trim().parse().expect("a number");
        prefer_others(now.max(0) + 1).expect("more is always allowed");
        let after = std::fs::read_to_string(OWN_SCORE).expect("Linux");
        assert_eq!(after.trim(), (now.max(0) + 1).to_string());
    }
}
