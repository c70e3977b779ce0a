//! Standing back from, or in front of, the kernel's out-of-memory killer.

use std::io;
use std::path::Path;

/// Where the kernel keeps the preference (`proc_pid_oom_score_adj(5)`).
const OWN_SCORE: &str = "/proc/self/oom_score_adj";

/// Asks the kernel to kill others first when memory runs out: from -1000,
/// never, over 0, as any other, to 1000. What protects the program better
/// already, because systemd or an operator set it, stays as it is. Less than
/// before needs `CAP_SYS_RESOURCE`. Programs that are started later inherit it,
/// so whoever starts one must set it back.
///
/// # Errors
/// The kernel's reason, `PermissionDenied` for want of the capability.
pub fn prefer_others(score: i16) -> io::Result<()> {
    lower(Path::new(OWN_SCORE), score)
}

fn lower(path: &Path, score: i16) -> io::Result<()> {
    let current = std::fs::read_to_string(path)?;
    match current.trim().parse::<i16>() {
        Ok(current) if current <= score => Ok(()),
        _ => std::fs::write(path, score.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_protects_better_already_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("oom_score_adj");
        for (before, after) in
            [("-1000\n", "-1000\n"), ("-900\n", "-900\n"), ("0\n", "-900"), ("500\n", "-900")]
        {
            std::fs::write(&path, before).expect("ours");
            lower(&path, -900).expect("readable");
            assert_eq!(std::fs::read_to_string(&path).expect("ours"), after);
        }
    }

    #[test]
    fn the_kernel_knows_the_file() {
        let before = std::fs::read_to_string(OWN_SCORE).expect("Linux");
        prefer_others(1000).expect("nothing is less protected than that");
        assert_eq!(std::fs::read_to_string(OWN_SCORE).expect("Linux"), before);
    }
}
