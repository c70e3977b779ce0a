//! What the system allows this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process open as many files as it may. Call it first in `main`.
///
/// Most systems start programs with room for 1024, for the sake of old ones
/// that use `select(2)`; a hub needs one for each server. A failure leaves
/// everything as it was.
pub fn raise_descriptors() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if let Err(error) = raised {
            tracing::debug!(%error, "the limit of open files cannot be raised");
        }
    }
}

/// How many files and connections the process may have open.
#[must_use]
pub fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let low = before.maximum.map_or(1024, |most| most / 2);
        setrlimit(Resource::Nofile, Rlimit { current: Some(low), maximum: before.maximum })
            .expect("lowering is always allowed");
        assert_eq!(descriptors(), usize::try_from(low).expect("small"));
        raise_descriptors();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
