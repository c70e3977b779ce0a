use std::time::Duration;

/// The rest after a first failure.
const FIRST: Duration = Duration::from_secs(10);
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(300);

/// When recording is tried again after a failure.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Option<Duration>,
    last: Duration,
}

impl Pause {
    /// Begins a rest, twice as long as the one before.
    pub(super) fn begin(&mut self, now: Duration) -> Duration {
        self.last = (self.last * 2).clamp(FIRST, LONGEST);
        self.until = Some(now.saturating_add(self.last));
        self.last
    }

    pub(super) fn lasts(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// True while the last try has failed.
    pub(super) fn is_on(&self) -> bool {
        self.until.is_some()
    }

    /// A try went well, but only [`reset`](Self::reset) shortens the next rest.
    pub(super) fn end(&mut self) -> bool {
        self.until.take().is_some()
    }

    /// What was written has reached the disk.
    pub(super) fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_a_limit_until_the_disk_works() {
        let mut pause = Pause::default();
        let seconds = |pause: &mut Pause| pause.begin(Duration::from_secs(100)).as_secs();
        let rests: Vec<u64> = (0..7).map(|_| seconds(&mut pause)).collect();
        assert_eq!(rests, [10, 20, 40, 80, 160, 300, 300]);
        assert!(pause.lasts(Duration::from_secs(399)) && !pause.lasts(Duration::from_secs(400)));
        assert!(pause.end() && !pause.end());
        assert_eq!(seconds(&mut pause), 300, "a file that could be made proves little");
        pause.reset();
        assert_eq!(seconds(&mut pause), 10);
    }
}
