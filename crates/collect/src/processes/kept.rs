use rustix::process::{Resource, getrlimit};

/// The most files of processes that stay open between tables. Each costs some
/// 4.5 KiB of the kernel's memory.
const MAX_KEPT: usize = 3072;

/// The share of the descriptors that this program may have.
const SHARE_OF_LIMIT: u64 = 4;

/// How many tables in a row a process must have run before its file stays open.
pub(super) const KEEP_AFTER: u8 = 3;

/// How many files of busy processes may stay open. Reading an open file again
/// costs less than half of opening, reading and closing it.
#[derive(Debug)]
pub(super) struct KeptFiles {
    limit: usize,
    open: usize,
    /// True while all are to be closed, because descriptors ran out.
    closing: bool,
}

impl KeptFiles {
    /// None are kept for a recorded root, whose files are replaced.
    pub(super) fn new(live: bool) -> Self {
        let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let share = usize::try_from(soft / SHARE_OF_LIMIT).unwrap_or(usize::MAX);
        let limit = if live { share.min(MAX_KEPT) } else { 0 };
        Self { limit, open: 0, closing: false }
    }

    /// Begins a table in which `open` files are open.
    pub(super) fn begin(&mut self, open: usize) {
        self.closing = open > self.limit;
        self.open = open;
    }

    /// Takes a place for one more file, when there is one.
    pub(super) fn take(&mut self) -> bool {
        let free = self.open < self.limit && !self.closing;
        self.open += usize::from(free);
        free
    }

    /// Gives a place back.
    pub(super) fn give(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Descriptors ran out: from now on half as many stay open, and those that
    /// are open are closed as the walk comes to them.
    pub(super) fn starved(&mut self) {
        if !self.closing {
            self.limit /= 2;
            self.closing = true;
        }
    }

    pub(super) fn must_close(&self) -> bool {
        self.closing
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_up_when_descriptors_run_out() {
        let mut kept = KeptFiles { limit: 2, open: 0, closing: false };
        kept.begin(0);
        assert_eq!([kept.take(), kept.take(), kept.take()], [true, true, false]);
        kept.give();
        assert!(kept.take());
        kept.starved();
        kept.starved();
        assert!(kept.must_close());
        assert_eq!((kept.limit, kept.take()), (1, false));
        kept.begin(0);
        assert!(!kept.must_close() && kept.take());
    }

    #[test]
    fn a_recorded_root_keeps_none() {
        assert!(!KeptFiles::new(false).take());
        let limit = KeptFiles::new(true).limit;
        assert!(limit > 0 && limit <= MAX_KEPT);
    }
}
