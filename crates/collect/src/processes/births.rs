use super::span::PidSpan;
use crate::text::{lines, number, words};

/// After how many tables `/proc` is listed whatever the last pid says.
pub(super) const LIST_EVERY: u32 = 12;

/// A span of fewer pids than this is looked through pid by pid, because asking
/// for one costs a tenth of listing one.
const ALWAYS_SMALL: u32 = 512;

/// What the kernel says about births at the begin of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BirthCount {
    /// The pid that was given out last (`/proc/loadavg`, fifth field).
    pub(super) last_pid: Option<u32>,
    /// Processes and threads born since boot (`/proc/stat`, `processes`).
    pub(super) forks: Option<u64>,
    /// No pid is as high as this.
    pub(super) pid_max: Option<u32>,
}

/// Where new processes can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Anywhere: the folder must be listed.
    Everywhere,
    /// Nowhere but here.
    Within(Newborn),
}

/// The spans of this table and of the table before. The older one is looked
/// through again for processes that are not known, because the kernel gives a
/// pid out some time before the process can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newborn {
    pub(super) now: PidSpan,
    pub(super) before: Option<PidSpan>,
    pub(super) pid_max: u32,
}

/// Tells where to look for processes that were born since the table before.
#[derive(Debug, Default)]
pub(super) struct Births {
    count: BirthCount,
    span: Option<PidSpan>,
    tables_since_listing: u32,
    /// True when a known pid can be another process now without being in a span.
    any_reused: bool,
}

impl Births {
    /// Begins a table on a machine with `known` processes.
    pub(super) fn begin(&mut self, count: BirthCount, known: usize) -> Look {
        let before = std::mem::replace(&mut self.count, count);
        let earlier = self.span.take();
        self.any_reused = true;
        let (Some(after), Some(until), Some(pid_max)) =
            (before.last_pid, count.last_pid, count.pid_max)
        else {
            return self.listed();
        };
        let span = PidSpan::new(after, until);
        self.span = Some(span);
        let born = forks_between(before.forks, count.forks);
        // More births than half the numbers there are: the span may have gone
        // round and hide that.
        self.any_reused = born.is_none_or(|born| born >= u64::from(pid_max / 2));
        self.tables_since_listing += 1;
        let numbers = span.len(pid_max) + earlier.map_or(0, |span| span.len(pid_max));
        let known = u32::try_from(known).unwrap_or(u32::MAX);
        let few = numbers <= known.max(ALWAYS_SMALL);
        // Births without a new last pid: somebody chose the pid (`clone3`).
        let told = born.is_some_and(|born| born == 0 || after != until);
        if self.any_reused || !few || !told || self.tables_since_listing >= LIST_EVERY {
            return self.listed();
        }
        Look::Within(Newborn { now: span, before: earlier, pid_max })
    }

    /// True when the process of this pid can be another than in the table
    /// before.
    pub(super) fn may_be_reused(&self, pid: u32) -> bool {
        self.any_reused || self.span.is_some_and(|span| span.holds(pid))
    }

    fn listed(&mut self) -> Look {
        self.tables_since_listing = 0;
        Look::Everywhere
    }
}

fn forks_between(before: Option<u64>, now: Option<u64>) -> Option<u64> {
    now?.checked_sub(before?)
}

/// The fifth field of `/proc/loadavg`.
pub(super) fn last_pid(loadavg: &[u8]) -> Option<u32> {
    words(loadavg).nth(4).and_then(number).and_then(|pid| u32::try_from(pid).ok())
}

/// `processes` of `/proc/stat`.
pub(super) fn forks(stat: &[u8]) -> Option<u64> {
    number(lines(stat).find_map(|line| line.strip_prefix(b"processes "))?.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(last_pid: u32, forks: u64) -> BirthCount {
        BirthCount { last_pid: Some(last_pid), forks: Some(forks), pid_max: Some(32_768) }
    }

    fn begun(counts: &[BirthCount]) -> (Births, Look) {
        let mut births = Births::default();
        let looks: Vec<_> = counts.iter().map(|count| births.begin(*count, 100)).collect();
        (births, looks[looks.len() - 1])
    }

    #[test]
    fn few_births_are_looked_for_where_they_are() {
        assert_eq!(begun(&[count(700, 900)]).1, Look::Everywhere, "the first table");
        let (births, look) = begun(&[count(700, 900), count(710, 910), count(712, 912)]);
        let now = PidSpan::new(710, 712);
        let before = Some(PidSpan::new(700, 710));
        assert_eq!(look, Look::Within(Newborn { now, before, pid_max: 32_768 }));
        assert!(births.may_be_reused(711) && !births.may_be_reused(710));
    }

    #[test]
    fn what_the_last_pid_cannot_tell_is_listed() {
        let first = count(700, 900);
        for (second, reused) in [
            (count(9000, 9200), false),
            // All the way round and a little further.
            (count(705, 900 + 32_773), true),
            // A pid was chosen: the last one stands.
            (count(700, 901), false),
            (BirthCount { last_pid: None, ..first }, true),
            (BirthCount { forks: None, ..first }, true),
            (BirthCount { pid_max: None, ..first }, true),
        ] {
            let (births, look) = begun(&[first, second]);
            assert_eq!(look, Look::Everywhere, "{second:?}");
            assert_eq!(births.may_be_reused(5), reused, "{second:?}");
        }
    }

    #[test]
    fn the_folder_is_listed_now_and_then_whatever_the_last_pid_says() {
        let mut births = Births::default();
        let looks = (0..LIST_EVERY * 3).map(|_| births.begin(count(700, 900), 100));
        assert_eq!(looks.filter(|look| *look == Look::Everywhere).count(), 3);
    }

    #[test]
    fn the_counts_are_found() {
        assert_eq!(last_pid(b"0.04 0.30 0.80 1/84 3789\n"), Some(3789));
        assert_eq!(last_pid(b"0.04 0.30"), None);
        assert_eq!(forks(b"cpu 1\nbtime 5\nprocesses 77\nprocs_running 1\n"), Some(77));
        assert_eq!(forks(b"cpu 1\n"), None);
    }
}
